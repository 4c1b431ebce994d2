"""Containers with a memory limit: measured while they live, ended when they take more.

A process runner has no cgroups, so the resident memory of a container's process group is read several times
a second. A container can be over its limit for that long; on AWS it cannot.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from local_cloud.hosting.aws import Aws
from local_cloud.hosting.telemetry.usage import read_usage

BUSY_INTERVAL_S: Final = 0.2
"""Between two looks while a container starts or works. Reading /proc takes some milliseconds."""
IDLE_INTERVAL_S: Final = 2.0

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Watched:
    """A container that is watched. ``pid``: of the leader of its process group, None while there is none.

    ``exceeded`` is called with the bytes used, at most once. ``used_bytes``: at the last look.
    """

    limit_bytes: int
    pid: Callable[[], int | None]
    is_busy: Callable[[], bool]
    exceeded: Callable[[int], None]
    used_bytes: int = 0
    told: bool = False


class MemoryGuard:
    """Looks at nothing, and costs nothing, while it watches nothing."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._watched: set[Watched] = set()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def watch(self, watched: Watched) -> None:
        """From now on, until ``forget``."""
        self._watched.add(watched)
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="memory guard")

    def forget(self, watched: Watched) -> None:
        """Idempotent."""
        self._watched.discard(watched)

    def wake(self) -> None:
        """A container has become busy: it is looked at soon."""
        self._changed.set()

    async def close(self) -> None:
        """Stop watching. Idempotent."""
        self._watched.clear()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            if not self._watched:
                self._changed.clear()
                await self._changed.wait()
            await self._look()
            self._changed.clear()
            if any(watched.is_busy() for watched in self._watched):
                await asyncio.sleep(BUSY_INTERVAL_S)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_INTERVAL_S):
                    await self._changed.wait()

    async def _look(self) -> None:
        pids = {watched: watched.pid() for watched in self._watched}
        try:
            usage = await self._aws.run(read_usage, [pid for pid in pids.values() if pid is not None])
        except (OSError, ValueError, IndexError, RuntimeError) as error:
            _log.warning("the memory of serverless containers could not be read: %s", error)
            return
        for watched, pid in pids.items():
            if pid is None or pid != watched.pid() or (used := usage.get(pid)) is None:
                continue
            watched.used_bytes = used.memory_bytes
            if used.memory_bytes > watched.limit_bytes and not watched.told:
                watched.told = True
                watched.exceeded(used.memory_bytes)
