"""The asynchronous twin of :mod:`serving_clients.endpoint`."""

# ruff: noqa: ASYNC109 - timeout= is the deadline of the call, as in the synchronous twin

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any, Final

from serving_clients import _settings
from serving_clients._async_core import Threads
from serving_clients._async_task_client import AsyncTaskClient
from serving_clients._deadline import Deadline
from serving_clients._places import InvokeResult
from serving_clients.endpoint import EndpointClient
from serving_contracts import media_types

_END: Final = object()


class AsyncEndpointClient(AsyncTaskClient):
    """The asynchronous twin of :class:`EndpointClient`: the same names and arguments, awaited."""

    _twin: EndpointClient

    def __init__(
        self,
        endpoint_name: str,
        *,
        target_container: str | None = None,
        env: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        timeout: float = _settings.DEFAULT_TIMEOUT,
        concurrency: int = _settings.DEFAULT_CONCURRENCY,
        boto3_session: Any = None,
    ) -> None:
        self._twin = EndpointClient(
            endpoint_name,
            target_container=target_container,
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
    def endpoint_name(self) -> str:
        """The endpoint, as AWS knows it."""
        return self._twin.endpoint_name

    @property
    def target_container(self) -> str | None:
        """The container that calls go to; None where the endpoint has one, or runs them in series."""
        return self._twin.target_container

    async def invoke(
        self,
        body: bytes | str,
        content_type: str = media_types.JSON,
        *,
        accept: str | None = None,
        target_container: str | None = None,
        target_variant: str | None = None,
        custom_attributes: str | None = None,
        inference_id: str | None = None,
        timeout: float | None = None,
    ) -> InvokeResult:
        """Send *body* (at most 25 MiB) as it is; the answer as it is. Raises a ServingError."""
        return await self._run(
            timeout,
            self._twin.invoke,
            body,
            content_type,
            accept=accept,
            target_container=target_container,
            target_variant=target_variant,
            custom_attributes=custom_attributes,
            inference_id=inference_id,
        )

    async def stream(
        self,
        body: bytes | str,
        content_type: str = media_types.JSON,
        *,
        accept: str | None = media_types.NDJSON,
        target_container: str | None = None,
        target_variant: str | None = None,
        custom_attributes: str | None = None,
        inference_id: str | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[bytes]:
        """Send *body*; pieces of the answer as they arrive: see :meth:`EndpointClient.stream`."""
        deadline = Deadline(self._twin._target.seconds(timeout))
        pieces: Any = self._twin.stream(
            body,
            content_type,
            accept=accept,
            target_container=target_container,
            target_variant=target_variant,
            custom_attributes=custom_attributes,
            inference_id=inference_id,
            timeout=timeout,
        )
        reading = threading.Lock()

        def step() -> Any:
            with reading:
                return next(pieces, _END)

        def drop() -> None:
            with reading:  # a read may still be under way when the task was cancelled
                pieces.close()

        try:
            while (piece := await self._threads.within(deadline, step)) is not _END:
                yield piece
        finally:
            deadline.cancel()
            await asyncio.shield(self._threads.within(deadline, drop))
