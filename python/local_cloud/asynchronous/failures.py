"""How a request fails: the reason in AWS's words followed by what helps, and the failure object.

AWS's own sentence (observed in notices) is ``ClientError: Received server error (500) from model. See the
SageMaker Endpoint logs in your account for more information.``; the rest is ours.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Final

from local_cloud.asynchronous.inputs import InputFailed
from local_cloud.asynchronous.requests import AsyncRequest
from local_cloud.asynchronous.results import AnswerRefused, UploadFailed
from local_cloud.hosting.errors import ContainerDied, InvocationTimedOut, ModelError
from serving_contracts.limits import ASYNC_CRASHES, ASYNC_REFUSALS

_QUOTED_CHARACTERS: Final = 1_000
"""Of a container's message in a reason: a notice must stay far below the 256 KB of SNS."""


class FailureKind(Enum):
    """What failed: each kind has its metric."""

    DOWNLOAD = "download"
    INVOCATION = "invocation"
    UPLOAD = "upload"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed.

    Attributes:
        reason: for the notice's ``failureReason``.
        body, content_type: of the failure object: the container's own answer where it gave one, as on AWS;
            else JSON with the reason.
        answer: the container's answer, for the notice; None where it gave none.
    """

    kind: FailureKind
    reason: str
    body: bytes
    content_type: str | None
    answer: bytes | None = None


def download(error: InputFailed) -> Failure:
    """The input object cannot be read."""
    return _ours(FailureKind.DOWNLOAD, f"ClientError: {error}")


def upload(error: UploadFailed) -> Failure:
    """The answer is there, and S3 did not take it."""
    return _ours(FailureKind.UPLOAD, f"ClientError: {error}")


def malformed(error: AnswerRefused) -> Failure:
    """The container answered 2xx with something that cannot be a result."""
    return _ours(FailureKind.INVOCATION, f"ClientError: {error}.")


def expired(request: AsyncRequest) -> Failure:
    """It waited for longer than it may."""
    return _ours(
        FailureKind.EXPIRED,
        f"ClientError: The request expired: it waited for more than {request.ttl_s} seconds "
        "(RequestTTLSeconds) and was not processed. Is an instance in service?",
    )


def invocation(error: ModelError, request: AsyncRequest) -> Failure:
    """The container failed, was too slow, broke its answer off, or ended again and again."""
    if isinstance(error, InvocationTimedOut):
        said = f"It did not answer within {request.timeout_s} seconds (InvocationTimeoutSeconds)."
    elif isinstance(error, ContainerDied):
        said = (
            f"The container ended {ASYNC_CRASHES} times while it had this request, which is given up: "
            f"{error.original_message}."
        )
    elif error.original_status == 0:
        said = f"Its answer is not valid HTTP or incomplete: {error.original_message}."
    else:
        said = f"It answered: {_quoted(error.original_message)}"
        if request.refusals + 1 >= ASYNC_REFUSALS:
            said += f" (It refused this request {request.refusals + 1} times.)"
    status = error.original_status
    side = "client" if 400 <= status < 500 else "server"
    reason = (
        f"ClientError: Received {side} error ({status}) from model. See the SageMaker Endpoint logs in your "
        f"account for more information. {said}"
    )
    if status:
        return Failure(FailureKind.INVOCATION, reason, error.body, error.content_type, answer=error.body)
    return _ours(FailureKind.INVOCATION, reason)


def internal(error: Exception) -> Failure:
    """The local cloud itself failed."""
    return _ours(
        FailureKind.INVOCATION,
        f"InternalFailure: The local cloud failed ({type(error).__name__}: {error}); its log says more.",
    )


def _ours(kind: FailureKind, reason: str) -> Failure:
    body = json.dumps({"failureReason": reason}, ensure_ascii=False).encode()
    return Failure(kind, reason, body, "application/json")


def _quoted(message: str) -> str:
    text = message.strip()
    if len(text) > _QUOTED_CHARACTERS:
        text = text[:_QUOTED_CHARACTERS] + "…"
    return text or "(nothing)"
