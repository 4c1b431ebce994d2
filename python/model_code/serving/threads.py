"""One thread that runs functions one after another: the model's, and the one that prepares large bodies."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class SerialThread:
    """A daemon thread with an inbox.

    A daemon, because a handler that hangs must not keep the process alive after SIGTERM. Waiting costs no
    CPU: the thread sleeps in the kernel until something is posted.
    """

    def __init__(self, name: str) -> None:
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._busy_since: float | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def post(self, function: Callable[[], None]) -> None:
        """Run ``function`` after all that was posted before; it must not raise."""
        self._inbox.put(function)

    async def call(self, function: Callable[[], Result]) -> Result:
        """Run ``function`` in the thread and return what it returns, or raise what it raises.

        When the caller is cancelled before the function's turn, it is let go of at once and never run.
        """
        wanted = [function]
        del function
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()

        def settle(result: Result | None, error: BaseException | None) -> None:
            if future.done():  # the caller has gone
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        def work() -> None:
            result, error = None, None
            try:
                for function in wanted[:]:
                    result = function()
            except BaseException as raised:  # handed to the caller, whatever it is
                error = raised if not isinstance(raised, StopIteration) else RuntimeError(repr(raised))
            call_soon(loop, lambda: settle(result, error))

        self.post(work)
        try:
            return await future
        finally:
            wanted.clear()

    def touch(self) -> None:
        """Called within a posted function: it is making progress, so its time starts anew."""
        self._busy_since = time.monotonic()

    def busy_seconds(self) -> float:
        """For how long the function that runs now has been running; 0 when idle."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def _run(self) -> None:
        while True:
            function = self._inbox.get()
            self._busy_since = time.monotonic()
            function()
            self._busy_since = None
            del function  # or the last batch would live until the next one comes


def call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """``loop.call_soon_threadsafe``, or nothing where the loop is closed: then nobody waits."""
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:
        if not loop.is_closed():
            raise
