"""A small HTTP server that speaks the REST contract of SageMaker's runtime and of Lambda's Invoke, for tests
of the clients.

It answers the three tasks with rules that a test can predict. What comes first is taken from its script: one
action a request, e.g. ``throttle()`` or ``die()``. Calls of other services are handed on to moto, unless one
of its faults answers them.
"""

from __future__ import annotations

import http.client
import json
import struct
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from serving_contracts import TASKS, ContainerError, InvalidInput

ENDPOINT = "serving-local-korean-nlp"
CONTAINER = "x-amzn-sagemaker-target-container-hostname"
LOG = "arn:aws:logs:ap-northeast-2:123456789012:log-group:/aws/sagemaker/Endpoints/" + ENDPOINT


@dataclass(frozen=True)
class Call:
    """A request that came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def container(self) -> str | None:
        return self.headers.get(CONTAINER)

    @property
    def rows(self) -> list[Any]:
        """The JSON objects of the body, one a line."""
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass(frozen=True)
class Reply:
    """What goes back."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class _Drop(Exception):
    """Close the connection without another word."""


Action = Callable[["Handler", Call], Reply | None]


@dataclass(frozen=True)
class AwsCall:
    """A request for another service. operation: ``sqs.ReceiveMessage``, or for S3 ``s3.PUT``."""

    operation: str
    path: str
    body: bytes


Fault = Callable[[AwsCall], Reply | None]
"""Answers a request in moto's place, or lets it pass with None."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle is what some tests are about."""


class Runtime:
    """The running server.

    calls: invocations that came in. script: what to do with the next of them, one each. aws_calls: what came
    in for other services. faults: asked in turn before moto is.
    """

    def __init__(self, moto_url: str) -> None:
        self.moto_url = moto_url
        self.calls: list[Call] = []
        self.script: deque[Action] = deque()
        self.aws_calls: list[AwsCall] = []
        self.faults: list[Fault] = []
        self.answer: Action = lambda _handler, call: answer_tasks(call)
        self.stopping = threading.Event()
        self.in_flight = 0
        self.most_in_flight = 0
        self.lock = threading.Lock()
        self.one_at_a_time = threading.Lock()
        self.came_in = threading.Condition(self.lock)
        self.server = _Server(("127.0.0.1", 0), Handler)
        self.server.runtime = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def wait_for_calls(self, count: int) -> None:
        """Return when *count* requests have come in."""
        with self.came_in:
            assert self.came_in.wait_for(lambda: len(self.calls) >= count, timeout=10)


@contextmanager
def running(moto_url: str) -> Iterator[Runtime]:
    runtime = Runtime(moto_url)
    thread = threading.Thread(target=runtime.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield runtime
    finally:
        runtime.stopping.set()
        runtime.server.shutdown()
        runtime.server.server_close()
        thread.join(10)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def runtime(self) -> Runtime:
        runtime: Runtime = self.server.runtime  # type: ignore[attr-defined]
        return runtime

    def do_GET(self) -> None:
        """Also HEAD, PUT, DELETE and whatever is no invocation: of another service."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        runtime = self.runtime
        target = self.headers.get("X-Amz-Target", f"s3.{self.command}")
        service, _, operation = target.removeprefix("Amazon").rpartition(".")
        call = AwsCall(f"{service.lower()}.{operation}", self.path, body)
        with runtime.lock:
            runtime.aws_calls.append(call)
            faults = list(runtime.faults)
        try:
            reply = next((answer for fault in faults if (answer := fault(call))), None)
            if reply is None and service == "SQS" and operation != "ReceiveMessage":
                with runtime.one_at_a_time:  # moto loses what is sent while something is deleted
                    reply = self.ask_moto(body)
            self.reply(reply or self.ask_moto(body))
        except (_Drop, OSError):
            self.close_connection = True

    do_HEAD = do_PUT = do_DELETE = do_GET

    def do_POST(self) -> None:
        if not self.path.startswith(("/endpoints/", "/2015-03-31/functions/")):
            return self.do_GET()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.path, headers, body)
        runtime = self.runtime
        with runtime.lock:
            runtime.calls.append(call)
            runtime.in_flight += 1
            runtime.most_in_flight = max(runtime.most_in_flight, runtime.in_flight)
            action = runtime.script.popleft() if runtime.script else runtime.answer
            runtime.came_in.notify_all()
        try:
            reply = action(self, call)
            if reply is not None:
                self.reply(reply)
        except (_Drop, OSError):
            self.close_connection = True
        finally:
            with runtime.lock:
                runtime.in_flight -= 1

    def ask_moto(self, body: bytes) -> Reply:
        address = urlsplit(self.runtime.moto_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port or 0, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            kept = {
                name: value
                for name, value in answer.headers.items()
                if name.lower() not in ("connection", "server", "date", "transfer-encoding")
            }
            return Reply(answer.read(), answer.status, kept)
        finally:
            connection.close()

    def reply(self, reply: Reply) -> None:
        self.head(reply.status, {"Content-Length": str(len(reply.body)), **reply.headers})
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"x-amzn-RequestId": "request-1", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


# --- Answers


def answer_one(task: str, row: Any) -> dict[str, Any]:
    """The rules: 좋 is positive; equal texts are 5; a summary is the start of the text."""
    request = TASKS[task].parse_request(row)
    if task == "sentiment":
        return {"predicted_label": "Pos" if "좋" in request.text else "Neg", "score": 0.75}
    if task == "similarity":
        return {"score": 5.0 if request.texts[0] == request.texts[1] else 1.0}
    sentences = request.text.split(". ")[: request.max_sentences]
    rows = [{"index": at, "text": text, "score": 1.0} for at, text in enumerate(sentences)]
    return {"summary": " ".join(sentences), "sentences": rows, "method": "extractive"}


def answer_tasks(call: Call) -> Reply:
    """What a container of this platform answers."""
    task = call.container or "sentiment"
    lines = call.headers["content-type"] == "application/jsonlines"
    answers = []
    for number, row in enumerate(call.rows, 1):
        text = row.get("text") if isinstance(row, dict) else None
        if isinstance(text, str) and text.startswith("refuse"):
            error = InvalidInput("is refused", field="text", line=number if lines else None)
            return container_error(ContainerError.of(error))
        if isinstance(text, str) and text.startswith("break"):
            return container_error(ContainerError("ModelFailed", "the model failed (error 7f3a)"))
        if isinstance(text, str) and text.startswith("slow"):
            return model_error(
                0, f"Your invocation timed out while waiting for a response from container {task}"
            )
        answers.append(json.dumps(answer_one(task, row), ensure_ascii=False))
    headers = {"Content-Type": call.headers["content-type"], "x-Amzn-Invoked-Production-Variant": "blue"}
    return Reply("\n".join(answers).encode(), headers=headers)


def aws_error(code: str, status: int, message: str | None, headers: Any = None, **more: Any) -> Reply:
    """An error as the service itself writes it."""
    body = json.dumps({"message": message, **more}).encode()
    return Reply(
        body, status, {"x-amzn-ErrorType": code, "Content-Type": "application/json", **(headers or {})}
    )


def model_error(original_status: int, original: str) -> Reply:
    """AWS's wrapping of what a container answered."""
    kind = "client" if 400 <= original_status < 500 else "server"
    message = (
        f'Received {kind} error ({original_status}) from primary with message "{original}". See https://ap-northeast-2'
        ".console.aws.amazon.com/cloudwatch/home in account 123456789012 for more information."
    )
    return aws_error(
        "ModelError",
        424,
        message,
        OriginalStatusCode=original_status,
        OriginalMessage=original,
        LogStreamArn=LOG,
    )


def container_error(error: ContainerError) -> Reply:
    return model_error(error.status, json.dumps(error.to_dict(), ensure_ascii=False))


# --- Actions


def replies(reply: Reply) -> Action:
    return lambda _handler, _call: reply


def fails(code: str, status: int, message: str | None = "no", headers: Any = None) -> Action:
    return replies(aws_error(code, status, message, headers))


def throttle(retry_after: str | None = None) -> Action:
    return fails("ThrottlingException", 400, None, {"Retry-After": retry_after} if retry_after else None)


def container_fails(status: int, original: str) -> Action:
    return replies(model_error(status, original))


def drop(_handler: Handler, _call: Call) -> Reply | None:
    """Close the connection without an answer."""
    raise _Drop


def die(handler: Handler, _call: Call) -> Reply | None:
    """Begin to answer, then close the connection."""
    handler.head(200, {"Content-Length": "1000", "Content-Type": "application/json"})
    handler.wfile.write(b'{"predicted_label"')
    raise _Drop


def hang(handler: Handler, _call: Call) -> Reply | None:
    """Never answer."""
    handler.runtime.stopping.wait(60)
    raise _Drop


def trickle_body(handler: Handler, _call: Call) -> Reply | None:
    """A byte now and then, for ever: each read succeeds, the answer never ends."""
    handler.head(200, {"Content-Length": "100000", "Content-Type": "application/json"})
    while not handler.runtime.stopping.wait(0.02):
        handler.wfile.write(b" ")
    raise _Drop


def trickle_headers(handler: Handler, _call: Call) -> Reply | None:
    """The same, before the body has begun."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not handler.runtime.stopping.wait(0.02):
        handler.wfile.write(b"a")
    raise _Drop


def streams(pieces: Iterable[bytes], after: Action | None = None) -> Action:
    """The pieces as an event stream; then *after*, while the stream is still open."""

    def action(handler: Handler, call: Call) -> Reply | None:
        handler.head(
            200,
            {
                "Content-Type": "application/vnd.amazon.eventstream",
                "X-Amzn-SageMaker-Content-Type": "application/x-ndjson",
                "Transfer-Encoding": "chunked",
            },
        )
        for piece in pieces:
            send_event(handler, "event", {":event-type": "PayloadPart"}, piece)
        if after is not None:
            after(handler, call)
        handler.wfile.write(b"0\r\n\r\n")
        return None

    return action


def stream_fails(handler: Handler, _call: Call) -> Reply | None:
    """ModelStreamError in the middle of a stream."""
    body = json.dumps({"Message": "the model broke off", "ErrorCode": "ModelInvocationTimeExceeded"}).encode()
    send_event(handler, "exception", {":exception-type": "ModelStreamError"}, body)
    return None


def send_event(handler: Handler, kind: str, headers: dict[str, str], payload: bytes) -> None:
    message = _event({":message-type": kind, **headers}, payload)
    handler.wfile.write(f"{len(message):x}\r\n".encode() + message + b"\r\n")
    handler.wfile.flush()


def _event(headers: dict[str, str], payload: bytes) -> bytes:
    """A message of application/vnd.amazon.eventstream."""
    packed = b""
    for name, value in headers.items():
        packed += (
            bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        )
    prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + packed + payload
    return message + struct.pack(">I", zlib.crc32(message))
