"""The asynchronous twin of :mod:`serving_clients.function`."""

# ruff: noqa: ASYNC109 - timeout= is the deadline of the call, as in the synchronous twin

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving_clients import _settings
from serving_clients._async_core import Threads
from serving_clients._async_task_client import AsyncTaskClient
from serving_clients._places import InvokeResult
from serving_clients.function import FunctionClient
from serving_contracts import media_types


class AsyncFunctionClient(AsyncTaskClient):
    """The asynchronous twin of :class:`FunctionClient`: the same names and arguments, awaited."""

    _twin: FunctionClient

    def __init__(
        self,
        function_name: str,
        qualifier: str | None = "live",
        *,
        env: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        timeout: float = _settings.DEFAULT_TIMEOUT,
        concurrency: int = _settings.DEFAULT_CONCURRENCY,
        boto3_session: Any = None,
    ) -> None:
        self._twin = FunctionClient(
            function_name,
            qualifier,
            env=env,
            region=region,
            endpoint_url=endpoint_url,
            timeout=timeout,
            concurrency=concurrency,
            boto3_session=boto3_session,
        )
        self._threads = Threads()
        self._owns_threads = True

    @property
    def function_name(self) -> str:
        """The function, as AWS knows it."""
        return self._twin.function_name

    @property
    def qualifier(self) -> str | None:
        """The alias or version that is invoked; None for ``$LATEST``."""
        return self._twin.qualifier

    async def invoke(
        self,
        body: bytes | str,
        content_type: str = media_types.JSON,
        *,
        accept: str | None = None,
        custom_attributes: str | None = None,
        timeout: float | None = None,
    ) -> InvokeResult:
        """Send *body* as over HTTP, up to 4.7 MB; the answer as it is. Raises a ServingError."""
        return await self._run(
            timeout,
            self._twin.invoke,
            body,
            content_type,
            accept=accept,
            custom_attributes=custom_attributes,
        )

    async def call(self, event: Mapping[str, Any], *, timeout: float | None = None) -> Any:
        """Invoke with any *event*: see :meth:`FunctionClient.call`."""
        return await self._run(timeout, self._twin.call, event)

    async def send_event(self, event: Mapping[str, Any], *, timeout: float | None = None) -> str:
        """Put *event* into Lambda's queue: see :meth:`FunctionClient.send_event`."""
        return await self._run(timeout, self._twin.send_event, event)
