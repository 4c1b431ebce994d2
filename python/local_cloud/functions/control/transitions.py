"""What AWS does over time: a function that is Pending or being updated settles, environments retire."""

from __future__ import annotations

import asyncio
import logging

from local_cloud.clock import Clock
from local_cloud.functions.control.resources import Function, new_revision
from local_cloud.functions.specs import LATEST, ExecutionService
from local_cloud.sagemaker.errors import stopping
from serving_contracts.limits import LAMBDA_UPDATE_SECONDS

log = logging.getLogger(__name__)


class Transitions:
    """Owns the tasks; they end with :meth:`close`."""

    def __init__(self, execution: ExecutionService, clock: Clock) -> None:
        self._execution = execution
        self._clock = clock
        self._settling: dict[str, asyncio.Task[None]] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._closing = False

    def refuse_if_closing(self) -> None:
        """Raises AwsError once the local cloud ends: nothing would be left of a change."""
        if self._closing:
            raise stopping()

    def settle(self, function: Function) -> None:
        """Ends Pending, or an update InProgress, after the time that AWS takes. A function settles once at a
        time: it refuses changes meanwhile."""
        task = asyncio.create_task(self._settled(function), name=f"update of function {function.name}")
        self._settling[function.name] = task

    def retire(self, name: str, version: str | None = None) -> None:
        """Has the execution side end the environments of a version, or of all; returns at once."""
        task = asyncio.create_task(self._retired(name, version), name=f"retirement of function {name}")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def deleted(self, name: str) -> None:
        """A function is gone: nothing of it settles any more, and its environments end."""
        task = self._settling.pop(name, None)
        if task is not None:
            task.cancel()
        self.retire(name)

    async def close(self) -> None:
        """Cancels everything; environments that are left are the execution side's to end. Idempotent."""
        self._closing = True
        tasks = [*self._settling.values(), *self._retiring]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _settled(self, function: Function) -> None:
        await self._clock.sleep(LAMBDA_UPDATE_SECONDS)
        latest = function.latest
        if latest.served != latest.content:
            latest.served = latest.content
            self.retire(function.name, LATEST)
        else:  # nothing has changed: its environments go on being used
            latest.content = latest.served
        latest.state = "Active"
        latest.updating = False
        latest.revision = new_revision()
        for version in function.published.values():
            version.state = "Active"
        if self._settling.get(function.name) is asyncio.current_task():
            del self._settling[function.name]

    async def _retired(self, name: str, version: str | None) -> None:
        try:
            await self._execution.retire(name, version)
        except Exception:
            log.exception("environments of function %s did not retire cleanly", name)
