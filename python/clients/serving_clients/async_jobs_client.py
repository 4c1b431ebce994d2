"""The asynchronous twin of :mod:`serving_clients.jobs_client`."""

# ruff: noqa: ASYNC109 - timeout= is the deadline of the call, as in the synchronous twin

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Literal, Self

from serving_clients import _settings, async_job
from serving_clients._async_core import Threads
from serving_clients._questions import checked_on_error
from serving_clients._sources import What
from serving_clients._upload import Progress
from serving_clients.async_job import AsyncJob
from serving_clients.errors import ServingError
from serving_clients.job import Job
from serving_clients.jobs_client import JobsClient


class AsyncJobsClient:
    """The asynchronous twin of :class:`JobsClient`: the same names and arguments, awaited."""

    def __init__(
        self,
        endpoint_name: str,
        *,
        task: str | None = None,
        input_location: str | None = None,
        queue_url: str | None = None,
        env: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        timeout: float = _settings.DEFAULT_TIMEOUT,
        concurrency: int = _settings.DEFAULT_CONCURRENCY,
        boto3_session: Any = None,
    ) -> None:
        self._twin = JobsClient(
            endpoint_name,
            task=task,
            input_location=input_location,
            queue_url=queue_url,
            env=env,
            region=region,
            endpoint_url=endpoint_url,
            timeout=timeout,
            concurrency=concurrency,
            boto3_session=boto3_session,
        )
        self._threads = Threads()
        self._owns_threads = True

    @classmethod
    def _of(cls, twin: JobsClient, threads: Threads) -> Self:
        client = cls.__new__(cls)
        client._twin = twin
        client._threads = threads
        client._owns_threads = False
        return client

    @property
    def endpoint_name(self) -> str:
        """The endpoint, as AWS knows it."""
        return self._twin.endpoint_name

    async def submit(
        self,
        what: What,
        *,
        content_type: str | None = None,
        accept: str | None = None,
        custom_attributes: str | None = None,
        inference_id: str | None = None,
        ttl_seconds: int | None = None,
        invocation_timeout_seconds: int | None = None,
        on_progress: Progress | None = None,
        timeout: float | None = None,
    ) -> AsyncJob[Any]:
        """Submit one request, whatever the model: see :meth:`JobsClient.submit`."""
        job = await self._threads.run(
            submission_seconds(timeout),
            self._twin.submit,
            what,
            content_type=content_type,
            accept=accept,
            custom_attributes=custom_attributes,
            inference_id=inference_id,
            ttl_seconds=ttl_seconds,
            invocation_timeout_seconds=invocation_timeout_seconds,
            on_progress=on_progress,
            timeout=timeout,
        )
        return AsyncJob(job, self._threads)

    async def submit_all(
        self,
        items: Iterable[What],
        *,
        content_type: str | None = None,
        accept: str | None = None,
        custom_attributes: str | None = None,
        ttl_seconds: int | None = None,
        invocation_timeout_seconds: int | None = None,
        on_progress: Progress | None = None,
        journal: str | os.PathLike[str] | None = None,
        on_error: Literal["raise", "return"] = "raise",
        timeout: float | None = None,
    ) -> list[Any]:
        """Submit many, side by side: see :meth:`JobsClient.submit_all`. *items* is read in another thread."""
        jobs = await self._threads.run(
            math.inf,
            self._twin.submit_all,
            items,
            content_type=content_type,
            accept=accept,
            custom_attributes=custom_attributes,
            ttl_seconds=ttl_seconds,
            invocation_timeout_seconds=invocation_timeout_seconds,
            on_progress=on_progress,
            journal=journal,
            on_error=on_error,
            timeout=timeout,
        )
        return twins(jobs, self._threads)

    def job(self, id: str) -> AsyncJob[Any]:
        """The job with this :attr:`AsyncJob.id`, whoever submitted it; nothing is asked yet.

        Raises InvalidRequest where it is no id, or of another endpoint.
        """
        return AsyncJob(self._twin.job(id), self._threads)

    def jobs_from(self, journal: str | os.PathLike[str]) -> list[AsyncJob[Any]]:
        """The jobs in a journal, in the order in which their items were given; raises InvalidRequest."""
        return [AsyncJob(job, self._threads) for job in self._twin.jobs_from(journal)]

    async def gather(
        self,
        jobs: Iterable[AsyncJob[Any] | ServingError],
        *,
        on_error: Literal["raise", "return"] = "raise",
        timeout: float | None = None,
    ) -> list[Any]:
        """The answers of *jobs*, in their order, when all have ended: see :meth:`Session.gather`."""
        return await async_job.gather(jobs, on_error=checked_on_error(on_error), timeout=timeout)

    def as_completed(
        self, jobs: Iterable[AsyncJob[Any]], *, timeout: float | None = None
    ) -> AsyncIterator[AsyncJob[Any]]:
        """Each of *jobs* as it ends: see :meth:`Session.as_completed`."""
        return async_job.as_completed(jobs, timeout=timeout)

    async def close(self) -> None:
        """Let go of connections and threads (of a client that a session made: the session does that).

        Whoever waits for a job gets a ServingError; the jobs go on.
        """
        self._twin.close()
        if self._owns_threads:
            self._threads.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Async{self._twin!r}"


def submission_seconds(timeout: float | None) -> float:
    """Seconds for the task that submits: without a *timeout* the core sets one, which grows with the size."""
    return math.inf if timeout is None else _settings.checked_timeout(timeout)


def twins(jobs: Iterable[Any], threads: Threads) -> list[Any]:
    """Asynchronous jobs for synchronous ones; errors among them stay."""
    return [AsyncJob(job, threads) if isinstance(job, Job) else job for job in jobs]
