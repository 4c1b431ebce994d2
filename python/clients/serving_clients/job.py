"""A job: a request that SageMaker has accepted and answers later."""

from __future__ import annotations

from concurrent.futures import TimeoutError as FutureTimeout
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from serving_clients._deadline import start
from serving_clients._job_core import JobCore, JobProgress, wait_seconds

if TYPE_CHECKING:
    from serving_clients.jobs_client import JobsClient
    from serving_clients.session import Session

Answer_co = TypeVar("Answer_co", covariant=True)


class Job(Generic[Answer_co]):
    """A request to an asynchronous endpoint. Thread-safe. Made by submitting, or from its id.

    It lives on SageMaker's side: letting go of it changes nothing, and there is no way to cancel it.
    """

    __slots__ = ("_core",)

    def __init__(self, core: JobCore) -> None:
        self._core = core

    @classmethod
    def from_id(cls, id: str, *, session: Session | JobsClient) -> Job[Any]:
        """The job with this :attr:`id`, in any process; raises InvalidRequest. Nothing is asked yet."""
        return session.job(id)

    @property
    def id(self) -> str:
        """All that it takes to wait for it elsewhere: one printable word, no secret. Keep it as it is."""
        return self._core.ref.to_id()

    @property
    def endpoint_name(self) -> str:
        """The endpoint, as AWS knows it."""
        return self._core.ref.endpoint_name

    @property
    def inference_id(self) -> str:
        """``InferenceId``: what logs and notices call it."""
        return self._core.ref.inference_id

    @property
    def input_location(self) -> str:
        """Where what was asked about lies in S3."""
        return self._core.ref.input

    @property
    def output_location(self) -> str:
        """Where the answer will lie in S3."""
        return self._core.ref.output

    @property
    def failure_location(self) -> str | None:
        """Where the reason will lie if it fails; None where the endpoint writes none."""
        return self._core.ref.failure

    def result(self, timeout: float | None = None) -> Answer_co:
        """Wait for the answer: typed where the task is known and JSON was asked for, else bytes.

        timeout: seconds, 1800 by default. Raises ServingTimeout when it is not done by then (it goes on all
        the same), JobFailed, JobExpired, or ServingError when the session is closed meanwhile.
        """
        core, deadline = self._core, start(wait_seconds(timeout))
        future = core.waiter.watch(core.ticket)
        try:
            outcome = future.result(timeout=deadline.remaining())
        except FutureTimeout:
            raise core.timed_out(deadline.seconds) from None
        finally:
            core.waiter.leave(core.ticket, future)
        answer: Answer_co = core.fetch(outcome, deadline)
        return answer

    def done(self, *, timeout: float | None = None) -> bool:
        """Whether it has ended, well or badly: one look at S3."""
        return self._core.look(start(self._seconds(timeout))) is not None

    def progress(self, *, timeout: float | None = None) -> JobProgress:
        """How far it is, as far as can be known: one look at S3."""
        return self._core.progress(start(self._seconds(timeout)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and self._core.ref.output == other._core.ref.output

    def __hash__(self) -> int:
        return hash(self._core.ref.output)

    def __repr__(self) -> str:
        state = self._core.ticket.outcome
        return f"Job({self.inference_id!r}, {self.endpoint_name!r}, {state.state if state else 'submitted'})"

    def _seconds(self, timeout: float | None) -> float:
        return self._core.connection.settings.seconds(timeout)
