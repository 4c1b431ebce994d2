"""Every error that a caller of the server can get, with its HTTP status and its one JSON form."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from types import MappingProxyType

import orjson

from serving.logs import log
from serving_contracts.errors import ERROR_STATUS, InvalidInput

#: HTTP status of each error code: the container's contract, and what any HTTP server says besides.
STATUS: Mapping[str, int] = MappingProxyType(
    {"NotFound": 404, "MethodNotAllowed": 405, **{str(code): status for code, status in ERROR_STATUS.items()}}
)


class ServingError(Exception):
    """An answer that is an error: ``{"error": {"code", "message", "field"?, "line"?, "hint"?}}``.

    ``line`` is the 1-based line of a JSON Lines body; ``field`` the path of the value at fault; ``headers``
    are sent beside the body (``Retry-After``).
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        line: int | None = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.line = line
        self.hint = hint
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """The HTTP status of this error's code."""
        return STATUS[self.code]

    @classmethod
    def from_invalid_input(cls, error: InvalidInput) -> ServingError:
        """The same fault as an answer."""
        return cls("InvalidInput", error.message, field=error.field, line=error.line, hint=error.hint)

    def to_json(self) -> bytes:
        """The body of the answer; what is unknown is left out."""
        details = {"field": self.field, "line": self.line, "hint": self.hint}
        known = {name: value for name, value in details.items() if value is not None}
        return orjson.dumps({"error": {"code": self.code, "message": self.message, **known}})


class ModelFailed(ServingError):
    """The handler raised. The caller gets an id; the trace is in the log, under that id, only."""

    def __init__(self, model: str) -> None:
        self.error_id = uuid.uuid4().hex[:12]
        super().__init__(
            "ModelFailed",
            f"The model {model!r} failed on this request (error id {self.error_id}).",
            hint=f"The container's log holds the cause: look for the error id {self.error_id}.",
        )


def model_failed(model: str, cause: BaseException) -> ModelFailed:
    """Log the trace of a handler's exception under a new id, and return the error that names only the id."""
    error = ModelFailed(model)
    log.error(
        "The model failed.",
        exc_info=cause,
        extra={"fields": {"error_id": error.error_id, "model": model}},
    )
    return error


class ClientGone(Exception):
    """The client hung up; there is nobody to answer."""


def deadline_exceeded(timeout_s: float) -> ServingError:
    """The answer to a request that was not done in ``timeout_s`` seconds."""
    return ServingError(
        "DeadlineExceeded",
        f"The request was not answered within {timeout_s:g} s.",
        hint="Send fewer or shorter items at a time, add instances, or raise SERVING_TIMEOUT_SECONDS.",
    )


def shutting_down() -> ServingError:
    """The answer to a request that reaches a server that is being stopped."""
    return ServingError(
        "ShuttingDown",
        "The server is stopping and takes no new requests.",
        hint="Send the request again: another instance will answer.",
        headers={"Connection": "close"},
    )
