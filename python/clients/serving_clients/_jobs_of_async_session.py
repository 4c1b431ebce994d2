"""The asynchronous twin of :mod:`serving_clients._jobs_of_session`."""

# ruff: noqa: ASYNC109 - timeout= is the deadline of the call, as in the synchronous twin

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterator, Iterable
from typing import Any, Literal, Unpack, overload

from serving_clients import _sources, async_job
from serving_clients._async_core import Threads
from serving_clients._jobs_of_session import JSON, JobsOfSession
from serving_clients._questions import checked_on_error
from serving_clients._segmenting import SegmentArguments
from serving_clients._sources import What
from serving_clients._upload import Progress
from serving_clients.async_job import AsyncJob
from serving_clients.async_jobs_client import AsyncJobsClient, submission_seconds, twins
from serving_clients.errors import ServingError
from serving_contracts import media_types
from serving_contracts.limits import DEFAULT_MAX_FRAMES, DEFAULT_SCORE_THRESHOLD, MAX_OBJECTS_RANGE
from serving_contracts.segmentation import Segmentation


class JobsOfAsyncSession:
    """Mixed into :class:`AsyncSession`."""

    _twin: JobsOfSession
    _threads: Threads

    def jobs_client(self, task: str, endpoint: str | None = None) -> AsyncJobsClient:
        """The client of the asynchronous endpoint that serves *task*: see :meth:`Session.jobs_client`."""
        return AsyncJobsClient._of(self._twin.jobs_client(task, endpoint), self._threads)

    @overload  # the second is for every other answer
    async def segment(  # type: ignore[overload-overlap]
        self,
        what: bytes | bytearray | memoryview,
        *,
        accept: JSON = ...,
        **arguments: Unpack[SegmentArguments],
    ) -> AsyncJob[Segmentation]: ...
    @overload
    async def segment(
        self, what: bytes | bytearray | memoryview, *, accept: str, **arguments: Unpack[SegmentArguments]
    ) -> AsyncJob[bytes]: ...
    @overload
    async def segment(
        self, what: What | Iterable[What], *, accept: str = ..., **arguments: Unpack[SegmentArguments]
    ) -> Any: ...
    async def segment(
        self,
        what: What | Iterable[What],
        *,
        score_threshold: float = DEFAULT_SCORE_THRESHOLD,
        every_nth_frame: int = 1,
        max_frames: int = DEFAULT_MAX_FRAMES,
        max_objects: int = MAX_OBJECTS_RANGE[1],
        accept: str = media_types.JSON,
        content_type: str | None = None,
        ttl_seconds: int | None = None,
        invocation_timeout_seconds: int | None = None,
        inference_id: str | None = None,
        on_progress: Progress | None = None,
        journal: str | os.PathLike[str] | None = None,
        on_error: Literal["raise", "return"] = "raise",
        endpoint: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """What is in a picture or a video, and where? See :meth:`Session.segment`."""
        one = _sources.several(what) is None and not _sources.is_folder(what)
        segment: Any = self._twin.segment
        jobs = await self._threads.run(
            submission_seconds(timeout) if one else math.inf,  # the timeout is for each of several
            segment,
            what,
            score_threshold=score_threshold,
            every_nth_frame=every_nth_frame,
            max_frames=max_frames,
            max_objects=max_objects,
            accept=accept,
            content_type=content_type,
            ttl_seconds=ttl_seconds,
            invocation_timeout_seconds=invocation_timeout_seconds,
            inference_id=inference_id,
            on_progress=on_progress,
            journal=journal,
            on_error=on_error,
            endpoint=endpoint,
            timeout=timeout,
        )
        return twins(jobs, self._threads) if isinstance(jobs, list) else AsyncJob(jobs, self._threads)

    def job(self, id: str) -> AsyncJob[Any]:
        """The job with this :attr:`AsyncJob.id`, in whichever process it was submitted.

        Raises InvalidRequest. Nothing is asked yet: whether it exists shows when it is waited for.
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
        """Each of *jobs* when it has ended, well or badly: see :meth:`Session.as_completed`."""
        return async_job.as_completed(jobs, timeout=timeout)
