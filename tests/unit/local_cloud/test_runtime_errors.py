"""What the runtime answers when hosting fails: a real HTTP server before a fleet that fails on demand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from botocore.eventstream import EventStreamBuffer
from fake_fleet import FakeFleet, FakeHosting

from local_cloud.hosting import (
    ContainerUnavailable,
    InvocationError,
    InvocationTimedOut,
    ModelError,
    NotReady,
    UnknownTarget,
)
from local_cloud.sagemaker import runtime
from local_cloud.sagemaker.api import ControlPlane
from local_cloud.sagemaker.errors import AwsError

LOG_STREAM = "arn:aws:logs:ap-northeast-2:123456789012:log-group:/aws/sagemaker/Endpoints/e"
MODEL_ERROR = {"original_status": 418, "original_message": "찻주전자", "log_stream_arn": LOG_STREAM}
TIMED_OUT = {"original_status": 0, "original_message": "timed out", "log_stream_arn": LOG_STREAM}


@pytest.fixture
async def fleet(plane: ControlPlane, with_config: Callable[..., Any], fake_hosting: FakeHosting) -> FakeFleet:
    """The fleet of the endpoint ``e``, InService."""
    with_config("CreateEndpoint", EndpointName="e", EndpointConfigName="c1")
    task = plane.endpoints.get("e").task
    assert task is not None
    await task
    return fake_hosting.fleets[0]


@pytest.fixture
async def url(plane: ControlPlane) -> AsyncIterator[str]:
    served = runtime.Runtime(plane.endpoints, account="123456789012")

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        route = runtime.PATH.fullmatch(request.path)
        assert route is not None
        try:
            return await served.handle(request, route.group(1), route.group(2), "request-1")
        except AwsError as error:
            return runtime.error_response(error, "request-1")

    server = TestServer(web.Application(middlewares=[]), host="127.0.0.1")
    server.app.router.add_route("*", "/{path:.*}", handle)
    await server.start_server()
    yield str(server.make_url("/endpoints/e"))
    await server.close()


async def post(url: str, body: bytes = b"x", **headers: str) -> tuple[int, dict[str, str], bytes]:
    async with ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        return response.status, {k.lower(): v for k, v in response.headers.items()}, await response.read()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UnknownTarget("no such container"), 400, "ValidationError"),
        (ModelError("it failed", **MODEL_ERROR), 424, "ModelError"),
        (InvocationTimedOut("too late", **TIMED_OUT), 424, "ModelError"),
        (NotReady("still loading"), 429, "ModelNotReadyException"),
        (ContainerUnavailable("restarting"), 503, "ServiceUnavailable"),
        (InvocationError("odd"), 500, "InternalFailure"),
    ],
)
@pytest.mark.parametrize("verb", ["invocations", "invocations-response-stream"])
async def test_an_error_of_hosting_has_awss_status_and_code(
    fleet: FakeFleet, url: str, error: InvocationError, status: int, code: str, verb: str
) -> None:
    fleet.answer = error
    answered, headers, body = await post(f"{url}/{verb}")
    members = json.loads(body)
    assert (answered, headers["x-amzn-errortype"]) == (status, code)
    assert members["Message"] == error.message
    assert headers["x-amzn-requestid"] == "request-1"
    if isinstance(error, ModelError):
        assert members["OriginalStatusCode"] == error.original_status
        assert members["OriginalMessage"] == error.original_message
        assert members["LogStreamArn"] == LOG_STREAM


@pytest.mark.parametrize(
    ("error", "kind", "members"),
    [
        (
            ModelError("cut off", **MODEL_ERROR),
            "ModelStreamError",
            {"Message": "cut off", "ErrorCode": "StreamBroken"},
        ),
        (
            InvocationTimedOut("too late", **TIMED_OUT),
            "ModelStreamError",
            {"Message": "too late", "ErrorCode": "ModelInvocationTimeExceeded"},
        ),
        (RuntimeError("a bug"), "InternalStreamFailure", {"Message": "The local cloud failed: a bug"}),
    ],
)
async def test_an_error_midway_is_the_last_frame_of_the_stream(
    fleet: FakeFleet, url: str, error: Exception, kind: str, members: dict[str, str]
) -> None:
    fleet.answer = [b"first", error]
    status, headers, body = await post(f"{url}/invocations-response-stream")
    assert (status, headers["content-type"]) == (200, "application/vnd.amazon.eventstream")
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    part, last = list(buffer)
    assert part.payload == b"first"
    assert last.headers[":exception-type"] == kind
    assert json.loads(last.payload) == members


async def test_what_the_request_says_reaches_the_fleet(fleet: FakeFleet, url: str) -> None:
    await post(
        f"{url}/invocations",
        b"body",
        **{
            "Content-Type": "application/jsonlines",
            "Accept": "application/json",
            "X-Amzn-SageMaker-Target-Container-Hostname": "sentiment",
            "X-Amzn-SageMaker-Target-Variant": "blue",
            "X-Amzn-SageMaker-Custom-Attributes": "a=b",
            "X-Amzn-SageMaker-Inference-Id": "id",
            "X-Amzn-SageMaker-Session-Id": "NEW_SESSION",
        },
    )
    [request] = fleet.requests
    assert request.body == b"body"
    assert (request.content_type, request.accept) == ("application/jsonlines", "application/json")
    assert (request.target_container, request.target_variant) == ("sentiment", "blue")
    assert (request.custom_attributes, request.inference_id) == ("a=b", "id")
    assert (request.session_id, request.stream) == ("NEW_SESSION", False)
    assert request.received_at is not None


async def test_the_streaming_call_has_a_header_of_its_own_for_accept(fleet: FakeFleet, url: str) -> None:
    fleet.answer = [b"piece"]
    await post(
        f"{url}/invocations-response-stream",
        **{"X-Amzn-SageMaker-Accept": "application/x-ndjson", "Accept": "*/*"},
    )
    assert fleet.requests[0].accept == "application/x-ndjson"
    assert fleet.requests[0].stream


async def test_a_body_without_a_declared_length_is_cut_off_at_the_limit(fleet: FakeFleet, url: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(27):
            yield b"x" * 2**20

    async with ClientSession() as session, session.post(f"{url}/invocations", data=pieces()) as response:
        assert response.status == 413
        assert "25 MB" in (await response.json())["Message"]
    assert fleet.requests == []
