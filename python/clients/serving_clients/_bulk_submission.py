"""Many files, many jobs: side by side, in order, and none of them lost."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, wait
from contextlib import ExitStack

from serving_clients import _journal, _settings
from serving_clients._bulk import OnError
from serving_clients._deadline import AMBIENT, DeadlineGroup, start_within
from serving_clients._job_core import JobCore
from serving_clients._job_ref import JobRef
from serving_clients._sources import Parcel
from serving_clients._submission import AsyncTarget, Options
from serving_clients._upload import Meter, Progress
from serving_clients.errors import InvalidRequest, ServingError


def submit_one(
    target: AsyncTarget,
    what: object,
    content_type: str | None,
    options: Options,
    on_progress: Progress | None,
    timeout: float | None,
) -> JobCore:
    """One job."""
    parcel = target.pack(what, content_type)
    seconds = target.seconds(timeout, parcel.source.size)
    target.prepare()
    meter = Meter(on_progress)
    meter.expect(parcel.source.size)
    ref = target.submit(parcel, options, start_within(seconds), meter)
    return JobCore.of(target.connection, target.waiter, ref, parcel.source.size)


def submit_all(
    target: AsyncTarget,
    items: Iterable[object],
    content_type: str | None,
    options: Options,
    *,
    on_error: OnError,
    on_progress: Progress | None,
    journal: str | os.PathLike[str] | None,
    timeout: float | None,
) -> list[JobCore | ServingError]:
    """A job for every item, in order. Each item has *timeout*.

    With ``raise`` what is a sequence is checked whole before anything is sent; after an error nothing more is
    begun, what is under way is finished, and the error names the jobs that were accepted. With ``return`` the
    error stands in its item's place.
    """
    if options.inference_id is not None:
        raise InvalidRequest("is for one job; these get their own", field="inference_id")
    if timeout is not None:
        _settings.checked_timeout(timeout)
    if on_error == "raise" and isinstance(items, Sequence):
        for index, what in enumerate(items):
            _packed(target, index, what, content_type)
    target.prepare()
    with ExitStack() as stack:
        book = stack.enter_context(_journal.Journal(journal)) if journal is not None else None
        work = _Work(target, options, Meter(on_progress), timeout, book)
        return work.run(items, content_type, on_error)


class _Work:
    def __init__(
        self,
        target: AsyncTarget,
        options: Options,
        meter: Meter,
        timeout: float | None,
        journal: _journal.Journal | None,
    ) -> None:
        self._target = target
        self._options = options
        self._meter = meter
        self._timeout = timeout
        self._journal = journal
        self._keys = _journal.Keys(target, options)
        self._within = AMBIENT.get()
        self._deadlines = DeadlineGroup(0.0, within=self._within)
        self._failed = threading.Event()

    def run(
        self, items: Iterable[object], content_type: str | None, on_error: OnError
    ) -> list[JobCore | ServingError]:
        begun: list[Future[JobCore] | ServingError] = []
        running: deque[Future[JobCore]] = deque()
        window = 2 * self._target.connection.settings.concurrency
        try:
            for index, what in enumerate(items):
                if on_error == "raise" and self._failed.is_set():
                    break
                if self._within is not None and self._within.cancelled:
                    raise ServingError("the call was cancelled")
                try:
                    start = self._begin(index, what, content_type)
                except InvalidRequest as error:
                    begun.append(error)
                    self._failed.set()
                    continue
                future = self._target.connection.workers.submit(start)
                begun.append(future)
                running.append(future)
                while len(running) >= window:
                    _settle(running.popleft())
            for future in running:
                _settle(future)
        except BaseException as error:
            self._deadlines.cancel()
            for future in running:
                future.cancel()
            if isinstance(error, ServingError):
                wait(running)
                error.accepted = _accepted(_results(begun))
            raise
        return _collect(begun, on_error)

    def _begin(self, index: int, what: object, content_type: str | None) -> Callable[[], JobCore]:
        """What a thread does for the item; in this thread only what must be in order."""
        target, journal = self._target, self._journal
        parcel = _packed(target, index, what, content_type)
        key = self._keys.of(parcel) if journal is not None else ""
        entry = journal.entry(key) if journal is not None else None
        if entry is not None and entry.job is not None:
            known = JobRef.from_id(entry.job)
            return lambda: JobCore.of(target.connection, target.waiter, known)
        self._meter.expect(parcel.source.size)

        def start() -> JobCore:
            try:
                ref = self._submit(parcel, key, index, entry)
            except BaseException as error:
                if isinstance(error, InvalidRequest):
                    error.item = index
                self._failed.set()
                raise
            return JobCore.of(target.connection, target.waiter, ref, parcel.source.size)

        return start

    def _submit(self, parcel: Parcel, key: str, index: int, entry: _journal.Entry | None) -> JobRef:
        journal = self._journal
        seconds = self._target.seconds(self._timeout, parcel.source.size)
        deadline = self._deadlines.start(seconds)
        ref = self._target.submit(
            parcel,
            self._options,
            deadline,
            self._meter,
            intent=entry.intent if entry is not None else None,
            announce=(lambda intent: journal.announce(key, index, intent)) if journal is not None else None,
        )
        if journal is not None:
            journal.accepted(key, index, ref)
        return ref


def _packed(target: AsyncTarget, index: int, what: object, content_type: str | None) -> Parcel:
    try:
        return target.pack(what, content_type)
    except InvalidRequest as error:
        error.item = index
        raise


def _settle(future: Future[JobCore]) -> None:
    """Wait for it; what it ended with is looked at later."""
    wait([future])


def _collect(begun: list[Future[JobCore] | ServingError], on_error: OnError) -> list[JobCore | ServingError]:
    found = list(_results(begun))
    errors = [result for result in found if isinstance(result, ServingError)]
    if errors and on_error == "raise":
        errors[0].accepted = _accepted(found)
        raise errors[0]
    return found


def _accepted(results: Iterable[JobCore | ServingError]) -> tuple[str, ...]:
    return tuple(result.ref.to_id() for result in results if isinstance(result, JobCore))


def _results(begun: list[Future[JobCore] | ServingError]) -> Iterator[JobCore | ServingError]:
    for entry in begun:
        if isinstance(entry, ServingError):
            yield entry
            continue
        try:
            yield entry.result()
        except ServingError as error:
            yield error
        except CancelledError:
            yield ServingError("the call ended before this was sent")
