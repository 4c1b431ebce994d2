"""Invoke, InvokeWithResponseStream and the deprecated InvokeAsync of Lambda's API.

Members, headers and codes are those of botocore's service model "lambda" 2015-03-31.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from local_cloud.functions.control.answers import Control, Resolved
from local_cloud.functions.invocation import payload, refusals, responses
from local_cloud.functions.invocation.events import AsyncEvents
from local_cloud.functions.specs import (
    ExecutionService,
    ImageRejected,
    InvocationRequest,
    InvocationResult,
    Stopping,
    Throttled,
)
from local_cloud.sagemaker import event_stream
from local_cloud.sagemaker.errors import AwsError
from serving_contracts.limits import LAMBDA_EVENT_BYTES, LAMBDA_INVOKE_ASYNC_BYTES, LAMBDA_PAYLOAD_BYTES

PATH: Final = re.compile(
    r"/2015-03-31/functions/(?P<invoke>[^/]+)/invocations/?"
    r"|/2021-11-15/functions/(?P<stream>[^/]+)/response-streaming-invocations/?"
    r"|/2014-11-13/functions/(?P<old>[^/]+)/invoke-async/?"
)
"""Percent-encoded, as it came: an ARN is one segment."""

_TYPES: Final = ("RequestResponse", "Event", "DryRun")
_STREAM_TYPES: Final = ("RequestResponse", "DryRun")
_LOG_TYPES: Final = ("None", "Tail")

log = logging.getLogger(__name__)


class InvokeApi:
    """Answers what :data:`PATH` matches."""

    def __init__(
        self, control: Control, execution: ExecutionService, events: Callable[[], Awaitable[AsyncEvents]]
    ) -> None:
        """``events``: gives what takes asynchronous invocations now."""
        self._control = control
        self._execution = execution
        self._events = events

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is an invocation. ``path``: percent-encoded, without its query."""
        return method == "POST" and PATH.fullmatch(path) is not None

    async def handle(self, request: web.BaseRequest, path: str, request_id: str) -> web.StreamResponse:
        """Answers a request that matches, errors included."""
        received_at = time.perf_counter()
        found = PATH.fullmatch(path)
        assert found is not None
        name = unquote(found.group(found.lastgroup or "invoke"))
        answer: Callable[[web.BaseRequest, str, str, float], Awaitable[web.StreamResponse]] = {
            "invoke": self._invoke,
            "stream": self._invoke_streamed,
            "old": self._invoke_async,
        }[found.lastgroup or "invoke"]
        try:
            return await answer(request, name, request_id, received_at)
        except AwsError as error:
            log.info("Lambda invocation of %s: %s: %s", name, error.code, error.message)
            return responses.from_error(error, request_id)

    async def _invoke(
        self, request: web.BaseRequest, name: str, request_id: str, received_at: float
    ) -> web.Response:
        kind = _choice(request, "X-Amz-Invocation-Type", "invocationType", _TYPES)
        tail = _choice(request, "X-Amz-Log-Type", "logType", _LOG_TYPES) == "Tail"
        resolved = self._control.resolve(name, request.query.get("Qualifier") or None)
        limit = LAMBDA_EVENT_BYTES if kind == "Event" else LAMBDA_PAYLOAD_BYTES
        event = payload.event(await payload.read(request, limit))
        trace_id = responses.trace_id(request.headers.get("X-Amzn-Trace-Id"))
        if kind == "DryRun":
            return responses.bare(204, request_id)
        if kind == "Event":
            await self._accept(resolved, event, request_id, trace_id)
            return responses.bare(202, request_id, {"X-Amzn-Trace-Id": trace_id})
        result = await self._run(request, resolved, event, request_id, trace_id, received_at)
        return web.Response(
            body=result.payload,
            headers={
                "Content-Type": responses.JSON,
                "x-amzn-RequestId": request_id,
                "X-Amzn-Trace-Id": trace_id,
                **responses.result_headers(result, tail=tail),
            },
        )

    async def _invoke_streamed(
        self, request: web.BaseRequest, name: str, request_id: str, received_at: float
    ) -> web.Response:
        """The answer is complete before its first piece is sent: functions here do not stream."""
        kind = _choice(request, "X-Amz-Invocation-Type", "invocationType", _STREAM_TYPES)
        tail = _choice(request, "X-Amz-Log-Type", "logType", _LOG_TYPES) == "Tail"
        resolved = self._control.resolve(name, request.query.get("Qualifier") or None)
        event = payload.event(await payload.read(request, LAMBDA_PAYLOAD_BYTES))
        if kind == "DryRun":
            return responses.bare(204, request_id)
        trace_id = responses.trace_id(request.headers.get("X-Amzn-Trace-Id"))
        result = await self._run(request, resolved, event, request_id, trace_id, received_at)
        fields = responses.result_headers(result, tail=tail)
        complete: dict[str, str] = {}
        frames: list[bytes] = []
        if result.function_error is None:
            frames += event_stream.events("PayloadChunk", result.payload)
        else:
            complete |= {
                "ErrorCode": fields.pop("X-Amz-Function-Error"),
                "ErrorDetails": result.payload.decode(errors="replace"),
            }
        if tail:
            complete["LogResult"] = fields.pop("X-Amz-Log-Result")
        frames.append(event_stream.event("InvokeComplete", json.dumps(complete).encode(), responses.JSON))
        return web.Response(
            body=b"".join(frames),
            headers={
                "Content-Type": event_stream.CONTENT_TYPE,
                "X-Amzn-Remapped-Content-Type": responses.JSON,
                "x-amzn-RequestId": request_id,
                **fields,
            },
        )

    async def _invoke_async(
        self, request: web.BaseRequest, name: str, request_id: str, received_at: float
    ) -> web.Response:
        resolved = self._control.resolve(name)
        event = payload.event(await payload.read(request, LAMBDA_INVOKE_ASYNC_BYTES))
        await self._accept(resolved, event, request_id, responses.trace_id(None))
        return web.json_response({"Status": 202}, status=202, headers={"x-amzn-RequestId": request_id})

    async def _accept(self, resolved: Resolved, event: bytes, request_id: str, trace_id: str) -> None:
        try:
            await (await self._events()).accept(resolved, event, request_id, trace_id)
        except Throttled as error:
            raise refusals.throttled(error) from error
        except (sqlite3.Error, OSError, RuntimeError) as error:  # the disk is full, for one
            log.exception("an event of %s was not accepted", resolved.invoked_arn)
            raise refusals.failed(error) from error

    async def _run(
        self,
        request: web.BaseRequest,
        resolved: Resolved,
        event: bytes,
        request_id: str,
        trace_id: str,
        received_at: float,
    ) -> InvocationResult:
        invocation = InvocationRequest(
            request_id=request_id,
            payload=event,
            invoked_arn=resolved.invoked_arn,
            resource=resolved.resource,
            received_at=received_at,
            client_context=payload.client_context(request.headers.get("X-Amz-Client-Context")),
            trace_id=trace_id,
        )
        return await run(self._execution, resolved, invocation)


async def run(
    execution: ExecutionService, resolved: Resolved, invocation: InvocationRequest
) -> InvocationResult:
    """A synchronous invocation. Raises AwsError: throttled, the image is gone, the platform failed."""
    try:
        return await execution.invoke(resolved.version, invocation)
    except Throttled as error:
        raise refusals.throttled(error) from error
    except ImageRejected as error:
        raise refusals.image_rejected(error) from error
    except Stopping as error:
        raise refusals.stopping() from error
    except (AwsError, asyncio.CancelledError):
        raise
    except Exception as error:
        log.exception("an invocation of %s", resolved.invoked_arn)
        raise refusals.failed(error) from error


def _choice(request: web.BaseRequest, header: str, member: str, choices: tuple[str, ...]) -> str:
    value = request.headers.get(header, choices[0])
    if value not in choices:
        raise refusals.bad_choice(value, member, choices)
    return value
