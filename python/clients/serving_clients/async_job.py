"""The asynchronous twin of :mod:`serving_clients.job`, and of waiting for many.

Waiting takes no thread: the same threads that wait for the synchronous jobs wake the event loop.
"""

# ruff: noqa: ASYNC109 - timeout= is the deadline of the call, as in the synchronous twin

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from serving_clients._async_core import Threads
from serving_clients._bulk import OnError
from serving_clients._collecting import is_about_a_job, late
from serving_clients._deadline import Deadline
from serving_clients._job_core import JobProgress, wait_seconds
from serving_clients._questions import many
from serving_clients._waiter import Outcome
from serving_clients.errors import InvalidRequest, ServingError, ServingTimeout
from serving_clients.job import Job

if TYPE_CHECKING:
    from serving_clients.async_jobs_client import AsyncJobsClient
    from serving_clients.async_session import AsyncSession

Answer_co = TypeVar("Answer_co", covariant=True)


class AsyncJob(Generic[Answer_co]):
    """The asynchronous twin of :class:`Job`: the same names, awaited."""

    __slots__ = ("_threads", "_twin")

    def __init__(self, twin: Job[Answer_co], threads: Threads) -> None:
        self._twin = twin
        self._threads = threads

    @classmethod
    def from_id(cls, id: str, *, session: AsyncSession | AsyncJobsClient) -> AsyncJob[Any]:
        """The job with this :attr:`id`, in any process; raises InvalidRequest. Nothing is asked yet."""
        return session.job(id)

    @property
    def id(self) -> str:
        """All that it takes to wait for it elsewhere: one printable word, no secret. Keep it as it is."""
        return self._twin.id

    @property
    def endpoint_name(self) -> str:
        """The endpoint, as AWS knows it."""
        return self._twin.endpoint_name

    @property
    def inference_id(self) -> str:
        """``InferenceId``: what logs and notices call it."""
        return self._twin.inference_id

    @property
    def input_location(self) -> str:
        """Where what was asked about lies in S3."""
        return self._twin.input_location

    @property
    def output_location(self) -> str:
        """Where the answer will lie in S3."""
        return self._twin.output_location

    @property
    def failure_location(self) -> str | None:
        """Where the reason will lie if it fails; None where the endpoint writes none."""
        return self._twin.failure_location

    async def result(self, timeout: float | None = None) -> Answer_co:
        """Wait for the answer: see :meth:`Job.result`. Cancelling the task ends the wait, not the job."""
        core, deadline = self._twin._core, Deadline(wait_seconds(timeout))
        outcome = await self._ended(deadline)
        answer: Answer_co = await self._threads.within(deadline, core.fetch, outcome, deadline)
        return answer

    async def done(self, *, timeout: float | None = None) -> bool:
        """Whether it has ended, well or badly: one look at S3."""
        return await self._threads.run(self._twin._seconds(timeout), self._twin.done, timeout=timeout)

    async def progress(self, *, timeout: float | None = None) -> JobProgress:
        """How far it is, as far as can be known: one look at S3."""
        return await self._threads.run(self._twin._seconds(timeout), self._twin.progress, timeout=timeout)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AsyncJob) and self._twin == other._twin

    def __hash__(self) -> int:
        return hash(self._twin)

    def __repr__(self) -> str:
        return f"Async{self._twin!r}"

    async def _ended(self, deadline: Deadline) -> Outcome:
        core = self._twin._core
        future = core.waiter.watch(core.ticket)
        try:
            async with asyncio.timeout(deadline.remaining()):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise core.timed_out(deadline.seconds) from None
        finally:
            core.waiter.leave(core.ticket, future)


async def gather(
    jobs: Iterable[AsyncJob[Any] | ServingError], *, on_error: OnError, timeout: float | None
) -> list[Any]:
    """The twin of :func:`_collecting.gather`."""
    seconds = wait_seconds(timeout)
    given: list[Any] = list(many(jobs, "an iterable of jobs"))
    errors = [entry for entry in given if isinstance(entry, ServingError)]
    if errors and on_error == "raise":
        raise errors[0]
    places = [place for place, entry in enumerate(given) if not isinstance(entry, ServingError)]
    waits = [asyncio.ensure_future(job.result(seconds)) for job in checked_jobs(given[at] for at in places)]
    try:
        if on_error == "raise":
            answers = await asyncio.gather(*waits)
        else:
            answers = await asyncio.gather(*[_answer_or_error(wait) for wait in waits])
    finally:
        for wait in waits:
            wait.cancel()
    for place, answer in zip(places, answers, strict=True):
        given[place] = answer
    return given


async def _answer_or_error(wait: asyncio.Future[Any]) -> Any:
    try:
        return await wait
    except ServingError as error:
        if not is_about_a_job(error):
            raise
        return error


async def as_completed(
    jobs: Iterable[AsyncJob[Any]], *, timeout: float | None
) -> AsyncIterator[AsyncJob[Any]]:
    """The twin of :func:`_collecting.as_completed`."""
    listed, deadline = checked_jobs(jobs), Deadline(wait_seconds(timeout))
    pending = {asyncio.ensure_future(job._ended(deadline)): job for job in listed}
    try:
        while pending:
            done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for wait in done:
                job = pending.pop(wait)
                try:
                    wait.result()
                except ServingTimeout:
                    left = len(pending) + 1
                    raise late([job._twin for job in listed], len(listed) - left, deadline) from None
                yield job
    finally:
        for wait in pending:
            wait.cancel()
            if wait.done() and not wait.cancelled():
                wait.exception()  # it has been seen


def checked_jobs(jobs: Iterable[Any]) -> list[AsyncJob[Any]]:
    """*jobs* as a list of jobs; raises InvalidRequest."""
    listed: list[AsyncJob[Any]] = []
    for index, job in enumerate(many(jobs, "an iterable of jobs")):
        if not isinstance(job, AsyncJob):
            raise InvalidRequest(
                f"must be jobs, not {type(job).__name__}",
                item=index,
                hint="session.job(id) makes one of an id",
            )
        listed.append(job)
    return listed
