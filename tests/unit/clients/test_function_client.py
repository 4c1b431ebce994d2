"""A Lambda function that is asked directly."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import function_stand_in as functions
import pytest
import runtime_stand_in as stand_in
from function_stand_in import FUNCTION, body_of, event_of
from runtime_stand_in import Action, Reply, Runtime

from serving_clients import (
    AccessDenied,
    AsyncFunctionClient,
    EndpointNotFound,
    FunctionClient,
    InvalidRequest,
    ModelFailed,
    Sentiment,
    ServingError,
    ServingTimeout,
    Similarity,
    Throttled,
    Unavailable,
)
from serving_contracts import ContainerError
from serving_contracts.errors import ERROR_STATUS
from serving_contracts.limits import LAMBDA_EVENT_BYTES, LAMBDA_PAYLOAD_BYTES


@pytest.fixture
def function(runtime: Runtime) -> Iterator[FunctionClient]:
    runtime.answer = functions.works
    with FunctionClient(FUNCTION, env="local", endpoint_url=runtime.url, timeout=20) as client:
        yield client


def test_a_text_travels_as_an_http_event_to_the_alias(function: FunctionClient, runtime: Runtime) -> None:
    assert function.sentiment("좋아") == Sentiment("Pos", 0.75)
    call = runtime.calls[0]
    assert call.path == f"/2015-03-31/functions/{FUNCTION}/invocations?Qualifier=live"
    assert call.headers["x-amz-invocation-type"] == "RequestResponse"
    event = event_of(call)
    assert event["version"] == "2.0"
    assert event["headers"] == {"content-type": "application/json", "accept": "application/json"}
    assert event["requestContext"]["http"]["method"] == "POST"
    assert (event["body"], event["isBase64Encoded"]) == ('{"text":"좋아"}', False)


def test_a_list_travels_as_lines(function: FunctionClient, runtime: Runtime) -> None:
    answers = function.sentiment(["좋아", "싫어"] * 50)
    assert [answer.predicted_label for answer in answers] == ["Pos", "Neg"] * 50
    assert [event_of(call)["headers"]["content-type"] for call in runtime.calls] == [
        "application/jsonlines"
    ] * 2
    assert function.similarity([("가", "가"), ("가", "나")]) == [Similarity(5.0), Similarity(1.0)]


def test_a_refused_item_is_placed_in_the_callers_list(function: FunctionClient) -> None:
    with pytest.raises(InvalidRequest, match="line 71, field 'text': is refused"):
        function.sentiment(["좋아"] * 70 + ["refuse"])
    answers = list(function.predict("sentiment", ["좋아", "refuse", "싫어"], on_error="return"))
    assert [type(answer) for answer in answers] == [Sentiment, InvalidRequest, Sentiment]


def test_long_texts_are_cut_into_events_that_lambda_takes(function: FunctionClient, runtime: Runtime) -> None:
    quoted = '"' * 90_000  # written in JSON, and that again in an event, it is four times as long
    assert len(function.sentiment([quoted] * 70)) == 70
    assert max(len(call.body) for call in runtime.calls) <= LAMBDA_PAYLOAD_BYTES
    assert len(runtime.calls) > 1


def test_a_body_that_is_no_text_is_base64(function: FunctionClient, runtime: Runtime) -> None:
    runtime.answer = functions.returns(
        {
            "statusCode": 200,
            "headers": {"Content-Type": "image/jpeg"},
            "body": "/9j/",
            "isBase64Encoded": True,
        }
    )
    result = function.invoke(
        b"\xff\xd8\xff", "image/png", accept="image/jpeg", custom_attributes="annotated=true"
    )
    assert (result.body, result.content_type, result.invoked_variant) == (b"\xff\xd8\xff", "image/jpeg", "7")
    assert result.request_id == "request-1"
    assert body_of(runtime.calls[0]) == b"\xff\xd8\xff"
    assert event_of(runtime.calls[0])["headers"] == {
        "content-type": "image/png",
        "accept": "image/jpeg",
        "x-amzn-sagemaker-custom-attributes": "annotated=true",
    }


def test_what_has_no_status_is_the_body_itself(function: FunctionClient, runtime: Runtime) -> None:
    runtime.answer = functions.returns({"predicted_label": "Pos", "score": 0.5})
    assert function.sentiment("좋아") == Sentiment("Pos", 0.5)


def test_a_qualifier_may_be_a_version_or_none(runtime: Runtime) -> None:
    runtime.answer = functions.works
    arn = f"arn:aws:lambda:ap-northeast-2:123456789012:function:{FUNCTION}"
    with FunctionClient(arn, "7", env="local", endpoint_url=runtime.url) as client:
        client.sentiment("좋아")
        assert repr(client) == f"FunctionClient({arn!r}, '7')"
    with FunctionClient(FUNCTION, None, env="local", endpoint_url=runtime.url) as client:
        client.sentiment("좋아")
    assert runtime.calls[0].path.endswith("/invocations?Qualifier=7")
    assert runtime.calls[1].path == f"/2015-03-31/functions/{FUNCTION}/invocations"


@pytest.mark.parametrize("name", ["", "a" * 65, "name:live", "a/b", "함수", None, 5], ids=repr)
def test_a_function_name_that_is_none_is_refused(name: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        FunctionClient(name)
    assert caught.value.field == "function_name"


@pytest.mark.parametrize("qualifier", ["", "a b", "$PREVIOUS", 7], ids=repr)
def test_a_qualifier_that_is_none_is_refused(qualifier: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        FunctionClient("f", qualifier)
    assert caught.value.field == "qualifier"


# --- Events of other forms


def test_any_event_can_be_sent_and_what_is_returned_comes_back(
    function: FunctionClient, runtime: Runtime
) -> None:
    runtime.answer = functions.returns([{"predicted_label": "Pos", "score": 0.9}])
    assert function.call({"texts": ["좋아"]}) == [{"predicted_label": "Pos", "score": 0.9}]
    assert event_of(runtime.calls[0]) == {"texts": ["좋아"]}
    runtime.answer = stand_in.replies(Reply(b"null"))
    assert function.call({"probe": True}) is None


def test_bad_input_of_a_direct_event_is_an_invalid_request(
    function: FunctionClient, runtime: Runtime
) -> None:
    runtime.answer = functions.breaks("InvalidInput", "field 'text': is empty (send one)")
    with pytest.raises(InvalidRequest, match=r"field 'text': is empty \(send one\)") as caught:
        function.call({"text": ""})
    assert caught.value.field == "text"


def test_an_event_is_put_into_the_queue(function: FunctionClient, runtime: Runtime) -> None:
    runtime.answer = functions.accepts
    assert function.send_event({"text": "좋아"}) == "request-1"
    assert runtime.calls[0].headers["x-amz-invocation-type"] == "Event"


def test_an_event_beyond_the_limits_is_not_sent(function: FunctionClient, runtime: Runtime) -> None:
    with pytest.raises(
        InvalidRequest, match=r"1,048,\d+ bytes as JSON; an asynchronous invocation takes"
    ) as caught:
        function.send_event({"text": "a" * LAMBDA_EVENT_BYTES})
    assert caught.value.field == "event"
    with pytest.raises(InvalidRequest, match="a synchronous invocation takes 6,291,456"):
        function.call({"text": "a" * LAMBDA_PAYLOAD_BYTES})
    with pytest.raises(InvalidRequest, match="is no JSON"):
        function.call({"text": object()})
    assert runtime.calls == []


def test_a_body_beyond_the_limit_is_not_sent(function: FunctionClient, runtime: Runtime) -> None:
    function.invoke(b"\xff" * 4_715_520, "image/jpeg")  # the largest that fits
    assert len(runtime.calls[0].body) <= LAMBDA_PAYLOAD_BYTES
    with pytest.raises(InvalidRequest, match=f"4,715,521 bytes; function '{FUNCTION}' takes 4,715,520"):
        function.invoke(b"\xff" * 4_715_521, "image/jpeg")
    assert len(runtime.calls) == 1


# --- What goes wrong

PASSING = {
    "throttled": stand_in.replies(functions.throttled()),
    "pending": stand_in.fails("ResourceConflictException", 409, "The function is in state Pending"),
    "not ready": stand_in.fails("ResourceNotReadyException", 502),
    "the service": stand_in.fails("ServiceException", 500),
    "no address": stand_in.fails("ENILimitReachedException", 502),
    "the model loads": functions.refuses(ContainerError("ModelNotReady", "loads")),
    "the function's queue": functions.refuses(ContainerError("TooManyRequests", "full")),
    "another 503": functions.answers(503, "later"),
    "it died": functions.breaks(
        "Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: exit status 1"
    ),
    "connection closed": stand_in.drop,
}


@pytest.mark.parametrize("action", PASSING.values(), ids=PASSING)
def test_what_passes_is_tried_again(function: FunctionClient, runtime: Runtime, action: Action) -> None:
    runtime.script.extend([action, action])
    assert function.sentiment("좋아").predicted_label == "Pos"
    assert len(runtime.calls) == 3


FINAL: dict[str, tuple[Action, type[ServingError], str]] = {
    "no such function": (
        stand_in.fails(
            "ResourceNotFoundException", 404, f"Function not found: arn:aws:lambda:x:{FUNCTION}:live"
        ),
        EndpointNotFound,
        r"Function not found.*\(deploy it: invoke deploy --env local\)",
    ),
    "denied": (
        stand_in.fails("AccessDeniedException", 403, "not authorized"),
        AccessDenied,
        r"not authorized \(the caller needs the permission lambda:InvokeFunction\)",
    ),
    "a key that is gone": (
        stand_in.fails("KMSDisabledException", 502, "the key is disabled"),
        Unavailable,
        r"cannot be started: KMSDisabledException: the key is disabled \(see the function's configuration",
    ),
    "a request too large": (
        stand_in.fails("RequestEntityTooLargeException", 413, "Request must be smaller than 6291456 bytes"),
        InvalidRequest,
        "RequestEntityTooLargeException: Request must be smaller",
    ),
    "time-out": (
        functions.breaks("Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 3.00 seconds"),
        ServingTimeout,
        r"ran out of time: .*Task timed out after 3.00 seconds \(send less.* timeout_seconds",
    ),
    "time-out as it was worded": (
        functions.breaks("", "2026-11-03T00:00:00.000Z 1 Task timed out after 3.00 seconds"),
        ServingTimeout,
        "Task timed out after",
    ),
    "the server's deadline": (
        functions.refuses(ContainerError("DeadlineExceeded", "took 60 s")),
        ServingTimeout,
        "took 60 s",
    ),
    "an answer too large": (
        functions.breaks(
            "Function.ResponseSizeTooLarge",
            "Response payload size (7000000 bytes) exceeded maximum allowed payload size (6291556 bytes).",
        ),
        ModelFailed,
        r"is too large: .*7000000 bytes.*\(ask for less at a time",
    ),
    "an exception": (
        functions.breaks("ZeroDivisionError", "division by zero"),
        ModelFailed,
        rf"failed: ZeroDivisionError: division by zero \(its log tells why: /aws/lambda/{FUNCTION}\)",
    ),
    "an init that fails": (
        functions.breaks("Runtime.ImportModuleError", "Unable to import module 'app'"),
        ModelFailed,
        "Runtime.ImportModuleError: Unable to import",
    ),
    "the model": (
        functions.refuses(ContainerError("ModelFailed", "failed (error 7f)")),
        ModelFailed,
        r"failed \(error 7f\)",
    ),
    "bad input": (
        functions.refuses(ContainerError("InvalidInput", "is empty", field="text", hint="write")),
        InvalidRequest,
        r"field 'text': is empty \(write\)",
    ),
    "a foreign 4xx": (functions.answers(422, "Unprocessable"), InvalidRequest, r"refused it \(422\): Unpro"),
    "no JSON": (stand_in.replies(Reply(b"<html>")), ModelFailed, "the answer of function .* is not JSON"),
    "a status that is none": (
        functions.returns({"statusCode": "ok"}),
        ModelFailed,
        "has the statusCode 'ok'",
    ),
    "headers that are none": (
        functions.returns({"statusCode": 200, "headers": [1]}),
        ModelFailed,
        "headers that are no object",
    ),
    "broken base64": (
        functions.returns({"statusCode": 200, "body": "?", "isBase64Encoded": True}),
        ModelFailed,
        "not base64",
    ),
    "no answer of the task": (
        functions.answers(200, {"label": 1}),
        ModelFailed,
        f"function '{FUNCTION}' gave no sentiment answer",
    ),
    "nothing": (functions.returns({"statusCode": 200}), ModelFailed, "gave no sentiment answer"),
    "an error without words": (
        stand_in.replies(Reply(b"", 200, {"X-Amz-Function-Error": "Unhandled"})),
        ModelFailed,
        "it did not say why",
    ),
}


@pytest.mark.parametrize(("action", "kind", "text"), FINAL.values(), ids=FINAL)
def test_what_will_not_change_is_told_at_once(
    function: FunctionClient, runtime: Runtime, action: Action, kind: type[ServingError], text: str
) -> None:
    runtime.answer = action
    with pytest.raises(kind, match=text) as caught:
        function.sentiment("좋아")
    assert caught.value.endpoint_name == FUNCTION
    assert len(runtime.calls) == 1


THROTTLES = {
    "ReservedFunctionConcurrentInvocationLimitExceeded": "raise its reserved_concurrency",
    "ConcurrentInvocationLimitExceeded": "the account's concurrency is used up",
    "CallerRateLimitExceeded": "send fewer requests a second",
    "": "raise its reserved_concurrency",
}


@pytest.mark.parametrize(("reason", "advice"), THROTTLES.items(), ids=lambda text: text[:20])
def test_throttling_that_lasts_says_whose_limit_it_is(
    function: FunctionClient, runtime: Runtime, reason: str, advice: str
) -> None:
    runtime.answer = stand_in.replies(functions.throttled(reason))
    with pytest.raises(Throttled, match=rf"is throttled: Rate Exceeded\..*{reason}.*\({advice}") as caught:
        function.sentiment("좋아", timeout=1)
    assert caught.value.attempts >= len(runtime.calls) > 1


def test_a_function_that_runs_out_of_memory_is_asked_a_few_times(
    function: FunctionClient, runtime: Runtime
) -> None:
    runtime.answer = functions.breaks(
        "Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: signal: killed"
    )
    with pytest.raises(ModelFailed, match=r"signal: killed, after 4 attempts \(it may need more memory_mb"):
        function.sentiment("좋아")
    assert len(runtime.calls) == 4


@pytest.mark.parametrize("code", ERROR_STATUS)
def test_every_code_of_a_function_becomes_an_error_of_the_tree(
    function: FunctionClient, runtime: Runtime, code: Any
) -> None:
    runtime.answer = functions.refuses(ContainerError(code, "because"))
    with pytest.raises(ServingError, match="because"):
        function.sentiment("좋아", timeout=1.2)


def test_a_retry_after_of_the_function_is_kept(function: FunctionClient, runtime: Runtime) -> None:
    error = ContainerError("TooManyRequests", "full")
    runtime.script.append(functions.answers(429, error.to_dict(), **{"Retry-After": "1"}))
    began = time.monotonic()
    function.sentiment("좋아")
    assert time.monotonic() - began >= 1


def test_an_invocation_whose_answer_is_late_is_never_sent_again(
    function: FunctionClient, runtime: Runtime
) -> None:
    runtime.answer = stand_in.hang
    with pytest.raises(ServingTimeout, match=rf"no answer from function '{FUNCTION}' within 0.8 s"):
        function.sentiment("좋아", timeout=0.8)
    assert len(runtime.calls) == 1


def test_bulk_halves_what_is_too_slow_or_answers_too_much(function: FunctionClient, runtime: Runtime) -> None:
    def small_only(handler: Any, call: Any) -> Reply | None:
        if len(body_of(call).splitlines()) > 10:
            return functions.breaks("Function.ResponseSizeTooLarge", "too large")(handler, call)
        return functions.works(handler, call)

    runtime.answer = small_only
    assert len(function.sentiment(["좋아"] * 64)) == 64
    runtime.answer = lambda handler, call: (
        functions.breaks("Sandbox.Timedout", "Task timed out after 3.00 seconds")(handler, call)
        if "slow" in body_of(call).decode()
        else functions.works(handler, call)
    )
    texts = ["좋아"] * 30
    texts[7] = "slow"
    answers = list(function.predict("sentiment", texts, on_error="return"))
    assert [place for place, answer in enumerate(answers) if isinstance(answer, ServingTimeout)] == [7]


# --- The twin


async def test_a_function_is_awaited(runtime: Runtime) -> None:
    runtime.answer = functions.works
    async with AsyncFunctionClient(FUNCTION, env="local", endpoint_url=runtime.url, timeout=20) as client:
        assert await client.sentiment("좋아") == Sentiment("Pos", 0.75)
        assert len(await client.sentiment(["좋아"] * 70)) == 70
        assert [answer async for answer in client.predict("similarity", [("가", "가")])] == [Similarity(5.0)]
        assert (client.function_name, client.qualifier) == (FUNCTION, "live")
        result = await client.invoke('{"text": "좋아"}')
        assert json.loads(result.body)["predicted_label"] == "Pos"
        runtime.answer = functions.returns({"ready": True})
        assert await client.call({"probe": True}) == {"ready": True}
        runtime.answer = functions.accepts
        assert await client.send_event({"text": "좋아"}) == "request-1"
        runtime.answer = stand_in.hang
        with pytest.raises(ServingTimeout, match=r"within 0\.3 s"):
            await client.sentiment("좋아", timeout=0.3)
        assert repr(client) == f"AsyncFunctionClient('{FUNCTION}', 'live')"
