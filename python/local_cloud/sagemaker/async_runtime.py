"""SageMaker's runtime: InvokeEndpointAsync over HTTP."""

from __future__ import annotations

import json
import logging
import sqlite3
from typing import Any, Final

from aiohttp import web

from local_cloud.asynchronous import AsyncEndpoint, BacklogFull, Submission
from local_cloud.asynchronous.locations import InvalidLocation, parse_object
from local_cloud.sagemaker import headers
from local_cloud.sagemaker.errors import AwsError, validation_error
from serving_contracts.limits import (
    ASYNC_INLINE_BODY_BYTES,
    ASYNC_INVOCATION_TIMEOUT_SECONDS,
    ASYNC_REQUEST_TTL_SECONDS,
)

OPERATION: Final = "InvokeEndpointAsync"

_log = logging.getLogger(__name__)


async def read_submission(request: web.BaseRequest, endpoint_name: str) -> Submission:
    """The request that an HTTP request carries. Raises AwsError if SageMaker would refuse it."""
    operation = headers.operation_model(OPERATION)
    given = headers.members(operation, endpoint_name, request)
    headers.check(operation, given)
    body = await _inline_body(request)
    location = given.get("InputLocation")
    if (location is None) == (body is None):
        raise validation_error(
            "Exactly one of InputLocation and Body must be provided: where the request's body lies in S3, or "
            f"the body itself, up to {ASYNC_INLINE_BODY_BYTES} bytes."
        )
    if location is not None:
        try:
            parse_object(location)
        except InvalidLocation as error:
            raise validation_error(f"InputLocation: {error}") from None
    return Submission(
        input_location=location,
        body=body,
        content_type=given.get("ContentType"),
        accept=given.get("Accept"),
        custom_attributes=given.get("CustomAttributes"),
        inference_id=given.get("InferenceId"),
        ttl_s=given.get("RequestTTLSeconds", ASYNC_REQUEST_TTL_SECONDS),
        timeout_s=given.get("InvocationTimeoutSeconds", ASYNC_INVOCATION_TIMEOUT_SECONDS),
        output_extension=given.get("S3OutputPathExtension"),
        filename=given.get("Filename"),
    )


async def accept(endpoint: AsyncEndpoint, submission: Submission, request_id: str) -> web.Response:
    """Queues a request and answers 202. Raises AwsError: ThrottlingException, InternalFailure."""
    try:
        accepted = await endpoint.submit(submission)
    except BacklogFull as error:
        raise AwsError("ThrottlingException", 400, f"Rate exceeded. {error}") from error
    except (sqlite3.Error, OSError, RuntimeError) as error:
        _log.exception("an asynchronous request of endpoint %s could not be queued", endpoint.name)
        raise AwsError("InternalFailure", 500, f"The request could not be queued: {error}") from error
    answer = {
        "x-amzn-RequestId": request_id,
        "Content-Type": "application/json",
        "X-Amzn-SageMaker-OutputLocation": accepted.output_location,
    }
    if accepted.failure_location is not None:
        answer["X-Amzn-SageMaker-FailureLocation"] = accepted.failure_location
    content: dict[str, Any] = {"InferenceId": accepted.inference_id}
    return web.Response(status=202, body=json.dumps(content).encode(), headers=answer)


async def _inline_body(request: web.BaseRequest) -> bytes | None:
    """The body, None for an empty one. Raises AwsError once it is known to be over the limit."""
    body = bytearray()
    if (request.content_length or 0) > ASYNC_INLINE_BODY_BYTES:
        raise _too_large(request.content_length or 0)
    if request.body_exists:
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > ASYNC_INLINE_BODY_BYTES:
                raise _too_large(len(body))
    return bytes(body) or None


def _too_large(size: int) -> AwsError:
    return validation_error(
        f"The Body of an asynchronous request has at most {ASYNC_INLINE_BODY_BYTES} bytes; this one has "
        f"{size} or more. Upload it to S3 and give its InputLocation."
    )
