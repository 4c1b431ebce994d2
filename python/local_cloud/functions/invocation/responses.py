"""HTTP answers of the Invoke API and of function URLs."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping

from aiohttp import web

from local_cloud.functions.control.answers import ControlAnswer
from local_cloud.functions.control.errors import error_answer
from local_cloud.functions.specs import InvocationResult
from local_cloud.sagemaker.errors import AwsError

JSON = "application/json"


def from_control(answer: ControlAnswer, request_id: str) -> web.Response:
    """An answer of the control plane."""
    response = web.Response(status=answer.status, body=answer.body, headers=answer.headers)
    response.headers.setdefault("x-amzn-RequestId", request_id)
    return response


def from_error(error: AwsError, request_id: str) -> web.Response:
    """An error as Lambda's API writes it."""
    return from_control(error_answer(error, request_id), request_id)


def bare(status: int, request_id: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer without a body."""
    return web.Response(status=status, headers={"x-amzn-RequestId": request_id, **(headers or {})})


def result_headers(result: InvocationResult, *, tail: bool) -> dict[str, str]:
    """What is told of an invocation beside its payload."""
    fields = {"X-Amz-Executed-Version": result.executed_version}
    if result.function_error is not None:
        fields["X-Amz-Function-Error"] = result.function_error
    if tail:
        fields["X-Amz-Log-Result"] = base64.b64encode(result.log_tail).decode()
    return fields


def trace_id(given: str | None) -> str:
    """The caller's X-Amzn-Trace-Id, else a new one; nothing is traced."""
    if given and len(given) <= 256 and given.isascii() and given.isprintable():
        return given
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Sampled=0"
