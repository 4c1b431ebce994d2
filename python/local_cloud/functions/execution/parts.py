"""What all execution environments of a local cloud share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from local_cloud.functions.execution.settings import ExecutionSettings
from local_cloud.hosting.aws import Aws
from local_cloud.hosting.process_runner import ProcessRunner
from local_cloud.hosting.resource_watch import ResourceWatch
from local_cloud.hosting.start_queue import StartQueue
from local_cloud.hosting.telemetry.logs import LogShipper

_log = logging.getLogger(__name__)


class Chores:
    """Tasks that nobody waits for but the end of the local cloud."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run it. What it raises is logged."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def finish(self, timeout_s: float) -> None:
        """Wait for all, also for those that they begin; cancel what is left after ``timeout_s`` seconds."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self._tasks:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            await asyncio.wait(set(self._tasks), timeout=left)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=1)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s failed", task.get_name(), exc_info=error)


@dataclass(frozen=True)
class Parts:
    """Made once; ``execution.Execution`` owns and ends them."""

    settings: ExecutionSettings
    aws: Aws
    runner: ProcessRunner
    logs: LogShipper
    starts: StartQueue
    watch: ResourceWatch
    chores: Chores = field(default_factory=Chores)
