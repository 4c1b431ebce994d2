"""The ASGI application: ``GET /ping``, ``POST /invocations``, ``GET /metrics``.

Written against ASGI itself: a router and its middleware would cost more than the whole rest of a short
request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias

import orjson

from serving.answers import Answer, Answering
from serving.errors import ClientGone, ServingError, model_failed, shutting_down
from serving.intake import Message, Receive
from serving.logs import log
from serving.metrics import Metrics
from serving.settings import Settings

Send: TypeAlias = Callable[[Message], Awaitable[None]]
Scope: TypeAlias = dict[str, Any]

_JSON = "application/json"
#: For clients that read slowly what they are told at the end.
_LAST_ANSWERS_S = 1.0
_METHODS = {"/ping": ("GET", "HEAD"), "/metrics": ("GET", "HEAD"), "/invocations": ("POST",)}


class App:
    """What the server answers, in every state of its life: loading, ready, stuck, draining."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._invocations: Answering | None = None
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    def serve(self, invocations: Answering) -> None:
        """The model is loaded: answer with it from now on."""
        self._invocations = invocations

    def refuse_new(self) -> None:
        """From now on new requests, and ``/ping``, get ``ShuttingDown``."""
        self._draining = True

    async def drain(self, timeout_s: float) -> bool:
        """Finish the requests in flight; return False when some were cut off after ``timeout_s``."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            if self._invocations is not None:
                self._invocations.fail_all(shutting_down)
            with suppress(TimeoutError):  # the requests that were just ended write their answers
                async with asyncio.timeout(_LAST_ANSWERS_S):
                    await self._idle.wait()
            return False
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path, method = scope["path"], scope["method"]
        if path == "/invocations" and method == "POST":
            await self._invoke(scope, receive, send)
        elif path == "/ping" and method in _METHODS[path]:
            await self._ping(send)
        elif path == "/metrics" and method in _METHODS[path]:
            await self._show_metrics(scope, send)
        elif path in _METHODS:
            allowed = ", ".join(_METHODS[path])
            error = ServingError(
                "MethodNotAllowed", f"{path} takes {allowed}, not {method}.", headers={"Allow": allowed}
            )
            await _send_error(send, error)
        else:
            await _send_error(
                send, ServingError("NotFound", f"There is no {path}.", hint=f"Try {', '.join(_METHODS)}.")
            )

    async def _invoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.monotonic()
        metrics = self._metrics
        metrics.in_flight += 1
        self._idle.clear()
        try:
            answer = await self._answer(scope, receive)
            metrics.answers[200] += 1
            try:
                await _send_answer(send, answer)
            finally:
                answer.done()
        except ServingError as error:
            metrics.answers[error.status] += 1
            metrics.errors[error.code] += 1
            await _send_error(send, error)
        except ClientGone:
            metrics.disconnects += 1
        finally:
            metrics.request_seconds.observe(time.monotonic() - started)
            metrics.in_flight -= 1
            if not metrics.in_flight:
                self._idle.set()

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        try:
            return await self._ready_model().answer(dict(scope["headers"]), receive)
        except (ServingError, ClientGone):
            raise
        except Exception as error:  # a fault of the server's own: the caller still gets its proper form
            raise model_failed("serving", error) from None

    def _ready_model(self) -> Answering:
        if self._draining:
            raise shutting_down()
        if self._invocations is None:
            raise ServingError(
                "ModelNotReady",
                "The model is still being loaded.",
                hint="GET /ping answers 200 when it is ready.",
                headers={"Retry-After": "1"},
            )
        stuck_s = self._stuck_seconds()
        if stuck_s:
            raise ServingError(
                "ModelNotReady",
                f"The model has been busy with one batch for {stuck_s:.0f} s and is taken to be stuck.",
                hint="The platform restarts a container whose /ping fails; the log says more.",
                headers={"Retry-After": "5"},
            )
        return self._invocations

    def _stuck_seconds(self) -> float:
        """How long the model has been on one batch, when longer than any request would wait; else 0."""
        if self._invocations is None:
            return 0.0
        busy_s = self._invocations.busy_seconds()
        return busy_s if busy_s > self._settings.timeout_s + self._settings.stuck_grace_s else 0.0

    async def _ping(self, send: Send) -> None:
        try:
            self._ready_model()
        except ServingError as error:
            if self._stuck_seconds():
                log.error(
                    "The model is stuck.", extra={"fields": {"seconds": round(self._stuck_seconds(), 1)}}
                )
            await _send_error(send, error)
        else:
            await _send_answer(send, Answer(_JSON, b'{"status":"ready"}'))

    async def _show_metrics(self, scope: Scope, send: Send) -> None:
        waiting = len(self._invocations.batcher.waiting) if self._invocations is not None else 0
        if b"text/plain" in dict(scope["headers"]).get(b"accept", b""):
            text = self._metrics.to_prometheus(waiting)
            await _send_answer(send, Answer("text/plain; version=0.0.4; charset=utf-8", text.encode()))
        else:
            counters = self._metrics.to_dict(waiting, self._settings.max_queue)
            await _send_answer(send, Answer(_JSON, orjson.dumps(counters)))


async def _send_answer(send: Send, answer: Answer) -> None:
    headers = [(b"content-type", answer.content_type.encode())]
    if answer.chunks is None:
        headers.append((b"content-length", b"%d" % len(answer.body)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
        return
    if answer.length is not None:
        headers.append((b"content-length", b"%d" % answer.length))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async for chunk in answer.chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _send_error(send: Send, error: ServingError) -> None:
    body = error.to_json()
    headers = [(b"content-type", _JSON.encode()), (b"content-length", b"%d" % len(body))]
    headers += [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
