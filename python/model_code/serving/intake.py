"""What happens to a request before it is in the queue: room for its body, the body itself, hang-ups."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from serving.batching import Batcher
from serving.errors import ClientGone, ServingError, deadline_exceeded
from serving.interruption import Interruptible
from serving.settings import Settings

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Headers: TypeAlias = Mapping[bytes, bytes]

#: Bodies up to this size are read and prepared on the event loop: a change of threads would cost more than
#: it saves.
INLINE_BYTES = 8 * 1024
#: Bodies held at one time, in memory or on disk, as a multiple of the largest that is taken.
_HELD_BODIES = 8


class Intake:
    """Lets requests in. Lives on the event loop's thread."""

    def __init__(self, batcher: Batcher, settings: Settings) -> None:
        self._batcher = batcher
        self._limit = settings.max_body_bytes
        self._timeout_s = settings.timeout_s
        self._held_bytes = 0
        self._unqueued: set[Interruptible] = set()
        self._watchers: set[asyncio.Task[None]] = set()

    @contextmanager
    def room_for(self, headers: Headers) -> Iterator[None]:
        """Refuse the request before its body is read, where there is no room for it."""
        self._batcher.check_room()
        declared = self._declared_bytes(headers)
        self._held_bytes += declared
        try:
            yield
        finally:
            self._held_bytes -= declared

    async def read(self, receive: Receive, deadline: float) -> bytes:
        """The whole body."""
        parts: list[bytes] = []

        async def keep(part: bytes) -> None:
            parts.append(part)

        await self.read_in_pieces(receive, deadline, keep)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def read_in_pieces(
        self, receive: Receive, deadline: float, take: Callable[[bytes], Awaitable[None]]
    ) -> int:
        """Give each piece of the body to ``take`` as it comes; return the bytes of all.

        The client is held up while ``take`` works. Raises ServingError (PayloadTooLarge, DeadlineExceeded),
        and ClientGone.
        """
        size = 0

        def too_late() -> ServingError:
            return ServingError(
                "DeadlineExceeded",
                f"Only {size:,} bytes of the body came within {self._timeout_s:g} s.",
                headers={"Connection": "close"},
            )

        async with Interruptible(deadline, too_late, self._unqueued):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                part = message.get("body", b"")
                size += len(part)
                if size > self._limit:
                    raise _too_large(size, self._limit)
                await take(part)
                if not message.get("more_body", False):
                    return size

    def until(self, deadline: float) -> Interruptible:
        """A block that ends at the deadline, and with :meth:`fail_all`."""
        return Interruptible(deadline, self.at_deadline, self._unqueued)

    def at_deadline(self) -> ServingError:
        """What a request is told that was not done in time."""
        return deadline_exceeded(self._timeout_s)

    def watch(self, receive: Receive, fail: Callable[[Exception], None]) -> asyncio.Task[None]:
        """Call ``fail`` when the client hangs up. The task ends with the response at the latest."""

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            fail(ClientGone())

        task = asyncio.get_running_loop().create_task(watch())
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)
        return task

    def fail_all(self, error: Callable[[], Exception]) -> None:
        """End every request that is not in the queue yet, each with an error of its own."""
        for block in list(self._unqueued):
            block.fail(error())

    def _declared_bytes(self, headers: Headers) -> int:
        length = headers.get(b"content-length")
        # A chunked body declares nothing: it counts as the largest until it has been read.
        declared = (
            int(length) if length is not None else self._limit if b"transfer-encoding" in headers else 0
        )
        if declared > self._limit:
            raise _too_large(declared, self._limit)
        if declared > INLINE_BYTES and self._held_bytes + declared > _HELD_BODIES * self._limit:
            raise ServingError(
                "TooManyRequests",
                "Too many large requests are being read at the same time.",
                hint="Try again in a second, or add instances.",
                headers={"Retry-After": "1"},
            )
        return declared


def _too_large(size: int, limit: int) -> ServingError:
    return ServingError(
        "PayloadTooLarge",
        f"The body has {size:,} bytes or more; at most {limit:,} are taken.",
        hint="Split it into several requests.",
    )
