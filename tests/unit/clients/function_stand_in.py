"""What a function answers to Invoke, and what Lambda says of it: for the server of runtime_stand_in."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

from runtime_stand_in import Action, Call, Handler, Reply, answer_one, aws_error, replies

from serving_contracts import ContainerError, InvalidInput
from serving_contracts.detection import DetectedObject, Detection, dump_answer, parse_options

FUNCTION = "serving-local-sentiment-function"
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
CAT = DetectedObject("cat", 0.9, (1.0, 2.0, 30.0, 40.0))
CUP = DetectedObject("cup", 0.6, (5.0, 5.0, 9.0, 9.0))


def function(task: str, name: str = FUNCTION, timeout_s: int = 30, **more: Any) -> dict[str, Any]:
    """The catalog's entry of a function."""
    return {
        "pattern": "lambda",
        "endpoint_name": name,
        "mode": "Single",
        "variants": [],
        "containers": {task: {"task": task, "model": task}},
        "function": {"qualifier": "live", "timeout_s": timeout_s, **more},
    }


def serverless(task: str, name: str, max_concurrency: int) -> dict[str, Any]:
    """The catalog's entry of a serverless endpoint."""
    return {
        "pattern": "serverless",
        "endpoint_name": name,
        "mode": "Single",
        "variants": ["blue"],
        "containers": {task: {"task": task, "model": task}},
        "serverless": {"max_concurrency": max_concurrency},
    }


def event_of(call: Call) -> dict[str, Any]:
    """The event of an Invoke."""
    event: dict[str, Any] = json.loads(call.body)
    return event


def body_of(call: Call) -> bytes:
    """The body that an HTTP event carries."""
    event = event_of(call)
    return base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()


def returns(answer: Any) -> Action:
    """The function returns *answer*."""
    return replies(_invoked(json.dumps(answer, ensure_ascii=False).encode()))


def answers(status: int, body: Any, **headers: str) -> Action:
    """The function answers over HTTP."""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return returns({"statusCode": status, "headers": headers, "body": text, "isBase64Encoded": False})


def refuses(error: ContainerError) -> Action:
    return answers(error.status, error.to_dict())


def breaks(kind: str, message: str) -> Action:
    """Lambda tells of a failure of the function."""
    said = json.dumps({"errorType": kind, "errorMessage": message}).encode()
    return replies(_invoked(said, {"X-Amz-Function-Error": "Unhandled"}))


def throttled(reason: str = "ReservedFunctionConcurrentInvocationLimitExceeded") -> Reply:
    """What Lambda answers over the limit."""
    return aws_error("TooManyRequestsException", 429, "Rate Exceeded.", Type="User", Reason=reason)


def accepts(_handler: Handler, _call: Call) -> Reply:
    """An event was put into the queue."""
    return Reply(b"", 202)


def works(_handler: Handler, call: Call) -> Reply:
    """A function of this platform, by the rules of runtime_stand_in."""
    event, body = event_of(call), body_of(call)
    kind = event["headers"]["content-type"]
    if kind.startswith("image/"):
        return _over_http(200, json.dumps(detect(body, event["headers"].get(ATTRIBUTES))), "application/json")
    rows, lines = [json.loads(line) for line in body.splitlines()], kind == "application/jsonlines"
    found = []
    for number, row in enumerate(rows, 1):
        if str(row.get("text", "")).startswith("refuse"):
            refused = InvalidInput("is refused", field="text", line=number if lines else None)
            error = ContainerError.of(refused)
            return _over_http(error.status, json.dumps(error.to_dict()), "application/json")
        found.append(json.dumps(answer_one("similarity" if "texts" in row else "sentiment", row)))
    return _over_http(200, "\n".join(found), kind)


def detect(body: bytes, attributes: str | None) -> dict[str, Any]:
    """A cat, and a cup that is less certain; the picture is as wide as its file is long."""
    options = parse_options(attributes)
    objects = [found for found in (CAT, CUP) if found.score >= options.score_threshold]
    picture = b"\xff\xd8\xffdrawn" if options.annotated else None
    return dump_answer(Detection(len(body), 10, tuple(objects[: options.max_objects]), picture))


def detects(_handler: Handler, call: Call) -> Reply:
    """A container of an endpoint that serves detection."""
    answer = json.dumps(detect(call.body, call.headers.get(ATTRIBUTES))).encode()
    return Reply(answer, headers={"Content-Type": "application/json"})


class AtMost:
    """Answers so many requests at a time, each for *seconds*; more are refused."""

    def __init__(self, limit: int, answer: Action, refusal: Reply, seconds: float = 0.0) -> None:
        self.limit = limit
        self.answer = answer
        self.refusal = refusal
        self.seconds = seconds
        self.refused = 0
        self.served = 0
        self._busy = 0
        self._lock = threading.Lock()

    def __call__(self, handler: Handler, call: Call) -> Reply | None:
        with self._lock:
            if self._busy >= self.limit:
                self.refused += 1
                return self.refusal
            self._busy += 1
        try:
            handler.runtime.stopping.wait(self.seconds)
            return self.answer(handler, call)
        finally:
            with self._lock:
                self._busy -= 1
                self.served += 1


def _over_http(status: int, body: str, kind: str) -> Reply:
    answer = {
        "statusCode": status,
        "headers": {"Content-Type": kind},
        "body": body,
        "isBase64Encoded": False,
    }
    return _invoked(json.dumps(answer, ensure_ascii=False).encode())


def _invoked(payload: bytes, headers: dict[str, str] | None = None) -> Reply:
    return Reply(payload, 200, {"X-Amz-Executed-Version": "7", **(headers or {})})
