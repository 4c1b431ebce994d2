"""What goes wrong with a Lambda function is told as AWS tells it, and the next call is served again."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from deployed import Deployment
from functions import function_of, push_function_image

from serving_contracts import limits

pytestmark = pytest.mark.timeout(180)

DETECTION = "serving-local-object-detection"

MISBEHAVES = """
import os, sys, time

def handler(event, context):
    what = event.get("do")
    if what == "raise":
        raise RuntimeError("the weights are haunted")
    if what == "exit":
        os._exit(3)
    if what == "hang":
        time.sleep(600)
    if what == "eat":
        hoard = []
        while True:
            hoard.append(b"x" * (16 << 20))
            time.sleep(0.01)
    if what == "not json":
        return {"answer": object()}
    if what == "too much":
        return "x" * (7 << 20)
    return {"pid": os.getpid(), "version": context.function_version}
"""


@pytest.fixture(scope="module")
def misbehaving(deployment: Deployment) -> Iterator[str]:
    """A function that does what its event says, with 512 MB and three seconds."""
    with function_of(deployment, push_function_image(deployment, MISBEHAVES), Timeout=3) as name:
        yield name


def invoke(deployment: Deployment, name: str, event: Any, **options: Any) -> tuple[str | None, Any, str]:
    """X-Amz-Function-Error, the decoded payload and the end of the log of an invocation."""
    answer = deployment.client("lambda").invoke(
        FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail", **options
    )
    log = base64.b64decode(answer["LogResult"]).decode()
    return answer.get("FunctionError"), json.load(answer["Payload"]), log


def test_a_handler_that_raises_is_an_error_and_its_environment_stays(
    deployment: Deployment, misbehaving: str
) -> None:
    _, before, _ = invoke(deployment, misbehaving, {})
    error, payload, log = invoke(deployment, misbehaving, {"do": "raise"})
    assert error == "Unhandled"
    assert (payload["errorType"], payload["errorMessage"]) == ("RuntimeError", "the weights are haunted")
    assert "Traceback" in log
    assert "REPORT RequestId:" in log
    _, after, _ = invoke(deployment, misbehaving, {})
    assert after["pid"] == before["pid"]


@pytest.mark.parametrize(
    ("do", "error_type", "message"),
    [
        ("exit", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("hang", "Sandbox.Timedout", "Task timed out after 3.00 seconds"),
        ("eat", "Runtime.OutOfMemory", "signal: killed"),
    ],
)
def test_an_environment_that_is_lost_is_replaced(
    deployment: Deployment, misbehaving: str, do: str, error_type: str, message: str
) -> None:
    _, before, _ = invoke(deployment, misbehaving, {})
    error, payload, log = invoke(deployment, misbehaving, {"do": do})
    assert error == "Unhandled"
    assert payload["errorType"] == error_type
    assert message in payload["errorMessage"]
    assert "REPORT RequestId:" in log
    if do == "eat":
        assert "Max Memory Used: 512 MB" in log
    error, after, log = invoke(deployment, misbehaving, {})
    assert error is None
    assert after["pid"] != before["pid"]
    assert "Init Duration" in log


def test_an_answer_that_is_not_json_is_an_error(deployment: Deployment, misbehaving: str) -> None:
    error, payload, _ = invoke(deployment, misbehaving, {"do": "not json"})
    assert (error, payload["errorType"]) == ("Unhandled", "Runtime.MarshalError")
    assert invoke(deployment, misbehaving, {})[0] is None


def test_an_answer_over_six_megabytes_is_an_error(deployment: Deployment, misbehaving: str) -> None:
    error, payload, _ = invoke(deployment, misbehaving, {"do": "too much"})
    assert (error, payload["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")
    assert "exceeded maximum allowed payload size" in payload["errorMessage"]
    assert invoke(deployment, misbehaving, {})[0] is None


def test_an_event_over_six_megabytes_is_refused_before_the_function_sees_it(
    deployment: Deployment, misbehaving: str
) -> None:
    with pytest.raises(ClientError) as caught:
        invoke(deployment, misbehaving, {"image": "x" * limits.LAMBDA_PAYLOAD_BYTES})
    assert caught.value.response["Error"]["Code"] in (
        "RequestEntityTooLargeException",
        "RequestTooLargeException",
    )
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert invoke(deployment, misbehaving, {})[0] is None


def test_an_event_that_is_not_json_is_refused(deployment: Deployment, misbehaving: str) -> None:
    with pytest.raises(ClientError) as caught:
        deployment.client("lambda").invoke(FunctionName=misbehaving, Payload=b"{broken")
    assert caught.value.response["Error"]["Code"] == "InvalidRequestContentException"


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"image": "%%% not base64 %%%"}, "image"),
        ({"image": base64.b64encode(b"this is not a picture").decode()}, "image"),
        ({"image": base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(100)).decode()}, "picture is truncated"),
        ({"image": 7}, "image"),
        ({"image": "AAAA", "score_threshold": 2}, "score_threshold"),
        ({"picture": "AAAA"}, "image"),
        ([], ""),
    ],
    ids=["base64", "no picture", "truncated", "number", "threshold", "no image", "no object"],
)
def test_a_picture_that_cannot_be_read_is_bad_input_and_names_the_field(
    deployment: Deployment, event: Any, field: str
) -> None:
    error, payload, _ = invoke(deployment, DETECTION, event, Qualifier="live")
    assert (error, payload["errorType"]) == ("Unhandled", "InvalidInput")
    assert field in payload["errorMessage"]
    http = {"version": "2.0", "headers": {"content-type": "application/json"}, "body": json.dumps(event)}
    error, answer, _ = invoke(deployment, DETECTION, http, Qualifier="live")
    assert error is None
    assert answer["statusCode"] in (400, 413, 415, 422)
    assert field in answer["body"]
    assert "Traceback" not in answer["body"]
