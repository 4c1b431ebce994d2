"""SageMaker's runtime over HTTP: which endpoint a call goes to, real-time invocations, and errors.

Asynchronous invocations: :mod:`local_cloud.sagemaker.async_runtime`.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from aiohttp import web
from botocore.model import OperationModel

from local_cloud.asynchronous import AsyncEndpoint
from local_cloud.bounded_body import read_bounded
from local_cloud.hosting.errors import (
    ContainerUnavailable,
    InvocationError,
    InvocationTimedOut,
    ModelError,
    NotReady,
    Throttled,
    UnknownTarget,
)
from local_cloud.hosting.specs import ByteStream, HostedFleet, InvokeRequest, InvokeResponse
from local_cloud.sagemaker import async_runtime, event_stream, headers
from local_cloud.sagemaker.endpoint import Endpoint, EndpointStatus
from local_cloud.sagemaker.endpoints import Endpoints
from local_cloud.sagemaker.errors import AwsError, restarting, throttled, validation_error
from serving_contracts.limits import MIB, REALTIME_PAYLOAD_BYTES, SERVERLESS_PAYLOAD_BYTES

log = logging.getLogger(__name__)

PATH: Final = re.compile(r"/endpoints/([^/]+)/(invocations|invocations-response-stream|async-invocations)")
_OPERATIONS: Final[Mapping[str, str]] = {
    "invocations": "InvokeEndpoint",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
    "async-invocations": async_runtime.OPERATION,
}
_SERVING: Final = (
    EndpointStatus.IN_SERVICE,
    EndpointStatus.UPDATING,
    EndpointStatus.ROLLING_BACK,
    EndpointStatus.SYSTEM_UPDATING,
)


class Runtime:
    """Serves invocations from the fleets of the control plane's endpoints."""

    def __init__(self, endpoints: Endpoints, *, account: str) -> None:
        self._endpoints = endpoints
        self._account = account

    async def handle(
        self, request: web.BaseRequest, name: str, verb: str, request_id: str
    ) -> web.StreamResponse:
        """Answers ``POST /endpoints/<name>/<verb>``.

        Raises:
            AwsError: every failure before the first byte of the answer; later ones are frames of the stream.
        """
        received_at = time.perf_counter()
        operation = _OPERATIONS[verb]
        if operation == async_runtime.OPERATION:
            submission = await async_runtime.read_submission(request, name)
            return await async_runtime.accept(self._queue(name), submission, request_id)
        parameters = _parameters(headers.operation_model(operation), name, request)
        body = await _body(request, self._payload_limit(name), request_id)
        fleet = self._fleet(name)
        invocation = InvokeRequest(
            body=body,
            content_type=parameters.get("ContentType"),
            accept=parameters.get("Accept"),
            target_container=parameters.get("TargetContainerHostname"),
            target_variant=parameters.get("TargetVariant"),
            custom_attributes=parameters.get("CustomAttributes"),
            inference_id=parameters.get("InferenceId"),
            session_id=parameters.get("SessionId"),
            stream=operation == "InvokeEndpointWithResponseStream",
            received_at=received_at,
        )
        try:
            answer = await fleet.invoke(invocation)
        except InvocationError as error:
            raise as_aws_error(error) from error
        if isinstance(answer.body, bytes):
            return _plain_response(answer, answer.body, request_id)
        return await _stream_response(request, answer, answer.body, request_id)

    def _fleet(self, name: str) -> HostedFleet:
        endpoint = self._serving(name)
        if endpoint.is_asynchronous:
            raise validation_error(
                f"Endpoint {name} of account {self._account} is asynchronous (its configuration has an "
                "AsyncInferenceConfig): it takes InvokeEndpointAsync only."
            )
        if endpoint.live is None:
            raise restarting()
        return endpoint.live.fleet

    def _payload_limit(self, name: str) -> int:
        endpoint = self._endpoints.find_exact(name)
        serverless = endpoint is not None and endpoint.live is not None and endpoint.live.is_serverless
        return SERVERLESS_PAYLOAD_BYTES if serverless else REALTIME_PAYLOAD_BYTES

    def _queue(self, name: str) -> AsyncEndpoint:
        endpoint = self._serving(name)
        if not endpoint.is_asynchronous:
            raise validation_error(
                f"Endpoint {name} of account {self._account} is not asynchronous: it takes InvokeEndpoint. "
                "AsyncInferenceConfig in an endpoint's configuration makes it asynchronous."
            )
        if endpoint.asynchronous is None:
            raise restarting()
        return endpoint.asynchronous

    def _serving(self, name: str) -> Endpoint:
        """Raises AwsError unless the endpoint takes requests."""
        endpoint = self._endpoints.find_exact(name)
        if endpoint is not None and endpoint.status in _SERVING:
            return endpoint
        raise validation_error(
            f"Endpoint {name} of account {self._account} not found.{_why_not_serving(endpoint)}"
        )


def as_aws_error(error: InvocationError) -> AwsError:
    """The runtime's error for what went wrong in hosting."""
    if isinstance(error, UnknownTarget):
        return validation_error(error.message)
    if isinstance(error, ModelError):
        extra = {
            "OriginalStatusCode": error.original_status,
            "OriginalMessage": error.original_message,
            "LogStreamArn": error.log_stream_arn,
        }
        return AwsError("ModelError", 424, error.message, extra)
    if isinstance(error, Throttled):
        return throttled()
    if isinstance(error, NotReady):
        return AwsError("ModelNotReadyException", 429, error.message)
    if isinstance(error, ContainerUnavailable):
        return AwsError("ServiceUnavailable", 503, error.message)
    return AwsError("InternalFailure", 500, error.message)


def _why_not_serving(endpoint: Endpoint | None) -> str:
    if endpoint is None:
        return ""
    hint = {
        EndpointStatus.CREATING: " Its status is Creating: wait until it is InService.",
        EndpointStatus.DELETING: " Its status is Deleting.",
        EndpointStatus.FAILED: " Its status is Failed: DescribeEndpoint gives the FailureReason.",
    }
    return hint.get(endpoint.status, "")


def _parameters(operation: OperationModel, endpoint_name: str, request: web.BaseRequest) -> Mapping[str, str]:
    parameters = headers.members(operation, endpoint_name, request)
    _check(operation, tuple(parameters.items()))
    return parameters


@lru_cache(maxsize=1024)
def _check(operation: OperationModel, parameters: tuple[tuple[str, str], ...]) -> None:
    """Raises AwsError for a header that the service model refuses. Remembered: callers repeat themselves."""
    headers.check(operation, dict(parameters))


async def _body(request: web.BaseRequest, limit: int, request_id: str) -> bytes:
    """The whole body. Raises AwsError once it is known to be over AWS's limit, without keeping it."""
    return await read_bounded(request, limit, lambda size: _too_large(size, limit, request_id))


def _too_large(size: int, limit: int, request_id: str) -> AwsError:
    if limit == SERVERLESS_PAYLOAD_BYTES:  # AWS's sentence: sagemaker-python-sdk #4271
        return validation_error(
            f"Request {request_id} has oversize body. It has {size} bytes or more, a serverless endpoint "
            f"takes {limit // MIB} MB. Send several smaller requests.",
            http_status=413,
        )
    return validation_error(
        f"HTTP content length exceeded {REALTIME_PAYLOAD_BYTES} bytes: the request has {size} bytes or more, "
        f"a real-time invocation takes {REALTIME_PAYLOAD_BYTES // MIB} MB. Send several smaller requests.",
        http_status=413,
    )


def _plain_response(answer: InvokeResponse, body: bytes, request_id: str) -> web.Response:
    fields = _response_headers(answer, request_id)
    if answer.content_type is not None:
        fields["Content-Type"] = answer.content_type
    if answer.new_session_id is not None:
        fields["X-Amzn-SageMaker-New-Session-Id"] = answer.new_session_id
    if answer.closed_session_id is not None:
        fields["X-Amzn-SageMaker-Closed-Session-Id"] = answer.closed_session_id
    return web.Response(status=200, body=body, headers=fields)


async def _stream_response(
    request: web.BaseRequest, answer: InvokeResponse, body: ByteStream, request_id: str
) -> web.StreamResponse:
    fields = _response_headers(answer, request_id) | {"Content-Type": event_stream.CONTENT_TYPE}
    if answer.content_type is not None:
        fields["X-Amzn-SageMaker-Content-Type"] = answer.content_type
    response = web.StreamResponse(status=200, headers=fields)
    try:
        await response.prepare(request)
        try:
            async for piece in body:
                for part in event_stream.payload_parts(piece):
                    await response.write(part)
        except InvocationTimedOut as error:
            await response.write(
                event_stream.model_stream_error(error.message, "ModelInvocationTimeExceeded")
            )
        except InvocationError as error:
            await response.write(event_stream.model_stream_error(error.message, "StreamBroken"))
        except ConnectionError:
            raise  # the caller went away: nobody is left to tell
        except Exception as error:
            log.exception("streaming an answer failed")
            await response.write(event_stream.internal_stream_failure(f"The local cloud failed: {error}"))
        await response.write_eof()
    except ConnectionError:
        log.info("the caller left before the end of a streamed answer")
    finally:
        await body.aclose()
    return response


def _response_headers(answer: InvokeResponse, request_id: str) -> dict[str, str]:
    fields = {"x-amzn-RequestId": request_id, "x-Amzn-Invoked-Production-Variant": answer.invoked_variant}
    if answer.custom_attributes is not None:
        fields["X-Amzn-SageMaker-Custom-Attributes"] = answer.custom_attributes
    return fields


def error_response(error: AwsError, request_id: str) -> web.Response:
    """An error of the runtime in REST-JSON: the code is a header, the members are the body."""
    members = ({"Message": error.message} if error.message else {}) | dict(error.extra)
    fields = {
        "x-amzn-RequestId": request_id,
        "x-amzn-ErrorType": error.code,
        "Content-Type": "application/json",
    }
    return web.Response(status=error.http_status, body=_compact(members), headers=fields)


def _compact(members: Mapping[str, object]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()
