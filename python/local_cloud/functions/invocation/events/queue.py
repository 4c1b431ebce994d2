"""Which event is next: of each function the one that is due first, a bounded number at a time.

Nothing polls. A look at the queue follows each event that comes, returns or ends, and the moment at which the
next one is due. While a function is throttled fewer of its events are tried at a time: half as many after
each throttle, one more after each success ("Lambda also reduces the rate at which it reads events from the
queue", Lambda developer guide).
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from local_cloud.functions.invocation.events.event import LambdaEvent
from serving_contracts.limits import LAMBDA_EVENT_CONCURRENCY

LONGEST_TIMER_S: Final = 3600.0
_STOP_S: Final = 5.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Lane:
    """The events of one function. order: (due_at, seq) of those that wait."""

    waiting: dict[int, LambdaEvent] = field(default_factory=dict)
    order: list[tuple[float, int]] = field(default_factory=list)
    in_process: dict[int, LambdaEvent] = field(default_factory=dict)
    being_added: int = 0
    allowed: int = LAMBDA_EVENT_CONCURRENCY
    done: int = 0
    failed: int = 0

    @property
    def size(self) -> int:
        return self.being_added + len(self.waiting) + len(self.in_process)

    def oldest_received_at(self) -> float | None:
        """Seconds since the epoch, None without an event."""
        events: Iterable[LambdaEvent] = [*self.waiting.values(), *self.in_process.values()]
        return min((event.received_at for event in events), default=None)


class EventQueue:
    """``process`` makes one attempt at an event and returns whether it waits again; its own failure too
    means that it does. Make it in the event loop that uses it; ``stop`` it."""

    def __init__(
        self, process: Callable[[LambdaEvent], Awaitable[bool]], *, now: Callable[[], float]
    ) -> None:
        """``now``: seconds since the epoch."""
        self._process = process
        self._now = now
        self._lanes: dict[str, Lane] = {}
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._look_is_due = False
        self._stopped = False

    def lane(self, function: str) -> Lane:
        """A function's events, made on first use."""
        return self._lanes.setdefault(function, Lane())

    def find(self, function: str) -> Lane | None:
        """A function's events, None where it never had one."""
        return self._lanes.get(function)

    def put(self, event: LambdaEvent) -> None:
        """The event waits until it is due."""
        lane = self.lane(event.function_name)
        lane.waiting[event.seq] = event
        heapq.heappush(lane.order, (event.due_at, event.seq))
        self._wake()

    def throttled(self, function: str) -> None:
        """Fewer events of the function are tried at a time."""
        lane = self.lane(function)
        lane.allowed = max(1, lane.allowed // 2)

    def succeeded(self, function: str) -> None:
        """One more may be tried at a time, up to the limit."""
        lane = self.lane(function)
        lane.allowed = min(LAMBDA_EVENT_CONCURRENCY, lane.allowed + 1)

    async def stop(self) -> None:
        """No attempt is begun any more; those that were begun are cancelled."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_STOP_S)

    def _wake(self) -> None:
        if not self._look_is_due and not self._stopped:
            self._look_is_due = True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        self._look_is_due = False
        if self._stopped:
            return
        now, next_due = self._now(), None
        for lane in self._lanes.values():
            while lane.order and len(lane.in_process) < lane.allowed and lane.order[0][0] <= now:
                _, seq = heapq.heappop(lane.order)
                self._begin(lane, lane.waiting.pop(seq))
            if lane.order and len(lane.in_process) < lane.allowed:
                due = lane.order[0][0]
                next_due = due if next_due is None else min(next_due, due)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if next_due is not None:
            # By the wall clock, which may be set: never sleep long on its word.
            delay = min(max(0.0, next_due - now), LONGEST_TIMER_S)
            self._timer = self._loop.call_later(delay, self._wake)

    def _begin(self, lane: Lane, event: LambdaEvent) -> None:
        lane.in_process[event.seq] = event
        task = asyncio.create_task(self._attempt(lane, event), name=f"Lambda event {event.request_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attempt(self, lane: Lane, event: LambdaEvent) -> None:
        again = True
        try:
            again = await self._process(event)
        except Exception:
            _log.exception("an attempt at event %s of function %s", event.request_id, event.function_name)
            event.due_at = self._now() + 1.0  # what fails at once must not be tried without pause
        finally:
            lane.in_process.pop(event.seq, None)
            if again and not self._stopped:
                self.put(event)
            self._wake()
