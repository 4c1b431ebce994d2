"""What the execution side is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from local_cloud.hosting.specs import Clock
from serving_contracts import limits


@dataclass(frozen=True)
class ExecutionSettings:
    """``work_dir``: private folders of execution environments; emptied at the start and at the end.

    ``aws_url``: where ECR, CloudWatch and CloudWatch Logs answer, and what functions get as AWS_ENDPOINT_URL.
    Times are in seconds; only ``idle_s`` and the metrics' minute are scaled by the clock.
    """

    work_dir: Path
    images_dir: Path
    aws_url: str
    region: str
    account: str
    clock: Clock
    init_s: float = limits.LAMBDA_INIT_SECONDS
    """An init on demand that takes longer is stopped, and run again inside the invocation."""
    provisioned_init_s: float = limits.LAMBDA_PROVISIONED_INIT_SECONDS
    """An init of provisioned concurrency; the function's timeout where that is longer."""
    idle_s: float = limits.LAMBDA_IDLE_SECONDS
    start_queue_s: float = limits.LAMBDA_START_QUEUE_SECONDS
    account_concurrency: int = limits.LAMBDA_ACCOUNT_CONCURRENCY
    parallel_inits: int | None = None
    """Runtimes that initialise at the same time; None: one for each CPU, at least two."""
