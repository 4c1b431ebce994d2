"""Everything that a call can end with.

::

    ServingError                          root: catch this to catch all
    ├── InvalidRequest    (ValueError)       the request breaks its contract; carries field, line, item, hint
    ├── ServingTimeout    (TimeoutError)     no answer within the deadline
    ├── Throttled         (RuntimeError)     too many requests, and still after every retry
    ├── Unavailable       (ConnectionError)  nothing could be reached, or nobody there could answer
    ├── ModelFailed       (RuntimeError)     the container answered that it failed, or not what the task says
    ├── JobFailed         (RuntimeError)     a job ended without an answer; carries what was said of it
    ├── JobExpired        (RuntimeError)     it waited longer in the queue than it may: it was never run
    ├── AccessDenied      (PermissionError)  no credentials, or not allowed
    ├── EndpointNotFound  (LookupError)      no such endpoint or function, or none that serves the task
    ├── CatalogNotFound   (LookupError)      nothing is deployed under that environment
    └── InvalidCatalog    (ValueError)       what is published there is no catalog that this version reads

Each inherits the builtin in brackets, so code that knows nothing of this library can handle it.
``str(error)`` says the cause, and the next step in brackets at the end.

Throttled, Unavailable and a container that died were retried before they are raised; ``attempts`` counts.
"""

from __future__ import annotations

from typing import Any

from serving_contracts.errors import describe


class ServingError(Exception):
    """Root of every error of this library.

    message: what happened. hint: what to do next, or None. endpoint_name: the endpoint or function that was
    called. attempts: how many times it was tried (0: it was never sent). request_id: AWS's, for a support
    case. log_stream_arn: where the container's log is, where AWS named it. accepted: the ids of the jobs that
    the same call had submitted when this came in between; each can be waited for with ``session.job(id)``.
    """

    about_size: bool = False
    """Whether the same items may go through in smaller requests; bulk calls then send them so."""
    about_items: bool = False
    """Whether some of the items that were sent are to blame, rather than the call as a whole."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        endpoint_name: str | None = None,
        attempts: int = 0,
        request_id: str | None = None,
        log_stream_arn: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.endpoint_name = endpoint_name
        self.attempts = attempts
        self.request_id = request_id
        self.log_stream_arn = log_stream_arn
        self.accepted: tuple[str, ...] = ()

    def __str__(self) -> str:
        tries = f", after {self.attempts} attempts" if self.attempts > 1 else ""
        return describe(f"{self.message}{tries}", hint=self.hint)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message), self.__dict__.copy()


def _rebuild(kind: type[ServingError], message: str) -> ServingError:
    return kind(message)


class InvalidRequest(ServingError, ValueError):
    """The request breaks its contract; sending it again will not help.

    field: the JSON field, or None. item: index of the item in the caller's list or iterable, from 0; None for
    a single call. line: the same, counted from 1, as in a JSON Lines file.
    """

    not_there: bool = False
    """Whether what it asked S3 for does not exist."""

    def __init__(
        self, message: str, *, field: str | None = None, item: int | None = None, **details: Any
    ) -> None:
        super().__init__(message, **details)
        self.field = field
        self.item = item

    @property
    def line(self) -> int | None:
        """Place of the item, counted from 1; None for a single call."""
        return None if self.item is None else self.item + 1

    def __str__(self) -> str:
        return describe(self.message, field=self.field, line=self.line, hint=self.hint)


class ServingTimeout(ServingError, TimeoutError):
    """No answer within the deadline. The prediction may still be running; asking again is safe."""


class Throttled(ServingError, RuntimeError):
    """Too many requests for what is deployed, and still so after the retries that the deadline allowed."""


class Unavailable(ServingError, ConnectionError):
    """Nothing could be reached, or nobody there could answer, and still so after every retry."""


class ModelFailed(ServingError, RuntimeError):
    """The container or function failed on this request, or answered what the task does not know.

    original_status: the HTTP status that the container answered with; None where it did not answer.
    item: index of the item that it failed on, from 0, where that is known.
    """

    def __init__(
        self, message: str, *, original_status: int | None = None, item: int | None = None, **details: Any
    ) -> None:
        super().__init__(message, **details)
        self.original_status = original_status
        self.item = item


class JobFailed(ServingError, RuntimeError):
    """A job ended without an answer. Submitting it again helps only where the cause passes.

    job_id, inference_id: which job. reason: SageMaker's own sentence, where a notice brought one.
    failure_location: the S3 object that says why, where the endpoint writes one. original_message: what the
    container said. original_status: its HTTP status. code, field: of this platform's containers (see
    docs/errors.md): ``InvalidInput`` is the file's fault, ``ModelFailed`` the model's.
    """

    def __init__(
        self,
        message: str,
        *,
        job_id: str = "",
        inference_id: str = "",
        reason: str | None = None,
        failure_location: str | None = None,
        original_message: str | None = None,
        original_status: int | None = None,
        code: str | None = None,
        field: str | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message, **details)
        self.job_id = job_id
        self.inference_id = inference_id
        self.reason = reason
        self.failure_location = failure_location
        self.original_message = original_message
        self.original_status = original_status
        self.code = code
        self.field = field


class JobExpired(ServingError, RuntimeError):
    """A job waited in the queue for longer than ``ttl_seconds``, so it was never run.

    job_id, inference_id: which job. reason: SageMaker's own sentence, where a notice brought one.
    """

    def __init__(
        self,
        message: str,
        *,
        job_id: str = "",
        inference_id: str = "",
        reason: str | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message, **details)
        self.job_id = job_id
        self.inference_id = inference_id
        self.reason = reason


class AccessDenied(ServingError, PermissionError):
    """No credentials were found, or they do not allow the call."""


class EndpointNotFound(ServingError, LookupError):
    """No such endpoint or function in this account and region, or none in the catalog for the task."""


class CatalogNotFound(ServingError, LookupError):
    """Nothing is deployed under this environment in this region."""


class InvalidCatalog(ServingError, ValueError):
    """What is published under the environment is no catalog that this version can read."""
