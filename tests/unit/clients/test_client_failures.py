"""What goes wrong on the way, what is tried again, and what the caller is told."""

from __future__ import annotations

import email.utils
import pickle
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import runtime_stand_in as stand_in
from runtime_stand_in import ENDPOINT, LOG, Action, Reply, Runtime

from serving_clients import (
    AccessDenied,
    EndpointClient,
    EndpointNotFound,
    InvalidRequest,
    ModelFailed,
    ServingError,
    ServingTimeout,
    Throttled,
    Unavailable,
)
from serving_clients._failures import retry_after
from serving_contracts import ContainerError
from serving_contracts.errors import ERROR_STATUS


def container(code: Any, message: str = "no", **place: Any) -> Action:
    return stand_in.replies(stand_in.container_error(ContainerError(code, message, **place)))


PASSING = {
    "throttled": stand_in.throttle(),
    "model not ready": stand_in.fails("ModelNotReadyException", 429),
    "service unavailable": stand_in.fails("ServiceUnavailable", 503),
    "internal failure": stand_in.fails("InternalFailure", 500),
    "internal dependency": stand_in.fails("InternalDependencyException", 530),
    "a proxy in between": stand_in.replies(Reply(b"<html>Bad gateway", 502, {"Content-Type": "text/html"})),
    "429 without a code": stand_in.replies(Reply(b"", 429)),
    "connection closed": stand_in.drop,
    "died in the middle": stand_in.die,
    "container died": stand_in.container_fails(0, "connection reset by peer"),
    "container crashed": stand_in.container_fails(500, "Internal Server Error"),
    "container unavailable": stand_in.container_fails(503, "starting"),
    "container's queue is full": container("TooManyRequests"),
    "container loads": container("ModelNotReady"),
    "container stops": container("ShuttingDown"),
}


@pytest.mark.parametrize("action", PASSING.values(), ids=PASSING)
def test_what_passes_is_tried_again(client: EndpointClient, runtime: Runtime, action: Action) -> None:
    runtime.script.extend([action, action])
    assert client.sentiment("좋아").predicted_label == "Pos"
    assert len(runtime.calls) == 3


LASTING: dict[str, tuple[Action, type[ServingError], type[Exception], str]] = {
    "throttled": (stand_in.throttle(), Throttled, RuntimeError, "is throttled.*let the endpoint scale"),
    "unavailable": (
        stand_in.fails("ServiceUnavailable", 503),
        Unavailable,
        ConnectionError,
        "cannot answer now",
    ),
    "not ready": (
        stand_in.fails("ModelNotReadyException", 429),
        Unavailable,
        ConnectionError,
        "is not ready",
    ),
    "queue full": (
        container("TooManyRequests", "the queue is full"),
        Throttled,
        RuntimeError,
        "queue is full",
    ),
    "dead": (stand_in.drop, Unavailable, ConnectionError, "cannot reach.*invoke local.logs"),
}


@pytest.mark.parametrize(("action", "kind", "builtin", "text"), LASTING.values(), ids=LASTING)
def test_what_lasts_is_told_by_its_last_cause_within_the_deadline(
    client: EndpointClient,
    runtime: Runtime,
    action: Action,
    kind: type[ServingError],
    builtin: type[Exception],
    text: str,
) -> None:
    runtime.answer = action
    began = time.monotonic()
    with pytest.raises(kind, match=text) as caught:
        client.sentiment("좋아", timeout=1.5)
    assert time.monotonic() - began < 10  # it ended; the margin is for a busy machine
    assert isinstance(caught.value, builtin)
    assert caught.value.attempts >= len(runtime.calls) > 1
    assert f"after {caught.value.attempts} attempts" in str(caught.value)
    assert caught.value.endpoint_name == ENDPOINT


FINAL: dict[str, tuple[Action, type[ServingError], str]] = {
    "unknown endpoint": (
        stand_in.fails("ValidationError", 400, "Endpoint x of account 123456789012 not found."),
        EndpointNotFound,
        "not found.*invoke smoke",
    ),
    "unknown container": (
        stand_in.fails("ValidationError", 400, "Target container x does not exist"),
        InvalidRequest,
        "ValidationError: Target container",
    ),
    "denied": (
        stand_in.fails("AccessDeniedException", 403, "not authorized"),
        AccessDenied,
        r"not authorized \(the caller needs the permission sagemaker:InvokeEndpoint\)",
    ),
    "token too old": (stand_in.fails("ExpiredTokenException", 403), AccessDenied, "ExpiredTokenException"),
    "invocation timed out": (
        stand_in.container_fails(
            0, "Your invocation timed out while waiting for a response from container a"
        ),
        ServingTimeout,
        "timed out while waiting.*send less",
    ),
    "container's deadline": (container("DeadlineExceeded", "took 60 s"), ServingTimeout, "took 60 s"),
    "model failed": (container("ModelFailed", "failed (error 7f)"), ModelFailed, r"failed \(error 7f\).*log"),
    "bad input": (
        container("InvalidInput", "is empty", field="text", hint="write"),
        InvalidRequest,
        "is empty",
    ),
    "foreign 4xx": (
        stand_in.container_fails(422, "Unprocessable"),
        InvalidRequest,
        r"refused it \(422\): Unpro",
    ),
    "no answer of the task": (
        stand_in.replies(Reply(b'{"label": 1}')),
        ModelFailed,
        "predicted_label.*it said",
    ),
    "not JSON": (stand_in.replies(Reply(b"<html>\xff")), ModelFailed, "gave no sentiment answer.*<html>"),
    "an empty answer": (stand_in.replies(Reply(b"")), ModelFailed, "gave no sentiment answer"),
    "NaN": (
        stand_in.replies(Reply(b'{"predicted_label":"Pos","score":NaN}')),
        ModelFailed,
        "gave no sentiment",
    ),
}


@pytest.mark.parametrize(("action", "kind", "text"), FINAL.values(), ids=FINAL)
def test_what_will_not_change_is_told_at_once(
    client: EndpointClient, runtime: Runtime, action: Action, kind: type[ServingError], text: str
) -> None:
    runtime.answer = action
    with pytest.raises(kind, match=text):
        client.sentiment("좋아")
    assert len(runtime.calls) == 1


@pytest.mark.parametrize("code", ERROR_STATUS)
def test_every_code_of_a_container_becomes_an_error_of_the_tree(
    client: EndpointClient, runtime: Runtime, code: str
) -> None:
    runtime.answer = container(code, "because")
    with pytest.raises(ServingError, match="because") as caught:
        client.sentiment("좋아", timeout=1.2)
    assert caught.value.log_stream_arn == LOG
    assert caught.value.request_id == "request-1"


def test_a_refusal_carries_its_place_and_hint(client: EndpointClient, runtime: Runtime) -> None:
    runtime.answer = container("InvalidInput", "is empty", field="text", line=1, hint="write something")
    with pytest.raises(InvalidRequest) as caught:
        client.sentiment("좋아")
    error = caught.value
    assert (error.field, error.hint, error.item, error.line) == ("text", "write something", None, None)
    assert str(error) == "field 'text': is empty (write something)"


def test_a_refusal_is_read_out_of_awss_sentence_where_it_stands_alone(
    client: EndpointClient, runtime: Runtime
) -> None:
    body = '{"error": {"code": "InvalidInput", "message": "is empty", "field": "text"}}'
    message = f'Received client error (400) from primary with message "{body}". See https://x for more.'
    runtime.answer = stand_in.replies(stand_in.aws_error("ModelError", 424, message, OriginalStatusCode=400))
    with pytest.raises(InvalidRequest, match="field 'text': is empty"):
        client.sentiment("좋아")


def test_a_text_that_kills_the_container_is_not_sent_for_ever(
    client: EndpointClient, runtime: Runtime
) -> None:
    runtime.answer = stand_in.container_fails(0, "connection reset by peer")
    with pytest.raises(
        ModelFailed, match=r"failed \(no answer\): connection reset.*after 4 attempts"
    ) as caught:
        client.sentiment("좋아")
    assert caught.value.original_status is None
    assert len(runtime.calls) == 4


# --- Deadlines

STALLS = {
    "no answer": stand_in.hang,
    "a body that trickles": stand_in.trickle_body,
    "headers that trickle": stand_in.trickle_headers,
}


@pytest.mark.parametrize("action", STALLS.values(), ids=STALLS)
def test_a_deadline_ends_every_wait(client: EndpointClient, runtime: Runtime, action: Action) -> None:
    runtime.answer = action
    with pytest.raises(ServingTimeout, match=rf"no answer from endpoint '{ENDPOINT}' within 0.8 s") as caught:
        client.sentiment("좋아", timeout=0.8)
    assert isinstance(caught.value, TimeoutError)
    assert len(runtime.calls) == 1


def test_retries_share_one_deadline(client: EndpointClient, runtime: Runtime) -> None:
    runtime.script.extend([stand_in.throttle(), stand_in.hang])
    with pytest.raises(ServingTimeout) as caught:
        client.sentiment("좋아", timeout=3)
    assert caught.value.attempts == 2


def test_a_peer_that_does_not_read_cannot_hold_a_call(free_listener: socket.socket) -> None:
    url = f"http://127.0.0.1:{free_listener.getsockname()[1]}"
    with (
        EndpointClient("e", env="local", endpoint_url=url) as client,
        pytest.raises(ServingTimeout),
    ):
        client.invoke(b"x" * 20_000_000, timeout=0.3)


@pytest.fixture
def free_listener() -> Iterator[socket.socket]:
    """Takes connections, reads nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_retry_after_is_kept(client: EndpointClient, runtime: Runtime) -> None:
    runtime.script.append(stand_in.throttle(retry_after="1"))
    began = time.monotonic()
    client.sentiment("좋아")
    assert time.monotonic() - began >= 1


def test_a_retry_after_beyond_the_deadline_is_not_waited_for(
    client: EndpointClient, runtime: Runtime
) -> None:
    runtime.answer = stand_in.throttle(retry_after="3600")
    with pytest.raises(Throttled):
        client.sentiment("좋아")
    assert len(runtime.calls) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), ("2", 2.0), (" 1.5 ", 1.5), ("-1", None), ("soon", None), ("", None), (None, None),
     ("9" * 400, None), ("nan", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value) == seconds


def test_retry_after_may_be_a_date_to_come() -> None:
    value = retry_after(email.utils.formatdate(time.time() + 100, usegmt=True))
    assert value is not None
    assert 90 < value <= 100


# --- Connections


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(
    client: EndpointClient, runtime: Runtime
) -> None:
    runtime.script.append(
        stand_in.replies(Reply(b'{"predicted_label":"Pos","score":1}', headers={"Connection": "close"}))
    )
    client.sentiment("좋아")
    assert client.sentiment("좋아").predicted_label == "Pos"


def test_connection_refused_is_told_after_a_few_tries() -> None:
    with (
        EndpointClient("e", env="local", endpoint_url="http://127.0.0.1:1") as client,
        pytest.raises(Unavailable, match=r"cannot reach endpoint 'e' at http://.*invoke local.up") as caught,
    ):
        client.sentiment("좋아")
    assert caught.value.attempts == 4


def test_a_server_without_tls_is_told_at_once(runtime: Runtime) -> None:
    url = runtime.url.replace("http:", "https:")
    with (
        EndpointClient("e", env="local", endpoint_url=url) as client,
        pytest.raises(Unavailable, match=r"TLS handshake failed.*AWS_CA_BUNDLE") as caught,
    ):
        client.sentiment("좋아")
    assert caught.value.attempts == 1


# --- Bodies


def test_a_raw_call_carries_every_option(client: EndpointClient, runtime: Runtime) -> None:
    result = client.invoke(
        '{"text": "좋아"}',
        "application/json",
        accept="application/json",
        target_container="summarization",
        target_variant="green",
        custom_attributes="trace=1",
        inference_id="id-1",
    )
    assert result.content_type == "application/json"
    assert (result.invoked_variant, result.request_id) == ("blue", "request-1")
    sent = runtime.calls[0].headers
    assert runtime.calls[0].container == "summarization"
    assert sent["x-amzn-sagemaker-target-variant"] == "green"
    assert sent["x-amzn-sagemaker-custom-attributes"] == "trace=1"
    assert sent["x-amzn-sagemaker-inference-id"] == "id-1"


def test_a_body_beyond_awss_limit_is_not_sent(client: EndpointClient, runtime: Runtime) -> None:
    with pytest.raises(InvalidRequest, match="26,214,401 bytes; a real-time request takes 26,214,400"):
        client.invoke(b"x" * 26_214_401)
    assert runtime.calls == []


@pytest.mark.parametrize("body", [None, 5, {"text": "a"}, ["a"]], ids=repr)
def test_a_body_is_bytes_or_text(client: EndpointClient, body: Any) -> None:
    with pytest.raises(InvalidRequest, match="must be bytes or str"):
        client.invoke(body)


def test_a_header_cannot_be_smuggled_in(client: EndpointClient, runtime: Runtime) -> None:
    with pytest.raises(InvalidRequest):
        client.invoke(b"{}", custom_attributes="a\r\nX-Evil: 1")
    assert runtime.calls == []


@pytest.mark.parametrize("name", ["", "x" * 70, None, "a/b", "-a", "끝점"])
def test_an_endpoint_name_that_is_none_is_refused(runtime: Runtime, name: Any) -> None:
    with pytest.raises(InvalidRequest, match="is no name of an endpoint"):
        EndpointClient(name, env="local", endpoint_url=runtime.url)


# --- Streams


def test_a_stream_gives_pieces_as_they_arrive(client: EndpointClient, runtime: Runtime) -> None:
    runtime.answer = stand_in.streams([b'{"a":1}\n', b'{"b"', b":2}\n"], after=stand_in.hang)
    pieces = client.stream(b"{}")
    assert [next(pieces) for _ in range(3)] == [b'{"a":1}\n', b'{"b"', b":2}\n"]
    pieces.close()  # type: ignore[attr-defined]
    call = runtime.calls[0]
    assert call.path == f"/endpoints/{ENDPOINT}/invocations-response-stream"
    assert call.headers["x-amzn-sagemaker-accept"] == "application/x-ndjson"


def test_a_stream_ends(client: EndpointClient, runtime: Runtime) -> None:
    runtime.answer = stand_in.streams([b"a", b"b"])
    assert b"".join(client.stream(b"{}")) == b"ab"


def test_a_stream_is_tried_again_before_it_began(client: EndpointClient, runtime: Runtime) -> None:
    runtime.script.extend([stand_in.throttle(), stand_in.drop])
    runtime.answer = stand_in.streams([b"a"])
    assert list(client.stream(b"{}")) == [b"a"]
    assert len(runtime.calls) == 3


@pytest.mark.parametrize(
    ("after", "kind"),
    [(stand_in.stream_fails, ModelFailed), (stand_in.drop, Unavailable), (stand_in.hang, ServingTimeout)],
)
def test_a_stream_that_breaks_off_is_not_tried_again(
    client: EndpointClient, runtime: Runtime, after: Action, kind: type[ServingError]
) -> None:
    runtime.answer = stand_in.streams([b"a"], after=after)
    pieces = client.stream(b"{}", timeout=1)
    assert next(pieces) == b"a"
    with pytest.raises(kind):
        next(pieces)
    assert len(runtime.calls) == 1


# --- The tree


def test_errors_survive_pickling() -> None:
    error = InvalidRequest("is empty", field="text", item=4, hint="write", endpoint_name="e", attempts=1)
    copy: InvalidRequest = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (str(copy), copy.item, copy.line, copy.endpoint_name) == (str(error), 4, 5, "e")
    for kind in (ServingTimeout, Throttled, Unavailable, AccessDenied, EndpointNotFound):
        again: ServingError = pickle.loads(pickle.dumps(kind("m", hint="h", attempts=3)))  # noqa: S301
        assert (type(again), str(again)) == (kind, "m, after 3 attempts (h)")


def test_a_call_that_waits_to_try_again_holds_up_no_other(client: EndpointClient, runtime: Runtime) -> None:
    runtime.script.append(stand_in.throttle(retry_after="2"))
    slow: list[Any] = []
    thread = threading.Thread(target=lambda: slow.append(client.sentiment("좋아")))
    thread.start()
    runtime.wait_for_calls(1)
    assert client.sentiment("싫어").predicted_label == "Neg"
    assert slow == []
    thread.join(20)
    assert slow[0].predicted_label == "Pos"
