"""A client of one asynchronous endpoint, usable alone with an explicit endpoint name and S3 location."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Literal, Self

from serving_clients import _collecting, _settings
from serving_clients._bulk_submission import submit_all, submit_one
from serving_clients._connection import Connection
from serving_clients._job_core import JobCore
from serving_clients._job_ref import JobRef
from serving_clients._journal import read as read_journal
from serving_clients._questions import checked_on_error, many, media_task_called
from serving_clients._sources import What
from serving_clients._storage import Location
from serving_clients._submission import AsyncTarget, Options
from serving_clients._upload import Progress
from serving_clients.errors import InvalidRequest, ServingError
from serving_clients.job import Job


class JobsClient:
    """Submits jobs to one endpoint of SageMaker asynchronous inference. Thread-safe; a context manager.

    endpoint_name: as AWS knows it. task: ``segmentation`` for typed answers to JSON; without it any file
    goes and the answer is bytes. input_location: ``s3://bucket/prefix/`` to upload under; the endpoint's
    role must be able to read there. Without it only objects that lie in S3 can be submitted. queue_url: the
    SQS queue that its notices go to; without it S3 is polled. env, region, timeout, concurrency: as of
    :class:`EndpointClient`; timeout bounds a submission, a second for each MiB to send is added to it.
    """

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
        settings = _settings.resolve(
            env,
            region=region,
            endpoint_url=endpoint_url,
            timeout=timeout,
            concurrency=concurrency,
            boto3_session=boto3_session,
        )
        name = _settings.checked_endpoint_name(endpoint_name)
        media_task = None if task is None else media_task_called(task)
        prefix = _prefix(input_location)
        self._target = AsyncTarget(Connection(settings), name, prefix, queue_url, media_task)
        self._owns_connection = True

    @classmethod
    def _of(cls, target: AsyncTarget) -> Self:
        """A client that shares a session's connection."""
        client = cls.__new__(cls)
        client._target = target
        client._owns_connection = False
        return client

    @property
    def endpoint_name(self) -> str:
        """The endpoint, as AWS knows it."""
        return self._target.endpoint_name

    def submit(
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
    ) -> Job[Any]:
        """Submit one request, whatever the model: the job, once SageMaker has accepted it.

        what: the path of a file, bytes (1 byte to 1 GiB each), or the ``s3://`` location of an object, which
        is not uploaded. content_type: else told by the first bytes or the name. custom_attributes: handed to
        the container as they are. inference_id: what logs and notices shall call it, at most 64 characters.
        ttl_seconds: how long it may wait in the queue, 60 to 21600. invocation_timeout_seconds: how long the
        container may take, 1 to 3600. on_progress: called with (bytes sent, bytes in all), from any thread.
        timeout: seconds for uploading and submitting. Raises a ServingError; then nothing was submitted, or,
        where the answer was lost (Unavailable, ServingTimeout), it may have been.
        """
        options = Options(accept, custom_attributes, inference_id, ttl_seconds, invocation_timeout_seconds)
        return Job(submit_one(self._target, what, content_type, options, on_progress, timeout))

    def submit_all(
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
        """Submit many, side by side: a job for each, in order. Arguments as of :meth:`submit`.

        on_error: ``raise`` begins nothing more after the first error; its ``accepted`` are the ids of the
        jobs that there are. ``return`` puts the error in that item's place and goes on. journal: a file that
        takes the id of each job as soon as there is one. The same call with the same file after a crash
        submits only what is not in it; :meth:`jobs_from` reads it. timeout: seconds for each.
        """
        options = Options(accept, custom_attributes, None, ttl_seconds, invocation_timeout_seconds)
        cores = submit_all(
            self._target,
            many(items, "an iterable of paths, bytes or s3:// locations"),
            content_type,
            options,
            on_error=checked_on_error(on_error),
            on_progress=on_progress,
            journal=journal,
            timeout=timeout,
        )
        return [Job(core) if isinstance(core, JobCore) else core for core in cores]

    def job(self, id: str) -> Job[Any]:
        """The job with this :attr:`Job.id`, whoever submitted it; nothing is asked yet.

        Raises InvalidRequest where it is no id, or of another endpoint.
        """
        ref = JobRef.from_id(id)
        if ref.endpoint_name != self.endpoint_name:
            raise InvalidRequest(
                f"the job is one of endpoint {ref.endpoint_name!r}, not {self.endpoint_name!r}", field="id"
            )
        return Job(JobCore.of(self._target.connection, self._target.waiter, ref))

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
        """The answers of *jobs*, in their order, when all have ended: see :meth:`Session.gather`."""
        return _collecting.gather(jobs, on_error=checked_on_error(on_error), timeout=timeout)

    def as_completed(self, jobs: Iterable[Job[Any]], *, timeout: float | None = None) -> Iterator[Job[Any]]:
        """Each of *jobs* as it ends: see :meth:`Session.as_completed`."""
        return _collecting.as_completed(jobs, timeout=timeout)

    def close(self) -> None:
        """Let go of connections and threads (of a client that a session made: the session does that).

        Whoever waits for a job gets a ServingError; the jobs go on.
        """
        if self._owns_connection:
            self._target.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.endpoint_name!r})"


def _prefix(location: str | None) -> Location | None:
    if location is None:
        return None
    place = Location.parse(location, field="input_location")
    if place.key and not place.key.endswith("/"):
        place = Location(place.bucket, f"{place.key}/")
    return place
