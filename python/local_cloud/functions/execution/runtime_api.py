"""The Runtime API: the HTTP server that one runtime asks for its invocations. One a runtime, never reused.

Source: "Using the Lambda runtime API for custom runtimes", AWS Lambda developer guide; the answers to what is
out of turn are those of aws-lambda-runtime-interface-emulator.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from local_cloud.functions.execution import failures
from local_cloud.functions.execution.failures import Failure
from serving_contracts import limits

HOST: Final = "127.0.0.1"
_BASE: Final = "/2018-06-01/runtime"
_ERROR_TYPE_HEADER: Final = "Lambda-Runtime-Function-Error-Type"
_DISCARDED_BYTES: Final = 256 * limits.MIB
"""Of an answer that is too large this much is read and dropped, so that its sender sees the 413; a longer one
finds its connection closed."""
_CLOSE_S: Final = 1.0
_OF_PAGES: Final = ("Origin", "Sec-Fetch-Site")
"""Only browsers send these: a page that tries ports must not take an event, nor end an init."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """An invocation as the runtime gets it: ``headers`` are the Lambda-Runtime-… ones."""

    request_id: str
    payload: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the runtime answered, or how that failed."""

    payload: bytes
    failure: Failure | None = None


class RuntimeApi:
    """The state of one runtime as its requests tell it."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.initialised: asyncio.Future[Failure | None] = loop.create_future()
        """Done with None when the runtime asks for its first invocation, with how its init failed else."""
        self._waiting = asyncio.Event()
        self._mailbox: asyncio.Future[Delivery] = loop.create_future()
        self._answer: asyncio.Future[Answer] | None = None
        self._current: Delivery | None = None
        self._fetched = False
        self._closed = loop.create_future()
        self._runner: web.ServerRunner | None = None
        self.address = ""

    async def start(self) -> None:
        """Listen on a free port of the loopback interface; ``address`` is host:port then."""
        listener = socket.create_server((HOST, 0))
        self._runner = web.ServerRunner(
            web.Server(self._handle, access_log=None, auto_decompress=False), shutdown_timeout=_CLOSE_S
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()
        self.address = f"{HOST}:{listener.getsockname()[1]}"

    async def close(self) -> None:
        """Free the port. The runtime must have ended. Idempotent."""
        if not self._closed.done():
            self._closed.set_result(None)
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def deliver(self, delivery: Delivery) -> asyncio.Future[Answer]:
        """Hand an invocation to the runtime, as soon as it asks. The future is done with its answer."""
        assert self._current is None, "one invocation at a time"
        self._current, self._fetched = delivery, False
        self._answer = asyncio.get_running_loop().create_future()
        self._mailbox.set_result(delivery)
        return self._answer

    @property
    def fetched(self) -> bool:
        """Whether the runtime has seen the invocation that was delivered last."""
        return self._fetched

    async def wait_next(self) -> None:
        """Wait until the runtime, having answered, asks for the next invocation."""
        await self._waiting.wait()

    # --- requests

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        if request.headers.get("Host") != self.address or any(name in request.headers for name in _OF_PAGES):
            return _refused(403, "InvalidRequest", "the Runtime API is for the runtime, not for web pages")
        path = request.path
        if path == f"{_BASE}/invocation/next" and request.method == "GET":
            return await self._next(request)
        if request.method == "POST":
            if path == f"{_BASE}/init/error":
                return await self._init_error(request)
            parts = path.removeprefix(f"{_BASE}/invocation/").split("/")
            if path.startswith(f"{_BASE}/invocation/") and len(parts) == 2:
                if parts[1] == "response":
                    return await self._response(request, parts[0])
                if parts[1] == "error":
                    return await self._invocation_error(request, parts[0])
        return _refused(404, "InvalidRequest", f"the Runtime API has no {request.method} {path}")

    async def _next(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._current is not None and self._fetched:
            return _refused(403, "InvalidStateTransition", "the current invocation has not been answered")
        if not self.initialised.done():
            self.initialised.set_result(None)
        self._waiting.set()
        await asyncio.wait({self._mailbox, self._closed}, return_when=asyncio.FIRST_COMPLETED)
        if not self._mailbox.done() or self._fetched:
            return _refused(410, "InvalidStateTransition", "the execution environment has ended")
        if request.transport is None or request.transport.is_closing():
            # Whoever asked has gone: the event stays for the runtime's next request, or for another runtime.
            return _refused(410, "InvalidStateTransition", "the connection is closed")
        delivery = self._mailbox.result()
        self._fetched = True
        self._waiting.clear()
        self._mailbox = asyncio.get_running_loop().create_future()
        return web.Response(
            body=delivery.payload, content_type="application/json", headers=dict(delivery.headers)
        )

    async def _response(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        return await self._end(request, request_id, Answer)

    async def _invocation_error(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        error_type = request.headers.get(_ERROR_TYPE_HEADER)
        return await self._end(
            request, request_id, lambda body: Answer(body, failures.reported_error(body, error_type))
        )

    async def _end(
        self, request: web.BaseRequest, request_id: str, answer: Callable[[bytes], Answer]
    ) -> web.StreamResponse:
        """Reads how the invocation ended; one that cannot be read ends it as a failure."""
        if (refusal := self._out_of_turn(request_id)) is not None:
            return refusal
        try:
            body = await _read(request, limits.LAMBDA_RESPONSE_BYTES)
        except _Broken:
            self._answered(request_id, Answer(b"", failures.response_truncated()))
            return _refused(400, "Runtime.TruncatedResponse", "HTTP request detected as truncated")
        if body is None:
            self._answered(request_id, Answer(b"", failures.response_too_large()))
            return _too_large()
        return self._answered(request_id, answer(body))

    async def _init_error(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.initialised.done():
            return _refused(403, "InvalidStateTransition", "the init phase is over")
        try:
            body = await _read(request, limits.LAMBDA_RESPONSE_BYTES)
        except _Broken:
            return _refused(400, "Runtime.TruncatedResponse", "HTTP request detected as truncated")
        if body is None:
            return _too_large()
        if not self.initialised.done():
            error_type = request.headers.get(_ERROR_TYPE_HEADER)
            self.initialised.set_result(failures.reported_init_error(body, error_type))
        return _accepted()

    def _out_of_turn(self, request_id: str) -> web.Response | None:
        if self._current is None or not self._fetched:
            return _refused(403, "InvalidStateTransition", "there is no invocation to answer")
        if request_id != self._current.request_id:
            return _refused(400, "InvalidRequestID", "Invalid request ID")
        return None

    def _answered(self, request_id: str, answer: Answer) -> web.Response:
        """The first answer counts; while a body was read another may have come."""
        if (refusal := self._out_of_turn(request_id)) is not None:
            return refusal
        assert self._answer is not None
        self._current = None
        if not self._answer.done():
            self._answer.set_result(answer)
        return _accepted()


class _Broken(Exception):
    """The sender broke off."""


async def _read(request: web.BaseRequest, limit: int) -> bytes | None:
    """The body, None where it is longer than ``limit`` bytes: the rest is dropped. Raises _Broken."""
    body = bytearray()
    size = 0
    try:
        async for piece in request.content.iter_any():
            size += len(piece)
            if size <= limit:
                body += piece
            elif body:
                body.clear()
            if size > limit + _DISCARDED_BYTES:
                request.protocol.force_close()
                break
    except (ConnectionError, web.PayloadAccessError, asyncio.IncompleteReadError) as error:
        raise _Broken from error
    except Exception as error:  # what the HTTP parser raises has no common root
        _log.info("an answer to the Runtime API broke off: %r", error)
        raise _Broken from error
    return bytes(body) if size <= limit else None


def _accepted() -> web.Response:
    return web.json_response({"status": "OK"}, status=202)


def _too_large() -> web.Response:
    return _refused(
        413,
        "RequestEntityTooLarge",
        f"Exceeded maximum allowed payload size ({limits.LAMBDA_PAYLOAD_BYTES} bytes).",
    )


def _refused(status: int, error_type: str, message: str) -> web.Response:
    body = json.dumps({"errorType": error_type, "errorMessage": message})
    return web.Response(status=status, text=body, content_type="application/json")
