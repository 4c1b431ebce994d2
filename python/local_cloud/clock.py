"""One clock for the whole local cloud: wall time, monotonic time, and waiting that can run fast.

``--time-scale 60`` divides every *waiting constant* of AWS's (metric periods, cool-downs, back-off, bake
times) by 60, so that a demo need not last an hour. What real processes need (a start-up, a request) is never
scaled: a container does not start faster because the clock does.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

_T = TypeVar("_T")


class Clock:
    """Time as the local cloud sees it. All arguments and results are in seconds unless a name says
    otherwise."""

    def __init__(self, time_scale: float = 1.0) -> None:
        """``time_scale`` is how many times faster than real time the waiting constants pass (> 0)."""
        if not 0 < time_scale < math.inf:
            raise ValueError(f"time scale must be a number greater than 0, not {time_scale}")
        self.time_scale = time_scale

    def now(self) -> datetime:
        """The wall clock, in UTC with its time zone. Never scaled: it stamps logs, metrics and resources."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never go backwards. Never scaled."""
        return time.monotonic()

    def scaled(self, seconds: float) -> float:
        """How many real seconds a waiting constant of ``seconds`` takes under this clock's scale."""
        return seconds / self.time_scale

    async def sleep(self, seconds: float) -> None:
        """Waits for a waiting constant: ``seconds / time_scale`` real seconds."""
        await asyncio.sleep(self.scaled(seconds))

    def deadline(self, seconds: float) -> Deadline:
        """A deadline ``seconds`` real seconds from now."""
        return Deadline(self, seconds)


class Deadline:
    """A moment by which something must have happened. In real time: it bounds what real processes do."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self.seconds = seconds
        self._at = clock.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, 0 once it has passed."""
        return max(0.0, self._at - self._clock.monotonic())

    @property
    def expired(self) -> bool:
        return self.remaining == 0.0

    async def wait(self, awaitable: Awaitable[_T]) -> _T:
        """Awaits ``awaitable``; raises TimeoutError (and cancels it) when the deadline passes first."""
        return await asyncio.wait_for(awaitable, self.remaining)

    async def until(self, condition: Callable[[], bool], *, every: float = 0.05) -> bool:
        """Polls ``condition`` each ``every`` seconds. True once it holds, False when the deadline passes."""
        while not condition():
            if self.expired:
                return False
            await asyncio.sleep(min(every, self.remaining))
        return True
