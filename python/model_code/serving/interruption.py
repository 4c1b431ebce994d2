"""What a request awaits before it is in the queue: its body, and the preparation of a large one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, MutableSet
from types import TracebackType


class Interruptible:
    """An ``async with`` block that the deadline, or :meth:`fail`, ends with an error of its own.

    ``deadline`` is a time of ``time.monotonic()``; ``at_deadline`` makes the error that ends the block then.
    While it is entered the block is a member of ``entered``. Lives on the event loop's thread.
    """

    def __init__(
        self, deadline: float, at_deadline: Callable[[], Exception], entered: MutableSet[Interruptible]
    ) -> None:
        self._timeout = asyncio.timeout(max(0.0, deadline - time.monotonic()))
        self._at_deadline = at_deadline
        self._entered = entered
        self._error: Exception | None = None

    async def __aenter__(self) -> Interruptible:
        await self._timeout.__aenter__()
        self._entered.add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.discard(self)
        try:
            await self._timeout.__aexit__(kind, raised, trace)
        except TimeoutError:
            raise self._error or self._at_deadline() from None
        if raised is None and self._error is not None:  # what was awaited came in the same turn of the loop
            raise self._error

    def fail(self, error: Exception) -> None:
        """End the block with ``error``, unless it has ended, or is being ended, already."""
        if self in self._entered and self._error is None and not self._timeout.expired():
            self._error = error
            self._timeout.reschedule(asyncio.get_running_loop().time())
