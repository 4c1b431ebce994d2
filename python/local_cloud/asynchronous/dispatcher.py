"""When a request leaves the queue: as soon as an instance has room for it, in the order of arrival.

Nothing here polls. A look at the queue follows each event that may change something: a request arrives or
comes back, a request leaves an instance, a container becomes healthy, an instance is added, a fleet replaces
another.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from local_cloud.asynchronous.queue import RequestQueue
from local_cloud.asynchronous.requests import AsyncRequest
from local_cloud.hosting.specs import HostedFleet, Place
from serving_contracts.limits import ASYNC_CRASHES_IN_COMPANY

LONGEST_TIMER_S: Final = 3600.0

_log = logging.getLogger(__name__)


class Dispatcher:
    """``process`` takes a request and its place, which it releases; ``expire`` one that waited too long.

    A request under which containers ended more than once gets an instance for itself, and nobody overtakes
    it: so it harms no other, and is not harmed by another, before the last word on it is spoken.
    """

    def __init__(
        self,
        queue: RequestQueue,
        *,
        process: Callable[[AsyncRequest, Place], Awaitable[None]],
        expire: Callable[[AsyncRequest], Awaitable[None]],
        now: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._process = process
        self._expire = expire
        self._now = now
        self._fleet: HostedFleet | None = None
        self._per_instance = 1
        self._stopped = False
        self._look_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        queue.on_waiting = self.wake

    def attach(self, fleet: HostedFleet, per_instance: int) -> None:
        """Requests go to ``fleet`` from now on; those that another fleet has stay there."""
        self._fleet, self._per_instance = fleet, per_instance
        fleet.on_capacity(self.wake)
        self.wake()

    def detach(self) -> None:
        """Requests wait until a fleet is attached again."""
        self._fleet = None

    def wake(self) -> None:
        """Something may have changed: look at the queue soon, once however often this is called."""
        if not self._look_is_due and not self._stopped:
            self._look_is_due = True
            self._loop.call_soon(self._look)

    async def stop(self, *, give_up: bool, within_s: float) -> None:
        """No request is begun any more. Those that were begun are cancelled (``give_up``) and then have
        ``within_s`` seconds; without, they have ``within_s`` seconds and are then cancelled."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if give_up:
            self._cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=within_s)
        if self._tasks:
            self._cancel()
            await asyncio.wait(set(self._tasks))

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _look(self) -> None:
        self._look_is_due = False
        if self._stopped:
            return
        for request in self._queue.take_expired():
            self._begin(self._expire(request), request)
        while (head := self._queue.head()) is not None and self._fleet is not None:
            alone = head.crashes >= ASYNC_CRASHES_IN_COMPANY
            place = self._fleet.reserve(self._per_instance, alone=alone)
            if place is None:
                break
            self._begin(self._process(self._queue.take(place.instance_id), place), head)
        self._set_timer()

    def _begin(self, work: Awaitable[None], request: AsyncRequest) -> None:
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, request))

    def _ended(self, task: asyncio.Task[None], request: AsyncRequest) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("request %s of endpoint %s", request.inference_id, request.endpoint, exc_info=error)
        self.wake()

    def _set_timer(self) -> None:
        """Requests expire also while nothing else happens."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        expiry = self._queue.next_expiry
        if expiry is not None:
            # By the wall clock, which may be set: never sleep long on its word.
            delay = min(max(0.0, expiry - self._now()), LONGEST_TIMER_S)
            self._timer = self._loop.call_later(delay, self.wake)
