"""``POST /invocations`` of a media task: the body is a file, spooled to disk; the answer JSON, or a file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from serving.answers import Answer
from serving.batching import Batcher
from serving.errors import ServingError, model_failed
from serving.intake import Headers, Intake, Receive
from serving.media_negotiation import Terms, read_headers, sniff
from serving.model_loader import LoadedModel
from serving.settings import Settings
from serving.spooling import Spool, SpooledFile
from serving.threads import SerialThread
from serving_contracts import media_types
from serving_contracts.errors import InvalidInput
from serving_contracts.media import MediaAnswer, MediaRequest
from serving_contracts.tasks import MediaTask


class MediaInvocations:
    """Answers requests about files with one loaded model."""

    def __init__(
        self, model: LoadedModel, task: MediaTask[Any, Any], batcher: Batcher, settings: Settings
    ) -> None:
        self._model = model
        self._task = task
        self._batcher = batcher
        self._timeout_s = settings.timeout_s
        self._intake = Intake(batcher, settings)
        self._preparation = SerialThread("prepare")
        self._spool = Spool()

    @property
    def batcher(self) -> Batcher:
        """The queue of the model."""
        return self._batcher

    def busy_seconds(self) -> float:
        """For how long one batch, a preparation, or one access to the disk has been running."""
        threads = (self._preparation, self._spool.thread)
        return max(self._batcher.busy_seconds(), *(thread.busy_seconds() for thread in threads))

    def fail_all(self, error: Callable[[], Exception]) -> None:
        """End every request, wherever it is on its way, each with an error of its own."""
        self._intake.fail_all(error)
        self._batcher.fail_all(error)

    def close(self) -> None:
        """The last request has been answered: leave no body behind."""
        self._spool.close()

    async def answer(self, headers: Headers, receive: Receive) -> Answer:
        """Answer one request; raise ServingError, or ClientGone. The body lies on disk until ``done``."""
        deadline = time.monotonic() + self._timeout_s
        terms = read_headers(self._task, headers)
        held = ExitStack()
        try:
            held.enter_context(self._intake.room_for(headers))
            file = self._spool.new_file()
            held.callback(file.remove)
            ended = threading.Event()
            held.callback(ended.set)
            await self._intake.read_in_pieces(receive, deadline, file.take)
            outcome = await self._ask(file, terms, ended, receive, deadline)
            async with self._intake.until(deadline):
                answer = await self._written(outcome, terms, file)
            return replace(answer, done=held.close)
        except BaseException:
            held.close()
            raise

    async def _ask(
        self, file: SpooledFile, terms: Terms, ended: threading.Event, receive: Receive, deadline: float
    ) -> Any:
        """What the model says to the file: the answer of the task, or a MediaAnswer."""
        if not file.size:
            raise ServingError("EmptyBatch", "The body is empty.", hint="Send the file itself as the body.")
        request = MediaRequest(
            path=file.path,
            size=file.size,
            content_type=terms.content_type or sniff(self._task, file.head),
            accepts=terms.accepts,
            options=terms.options,
            wanted=lambda: not ended.is_set(),
        )
        try:
            async with self._intake.until(deadline) as block:
                watcher = self._intake.watch(receive, block.fail)
                try:
                    await file.finish()
                    item, sizes = await self._prepare(request)
                finally:
                    watcher.cancel()
            ticket = self._batcher.submit([item], sizes, deadline - time.monotonic())
            # Also while the model is at work: `wanted` then tells it to stop.
            self._intake.watch(receive, ticket.fail)
            await ticket.wait(1)
        except ServingError as error:
            raise _not_acceptable(error) if error.field == "Accept" else error from None
        return ticket.answers[0]

    async def _prepare(self, request: MediaRequest) -> tuple[Any, list[int] | None]:
        model = self._model

        def prepare() -> tuple[Any, list[int] | None]:
            item = request if model.prepare is None else model.prepare(request)
            return item, None if model.size is None else [model.size(item)]

        if model.prepare is None and model.size is None:
            return request, None
        try:
            return await self._preparation.call(prepare)
        except InvalidInput as error:
            raise ServingError.from_invalid_input(error) from None
        except Exception as error:
            raise model_failed(model.name, error) from None

    async def _written(self, outcome: Any, terms: Terms, file: SpooledFile) -> Answer:
        try:
            if not isinstance(outcome, MediaAnswer):
                return await self._as_json(outcome, terms)
            if outcome.content_type not in terms.accepts:
                raise TypeError(f"predict() answered {outcome.content_type}, not one of {terms.accepts}")
            if isinstance(outcome.body, bytes):
                return Answer(outcome.content_type, outcome.body)
            return await self._from_disk(outcome.content_type, outcome.body, file)
        except Exception as error:  # predict() returned what is no answer
            raise model_failed(self._model.name, error) from None

    async def _as_json(self, outcome: Any, terms: Terms) -> Answer:
        if media_types.JSON not in terms.accepts:
            raise TypeError(f"predict() answered JSON, not one of {terms.accepts}")
        # Beside the event loop: the masks of a video are megabytes.
        body = await self._spool.thread.call(lambda: orjson.dumps(self._task.dump_answer(outcome)))
        return Answer(media_types.JSON, body)

    async def _from_disk(self, content_type: str, path: Path, file: SpooledFile) -> Answer:
        if path.parent != file.folder:
            raise ValueError(f"predict() answered with {path}, which does not lie in the request's folder")
        length = await self._spool.thread.call(lambda: path.stat().st_size)
        return Answer(content_type, chunks=self._spool.read(path), length=length)


def _not_acceptable(error: ServingError) -> ServingError:
    """A handler that cannot give what ``Accept`` asks for this file says so with InvalidInput."""
    return ServingError("NotAcceptable", error.message, field=error.field, hint=error.hint)
