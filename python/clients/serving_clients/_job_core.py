"""What the synchronous and the asynchronous jobs share."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final, Literal

from serving_clients import _job_failures, _settings, _storage, _wire
from serving_clients._connection import Connection
from serving_clients._deadline import Deadline
from serving_clients._job_ref import JobRef
from serving_clients._storage import Location
from serving_clients._waiter import Outcome, Ticket, Waiter
from serving_clients.errors import AccessDenied, ServingError, ServingTimeout
from serving_contracts import media_types
from serving_contracts.tasks import MEDIA_TASKS

FAILURE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is, as far as a client can know.

    state: ``submitted`` from the moment SageMaker accepted it (it does not tell whether a job waits or runs),
    then ``completed``, ``failed`` or ``expired``. bytes_uploaded: what was sent for it; None where it was
    submitted elsewhere, 0 for an object that lay in S3. age_seconds: since it was submitted.
    """

    state: Literal["submitted", "completed", "failed", "expired"]
    bytes_uploaded: int | None
    age_seconds: float


@dataclass(frozen=True, slots=True)
class JobCore:
    """A job and whoever waits for it."""

    connection: Connection
    waiter: Waiter
    ticket: Ticket
    bytes_uploaded: int | None = None

    @classmethod
    def of(
        cls, connection: Connection, waiter: Waiter, ref: JobRef, bytes_uploaded: int | None = None
    ) -> JobCore:
        """The job *ref*."""
        return cls(connection, waiter, waiter.ticket(ref), bytes_uploaded)

    @property
    def ref(self) -> JobRef:
        """What identifies it."""
        return self.ticket.ref

    def look(self, deadline: Deadline) -> Outcome | None:
        """How it ended, as S3 shows it now; None if it has not, as far as the caller may see."""
        try:
            return self.waiter.look(self.ticket, deadline)
        except AccessDenied as error:
            if "no usable credentials" in error.message:
                raise
            return None

    def progress(self, deadline: Deadline) -> JobProgress:
        """How far it is, as S3 shows it now."""
        outcome = self.look(deadline)
        age = max(0.0, time.time() - self.ref.submitted_at)
        return JobProgress(outcome.state if outcome else "submitted", self.bytes_uploaded, age)

    def fetch(self, outcome: Outcome, deadline: Deadline) -> Any:
        """The answer of a job that ended so; raises JobFailed, JobExpired or another ServingError."""
        ref = self.ref
        if outcome.state == "expired":
            raise _job_failures.expired(ref, outcome.reason)
        if outcome.state == "failed":
            raise _job_failures.ended(ref, outcome.reason, self._left_behind())
        body = _storage.read(self.connection, Location.parse(ref.output), deadline)
        if body is None:
            raise _job_failures.answer_gone(ref)
        task = MEDIA_TASKS.get(ref.task or "")
        if task is None or (ref.accept or media_types.JSON) != media_types.JSON:
            return body
        return _wire.decode_one(task, body, ref.endpoint_name)

    def timed_out(self, seconds: float) -> ServingTimeout:
        """It was not done within *seconds*."""
        trouble = self.ticket.trouble
        seen = f"; the last look at S3 failed: {trouble}" if trouble else ""
        which = f"job {self.ref.inference_id} on endpoint {self.ref.endpoint_name!r}"
        return ServingTimeout(
            f"{which} was not done within {seconds:g} s{seen}",
            hint="it goes on: wait again, or later with session.job(job.id)",
            endpoint_name=self.ref.endpoint_name,
        )

    def _left_behind(self) -> bytes | None:
        if self.ref.failure is None:
            return None
        try:  # under its own deadline: that it failed is known, and why is wanted
            return _storage.read(self.connection, Location.parse(self.ref.failure), Deadline(FAILURE_SECONDS))
        except ServingError:
            return None


def wait_seconds(timeout: float | None) -> float:
    """*timeout*, or what waiting for a job takes at most."""
    return _settings.DEFAULT_JOB_TIMEOUT if timeout is None else _settings.checked_timeout(timeout)
