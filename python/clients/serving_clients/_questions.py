"""Asking one endpoint or function: the core that the synchronous and the asynchronous clients share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from serving_clients import _bulk, _wire
from serving_clients._bulk import Batch, OnError
from serving_clients._connection import Connection
from serving_clients._deadline import Deadline, DeadlineGroup, start
from serving_clients._places import Place
from serving_clients.errors import InvalidRequest, ServingError
from serving_contracts import media_types
from serving_contracts.errors import InvalidInput
from serving_contracts.tasks import MEDIA_TASKS, TASKS, MediaTask, Task, find_media_task, find_task

Answer = TypeVar("Answer")

WAYS: Final = {"segmentation": "segment(path)"}
"""How a media task that is answered later is asked."""
MEDIA_AT_ONCE: Final = ("detection",)
"""The media tasks that are answered at once."""


@dataclass(frozen=True, slots=True)
class Target:
    """A place to ask, and how it is reached."""

    connection: Connection
    place: Place

    def seconds(self, timeout: float | None) -> float:
        """*timeout*, or the session's, or what the place may take."""
        return self.connection.settings.seconds(timeout, self.place.seconds)

    def start(self, timeout: float | None) -> Deadline:
        """The deadline of a call that begins now."""
        seconds = self.seconds(timeout)
        self.prepare()
        return start(seconds)

    def prepare(self) -> None:
        """Make the AWS client: no deadline should pay for it."""
        self.connection.prepare(self.place.service)

    @property
    def workers(self) -> ThreadPoolExecutor:
        """The threads of bulk calls: never more requests in flight than the place takes."""
        return self.connection.workers_of(self.place.name, self.place.max_concurrency)

    def ask_one(self, task: Task[Any, Answer], value: object, timeout: float | None) -> Answer:
        """One question, one answer, in this thread."""
        deadline = self.start(timeout)
        try:
            item = _wire.encode(task, 0, value)
        except InvalidRequest as error:
            error.item = None  # there is only the one
            raise
        try:
            answer = self._send(item.line, media_types.JSON, deadline)
        except InvalidRequest as error:
            error.item = None
            raise
        return _wire.decode_one(task, answer, self.place.name, self.place.what)

    def ask_all(
        self, task: Task[Any, Answer], values: Iterable[object], timeout: float | None
    ) -> list[Answer]:
        """Many questions under one deadline; checked before any is sent. The first error is raised."""
        deadline = self.start(timeout)
        batches = []
        for batch in _bulk.cut(task, values, max_bytes=self.place.bulk_bytes, on_error="raise"):
            if isinstance(batch, InvalidRequest):
                raise batch
            batches.append(batch)
        work = self.work(task, "raise", lambda: deadline)
        if len(batches) <= 1:  # not worth another thread
            return [answer for batch in batches for answer in work(batch)]  # type: ignore[misc]
        try:
            return list(_bulk.run(batches, work, self.workers, window=len(batches)))  # type: ignore[arg-type]
        finally:
            deadline.cancel()  # after an error the rest is not wanted

    def predict(
        self, task: Task[Any, Answer], items: Iterable[object], on_error: OnError, seconds: float
    ) -> Iterator[Answer | ServingError]:
        """Questions as they come, answers in order; *seconds* for each request."""
        deadlines = DeadlineGroup(seconds)
        batches = _bulk.cut(task, items, max_bytes=self.place.bulk_bytes, on_error=on_error)
        work = self.work(task, on_error, deadlines.start)
        try:
            yield from _bulk.run(batches, work, self.workers, window=self.window)
        finally:
            deadlines.cancel()

    @property
    def window(self) -> int:
        """Requests held at a time: those in flight, and as many that wait behind a slow one."""
        return 2 * self.connection.settings.concurrency

    def work(
        self, task: Task[Any, Answer], on_error: OnError, deadline: Callable[[], Deadline]
    ) -> Callable[[Batch], list[Answer | ServingError]]:
        """What a thread does with a batch."""

        def ask(items: Sequence[_wire.Item]) -> list[Answer]:
            self.prepare()
            answer = self._send(_wire.body(items), media_types.JSON_LINES, deadline())
            return _wire.decode(task, answer, len(items), self.place.name, self.place.what)

        return lambda batch: _bulk.settle(batch, ask, on_error)

    def _send(self, body: bytes, media_type: str, deadline: Deadline) -> bytes:
        return self.place.send(self.connection, body, media_type, deadline, accept=media_type).body


def task_called(name: str) -> Task[Any, Any]:
    """The task *name*; raises InvalidRequest that lists the known ones."""
    if name in MEDIA_TASKS:
        raise InvalidRequest(
            f"the task {name!r} takes files, and answers later",
            field="task",
            hint=f"see session.{WAYS[name]}",
        )
    try:
        return find_task(name)
    except InvalidInput as error:
        known = ", ".join((*TASKS, *MEDIA_AT_ONCE))
        raise InvalidRequest(error.message, field=error.field, hint=f"known tasks: {known}") from None


def task_answered_at_once(name: str) -> Task[Any, Any] | MediaTask[Any, Any]:
    """The task *name*, of those that are answered at once; raises InvalidRequest that lists them."""
    return MEDIA_TASKS[name] if name in MEDIA_AT_ONCE else task_called(name)


def media_task_called(name: str) -> MediaTask[Any, Any]:
    """The media task *name*; raises InvalidRequest that lists the known ones."""
    try:
        return find_media_task(name)
    except InvalidInput as error:
        raise InvalidRequest(error.message, field=error.field, hint=error.hint) from None


def checked_on_error(value: str) -> OnError:
    """*value*, which must be ``raise`` or ``return``."""
    if value == "raise":
        return "raise"
    if value == "return":
        return "return"
    raise InvalidRequest(f'must be "raise" or "return", not {value!r}', field="on_error")


def many(values: object, form: str) -> Iterable[object]:
    """*values* as several questions; raises InvalidRequest for what is none (None, bytes, a mapping)."""
    if isinstance(values, Iterable) and not isinstance(values, str | bytes | bytearray | dict):
        return values
    raise InvalidRequest(f"must be {form}, not {type(values).__name__}")


def summary_questions(texts: Iterable[object], max_sentences: int) -> Iterator[object]:
    """The requests of a list of texts to summarize."""
    return ({"text": text, "max_sentences": max_sentences} for text in texts)
