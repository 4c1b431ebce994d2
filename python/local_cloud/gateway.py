"""The one door of the local cloud: an HTTP server on 127.0.0.1 that sends every AWS request where it belongs.

SageMaker's control plane and runtime and Lambda are answered here; everything else is passed to moto as it
came, Host header included, so that the URLs moto makes (SQS queues, S3 objects) lead back to this door.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from local_cloud.admission import foreign_origin, host_refusal, origin_refusal, raw_target, signed_for
from local_cloud.backing_services import SECRET_HEADER, BackingServices
from local_cloud.functions.invocation.urls import UrlCall
from local_cloud.functions.service import LambdaService
from local_cloud.sagemaker import runtime
from local_cloud.sagemaker.api import ControlPlane
from local_cloud.sagemaker.errors import AwsError, unknown_operation
from local_cloud.settings import HOST

log = logging.getLogger(__name__)

TARGET_PREFIX: Final = "SageMaker."
LAMBDA: Final = "lambda"
LOCAL_PREFIX: Final = "/_local/"
LocalHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_JSON: Final = "application/x-amz-json-1.1"
_LARGEST_CONTROL_BODY: Final = 4 * 1024 * 1024
"""Bytes of a control-plane request; the largest legal one (15 containers with full environments) is well
below."""
_LARGEST_HEADER: Final = 64 * 1024
"""Bytes of one header or the request line: pre-signed URLs with session tokens are long."""
_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
    }
)
_MOTO_CONNECTIONS: Final = 64
_HUNG_UP: Final = 499
"""Status of an answer that nobody waits for any more."""
BACKLOG: Final = 512
"""Connections that may wait to be accepted: a burst of clients must not be refused."""


def listen(port: int) -> socket.socket:
    """A socket for :meth:`Gateway.start` on 127.0.0.1; port 0 takes any free one. Raises OSError if the port
    is taken."""
    return socket.create_server((HOST, port), backlog=BACKLOG)


class Gateway:
    """Routes requests; start with :meth:`start`, end with :meth:`stop`."""

    def __init__(
        self,
        control_plane: ControlPlane,
        backing: BackingServices,
        functions: LambdaService,
        *,
        account: str,
    ) -> None:
        self._control_plane = control_plane
        self._functions = functions
        self._runtime = runtime.Runtime(control_plane.endpoints, account=account)
        self._backing = backing
        self._moto_url: URL | None = None
        self._local_routes: dict[tuple[str, str], LocalHandler] = {}
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.ServerRunner | None = None

    def add_local_route(self, method: str, path: str, handler: LocalHandler) -> None:
        """Serves ``handler`` at ``/_local/<path>``."""
        self._local_routes[method, LOCAL_PREFIX + path] = handler

    async def start(self, listener: socket.socket) -> None:
        """Answers on ``listener``, a TCP socket bound to 127.0.0.1 and listening. moto must be running."""
        self._moto_url = URL(self._backing.url)
        # No total time-out: an upload of a large archive takes as long as it takes; moto is in this very
        # process.
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            connector=aiohttp.TCPConnector(limit=_MOTO_CONNECTIONS),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            trust_env=False,
        )
        server = web.Server(
            self._handle,
            access_log=None,
            auto_decompress=False,
            max_line_size=_LARGEST_HEADER,
            max_field_size=_LARGEST_HEADER,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, listener, backlog=BACKLOG).start()

    async def stop(self) -> None:
        """Closes the door; open connections get a second to finish."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        request_id = str(uuid.uuid4())
        refusal = host_refusal(request)
        if refusal is not None:
            return web.Response(status=403, text=refusal, headers={"x-amzn-RequestId": request_id})
        path, _, query = raw_target(request).partition("?")
        call = self._url_call(request, path, query)
        origin = foreign_origin(request)
        # A page may call a function URL whose owner allows its origin, and nothing else.
        if origin is not None and (call is None or not call.allows_origin(origin)):
            return web.Response(
                status=403, text=origin_refusal(origin), headers={"x-amzn-RequestId": request_id}
            )
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        try:
            if call is not None:
                return await self._functions.answer_url(request, call, request_id)
            return await self._route(request, path, query, request_id)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            log.exception("%s %s failed", request.method, request.path)
            failure = AwsError(
                "InternalFailure",
                500,
                f"The local cloud failed ({type(error).__name__}: {error}); its log says more.",
            )
            return _json_error(failure, request_id)

    def _url_call(self, request: web.BaseRequest, path: str, query: str) -> UrlCall | None:
        """The function URL that a request calls; a bucket may be called like the path of them all."""
        call = self._functions.url_call(request.headers.get("Host", ""), path, query)
        if call is not None and call.url is None and signed_for(request) not in (None, LAMBDA):
            return None
        return call

    async def _route(
        self, request: web.BaseRequest, raw_path: str, raw_query: str, request_id: str
    ) -> web.StreamResponse:
        path = request.path
        if path.startswith(LOCAL_PREFIX):
            return await self._local(request)
        target = request.headers.get("X-Amz-Target", "")
        if target.startswith(TARGET_PREFIX):
            return await self._control(request, target.removeprefix(TARGET_PREFIX), request_id)
        service = signed_for(request)
        if service == LAMBDA or (service is None and self._functions.matches(request.method, raw_path)):
            return await self._functions.answer(request, raw_path, raw_query, request_id)
        invocation = runtime.PATH.fullmatch(path)
        if invocation is not None and request.method == "POST" and service in (None, "sagemaker"):
            try:
                return await self._runtime.handle(
                    request, invocation.group(1), invocation.group(2), request_id
                )
            except AwsError as error:
                return runtime.error_response(error, request_id)
        if service == "sagemaker":
            return _json_error(
                unknown_operation(f"{request.method} {path}", "SageMaker has no such operation here."),
                request_id,
            )
        return await self._pass_on(request, request_id)

    async def _local(self, request: web.BaseRequest) -> web.StreamResponse:
        handler = self._local_routes.get((request.method, request.path))
        if handler is None:
            known = ", ".join(f"{method} {path}" for method, path in sorted(self._local_routes))
            return web.Response(
                status=404, text=f"No {request.method} {request.path} here. There is: {known}\n"
            )
        return await handler(request)

    async def _control(self, request: web.BaseRequest, operation: str, request_id: str) -> web.Response:
        try:
            answer = self._control_plane.call(operation, await _control_body(request))
        except AwsError as error:
            log.info("SageMaker %s: %s: %s", operation, error.code, error.message)
            return _json_error(error, request_id)
        log.info("SageMaker %s", operation)
        return _json_response(200, answer, request_id)

    async def _pass_on(self, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        """Sends a request to moto and its answer back, both as streams."""
        assert self._session is not None
        assert self._moto_url is not None
        url = URL(f"{self._moto_url}".rstrip("/") + raw_target(request), encoded=True)
        headers = _end_to_end(request.headers)
        headers[SECRET_HEADER] = self._backing.secret
        body = request.content if request.body_exists else None
        response = web.StreamResponse(status=_HUNG_UP)
        try:
            async with self._session.request(
                request.method, url, headers=headers, data=body, allow_redirects=False
            ) as upstream:
                response = web.StreamResponse(
                    status=upstream.status, reason=upstream.reason, headers=_end_to_end(upstream.headers)
                )
                response.headers.setdefault("x-amzn-RequestId", request_id)
                await response.prepare(request)
                async for piece in upstream.content.iter_any():
                    await response.write(piece)
                await response.write_eof()
        except (aiohttp.ClientError, ConnectionError) as error:
            if request.transport is None or request.transport.is_closing():
                log.info("%s %s: the caller hung up (%s)", request.method, request.path, error)
                return response
            if not response.prepared:
                raise
            # The answer has begun: the caller would take an error answer for the rest of it.
            log.error("%s %s: the answer broke off (%s)", request.method, request.path, error)
            request.transport.abort()
            return response
        if response.status >= 500:
            log.error(
                "%s %s of %s answered %s", request.method, request.path, signed_for(request), response.status
            )
        return response


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """``headers`` (duplicates kept) without those that concern one connection only."""
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP | named
    )


async def _control_body(request: web.BaseRequest) -> bytes:
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > _LARGEST_CONTROL_BODY:
            raise AwsError(
                "RequestEntityTooLargeException",
                413,
                f"The request has more than {_LARGEST_CONTROL_BODY} bytes.",
            )
    return bytes(body)


def _json_error(error: AwsError, request_id: str) -> web.Response:
    body: dict[str, Any] = {"__type": error.code, "message": error.message, **error.extra}
    response = _json_response(error.http_status, body, request_id)
    response.headers["x-amzn-ErrorType"] = error.code
    return response


def _json_response(status: int, members: Mapping[str, Any], request_id: str) -> web.Response:
    headers = {"Content-Type": _JSON, "x-amzn-RequestId": request_id}
    return web.Response(status=status, body=json.dumps(members).encode(), headers=headers)
