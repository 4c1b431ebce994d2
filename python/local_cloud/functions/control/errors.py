"""The errors of Lambda's API: AWS's codes and words, and how they travel.

The Terraform provider and client libraries decide by code and, now and then, by a part of the message.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final

from botocore.model import StructureShape

from local_cloud.functions.control.answers import ControlAnswer
from local_cloud.functions.control.rest import service_model
from local_cloud.sagemaker.errors import AwsError

_JSON: Final = "application/json"


def not_found(message: str) -> AwsError:
    """A function, version, alias or configuration that does not exist."""
    return AwsError("ResourceNotFoundException", 404, message)


def function_not_found(arn: str) -> AwsError:
    """``arn``: with the qualifier that was asked for."""
    return not_found(f"Function not found: {arn}")


def conflict(message: str) -> AwsError:
    """What exists already, or cannot be changed at this time."""
    return AwsError("ResourceConflictException", 409, message)


def invalid_parameter(message: str) -> AwsError:
    """A value that the service model allows and Lambda does not."""
    return AwsError("InvalidParameterValueException", 400, message)


def constraint_broken(path: str, value: object, constraint: str) -> AwsError:
    """A ValidationException of one value. ``path``: as AWS writes it, ``ephemeralStorage.size``."""
    return AwsError(
        "ValidationException",
        400,
        f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: "
        f"{constraint}",
    )


def revision_changed() -> AwsError:
    """A RevisionId that is not the latest."""
    return AwsError(
        "PreconditionFailedException",
        412,
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
    )


def not_offered_here(what: str, instead: str) -> AwsError:
    """Something of AWS's that the local cloud does not do; ``instead``: what to do about it."""
    return invalid_parameter(f"{what} is not offered by the local cloud: {instead}")


def error_answer(error: AwsError, request_id: str) -> ControlAnswer:
    """``error`` as Lambda sends it: the code in a header, ``Type`` and the message in the body."""
    body: dict[str, Any] = {}
    message_member = _message_member(error.code)
    if message_member is not None:
        body["Type"] = "User" if error.http_status < 500 else "Service"
    body[message_member or "message"] = error.message
    body.update(error.extra)
    headers = {"Content-Type": _JSON, "x-amzn-RequestId": request_id, "x-amzn-ErrorType": error.code}
    return ControlAnswer(error.http_status, headers, json.dumps(body).encode())


@lru_cache(maxsize=64)
def _message_member(code: str) -> str | None:
    """``Message`` or ``message``, as the service model has it of this error; None where it has no such
    error."""
    model = service_model()
    if code not in model.shape_names:
        return None
    shape = model.shape_for(code)
    members = shape.members if isinstance(shape, StructureShape) else {}
    return next((name for name in members if name.lower() == "message"), None)
