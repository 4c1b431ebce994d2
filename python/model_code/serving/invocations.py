"""``POST /invocations``: from the bytes of a request to the bytes of its answer.

Bodies that are files are :mod:`serving.media_invocations`'.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from serving.answers import Answer
from serving.batching import Batcher
from serving.classic_script import RawAnswer, RawRequest
from serving.codecs import Batch, Codec, negotiate
from serving.errors import ServingError, model_failed
from serving.intake import INLINE_BYTES, Headers, Intake, Receive
from serving.model_loader import LoadedModel
from serving.settings import Settings
from serving.threads import SerialThread
from serving.tickets import Ticket
from serving_contracts import media_types
from serving_contracts.errors import InvalidInput
from serving_contracts.tasks import Task


@dataclass(slots=True)
class _Prepared:
    batch: Batch
    items: list[Any] = field(default_factory=list)
    sizes: list[int] | None = None


class Invocations:
    """Answers requests with one loaded model."""

    def __init__(self, model: LoadedModel, batcher: Batcher, settings: Settings) -> None:
        self._model = model
        self._task = model.task if isinstance(model.task, Task) else None
        self._batcher = batcher
        self._preparation = SerialThread("prepare")
        self._intake = Intake(batcher, settings)
        self._timeout_s = settings.timeout_s

    @property
    def batcher(self) -> Batcher:
        """The queue of the model."""
        return self._batcher

    def busy_seconds(self) -> float:
        """For how long one batch, or the preparation of one body, has been running."""
        return max(self._batcher.busy_seconds(), self._preparation.busy_seconds())

    def close(self) -> None:
        """Nothing is left behind."""

    def fail_all(self, error: Callable[[], Exception]) -> None:
        """End every request, wherever it is on its way, each with an error of its own."""
        self._intake.fail_all(error)
        self._batcher.fail_all(error)

    async def answer(self, headers: Headers, receive: Receive) -> Answer:
        """Answer one request; raise ServingError, or ClientGone."""
        deadline = time.monotonic() + self._timeout_s
        content_type, accept = _text(headers.get(b"content-type")), _text(headers.get(b"accept"))
        if self._task is None:
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
        headers: Headers,
        receive: Receive,
        deadline: float,
    ) -> Answer:
        """A classic script reads and writes bodies by itself."""
        with self._intake.room_for(headers):
            body = await self._intake.read(receive, deadline)
        wanted = media_types.preferences(accept)[:1]
        chosen = media_types.JSON if not wanted or "*" in wanted[0] else wanted[0]
        item = RawRequest(body, content_type or media_types.JSON, chosen)
        batch = Batch([item], single=True)
        ticket = self._submit(_Prepared(batch, [item]), receive, deadline)
        await self._wait(ticket, batch, 1)
        answer: RawAnswer = ticket.answers[0]
        return Answer(answer.content_type, answer.body)

    async def _receive(
        self, decoder: Codec, headers: Headers, receive: Receive, deadline: float
    ) -> _Prepared:
        with self._intake.room_for(headers):
            body = await self._intake.read(receive, deadline)
            if len(body) <= INLINE_BYTES:
                return self._prepare(decoder, body)
            return await self._prepare_beside(decoder, body, receive, deadline)

    async def _prepare_beside(
        self, decoder: Codec, body: bytes, receive: Receive, deadline: float
    ) -> _Prepared:
        """Prepare in the thread for it; what nobody waits for any more is skipped when its turn comes."""
        async with self._intake.until(deadline) as block:
            watcher = self._intake.watch(receive, block.fail)
            try:
                return await self._preparation.call(lambda: self._prepare(decoder, body))
            finally:
                watcher.cancel()

    def _submit(self, prepared: _Prepared, receive: Receive, deadline: float) -> Ticket:
        remaining_s = deadline - time.monotonic()
        if remaining_s <= 0:  # a preparation on the event loop took all the time there was
            raise self._intake.at_deadline()
        ticket = self._batcher.submit(prepared.items, prepared.sizes, remaining_s)
        if ticket.waits:
            self._intake.watch(receive, ticket.fail)
        return ticket

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
        assert self._task is not None
        request = self._task.parse_request(value)
        return request if self._model.prepare is None else self._model.prepare(request)

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
        assert self._task is not None
        dump = self._task.dump_answer
        try:
            return encoder.encode([dump(answer) for answer in answers], single=single)
        except ServingError:
            raise
        except Exception as error:  # predict() returned what is no answer of the task
            raise model_failed(self._model.name, error) from None


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
