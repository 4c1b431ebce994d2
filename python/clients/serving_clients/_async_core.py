"""How the asynchronous twins run the synchronous core: in threads, awaited.

A call's deadline starts when it is awaited. Cancelling the task ends the call: no further try is made and the
thread is free again within half a second.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from serving_clients import _bulk
from serving_clients._bulk import Load
from serving_clients._deadline import AMBIENT, Deadline, DeadlineGroup
from serving_clients._questions import Target
from serving_clients.errors import InvalidRequest, ServingError

Result = TypeVar("Result")

LONE_CALLS: Final = 64
"""Calls of one session that run at a time; more wait for a thread, within their deadline."""


class Threads:
    """Runs blocking calls for a session. One per client."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(LONE_CALLS, "serving-clients-async")
        self._closed = False

    async def run(self, seconds: float, function: Callable[..., Result], *args: Any, **named: Any) -> Result:
        """*function* in a thread, under a deadline that starts now."""
        return await self.within(Deadline(seconds), function, *args, **named)

    async def within(
        self, deadline: Deadline, function: Callable[..., Result], *args: Any, **named: Any
    ) -> Result:
        """*function* in a thread, under *deadline*."""
        if self._closed:
            raise ServingError("this session is closed", hint="connect again")
        context = contextvars.copy_context()
        context.run(AMBIENT.set, deadline)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, lambda: context.run(function, *args, **named))
        except asyncio.CancelledError:
            deadline.cancel()
            raise

    def close(self) -> None:
        """Take no more calls; those that wait for a thread are cancelled."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)


async def each(items: Iterable[object]) -> AsyncIterator[object]:
    for item in items:
        yield item


async def _batches(
    target: Target, task: Any, items: AsyncIterable[object], on_error: _bulk.OnError
) -> AsyncIterator[_bulk.Batch | InvalidRequest]:
    """The twin of :func:`_bulk.cut`, over an asynchronous source."""
    cutter = _bulk.Cutter(max_bytes=target.place.bulk_bytes)
    index = 0
    async for item in items:
        try:
            entry = _bulk.entry_of(task, index, item, on_error)
        except InvalidRequest as error:
            if rest := cutter.flush():
                yield rest
            yield error
            return
        index += 1
        if batch := cutter.add(entry):
            yield batch
    if rest := cutter.flush():
        yield rest


def predict(
    target: Target, task: Any, items: AsyncIterable[object], on_error: _bulk.OnError, seconds: float
) -> AsyncIterator[Any]:
    """The twin of :meth:`Target.predict`."""
    deadlines = DeadlineGroup(seconds)
    work = target.work(task, on_error, deadlines.start)
    return run(target, _batches(target, task, items, on_error), work, deadlines)


async def run(
    target: Target,
    batches: AsyncIterable[Load | InvalidRequest],
    work: Callable[[Load], list[Any]],
    deadlines: DeadlineGroup,
) -> AsyncIterator[Any]:
    """The twin of :func:`_bulk.run`: the same threads do the work, the event loop waits for them."""
    loop = asyncio.get_running_loop()
    pending: deque[asyncio.Future[list[Any]]] = deque()
    try:
        async for batch in batches:
            if isinstance(batch, InvalidRequest):
                while pending:
                    for answer in await pending.popleft():
                        yield answer
                raise batch
            pending.append(loop.run_in_executor(target.workers, work, batch))
            while pending and (len(pending) >= target.window or pending[0].done()):
                for answer in await pending.popleft():
                    yield answer
        while pending:
            for answer in await pending.popleft():
                yield answer
    finally:
        deadlines.cancel()
        for future in pending:
            future.cancel()
