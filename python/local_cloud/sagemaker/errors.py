"""The errors SageMaker answers with, as one exception and a few named ways to make it.

Messages are AWS's own where they are known (public issue threads and the provider's sources match on them:
the Terraform provider decides by ``Could not find …`` and ``Cannot create already existing …``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AwsError(Exception):
    """An AWS error answer.

    Attributes:
        code: AWS's error code, such as ``ValidationException``.
        http_status: the HTTP status of the answer.
        message: what the caller reads.
        extra: further members of the error body, such as ``OriginalStatusCode`` of a ModelError.
    """

    def __init__(
        self, code: str, http_status: int, message: str, extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.http_status = http_status
        self.message = message
        self.extra: Mapping[str, Any] = extra or {}


def validation_exception(message: str) -> AwsError:
    """What the control plane refuses a request with."""
    return AwsError("ValidationException", 400, message)


def validation_error(message: str, http_status: int = 400) -> AwsError:
    """What the runtime refuses a request with (the runtime says Error where the control plane says
    Exception)."""
    return AwsError("ValidationError", http_status, message)


def serialization_exception(message: str) -> AwsError:
    """The body is not JSON, or a member has the wrong JSON type."""
    return AwsError("SerializationException", 400, message)


def unknown_operation(operation: str, reason: str) -> AwsError:
    """An operation AWS does not have, or that the local cloud does not offer; ``reason`` says which."""
    return AwsError("UnknownOperationException", 400, f"{operation}: {reason}")


def already_exists(kind: str, arn: str) -> AwsError:
    """``kind`` is ``model``, ``endpoint configuration`` or ``endpoint``."""
    return validation_exception(f'Cannot create already existing {kind} "{arn}".')


def not_found(kind: str, arn: str) -> AwsError:
    """``kind`` is ``model``, ``endpoint configuration`` or ``endpoint``."""
    return validation_exception(f'Could not find {kind} "{arn}".')


def stopping() -> AwsError:
    """A change that arrives while the local cloud ends: nothing would be left of it."""
    return AwsError("ServiceUnavailable", 503, "The local cloud is stopping; start it again and repeat this.")


def restarting() -> AwsError:
    """A request that arrives while hosting is restarted; boto3 tries it again."""
    return AwsError(
        "ServiceUnavailable", 503, "The local cloud's hosting is being restarted; try again shortly."
    )


def too_many_instances(instance_type: str, asked: int, limit: int) -> AwsError:
    """More instances of one variant than the local cloud starts, in the words of AWS's quota."""
    return AwsError(
        "ResourceLimitExceeded",
        400,
        f"The account-level service limit '{instance_type} for endpoint usage' is {limit} Instances, "
        f"with current utilization of 0 Instances and a request delta of {asked} Instances. "
        "The local cloud runs every container as a process of this machine: ask for fewer.",
    )


def throttled() -> AwsError:
    """More requests at once than a serverless endpoint's MaxConcurrency: AWS answers ``{"message":null}``
    (ml-commons #2429)."""
    return AwsError("ThrottlingException", 400, "", {"message": None})


def in_progress(arn: str) -> AwsError:
    """Update or delete of an endpoint that is still being created, updated or deleted."""
    return validation_exception(f'Cannot update in-progress endpoint "{arn}".')
