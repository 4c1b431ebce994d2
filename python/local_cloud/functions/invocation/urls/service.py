"""Function URLs, answered: who may call, what the function gets, what the caller gets back.

Both forms of the address are known: ``/lambda-url/<url-id>/<path>`` on any local host name, and
``<url-id>.lambda-url.<region>.localhost``, where that name leads to this machine.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from local_cloud.clock import Clock
from local_cloud.functions.control.answers import Control, FunctionUrl
from local_cloud.functions.invocation import api, payload, refusals, responses
from local_cloud.functions.invocation.urls import signature
from local_cloud.functions.invocation.urls.cors import Cors
from local_cloud.functions.invocation.urls.http_answer import HttpAnswer, InvalidAnswer, http_answer
from local_cloud.functions.invocation.urls.http_event import HttpRequest, UrlContext, http_event
from local_cloud.functions.specs import ExecutionService, InvocationRequest, InvocationResult
from local_cloud.sagemaker.errors import AwsError
from serving_contracts.limits import LAMBDA_PAYLOAD_BYTES

_PATH: Final = re.compile(r"/lambda-url/([a-z0-9-]+)(/.*)?", re.DOTALL)
_HOST: Final = re.compile(r"([a-z0-9-]+)\.lambda-url\.[a-z0-9-]+\.localhost(?::\d+)?", re.IGNORECASE)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UrlCall:
    """A request to a function URL. url: None where there is none of this id. raw_path, raw_query: as the
    function sees them, percent-encoded."""

    url_id: str
    url: FunctionUrl | None
    raw_path: str
    raw_query: str

    @property
    def cors(self) -> Cors | None:
        return Cors.of(self.url.cors) if self.url is not None else None

    def allows_origin(self, origin: str) -> bool:
        """Whether the URL's owner lets pages of an origin call it."""
        return self.cors is not None and self.cors.allows(origin)


class FunctionUrls:
    """``execution`` runs the functions; ``control`` knows which URL leads where."""

    def __init__(
        self, control: Control, execution: ExecutionService, *, region: str, account: str, clock: Clock
    ) -> None:
        self._control = control
        self._execution = execution
        self._region = region
        self._account = account
        self._clock = clock

    def find(self, host: str, raw_path: str, raw_query: str) -> UrlCall | None:
        """What a request calls, None where it is no function URL. ``host``: the Host header."""
        by_host = _HOST.fullmatch(host)
        if by_host is not None:
            url_id, path = by_host.group(1).lower(), raw_path
        else:
            by_path = _PATH.fullmatch(raw_path)
            if by_path is None:
                return None
            url_id, path = by_path.group(1), by_path.group(2) or "/"
        return UrlCall(url_id, self._control.url_of(url_id), path, raw_query)

    async def handle(self, request: web.BaseRequest, call: UrlCall, request_id: str) -> web.Response:
        """Answers one request, errors included."""
        origin, cors = request.headers.get("Origin"), call.cors
        if cors is None or origin is None or not cors.allows(origin):
            return await self._answer(request, call, request_id)
        asked = request.headers.get("Access-Control-Request-Method")
        if request.method == "OPTIONS" and asked is not None:
            fields = cors.preflight(origin, asked, request.headers.get("Access-Control-Request-Headers", ""))
            if request.headers.get("Access-Control-Request-Private-Network") == "true":
                # Browsers ask whether a page of the internet may call a program of this machine.
                fields["Access-Control-Allow-Private-Network"] = "true"
            return responses.bare(200, request_id, fields)
        response = await self._answer(request, call, request_id)
        for name in [name for name in response.headers if name.lower().startswith("access-control-")]:
            del response.headers[name]
        response.headers.update(cors.headers(origin))
        return response

    async def _answer(self, request: web.BaseRequest, call: UrlCall, request_id: str) -> web.Response:
        if call.url is None:
            message = f"There is no function URL {call.url_id} here."
            return _message(404, "ResourceNotFoundException", message, request_id)
        signed = signature.of(request.headers, request.query)
        refusal = _refusal(call.url, signed)
        if refusal is not None:
            log.info("%s is refused: %s", call.url.url, refusal)
            return _message(403, "AccessDeniedException", "Forbidden", request_id)
        try:
            result = await self._invoke(
                request, call, call.url, signed if call.url.auth_type == "AWS_IAM" else None, request_id
            )
            answer = _interpreted(call.url, result)
        except AwsError as error:
            log.info("%s: %s: %s", call.url.url, error.code, error.message)
            return responses.from_error(error, request_id)
        if answer is None:
            return web.Response(
                status=502,
                body=b"Internal Server Error",
                headers={
                    "Content-Type": responses.JSON,
                    "x-amzn-RequestId": request_id,
                    "x-amzn-ErrorType": "InternalServerErrorException",
                },
            )
        headers: CIMultiDict[str] = CIMultiDict(answer.headers)
        headers["x-amzn-RequestId"] = request_id
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    async def _invoke(
        self,
        request: web.BaseRequest,
        call: UrlCall,
        url: FunctionUrl,
        signed: signature.Signature | None,
        request_id: str,
    ) -> InvocationResult:
        received_at = time.perf_counter()
        resolved = self._control.resolve(url.function_name, url.qualifier)
        body = await payload.read(request, LAMBDA_PAYLOAD_BYTES)
        trace_id = responses.trace_id(request.headers.get("X-Amzn-Trace-Id"))
        local_address = request.transport.get_extra_info("sockname") if request.transport else None
        event = http_event(
            HttpRequest(
                method=request.method,
                raw_path=call.raw_path,
                raw_query=call.raw_query,
                protocol=f"HTTP/{request.version.major}.{request.version.minor}",
                source_ip=request.remote or "127.0.0.1",
                headers=request.headers.items(),
                body=body,
            ),
            UrlContext(
                url_id=url.url_id,
                domain_name=f"{url.url_id}.lambda-url.{self._region}.localhost",
                account=self._account,
                request_id=request_id,
                trace_id=trace_id,
                now=self._clock.now(),
                port=local_address[1] if local_address else 0,
                signature=signed,
            ),
        )
        if len(event) > LAMBDA_PAYLOAD_BYTES:  # base64 makes a body a third larger
            raise refusals.too_large(LAMBDA_PAYLOAD_BYTES)
        invocation = InvocationRequest(
            request_id=request_id,
            payload=event,
            invoked_arn=resolved.invoked_arn,
            resource=resolved.resource,
            received_at=received_at,
            trace_id=trace_id,
        )
        return await api.run(self._execution, resolved, invocation)


def _refusal(url: FunctionUrl, signed: signature.Signature | None) -> str | None:
    """Why a request may not call the URL, for the log; None if it may."""
    if url.auth_type == "AWS_IAM":
        if signed is None:
            return f"its AuthType is AWS_IAM, and the request is not signed for {signature.SERVICE}"
    elif not url.public:
        return "its AuthType is NONE, but no permission lets everyone (*) call lambda:InvokeFunctionUrl"
    return None


def _interpreted(url: FunctionUrl, result: InvocationResult) -> HttpAnswer | None:
    """The function's answer; None where it failed or cannot be sent."""
    if result.function_error is not None:
        return None
    try:
        return http_answer(result.payload)
    except InvalidAnswer as error:
        log.warning("%s answers 502: %s", url.url, error)
        return None


def _message(status: int, code: str, message: str, request_id: str) -> web.Response:
    headers: Mapping[str, str] = {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": code}
    return web.json_response({"Message": message}, status=status, headers=headers)
