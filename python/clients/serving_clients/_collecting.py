"""Waiting for many jobs: all of them in order, or each as it ends."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from serving_clients._bulk import OnError
from serving_clients._deadline import Deadline, start
from serving_clients._job_core import wait_seconds
from serving_clients._questions import many
from serving_clients._waiter import Outcome
from serving_clients.errors import InvalidRequest, ServingError, ServingTimeout
from serving_clients.job import Job


def gather(jobs: Iterable[Job[Any] | ServingError], *, on_error: OnError, timeout: float | None) -> list[Any]:
    """The answers, in the order of *jobs*; answers are fetched side by side as their jobs end.

    Errors that a bulk submission left in the places of items are taken along.
    """
    given: list[Any] = list(many(jobs, "an iterable of jobs"))
    deadline = start(wait_seconds(timeout))
    listed, places = without_errors(given, on_error)
    answers = _gather(listed, deadline, on_error)
    for place, answer in zip(places, answers, strict=True):
        given[place] = answer
    return given


def _gather(listed: Sequence[Job[Any]], deadline: Deadline, on_error: OnError) -> list[Any]:
    found: dict[int, Any] = {}
    events: queue.SimpleQueue[tuple[int, Future[Any]]] = queue.SimpleQueue()
    fetching: set[int] = set()

    def put(index: int) -> Callable[[Future[Any]], None]:
        return lambda future: events.put((index, future))

    with _Watches(listed, put):
        while len(found) < len(listed):
            try:
                index, future = events.get(timeout=deadline.remaining())
            except queue.Empty:
                _give_up(listed, found, deadline, on_error)
                break
            if future.cancelled():
                raise ServingError("this session was closed meanwhile", hint="connect again")
            error, core = future.exception(), listed[index]._core
            if index not in fetching and error is None:
                fetching.add(index)
                fetched = core.connection.workers.submit(core.fetch, future.result(), deadline)
                fetched.add_done_callback(put(index))
                continue
            if error is not None and (on_error == "raise" or not is_about_a_job(error)):
                raise error
            found[index] = error if error is not None else future.result()
    return [found[index] for index in range(len(listed))]


def as_completed(jobs: Iterable[Job[Any]], *, timeout: float | None) -> Iterator[Job[Any]]:
    """Each job when it has ended, well or badly; raises ServingTimeout when the time is up."""
    listed, deadline = checked_jobs(jobs), start(wait_seconds(timeout))
    events: queue.SimpleQueue[tuple[int, Future[Outcome]]] = queue.SimpleQueue()

    def put(index: int) -> Callable[[Future[Outcome]], None]:
        return lambda future: events.put((index, future))

    with _Watches(listed, put):
        for done in range(len(listed)):
            try:
                index, future = events.get(timeout=deadline.remaining())
            except queue.Empty:
                raise late(listed, done, deadline) from None
            future.result()
            yield listed[index]


class _Watches:
    """A watch on every job, left again whatever happens."""

    def __init__(
        self, jobs: Sequence[Job[Any]], callback: Callable[[int], Callable[[Future[Outcome]], None]]
    ) -> None:
        self._jobs = jobs
        self._callback = callback
        self._futures: list[Future[Outcome]] = []

    def __enter__(self) -> None:
        try:
            for index, job in enumerate(self._jobs):
                future = job._core.waiter.watch(job._core.ticket)
                self._futures.append(future)
                future.add_done_callback(self._callback(index))
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        for job, future in zip(self._jobs, self._futures, strict=False):
            job._core.waiter.leave(job._core.ticket, future)


def is_about_a_job(error: BaseException) -> bool:
    """Whether *error* can stand in a job's place; that the session is closed concerns all of them."""
    return isinstance(error, ServingError) and type(error) is not ServingError


def without_errors(given: Sequence[Any], on_error: OnError) -> tuple[list[Job[Any]], list[int]]:
    """The jobs among *given*, and their places; with ``raise`` an error among them is raised."""
    errors = [entry for entry in given if isinstance(entry, ServingError)]
    if errors and on_error == "raise":
        raise errors[0]
    places = [place for place, entry in enumerate(given) if not isinstance(entry, ServingError)]
    return checked_jobs([given[place] for place in places]), places


def checked_jobs(jobs: object) -> list[Job[Any]]:
    """*jobs* as a list of jobs; raises InvalidRequest."""
    listed: list[Job[Any]] = []
    for index, job in enumerate(many(jobs, "an iterable of jobs")):
        if not isinstance(job, Job):
            raise InvalidRequest(
                f"must be jobs, not {type(job).__name__}",
                item=index,
                hint="session.job(id) makes one of an id",
            )
        listed.append(job)
    return listed


def late(jobs: Sequence[Job[Any]], done: int, deadline: Deadline) -> ServingTimeout:
    """Not all of *jobs* ended in time."""
    trouble = next((job._core.ticket.trouble for job in jobs if job._core.ticket.trouble), None)
    seen = f"; the last look at S3 failed: {trouble}" if trouble else ""
    return ServingTimeout(
        f"{len(jobs) - done} of {len(jobs)} jobs were not done within {deadline.seconds:g} s{seen}",
        hint="they go on: wait again, or later with session.job(job.id)",
    )


def _give_up(jobs: Sequence[Job[Any]], found: dict[int, Any], deadline: Deadline, on_error: OnError) -> None:
    if on_error == "raise":
        raise late(jobs, len(found), deadline)
    for index, job in enumerate(jobs):
        if index not in found:
            found[index] = job._core.timed_out(deadline.seconds)
