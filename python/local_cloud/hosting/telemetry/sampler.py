"""Once a minute: how much CPU and memory the containers took."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from local_cloud.hosting.aws import Aws
from local_cloud.hosting.specs import Clock
from local_cloud.hosting.telemetry.invocations import VariantMetrics
from local_cloud.hosting.telemetry.usage import Usage, memory_of_machine, read_usage

INTERVAL_S: Final = 60.0
MIN_INTERVAL_S: Final = 0.5
"""However fast the clock runs: looking through all processes takes milliseconds."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sampled:
    """A container to be measured. ``pid`` leads its process group."""

    metrics: VariantMetrics
    instance_id: str
    container: str
    pid: int


class UsageSampler:
    """Measures what ``containers()`` names, every minute of the cloud's time, once it is started."""

    def __init__(self, aws: Aws, clock: Clock, containers: Callable[[], Iterable[Sampled]]) -> None:
        self._aws = aws
        self._clock = clock
        self._containers = containers
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, if it has not begun yet."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="usage sampler")

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        before: dict[int, Usage] = {}
        then = time.monotonic()
        while True:
            containers = list(self._containers())
            now = time.monotonic()
            try:
                usage = await self._aws.run(read_usage, [sampled.pid for sampled in containers])
            except (OSError, ValueError, IndexError, RuntimeError) as error:
                _log.warning("CPU and memory of the containers could not be read: %s", error)
                usage = {}
            _report(containers, before, usage, elapsed_s=now - then)
            before, then = usage, now
            await asyncio.sleep(max(MIN_INTERVAL_S, self._clock.scaled(INTERVAL_S)))


def _report(
    containers: Iterable[Sampled], before: dict[int, Usage], now: dict[int, Usage], *, elapsed_s: float
) -> None:
    """CPUUtilization: 100 is one whole CPU, as on AWS. MemoryUtilization: per cent of this machine's."""
    machine = memory_of_machine()
    instances: dict[tuple[VariantMetrics, str], tuple[float, float]] = {}
    for sampled in containers:
        first, second = before.get(sampled.pid), now.get(sampled.pid)
        if first is None or second is None or elapsed_s <= 0:
            continue
        cpu = max(0.0, second.cpu_seconds - first.cpu_seconds) / elapsed_s * 100
        memory = second.memory_bytes / machine * 100
        if (container := sampled.metrics.containers.get(sampled.container)) is not None:
            container.used(cpu, memory)
        key = (sampled.metrics, sampled.instance_id)
        total = instances.get(key, (0.0, 0.0))
        instances[key] = (total[0] + cpu, total[1] + memory)
    for (metrics, _), (cpu, memory) in instances.items():
        metrics.used(cpu, memory)
