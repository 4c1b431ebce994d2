"""AWS Lambda of one local cloud, put together: control plane, execution side, invocations."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from local_cloud.clock import Clock
from local_cloud.functions.control.answers import Control
from local_cloud.functions.invocation import payload, responses
from local_cloud.functions.invocation.api import InvokeApi
from local_cloud.functions.invocation.events import AsyncEvents
from local_cloud.functions.invocation.urls import FunctionUrls, UrlCall
from local_cloud.functions.restartable import RestartableExecution
from local_cloud.functions.specs import ExecutionService
from local_cloud.hosting.aws import Aws
from local_cloud.hosting.telemetry.metrics import MetricHub
from local_cloud.sagemaker.errors import AwsError, unknown_operation

LARGEST_CONTROL_BODY = 4 * 1024 * 1024
"""Bytes of a request to the control plane; the largest legal one is well below."""

MakeControl = Callable[[ExecutionService], Control]

log = logging.getLogger(__name__)


class LambdaService:
    """Make it in a running event loop, ``start`` it, ``close`` it.

    The events in ``directory`` outlive it: :meth:`restart` goes on with them.
    """

    def __init__(
        self,
        directory: Path,
        make_execution: Callable[[], ExecutionService],
        make_control: MakeControl,
        *,
        aws_url: str,
        region: str,
        account: str,
        clock: Clock,
    ) -> None:
        """``aws_url``: where CloudWatch and what events are told to answer: the gateway."""
        self._directory = directory
        self._aws_url = aws_url
        self._region = region
        self._account = account
        self._clock = clock
        self._aws = Aws(aws_url, region)
        self._hub = MetricHub(self._aws, clock)
        self.execution = RestartableExecution(make_execution)
        self.control = make_control(self.execution)
        self._events = self._make_events()
        self._restarting = asyncio.Lock()
        self._api = InvokeApi(self.control, self.execution, self._present_events)
        self._urls = FunctionUrls(self.control, self.execution, region=region, account=account, clock=clock)

    async def start(self) -> None:
        """Goes on with events on disk. Raises sqlite3.Error or OSError if their file cannot be used."""
        await self._events.start()

    def url_call(self, host: str, raw_path: str, raw_query: str) -> UrlCall | None:
        """What function URL a request calls; None where it calls none."""
        return self._urls.find(host, raw_path, raw_query)

    async def answer_url(self, request: web.BaseRequest, call: UrlCall, request_id: str) -> web.Response:
        """Answers a request to a function URL, errors included."""
        return await self._urls.handle(request, call, request_id)

    def matches(self, method: str, raw_path: str) -> bool:
        """Whether a request is for Lambda's API, by its path (percent-encoded, without query)."""
        return self._api.matches(method, raw_path) or self.control.matches(method, raw_path)

    async def answer(
        self, request: web.BaseRequest, raw_path: str, raw_query: str, request_id: str
    ) -> web.StreamResponse:
        """Answers a request to Lambda's API, errors included."""
        if self._api.matches(request.method, raw_path):
            return await self._api.handle(request, raw_path, request_id)
        if not self.control.matches(request.method, raw_path):
            error = unknown_operation(f"{request.method} {raw_path}", "Lambda has no such operation here.")
            return responses.from_error(error, request_id)
        try:
            body = await payload.read(request, LARGEST_CONTROL_BODY)
        except AwsError as error:
            return responses.from_error(error, request_id)
        answer = await self.control.handle(request.method, raw_path, raw_query, request.headers, body)
        return responses.from_control(answer, request_id)

    async def restart(self) -> None:
        """Ends every execution environment and makes the execution side and the queue of events anew.

        Functions stay as they are, events are read from disk. Raises sqlite3.Error or OSError if their file
        cannot be used.
        """
        async with self._restarting:
            await self._events.close()
            await self.execution.restart()
            self._events = self._make_events()
            await self._events.start()

    def state(self) -> list[dict[str, Any]]:
        """Every function with its environments and its queue of events, for ``/_local/status``."""
        environments = self.execution.state()
        return [
            {
                **function,
                "environments": [
                    {key: value for key, value in environment.items() if key != "function"}
                    for environment in environments
                    if environment.get("function") == function["name"]
                ],
                "event_queue": self._events.state(str(function["name"])),
            }
            for function in self.control.state()
        ]

    def log_group(self, function_name: str) -> str:
        """Where a function's lines are: as its configuration says, or as it would by default."""
        try:
            return self.control.resolve(function_name).version.log_group
        except AwsError:  # it is deleted, or not ready
            return f"/aws/lambda/{function_name}"

    async def close(self) -> None:
        """Stops everything; nothing it runs is left. Idempotent."""
        for what, closing in (
            ("the events", self._events.close),
            ("the control plane", self.control.close),
            ("the execution side", self.execution.close),
            ("the metrics", self._hub.close),
        ):
            try:
                await closing()
            except Exception:
                log.exception("%s of Lambda did not stop cleanly", what)
        self._aws.close()

    async def _present_events(self) -> AsyncEvents:
        """What takes events, after a restart that is going on."""
        async with self._restarting:
            return self._events

    def _make_events(self) -> AsyncEvents:
        return AsyncEvents(
            self._directory,
            self.control,
            self.execution,
            self._hub,
            aws_url=self._aws_url,
            region=self._region,
            account=self._account,
            clock=self._clock,
        )
