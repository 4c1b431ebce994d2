"""``POST /invocations``: from the bytes of a request to the bytes of its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from serving.batching import Batcher, model_failed
from serving.classic_script import RawAnswer, RawRequest
from serving.codecs import Batch, Codec, negotiate
from serving.errors import ClientGone, ServingError, deadline_exceeded
from serving.interruption import Interruptible
from serving.model_loader import LoadedModel
from serving.settings import Settings
from serving.threads import SerialThread
from serving.tickets import Ticket
from serving_contracts import media_types
from serving_contracts.errors import InvalidInput

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]

#: Bodies up to this size are read and prepared on the event loop: a change of threads would cost more than
#: it saves.
_INLINE_BYTES = 8 * 1024
#: Bodies held in memory at one time, as a multiple of the largest that is taken.
_HELD_BODIES = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a whole body, or the chunks of one."""

    content_type: str
    body: bytes = b""
    chunks: AsyncIterator[bytes] | None = None


@dataclass(slots=True)
class _Prepared:
    batch: Batch
    items: list[Any] = field(default_factory=list)
    sizes: list[int] | None = None


class Invocations:
    """Answers requests with one loaded model."""

    def __init__(self, model: LoadedModel, batcher: Batcher, settings: Settings) -> None:
        self._model = model
        self._batcher = batcher
        self._settings = settings
        self._preparation = SerialThread("prepare")
        self._held_bytes = 0
        self._unqueued: set[Interruptible] = set()
        self._watchers: set[asyncio.Task[None]] = set()

    @property
    def batcher(self) -> Batcher:
        """The queue of the model."""
        return self._batcher

    def busy_seconds(self) -> float:
        """For how long one batch, or the preparation of one body, has been running."""
        return max(self._batcher.busy_seconds(), self._preparation.busy_seconds())

    def fail_all(self, error: Callable[[], Exception]) -> None:
        """End every request, wherever it is on its way, each with an error of its own."""
        for block in list(self._unqueued):
            block.fail(error())
        self._batcher.fail_all(error)

    async def answer(self, headers: Mapping[bytes, bytes], receive: Receive) -> Answer:
        """Answer one request; raise ServingError, or ClientGone."""
        deadline = time.monotonic() + self._settings.timeout_s
        content_type, accept = _text(headers.get(b"content-type")), _text(headers.get(b"accept"))
        if self._model.task is None:
            return await self._answer_raw(content_type, accept, headers, receive, deadline)
        decoder, encoder = negotiate(content_type, accept)
        prepared = await self._receive(decoder, headers, receive, deadline)
        ticket = self._submit(prepared, receive, deadline)
        batch = prepared.batch
        if encoder.streams:
            await self._wait(ticket, batch, 1)
            return Answer(encoder.media_type, chunks=self._stream(ticket, batch, encoder))
        await self._wait(ticket, batch, len(ticket.answers))
        return Answer(encoder.media_type, self._encode(encoder, ticket.answers, single=batch.single))

    async def _answer_raw(
        self,
        content_type: str | None,
        accept: str | None,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        deadline: float,
    ) -> Answer:
        """A classic script reads and writes bodies by itself."""
        with self._room_for(headers):
            body = await self._read(receive, deadline)
        wanted = media_types.preferences(accept)[:1]
        chosen = media_types.JSON if not wanted or "*" in wanted[0] else wanted[0]
        item = RawRequest(body, content_type or media_types.JSON, chosen)
        batch = Batch([item], single=True)
        ticket = self._submit(_Prepared(batch, [item]), receive, deadline)
        await self._wait(ticket, batch, 1)
        answer: RawAnswer = ticket.answers[0]
        return Answer(answer.content_type, answer.body)

    async def _receive(
        self, decoder: Codec, headers: Mapping[bytes, bytes], receive: Receive, deadline: float
    ) -> _Prepared:
        with self._room_for(headers):
            body = await self._read(receive, deadline)
            if len(body) <= _INLINE_BYTES:
                return self._prepare(decoder, body)
            return await self._prepare_beside(decoder, body, receive, deadline)

    async def _prepare_beside(
        self, decoder: Codec, body: bytes, receive: Receive, deadline: float
    ) -> _Prepared:
        """Prepare in the thread for it; what nobody waits for any more is skipped when its turn comes."""
        async with Interruptible(deadline, self._at_deadline, self._unqueued) as block:
            watcher = self._watch(receive, block.fail)
            try:
                return await self._preparation.call(lambda: self._prepare(decoder, body))
            finally:
                watcher.cancel()

    def _submit(self, prepared: _Prepared, receive: Receive, deadline: float) -> Ticket:
        remaining_s = deadline - time.monotonic()
        if remaining_s <= 0:  # a preparation on the event loop took all the time there was
            raise self._at_deadline()
        ticket = self._batcher.submit(prepared.items, prepared.sizes, remaining_s)
        if ticket.waits:
            self._watch(receive, ticket.fail)
        return ticket

    def _at_deadline(self) -> ServingError:
        return deadline_exceeded(self._settings.timeout_s)

    @contextmanager
    def _room_for(self, headers: Mapping[bytes, bytes]) -> Iterator[None]:
        """Refuse the request before its body is read, where there is no room for it."""
        self._batcher.check_room()
        declared = self._declared_bytes(headers)
        self._held_bytes += declared
        try:
            yield
        finally:
            self._held_bytes -= declared

    def _declared_bytes(self, headers: Mapping[bytes, bytes]) -> int:
        limit = self._settings.max_body_bytes
        length = headers.get(b"content-length")
        # A chunked body declares nothing: it counts as the largest until it has been read.
        declared = int(length) if length is not None else limit if b"transfer-encoding" in headers else 0
        if declared > limit:
            raise _too_large(declared, limit)
        if declared > _INLINE_BYTES and self._held_bytes + declared > _HELD_BODIES * limit:
            raise ServingError(
                "TooManyRequests",
                "Too many large requests are being read at the same time.",
                hint="Try again in a second, or add instances.",
                headers={"Retry-After": "1"},
            )
        return declared

    async def _read(self, receive: Receive, deadline: float) -> bytes:
        parts: list[bytes] = []
        size = 0

        def too_late() -> ServingError:
            return ServingError(
                "DeadlineExceeded",
                f"Only {size:,} bytes of the body came within {self._settings.timeout_s:g} s.",
                headers={"Connection": "close"},
            )

        async with Interruptible(deadline, too_late, self._unqueued):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                part = message.get("body", b"")
                size += len(part)
                if size > self._settings.max_body_bytes:
                    raise _too_large(size, self._settings.max_body_bytes)
                parts.append(part)
                if not message.get("more_body", False):
                    return parts[0] if len(parts) == 1 else b"".join(parts)

    def _prepare(self, decoder: Codec, body: bytes) -> _Prepared:
        batch = decoder.decode(body) if body else Batch([])
        if not batch.requests:
            raise ServingError(
                "EmptyBatch",
                "The body is empty." if not body else "The body holds no request.",
                hint="Send at least one request.",
            )
        # Counted before any work on them, so that a body of a million lines is refused cheaply.
        self._batcher.check_room(len(batch.requests))
        prepared = _Prepared(batch)
        for index, value in enumerate(batch.requests):
            try:
                prepared.items.append(self._prepare_one(value))
            except InvalidInput as error:
                raise batch.place(ServingError.from_invalid_input(error), index) from None
            except Exception as error:
                raise batch.place(model_failed(self._model.name, error), index) from None
        if self._model.size is not None:
            try:
                prepared.sizes = [self._model.size(item) for item in prepared.items]
            except Exception as error:
                raise model_failed(self._model.name, error) from None
        return prepared

    def _prepare_one(self, value: Any) -> Any:
        assert self._model.task is not None
        request = self._model.task.parse_request(value)
        return request if self._model.prepare is None else self._model.prepare(request)

    def _watch(self, receive: Receive, fail: Callable[[Exception], None]) -> asyncio.Task[None]:
        """Drop what waits when the client hangs up. The task ends with the response at the latest."""

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            fail(ClientGone())

        task = asyncio.get_running_loop().create_task(watch())
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)
        return task

    async def _wait(self, ticket: Ticket, batch: Batch, count: int) -> None:
        try:
            await ticket.wait(count)
        except ServingError as error:
            if ticket.failed_index is not None:
                batch.place(error, ticket.failed_index)
            raise

    async def _stream(self, ticket: Ticket, batch: Batch, encoder: Codec) -> AsyncIterator[bytes]:
        sent = 0
        while sent < len(ticket.answers):
            try:
                await self._wait(ticket, batch, sent + 1)
                ready = ticket.ready
                chunk = self._encode(encoder, ticket.answers[sent:ready], single=False)
            except ServingError as error:
                yield error.to_json() + b"\n"
                return
            sent = ready
            yield chunk

    def _encode(self, encoder: Codec, answers: Sequence[Any], *, single: bool) -> bytes:
        assert self._model.task is not None
        dump = self._model.task.dump_answer
        try:
            return encoder.encode([dump(answer) for answer in answers], single=single)
        except ServingError:
            raise
        except Exception as error:  # predict() returned what is no answer of the task
            raise model_failed(self._model.name, error) from None


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _too_large(size: int, limit: int) -> ServingError:
    return ServingError(
        "PayloadTooLarge",
        f"The body has {size:,} bytes or more; at most {limit:,} are taken.",
        hint="Split it into several requests.",
    )
