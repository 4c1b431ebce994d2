"""What a runner does: start one container and hand back a handle on it.

The process runner is the one that needs nothing installed; a runner for a container engine implements the
same two protocols.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local_cloud.image_store import ProcessImage


class LogSink(Protocol):
    """Where a container's output goes. Must return at once: the container waits for nobody."""

    def write(self, line: str) -> None:
        """Take one line, without its line end."""


@dataclass(frozen=True)
class Launch:
    """All that a runner needs to start one container.

    ``model_dir`` is the unpacked, read-only model. ``safe_ports`` is the inclusive range that the container
    may listen on beside ``port``. ``threads`` is the instance's CPU count. ``working_dir`` is private to the
    container and survives its restarts. ``environment`` is the model's own.
    """

    image: ProcessImage
    environment: Mapping[str, str]
    model_dir: Path
    port: int
    safe_ports: tuple[int, int]
    threads: int
    working_dir: Path


@dataclass(frozen=True)
class Exit:
    """How a container ended. ``code`` is negative for a signal, as in ``subprocess``."""

    code: int

    def __str__(self) -> str:
        if self.code >= 0:
            return f"exit code {self.code}"
        try:
            return f"signal {signal.Signals(-self.code).name}"
        except ValueError:
            return f"signal {-self.code}"


class RunningContainer(Protocol):
    """One started container."""

    @property
    def pid(self) -> int | None:
        """The process id on this machine, if there is one."""

    async def wait(self) -> Exit:
        """Wait for its end. May be awaited by several tasks."""

    def terminate(self) -> None:
        """Ask it to end (SIGTERM). Does nothing once it has ended."""

    def kill(self) -> None:
        """End it and all that it started (SIGKILL)."""


class LaunchFailed(Exception):
    """The container could not even be started; the message says why."""


class Runner(Protocol):
    """Starts containers."""

    async def start(self, launch: Launch, log: LogSink) -> RunningContainer:
        """Start one container. Raises LaunchFailed."""

    async def close(self) -> None:
        """End what the runner itself keeps running. Its containers must have ended."""
