"""The part of a session that submits jobs and waits for them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Literal, Unpack, overload

from serving_clients import _collecting, _segmenting
from serving_clients._connection import Connection
from serving_clients._job_core import JobCore
from serving_clients._job_ref import JobRef
from serving_clients._journal import read as read_journal
from serving_clients._questions import checked_on_error
from serving_clients._routes import JOBS, choose, of_name
from serving_clients._segmenting import SegmentArguments
from serving_clients._sources import What
from serving_clients._storage import Location
from serving_clients._submission import AsyncTarget
from serving_clients._upload import Progress
from serving_clients.errors import ServingError
from serving_clients.job import Job
from serving_clients.jobs_client import JobsClient
from serving_contracts import media_types
from serving_contracts.catalog import Catalog
from serving_contracts.limits import DEFAULT_MAX_FRAMES, DEFAULT_SCORE_THRESHOLD, MAX_OBJECTS_RANGE
from serving_contracts.segmentation import Segmentation
from serving_contracts.tasks import MEDIA_TASKS

JSON = Literal["application/json"]


class JobsOfSession:
    """Mixed into :class:`Session`."""

    _connection: Connection
    _lock: threading.Lock
    _jobs_clients: dict[tuple[str, str | None], JobsClient]

    @property
    def catalog(self) -> Catalog:
        """What the environment serves."""
        raise NotImplementedError

    def jobs_client(self, task: str, endpoint: str | None = None) -> JobsClient:
        """The client of the asynchronous endpoint that serves *task*, whatever the task is.

        Raises EndpointNotFound with what there is.
        """
        route = choose(self.catalog, task, endpoint, JOBS)
        return self._jobs_client(route.endpoint_name, task)

    @overload  # the second is for every other answer
    def segment(  # type: ignore[overload-overlap]
        self,
        what: bytes | bytearray | memoryview,
        *,
        accept: JSON = ...,
        **arguments: Unpack[SegmentArguments],
    ) -> Job[Segmentation]: ...
    @overload
    def segment(
        self, what: bytes | bytearray | memoryview, *, accept: str, **arguments: Unpack[SegmentArguments]
    ) -> Job[bytes]: ...
    @overload
    def segment(
        self, what: What | Iterable[What], *, accept: str = ..., **arguments: Unpack[SegmentArguments]
    ) -> Any: ...
    def segment(
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
        """What is in a picture or a video, and where? A :class:`Job`; its result is a :class:`Segmentation`.

        what: the path of a file, its bytes, or the ``s3://`` location of an object. A folder (every file in
        it that the task takes, sorted by name) or an iterable of any of these gets a list of jobs in its
        order. score_threshold, every_nth_frame, max_frames, max_objects: as of :class:`SegmentationOptions`.
        accept: ``application/json``, or ``image/jpeg``, ``image/png``, ``video/mp4`` for the file itself
        with the objects drawn into it; then the result is bytes. journal, on_error: for several files, as of
        :meth:`JobsClient.submit_all`; what remains, and the errors, as of :meth:`JobsClient.submit`.
        """
        cores = _segmenting.segment(
            self.jobs_client("segmentation", endpoint)._target,
            what,
            choices={
                "score_threshold": score_threshold,
                "every_nth_frame": every_nth_frame,
                "max_frames": max_frames,
                "max_objects": max_objects,
            },
            accept=accept,
            content_type=content_type,
            ttl_seconds=ttl_seconds,
            invocation_timeout_seconds=invocation_timeout_seconds,
            inference_id=inference_id,
            on_progress=on_progress,
            journal=journal,
            on_error=checked_on_error(on_error),
            timeout=timeout,
        )
        if isinstance(cores, JobCore):
            return Job(cores)
        return [Job(core) if isinstance(core, JobCore) else core for core in cores]

    def job(self, id: str) -> Job[Any]:
        """The job with this :attr:`Job.id`, in whichever process it was submitted; raises InvalidRequest.

        Nothing is asked yet: whether it exists shows when it is waited for.
        """
        ref = JobRef.from_id(id)
        target = self._jobs_client(ref.endpoint_name, ref.task)._target
        return Job(JobCore.of(target.connection, target.waiter, ref))

    def jobs_from(self, journal: str | os.PathLike[str]) -> list[Job[Any]]:
        """The jobs in a journal, in the order in which their items were given; raises InvalidRequest."""
        return [self.job(id) for id in read_journal(journal)]

    def gather(
        self,
        jobs: Iterable[Job[Any] | ServingError],
        *,
        on_error: Literal["raise", "return"] = "raise",
        timeout: float | None = None,
    ) -> list[Any]:
        """The answers of *jobs*, in their order, when all have ended.

        on_error: ``raise`` raises the first error there is; ``return`` puts the errors of jobs in their
        places (errors that stand among *jobs* stay there, and jobs that are not done in time become
        ServingTimeout). timeout: seconds for all of them, 1800 by default.
        """
        return _collecting.gather(jobs, on_error=checked_on_error(on_error), timeout=timeout)

    def as_completed(self, jobs: Iterable[Job[Any]], *, timeout: float | None = None) -> Iterator[Job[Any]]:
        """Each of *jobs* when it has ended, well or badly: its ``result()`` no longer waits.

        timeout: seconds for all of them, 1800 by default; then ServingTimeout is raised.
        """
        return _collecting.as_completed(jobs, timeout=timeout)

    def _jobs_client(self, endpoint_name: str, task: str | None) -> JobsClient:
        """Of an endpoint that the catalog knows; of another one (it may be gone) only answers can be read."""
        key = (endpoint_name, task)
        found = of_name(self.catalog, endpoint_name)
        entry = found.asynchronous if found else None
        with self._lock:
            if key not in self._jobs_clients:
                self._jobs_clients[key] = JobsClient._of(
                    AsyncTarget(
                        self._connection,
                        endpoint_name,
                        Location.parse(entry.input) if entry else None,
                        entry.queue_url if entry else None,
                        MEDIA_TASKS.get(task or ""),
                    )
                )
            return self._jobs_clients[key]
