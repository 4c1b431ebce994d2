"""The server's settings: all of them environment variables, read and checked once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serving.cpu import available_threads
from serving_contracts import limits

_LOG_LEVELS = ("debug", "info", "warning", "error")


class BadSetting(ValueError):
    """An environment variable holds what the server cannot use; the message names it and what would do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server runs with. Durations are in seconds, sizes in bytes.

    ``port`` (``SAGEMAKER_BIND_TO_PORT``): on a multi-container endpoint SageMaker gives each container its
    own. ``max_batch_size``: the most that a batch may cost when padded (items × the size of the longest),
    in the unit of the model's ``size()``: tokens for text. It bounds how long a lone request waits behind a
    large batch. ``max_queue``: items that may wait. ``timeout_s``: from a request's arrival to its answer.
    ``stuck_grace_s``: how much longer than that one batch may run before ``/ping`` reports the model as
    stuck.
    """

    model_dir: Path = Path("/opt/ml/model")
    host: str = "0.0.0.0"  # a container is reached from outside its network namespace
    port: int = limits.CONTAINER_PORT
    threads: int = 1
    concurrent_batches: int | None = None
    max_batch: int = 32
    max_batch_size: int = 512
    max_queue: int = 1024
    max_body_bytes: int = limits.REALTIME_PAYLOAD_BYTES
    timeout_s: float = limits.REALTIME_TIMEOUT_SECONDS
    stuck_grace_s: float = 5.0
    drain_s: float = limits.DRAIN_SECONDS
    log_level: str = "info"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings; raise :class:`BadSetting` on the first that is wrong."""
        read = _Reader(os.environ if environment is None else environment)
        return cls(
            model_dir=Path(read.text("SERVING_MODEL_DIR", "/opt/ml/model")),
            host=read.text("SERVING_HOST", "0.0.0.0"),
            port=read.integer("SAGEMAKER_BIND_TO_PORT", limits.CONTAINER_PORT, 0, 65535),
            threads=read.integer("SERVING_THREADS", available_threads(), 1, 1024),
            concurrent_batches=read.integer("SERVING_CONCURRENT_BATCHES", 0, 0, 1024) or None,
            max_batch=read.integer("SERVING_MAX_BATCH", 32, 1, 65536),
            max_batch_size=read.integer("SERVING_MAX_BATCH_SIZE", 512, 1, 1 << 40),
            max_queue=read.integer("SERVING_MAX_QUEUE", 1024, 1, 1 << 20),
            max_body_bytes=read.integer("SERVING_MAX_BODY_BYTES", limits.REALTIME_PAYLOAD_BYTES, 1, 1 << 40),
            timeout_s=read.seconds("SERVING_TIMEOUT_SECONDS", limits.REALTIME_TIMEOUT_SECONDS),
            stuck_grace_s=read.seconds("SERVING_STUCK_GRACE_SECONDS", 5.0),
            drain_s=read.seconds("SERVING_DRAIN_SECONDS", limits.DRAIN_SECONDS),
            log_level=read.choice("SERVING_LOG_LEVEL", "info", _LOG_LEVELS),
        )


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str, default: str) -> str:
        # An empty variable is what a template leaves behind where nothing was set.
        return self._environment.get(name, "").strip() or default

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        text = self.text(name, str(default))
        try:
            value: int | None = int(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise BadSetting(
                f"{name}={text!r} is not usable: set a whole number from {low} to {high}, or unset it."
            )
        return value

    def seconds(self, name: str, default: float) -> float:
        text = self.text(name, str(default))
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 < value <= 86_400:
            raise BadSetting(
                f"{name}={text!r} is not usable: set seconds, above 0 and at most 86400, or unset it."
            )
        return value

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        text = self.text(name, default).lower()
        if text not in choices:
            raise BadSetting(f"{name}={text!r} is not usable: set one of {', '.join(choices)}, or unset it.")
        return text
