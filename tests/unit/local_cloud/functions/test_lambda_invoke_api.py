"""The Invoke API, through a real gateway; what functions do is the test's."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from invoke_parts import PREFIX, Door, door, failed, until

from local_cloud.functions.invocation.events import service as event_service
from local_cloud.functions.invocation.events.store import EventStore
from local_cloud.functions.specs import (
    FunctionVersion,
    ImageRejected,
    InvocationRequest,
    InvocationResult,
    Stopping,
    Throttled,
)
from local_cloud.sagemaker.api import ControlPlane
from serving_contracts.limits import LAMBDA_EVENT_BYTES, LAMBDA_PAYLOAD_BYTES

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIA/20261124/ap-northeast-2/lambda/aws4_request, "
    f"SignedHeaders=host, Signature={'0' * 64}"
)


@pytest.fixture
async def gateway(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Door]:
    async with door(plane, tmp_path) as opened:
        yield opened


def answers(gateway: Door, result: InvocationResult | Exception) -> None:
    async def behave(_: FunctionVersion, request: InvocationRequest) -> InvocationResult:
        if isinstance(result, Exception):
            raise result
        return result

    gateway.execution.behave = behave


async def test_an_invocation_answers_what_the_function_returned(gateway: Door) -> None:
    status, headers, body = await gateway.invoke('{"글": 1}'.encode())
    assert (status, body.decode(), headers["Content-Type"]) == (200, '{"글": 1}', "application/json")
    assert headers["X-Amz-Executed-Version"] == "$LATEST"
    assert "X-Amz-Function-Error" not in headers
    assert "X-Amz-Log-Result" not in headers
    [request] = gateway.execution.requests
    assert request.request_id == headers["x-amzn-RequestId"]
    assert request.trace_id == headers["X-Amzn-Trace-Id"]
    assert (request.invoked_arn, request.resource) == (PREFIX + "echo", "echo")


async def test_an_invocation_without_a_body_has_an_empty_event(gateway: Door) -> None:
    assert (await gateway.invoke())[2] == b"{}"


async def test_the_end_of_the_log_comes_when_it_is_asked_for(gateway: Door) -> None:
    _, headers, _ = await gateway.invoke(X_Amz_Log_Type="Tail")
    assert base64.b64decode(headers["X-Amz-Log-Result"]) == b"REPORT a line\n"


async def test_a_function_error_is_an_answer_with_a_header(gateway: Door) -> None:
    answers(gateway, failed("out of memory", "7"))
    status, headers, body = await gateway.invoke()
    assert (status, headers["X-Amz-Function-Error"], headers["X-Amz-Executed-Version"]) == (
        200,
        "Unhandled",
        "7",
    )
    assert json.loads(body)["errorMessage"] == "out of memory"


@pytest.mark.parametrize(
    ("name", "query", "arn", "resource"),
    [
        ("echo", "?Qualifier=live", "echo:live", "echo:live"),
        ("echo:live", "", "echo:live", "echo:live"),
        ((PREFIX + "echo").replace(":", "%3A"), "?Qualifier=%24LATEST", "echo:$LATEST", "echo:$LATEST"),
        (PREFIX + "echo:3", "", "echo:3", "echo:3"),
    ],
)
async def test_names_arns_and_qualifiers_lead_to_a_version(
    gateway: Door, name: str, query: str, arn: str, resource: str
) -> None:
    status, _, _ = await gateway.call(f"/2015-03-31/functions/{name}/invocations{query}")
    assert status == 200
    [request] = gateway.execution.requests
    assert (request.invoked_arn, request.resource) == (PREFIX + arn, resource)


async def test_a_client_context_reaches_the_function_as_json(gateway: Door) -> None:
    context = base64.b64encode('{"custom": {"이름": 1}}'.encode()).decode()
    await gateway.invoke(X_Amz_Client_Context=context)
    [request] = gateway.execution.requests
    assert request.client_context is not None
    assert request.client_context.isascii()
    assert json.loads(request.client_context) == {"custom": {"이름": 1}}


@pytest.mark.parametrize("context", ["no base64!", "bm8ganNvbg==", "WzFd", "A" * 3584])
async def test_a_client_context_that_is_none_is_refused(gateway: Door, context: str) -> None:
    status, headers, body = await gateway.invoke(X_Amz_Client_Context=context)
    assert (status, headers["x-amzn-ErrorType"]) == (400, "InvalidRequestContentException")
    assert b"Client context must be a valid Base64-encoded JSON object." in body
    assert gateway.execution.requests == []


async def test_a_dry_run_checks_and_invokes_nothing(gateway: Door) -> None:
    assert (await gateway.invoke(X_Amz_Invocation_Type="DryRun"))[::2] == (204, b"")
    status, headers, _ = await gateway.invoke(name="absent", X_Amz_Invocation_Type="DryRun")
    assert (status, headers["x-amzn-ErrorType"]) == (404, "ResourceNotFoundException")
    assert gateway.execution.requests == []


async def test_an_event_is_accepted_at_once_and_done_later(gateway: Door) -> None:
    status, headers, body = await gateway.invoke(b'{"a": 1}', X_Amz_Invocation_Type="Event")
    assert (status, body) == (202, b"")
    await until(lambda: len(gateway.execution.requests) == 1)
    [request] = gateway.execution.requests
    assert (request.payload, request.request_id) == (b'{"a": 1}', headers["x-amzn-RequestId"])


async def test_the_old_invoke_async_is_an_event(gateway: Door) -> None:
    status, _, body = await gateway.call("/2014-11-13/functions/echo/invoke-async/", b"[1]")
    assert (status, json.loads(body)) == (202, {"Status": 202})
    await until(lambda: len(gateway.execution.requests) == 1)
    status, _, _ = await gateway.call(
        "/2014-11-13/functions/echo/invoke-async", json.dumps("x" * 262_144).encode()
    )
    assert status == 413


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"not json",
        b"{} {}",
        b"\xff\xfe",
        b'{"a": NaN}',
        b"Infinity",
        b" ",
        b"{'a': 1}",
        b"\xed\xa0\x80",
    ],
)
@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
async def test_what_is_no_json_is_refused_before_anything_starts(
    gateway: Door, body: bytes, kind: str
) -> None:
    status, headers, answer = await gateway.invoke(body, X_Amz_Invocation_Type=kind)
    assert (status, headers["x-amzn-ErrorType"]) == (400, "InvalidRequestContentException")
    message = json.loads(answer)["message"]
    assert message.startswith("Could not parse request body into json: Could not parse payload into json: ")
    assert gateway.execution.requests == []


async def test_json_of_any_size_and_depth_is_dealt_with(gateway: Door) -> None:
    numbers = b"[" + b"9" * 10_000 + b", 1e999999]"
    assert (await gateway.invoke(numbers))[::2] == (200, numbers)
    status, _, _ = await gateway.invoke(b"[" * 100_000 + b"]" * 100_000)
    assert status in (200, 400)


async def test_a_large_event_is_refused_in_awss_words(gateway: Door) -> None:
    largest = b'"' + b"x" * (LAMBDA_PAYLOAD_BYTES - 2) + b'"'
    status, _, body = await gateway.invoke(largest)
    assert (status, len(body)) == (200, LAMBDA_PAYLOAD_BYTES)
    status, headers, body = await gateway.invoke(largest + b" ")
    assert (status, headers["x-amzn-ErrorType"]) == (413, "RequestEntityTooLargeException")
    assert b"Request must be smaller than 6291456 bytes for the InvokeFunction operation" in body


async def test_an_asynchronous_event_may_have_less(gateway: Door) -> None:
    body = b'"' + b"x" * (LAMBDA_EVENT_BYTES - 2) + b'"'
    assert (await gateway.invoke(body, X_Amz_Invocation_Type="Event"))[0] == 202
    status, _, answer = await gateway.invoke(body + b" ", X_Amz_Invocation_Type="Event")
    assert status == 413
    assert b"smaller than 1048576 bytes" in answer


async def test_a_large_body_of_unknown_length_is_not_read_to_its_end(gateway: Door) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(7):
            yield b"x" * 1024 * 1024

    url = f"{gateway.url}/2015-03-31/functions/echo/invocations"
    async with gateway.http.post(url, data=pieces()) as answer:
        assert answer.status == 413


@pytest.mark.parametrize(
    ("error", "status", "code", "members"),
    [
        (
            Throttled("ReservedFunctionConcurrentInvocationLimitExceeded"),
            429,
            "TooManyRequestsException",
            {
                "Type": "User",
                "message": "Rate Exceeded.",
                "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
            },
        ),
        (ImageRejected("it is gone"), 409, "CodeArtifactUserFailedException", {"Type": "User"}),
        (RuntimeError("no process"), 500, "ServiceException", {"Type": "Service"}),
        (
            Stopping("no function runs any more"),
            500,
            "ServiceException",
            {
                "Type": "Service",
                "Message": "The local cloud is stopping, or its hosting is being restarted; "
                "try again shortly.",
            },
        ),
    ],
)
async def test_what_is_not_the_functions_fault_is_an_error_of_the_api(
    gateway: Door, error: Exception, status: int, code: str, members: dict[str, str]
) -> None:
    answers(gateway, error)
    found, headers, body = await gateway.invoke()
    assert (found, headers["x-amzn-ErrorType"]) == (status, code)
    assert members.items() <= json.loads(body).items()


@pytest.mark.parametrize("header", ["X_Amz_Invocation_Type", "X_Amz_Log_Type"])
async def test_a_word_that_is_no_choice_is_refused(gateway: Door, header: str) -> None:
    status, headers, body = await gateway.invoke(b"", **{header: "Later"})
    assert (status, headers["x-amzn-ErrorType"]) == (400, "ValidationException")
    assert b"'Later'" in body


async def test_a_full_queue_of_events_is_a_throttle(gateway: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_service, "LAMBDA_EVENT_BACKLOG", 0)
    status, headers, body = await gateway.invoke(X_Amz_Invocation_Type="Event")
    assert (status, headers["x-amzn-ErrorType"]) == (429, "TooManyRequestsException")
    assert json.loads(body)["Reason"] == "FunctionInvocationRateLimitExceeded"


async def _streamed(gateway: Door, body: bytes = b"", **headers: str) -> tuple[Any, list[Any]]:
    path = "/2021-11-15/functions/echo/response-streaming-invocations?Qualifier=live"
    status, fields, answer = await gateway.call(path, body, **headers)
    assert (status, fields["Content-Type"]) == (200, "application/vnd.amazon.eventstream")
    buffer = EventStreamBuffer()
    buffer.add_data(answer)
    return fields, list(buffer)


async def test_a_streamed_answer_is_the_buffered_one_in_pieces(gateway: Door) -> None:
    event = json.dumps("x" * 300_000).encode()
    headers, frames = await _streamed(gateway, event, X_Amz_Log_Type="Tail")
    assert headers["X-Amz-Executed-Version"] == "$LATEST"
    *chunks, end = frames
    assert {frame.headers[":event-type"] for frame in chunks} == {"PayloadChunk"}
    assert b"".join(frame.payload for frame in chunks) == event
    assert end.headers[":event-type"] == "InvokeComplete"
    assert base64.b64decode(json.loads(end.payload)["LogResult"]) == b"REPORT a line\n"


async def test_a_streamed_answer_that_failed_says_so_at_its_end(gateway: Door) -> None:
    answers(gateway, failed("no"))
    _, [end] = await _streamed(gateway)
    complete = json.loads(end.payload)
    assert complete["ErrorCode"] == "Unhandled"
    assert json.loads(complete["ErrorDetails"])["errorMessage"] == "no"


async def test_everything_else_of_lambda_goes_to_the_control_plane(gateway: Door) -> None:
    status, _, body = await gateway.call("/2015-03-31/functions/echo?Qualifier=a%20b", method="GET")
    assert (status, json.loads(body)) == (200, {"by": "control"})
    assert gateway.control.handled == [("GET", "/2015-03-31/functions/echo", "Qualifier=a%20b", b"")]


async def test_a_signed_request_that_lambda_does_not_know_is_refused_by_name(gateway: Door) -> None:
    status, headers, body = await gateway.call("/2099-01-01/nothing", Authorization=SIGNED)
    assert (status, headers["x-amzn-ErrorType"]) == (400, "UnknownOperationException")
    assert b"/2099-01-01/nothing" in body


async def test_a_web_page_cannot_invoke_a_function_through_the_api(gateway: Door) -> None:
    status, _, _ = await gateway.invoke(Origin="https://page.example")
    assert status == 403
    assert gateway.execution.requests == []


async def test_the_status_shows_functions_with_environments_and_events(gateway: Door) -> None:
    await gateway.invoke(X_Amz_Invocation_Type="Event")
    await until(lambda: gateway.service.state()[0]["event_queue"]["done"] == 1)
    [function] = gateway.service.state()
    assert function["environments"] == [{"status": "Idle"}]
    assert function["event_queue"]["failed"] == 0


async def test_a_restart_keeps_events_and_ends_environments(gateway: Door) -> None:
    answers(gateway, Throttled("ConcurrentInvocationLimitExceeded"))
    await gateway.invoke(X_Amz_Invocation_Type="Event")
    await until(lambda: len(gateway.execution.requests) >= 1)
    answers(gateway, failed())
    await gateway.service.restart()
    assert gateway.execution.closed
    await until(lambda: gateway.service.state()[0]["event_queue"]["failed"] == 1)
    status, _, _ = await gateway.invoke()
    assert status == 200


async def test_an_event_that_comes_during_a_restart_is_taken_after_it(
    gateway: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = asyncio.Event()
    monkeypatch.setattr(gateway.execution, "close", may_end.wait)
    restart = asyncio.create_task(gateway.service.restart())
    event = asyncio.create_task(gateway.invoke(b"", X_Amz_Invocation_Type="Event"))
    done, _ = await asyncio.wait({event}, timeout=0.1)
    assert not done
    may_end.set()
    await restart
    assert (await event)[0] == 202
    await until(lambda: gateway.service.state()[0]["event_queue"]["done"] == 1)


async def test_an_event_that_the_disk_does_not_take_is_not_accepted(
    gateway: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(EventStore, "add", full)
    status, headers, body = await gateway.invoke(b"", X_Amz_Invocation_Type="Event")
    assert (status, headers["x-amzn-ErrorType"]) == (500, "ServiceException")
    assert b"disk is full" in body
    assert gateway.service.state()[0]["event_queue"]["queued"] == 0
