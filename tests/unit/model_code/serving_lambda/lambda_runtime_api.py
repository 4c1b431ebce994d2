"""Lambda's side of the Runtime API for one function process, and the process: for tests and benchmarks."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DEADLINE_S = 60.0
COMMAND = ("-m", "awslambdaric", "serving_lambda.app.handler")
_BASE = "/2018-06-01/runtime"
_NEXT = f"{_BASE}/invocation/next"
_INIT_ERROR = f"{_BASE}/init/error"
_ARN = "arn:aws:lambda:ap-northeast-2:000000000000:function:of-a-test:7"


@dataclass(frozen=True, slots=True)
class Posted:
    """What the process sent. what: ``response``, ``error`` or ``init/error``. at: ``time.perf_counter()``."""

    what: str
    request_id: str
    body: bytes
    at: float
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class RuntimeApi:
    """Hands events out and keeps what comes back.

    One runtime only: a second one would lose its first event to the long poll of the one before it.
    """

    def __init__(self) -> None:
        self._events: queue.Queue[tuple[str, bytes] | None] = queue.Queue()
        self._posted: queue.Queue[Posted] = queue.Queue()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.api = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self._count = 0

    @property
    def address(self) -> str:
        """The value of ``AWS_LAMBDA_RUNTIME_API``."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """End the server and every poll."""
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(DEADLINE_S)

    def put(self, event: Any) -> str:
        """Queue an event (bytes as they are, anything else as JSON in UTF-8); return its request id."""
        self._count += 1
        body = event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
        request_id = f"request-{self._count}"
        self._events.put((request_id, body))
        return request_id

    def take(self, timeout_s: float) -> Posted | None:
        """The next thing that the process sends; None when nothing came in time."""
        try:
            return self._posted.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def next_event(self) -> tuple[str, bytes] | None:
        """Wait for an event; None at the end."""
        event = self._events.get()
        if event is None:
            self._events.put(None)
        return event

    def post(self, posted: Posted) -> None:
        """Keep what the process sent."""
        self._posted.put(posted)


class FunctionProcess:
    """``python -m awslambdaric`` with a Runtime API of its own; its output is kept in a file."""

    def __init__(
        self, python: Path, environment: Mapping[str, str], output: Path, command: Sequence[str] = COMMAND
    ) -> None:
        self.api = RuntimeApi()
        self._output = output
        try:
            with output.open("wb") as file:
                self.started = time.perf_counter()
                self.process = subprocess.Popen(
                    [str(python), *command],
                    env={**environment, "AWS_LAMBDA_RUNTIME_API": self.api.address},
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    cwd=output.parent,
                )
        except BaseException:
            self.api.close()
            raise

    def __enter__(self) -> FunctionProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE_S)
        self.api.close()

    def invoke(self, event: Any) -> Posted:
        """What the process sends for one event."""
        request_id = self.api.put(event)
        posted = self.posted()
        assert posted.request_id == request_id, (posted, self.output())
        return posted

    def answer(self, event: Any) -> Any:
        """The answer to one event, which must be no error."""
        posted = self.invoke(event)
        assert posted.what == "response", (posted, self.output())
        return posted.json()

    def error(self, event: Any) -> dict[str, Any]:
        """The function error that one event gets."""
        posted = self.invoke(event)
        assert posted.what == "error", (posted, self.output())
        return dict(posted.json())

    def posted(self) -> Posted:
        """The next thing that the process sends; fails when it ends before."""
        give_up = time.monotonic() + DEADLINE_S
        while time.monotonic() < give_up:
            ended = self.process.poll() is not None
            posted = self.api.take(0.0 if ended else 0.2)
            if posted is not None:
                return posted
            if ended:
                break
        raise AssertionError(f"the process sent nothing; its output:\n{self.output()}")

    def output(self) -> str:
        """What it wrote so far."""
        return self._output.read_text(errors="replace")


class _Server(ThreadingHTTPServer):
    api: RuntimeApi
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A process that is killed breaks its connection off."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        event = self.server.api.next_event() if self.path == _NEXT else None
        if event is None:
            self._reply(404, b"{}")
            self.close_connection = True
            return
        request_id, body = event
        self._reply(
            200,
            body,
            {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + DEADLINE_S) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": _ARN,
                "Lambda-Runtime-Trace-Id": "Root=1-0-0;Sampled=0",
            },
        )

    def do_POST(self) -> None:
        body = self._body()
        at = time.perf_counter()
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path == _INIT_ERROR:
            self.server.api.post(Posted("init/error", "", body, at, headers))
        else:
            request_id, what = self.path.removeprefix(f"{_BASE}/invocation/").split("/")
            self.server.api.post(Posted(what, request_id, body, at, headers))
        self._reply(202, b'{"status":"OK"}')

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while length := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(length))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing for each request."""
