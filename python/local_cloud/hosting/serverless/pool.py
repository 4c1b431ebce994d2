"""The containers of a serverless variant: which one a request gets, how many there are, when they go.

Three rules keep the number right. A request takes the idle container that was used last; without one it
waits for whichever comes first, one that is released or one that is started for it. As many are starting as
requests wait, so there are never more containers than MaxConcurrency. And there are never fewer than are
provisioned: these are started ahead, not let go when idle, and replaced when they end.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

from local_cloud.hosting.errors import NotReady, Throttled
from local_cloud.hosting.serverless.pooled import KILLED_GRACE_S, PooledContainer, StartFailed
from local_cloud.hosting.specs import Clock, ServerlessSpec
from local_cloud.hosting.start_queue import StartQueue

RETRY_S: Final = (0.2, 10.0)
"""After a provisioned container has not come up the next try waits that long, doubling to the second figure;
the clock scales it."""

_log = logging.getLogger(__name__)


class Pool:
    """Used from one event loop.

    ``make`` makes a container that is not started yet and calls ``changed`` with it when its status changes;
    ``dispose`` removes all traces of one, ending it within the seconds given (None: the usual ones).
    """

    def __init__(
        self,
        make: Callable[[Callable[[PooledContainer], None]], PooledContainer],
        dispose: Callable[[PooledContainer, float | None], Coroutine[Any, Any, None]],
        starts: StartQueue,
        clock: Clock,
        *,
        spec: ServerlessSpec,
        idle_s: float,
        startup_s: float,
    ) -> None:
        self.spec = spec
        self.in_flight = 0
        self.peak = 0
        """The most requests in flight since it was last set."""
        self._make = make
        self._dispose_of = dispose
        self._queue = starts
        self._clock = clock
        self._idle_s = idle_s
        self._startup_s = startup_s
        self._floor = spec.provisioned
        self._alive: dict[PooledContainer, None] = {}
        self._idle: list[PooledContainer] = []  # the one used last is at the end
        self._waiters: deque[asyncio.Future[PooledContainer]] = deque()
        self._starting: set[asyncio.Task[StartFailed | None]] = set()
        self._launched = 0  # of those that are starting: out of the queue
        self._disposals: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._closed = False
        self._failures = 0
        self._retry: asyncio.TimerHandle | None = None
        self._reaping: asyncio.TimerHandle | None = None

    # --- for requests

    def admit(self) -> None:
        """A request comes in; ``finish`` must follow. Raises Throttled."""
        if self.in_flight >= self.spec.max_concurrency:
            raise Throttled(f"{self.in_flight} requests are in flight, as many as MaxConcurrency allows.")
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        self._empty.clear()

    def finish(self) -> None:
        """An admitted request has ended."""
        self.in_flight -= 1
        if not self.in_flight:
            self._empty.set()

    async def acquire(self) -> tuple[PooledContainer, bool]:
        """A container for one admitted request, until ``release``; and whether it was started meanwhile.

        Raises StartFailed, NotReady (none has come up in time).
        """
        if self._closed:
            raise NotReady("The endpoint is being stopped or updated. Try again.")
        while self._idle:
            pooled = self._idle.pop()
            if pooled.is_available:
                pooled.enter()
                return pooled, False
            self._discard(pooled)
        waiter: asyncio.Future[PooledContainer] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._balance()
        before = set(self._alive)
        try:
            async with asyncio.timeout(self._startup_s):
                pooled = await waiter
        except TimeoutError as error:
            self._give_back(waiter)
            raise NotReady(
                f"No container has come up within {self._startup_s:g} s; the variant's resources are still "
                "being provisioned. Try again."
            ) from error
        except BaseException:
            self._give_back(waiter)
            raise
        return pooled, pooled not in before

    def release(self, pooled: PooledContainer, *, reusable: bool = True) -> None:
        """The request has left its container, which is gone unless it is ``reusable``."""
        pooled.leave()
        if reusable and pooled.is_available:
            self._offer(pooled)
        else:
            self._discard(pooled, grace_s=KILLED_GRACE_S)

    # --- life

    async def open(self) -> None:
        """Starts what is provisioned, and one container at least: an endpoint is InService when one has come
        up. Raises StartFailed."""
        self._floor = max(1, self.spec.provisioned)
        try:
            await self._fill()
        finally:
            self._floor = self.spec.provisioned
        self._reap()

    async def resize(self, spec: ServerlessSpec) -> None:
        """Returns when what is provisioned is warm. Raises StartFailed; all is as before then."""
        before, self._floor = self._floor, spec.provisioned
        try:
            await self._fill()
        except BaseException:
            self._floor = before
            raise
        self.spec = spec
        self._reap()

    async def close(self, drain_s: float) -> None:
        """Waits up to ``drain_s`` for the requests that were admitted, then ends everything. Idempotent."""
        try:
            async with asyncio.timeout(drain_s):
                await self._empty.wait()
        except TimeoutError:
            _log.warning("serverless containers are ended with %d requests in flight", self.in_flight)
        self._closed = True
        for timer in (self._retry, self._reaping):
            if timer is not None:
                timer.cancel()
        starting = list(self._starting)
        for task in starting:
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(StartFailed("the endpoint was stopped or updated"))
        self._waiters.clear()
        for pooled in list(self._alive):
            self._discard(pooled)
        while self._disposals:
            await asyncio.wait(self._disposals)

    def counts(self) -> tuple[int, int]:
        """Requests that wait for a container, and containers that are starting."""
        return len(self._waiters), len(self._starting)

    def containers(self) -> list[PooledContainer]:
        """Those that are warm."""
        return list(self._alive)

    # --- how many there are

    def _balance(self) -> None:
        """Begin as many starts as are missing."""
        if self._closed:
            return
        missing = self._floor - len(self._alive)
        if self._retry is not None and self._failures:
            missing = 0  # after its pause
        for _ in range(max(len(self._waiters), missing) - len(self._starting)):
            task = asyncio.create_task(self._start(), name="start of a serverless container")
            self._starting.add(task)

    async def _start(self) -> StartFailed | None:
        pooled: PooledContainer | None = None
        failure: StartFailed | None = None
        try:
            async with self._queue.turn():
                if len(self._waiters) <= self._launched and (
                    len(self._alive) + self._launched >= self._floor
                ):
                    return None  # those it was for have been served meanwhile
                self._launched += 1
                try:
                    pooled = self._make(self._changed)
                    await pooled.start(self._startup_s)
                except StartFailed as error:
                    failure = error
                finally:
                    self._launched -= 1
        except BaseException:
            if pooled is not None:
                self._dispose(pooled, KILLED_GRACE_S)
            raise
        finally:
            # Before anything else can happen: whoever counts what is starting must not count this any more.
            self._starting = {task for task in self._starting if task is not asyncio.current_task()}
        assert pooled is not None
        if failure is None:
            self._failures = 0
            self._alive[pooled] = None
            self._offer(pooled)
        else:
            self._dispose(pooled, KILLED_GRACE_S)
            self._start_failed(failure)
        return failure

    def _start_failed(self, failure: StartFailed) -> None:
        """The request that has waited longest gets the reason; the others' containers are still coming."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(failure)
                break
        else:
            _log.warning("a serverless container did not come up: %s", failure)
        if self._closed:
            return
        first, most = RETRY_S
        pause = self._clock.scaled(min(most, first * 2 ** min(self._failures, 10)))
        self._failures += 1
        if self._retry is not None:
            self._retry.cancel()
        self._retry = asyncio.get_running_loop().call_later(pause, self._try_again)
        self._balance()

    def _try_again(self) -> None:
        self._retry = None
        self._balance()

    async def _fill(self) -> None:
        """Returns when as many are alive as must be. Raises StartFailed."""
        self._failures = 0
        while len(self._alive) < self._floor and not self._closed:
            self._balance()
            if not self._starting:  # a failed start has its pause before the next one
                await asyncio.sleep(self._clock.scaled(RETRY_S[0]))
            results = await asyncio.gather(*self._starting)
            failures = [result for result in results if result is not None]
            if failures:
                raise failures[0]

    def _offer(self, pooled: PooledContainer) -> None:
        """To the request that has waited longest; else it is idle."""
        if self._closed:
            self._discard(pooled)
            return
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                pooled.enter()
                waiter.set_result(pooled)
                return
        pooled.idle_since = asyncio.get_running_loop().time()
        self._idle.append(pooled)
        self._reap()

    def _give_back(self, waiter: asyncio.Future[PooledContainer]) -> None:
        """Whoever waited has left: nobody waits here any more, and what it may have got is free."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            self.release(waiter.result())

    def _reap(self) -> None:
        """Let those go that have been idle for long enough, or that are more than may be; not the
        provisioned."""
        if self._reaping is not None:
            self._reaping.cancel()
            self._reaping = None
        loop = asyncio.get_running_loop()
        idle_s = self._clock.scaled(self._idle_s)
        while self._idle and len(self._alive) > self._floor:
            due = self._idle[0].idle_since + idle_s
            if due > loop.time() and len(self._alive) <= self.spec.max_concurrency:
                self._reaping = loop.call_at(due, self._reap)
                return
            self._discard(self._idle[0])

    def _changed(self, pooled: PooledContainer) -> None:
        """Its status has changed: an idle one that ended goes, a busy one when its request has left."""
        if pooled in self._idle and not pooled.is_available:
            self._discard(pooled)

    def _discard(self, pooled: PooledContainer, grace_s: float | None = None) -> None:
        if pooled in self._idle:
            self._idle.remove(pooled)
        if self._alive.pop(pooled, pooled) is None:
            self._dispose(pooled, grace_s)
        self._balance()

    def _dispose(self, pooled: PooledContainer, grace_s: float | None) -> None:
        task = asyncio.create_task(self._dispose_of(pooled, grace_s))
        self._disposals.add(task)
        task.add_done_callback(self._disposals.discard)
