"""The asynchronous twin of :mod:`serving_clients.endpoint`."""

# ruff: noqa: ASYNC109 - timeout= is the deadline of the call, as in the synchronous twin

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar, overload

from serving_clients import _settings
from serving_clients._async_core import Threads, each, predict
from serving_clients._connection import InvokeResult
from serving_clients._deadline import Deadline
from serving_clients._questions import checked_on_error, many, task_called
from serving_clients.endpoint import EndpointClient
from serving_contracts import media_types
from serving_contracts.limits import DEFAULT_MAX_SENTENCES
from serving_contracts.sentiment import Sentiment
from serving_contracts.similarity import Similarity
from serving_contracts.summarization import Summary

Result = TypeVar("Result")

_END: Final = object()


class AsyncEndpointClient:
    """The asynchronous twin of :class:`EndpointClient`: the same names and arguments, awaited."""

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

    @classmethod
    def _of(cls, twin: EndpointClient, threads: Threads) -> Self:
        client = cls.__new__(cls)
        client._twin = twin
        client._threads = threads
        client._owns_threads = False
        return client

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

    @overload  # a str is itself an Iterable[str]
    async def sentiment(  # type: ignore[overload-overlap]
        self, text: str, *, timeout: float | None = None
    ) -> Sentiment: ...
    @overload
    async def sentiment(self, text: Iterable[str], *, timeout: float | None = None) -> list[Sentiment]: ...
    async def sentiment(
        self, text: str | Iterable[str], *, timeout: float | None = None
    ) -> Sentiment | list[Sentiment]:
        """Is a text positive or negative? A text gets an answer, a list of texts a list in the same order."""
        return await self._run(timeout, self._twin.sentiment, text)

    @overload
    async def similarity(self, texts: str, other: str, *, timeout: float | None = None) -> Similarity: ...
    @overload
    async def similarity(
        self, texts: Iterable[tuple[str, str]], other: None = None, *, timeout: float | None = None
    ) -> list[Similarity]: ...
    async def similarity(
        self,
        texts: str | Iterable[tuple[str, str]],
        other: str | None = None,
        *,
        timeout: float | None = None,
    ) -> Similarity | list[Similarity]:
        """How alike are two texts (0 to 5)? ``similarity(a, b)``, or ``similarity([(a, b), …])``."""
        ask: Callable[..., Similarity | list[Similarity]] = self._twin.similarity
        return await self._run(timeout, ask, texts, other)

    @overload
    async def summarize(  # type: ignore[overload-overlap]  # a str is an Iterable[str]
        self, text: str, *, max_sentences: int = DEFAULT_MAX_SENTENCES, timeout: float | None = None
    ) -> Summary: ...
    @overload
    async def summarize(
        self,
        text: Iterable[str],
        *,
        max_sentences: int = DEFAULT_MAX_SENTENCES,
        timeout: float | None = None,
    ) -> list[Summary]: ...
    async def summarize(
        self,
        text: str | Iterable[str],
        *,
        max_sentences: int = DEFAULT_MAX_SENTENCES,
        timeout: float | None = None,
    ) -> Summary | list[Summary]:
        """The sentences that carry a text, at most *max_sentences* (1 to 20) of them."""
        return await self._run(timeout, self._twin.summarize, text, max_sentences=max_sentences)

    def predict(
        self,
        task: str,
        items: Iterable[object] | AsyncIterable[object],
        *,
        on_error: Literal["raise", "return"] = "raise",
        timeout: float | None = None,
    ) -> AsyncIterator[Any]:
        """A typed answer for every item, in order: see :meth:`EndpointClient.predict`.

        items may also be asynchronous; what is not is read in the event loop's thread.
        """
        target = self._twin._target
        kind, how, seconds = task_called(task), checked_on_error(on_error), target.seconds(timeout)
        source = items if isinstance(items, AsyncIterable) else each(many(items, "an iterable of items"))
        return predict(target, kind, source, how, seconds)

    async def close(self) -> None:
        """Let go of connections and threads (of a client that a session made: the session does that)."""
        self._twin.close()
        if self._owns_threads:
            self._threads.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Async{self._twin!r}"

    async def _run(
        self, timeout: float | None, function: Callable[..., Result], *args: Any, **named: Any
    ) -> Result:
        return await self._threads.run(self._twin._target.seconds(timeout), function, *args, **named)
