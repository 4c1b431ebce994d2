"""A request's way through the batcher: its items, its answers as they come, its deadline."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

_MISSING: Final[Any] = object()


class Job:
    """One item of one request; ``size`` is what it costs, in the model's own unit."""

    __slots__ = ("index", "item", "size", "ticket")

    def __init__(self, ticket: Ticket, index: int, item: Any, size: int) -> None:
        self.ticket = ticket
        self.index = index
        self.item = item
        self.size = size


#: The queue of items: ordered by age, and left from anywhere in O(1).
Waiting = OrderedDict[Job, None]


class Ticket:
    """One request: its answers in order, or the error that ended it.

    ``ready`` answers are there, counted from the start of ``answers``. ``failed_index`` is the 0-based
    index of the item that failed, where one did. Lives on the event loop's thread.
    """

    __slots__ = (
        "_timer",
        "_waiter",
        "_waiting",
        "_wanted",
        "answers",
        "arrived",
        "error",
        "failed_index",
        "jobs",
        "ready",
    )

    def __init__(
        self,
        waiting: Waiting,
        items: Sequence[Any],
        sizes: Iterable[int],
        remaining_s: float,
        at_deadline: Callable[[], Exception],
    ) -> None:
        # The sizes may be endless: a model without size() gives every item the same.
        pairs = zip(items, sizes, strict=False)
        self.jobs = [Job(self, index, item, size) for index, (item, size) in enumerate(pairs)]
        self.answers: list[Any] = [_MISSING] * len(items)
        self.ready = 0
        self.error: Exception | None = None
        self.failed_index: int | None = None
        self.arrived = time.monotonic()
        self._waiting = waiting
        self._waiter: asyncio.Future[None] | None = None
        self._wanted = 0
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, remaining_s), lambda: self.fail(at_deadline()))

    @property
    def closed(self) -> bool:
        """Whether nobody waits for further answers: all are there, or the request has ended in an error."""
        return self.error is not None or self.ready == len(self.answers)

    @property
    def waits(self) -> bool:
        """Whether some item of the request has not been handed to the model yet."""
        return any(job in self._waiting for job in self.jobs)

    async def wait(self, count: int) -> None:
        """Return when the first ``count`` answers are there; raise the error that came before them."""
        if self.ready < count and self.error is None:
            self._wanted = count
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self.ready < count and self.error is not None:
            raise self.error

    def deliver(self, index: int, answer: Any) -> None:
        """Take the answer of one item."""
        self.answers[index] = answer
        while self.ready < len(self.answers) and self.answers[self.ready] is not _MISSING:
            self.ready += 1
        if self.ready == len(self.answers):
            self._timer.cancel()
        if self.ready >= self._wanted:
            self._wake()

    def fail(self, error: Exception, index: int | None = None) -> None:
        """End the request: what of it still waits is dropped before it costs the model anything."""
        if self.closed:
            return
        self.error = error
        self.failed_index = index
        self._timer.cancel()
        for job in self.jobs:
            self._waiting.pop(job, None)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
