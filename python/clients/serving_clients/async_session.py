"""The asynchronous twin of :mod:`serving_clients.session`."""

# ruff: noqa: ASYNC109 - timeout= is the deadline of the call, as in the synchronous twin

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, overload

from serving_clients import _settings
from serving_clients._async_core import Threads
from serving_clients._detecting import DetectArgumentsOfSession
from serving_clients._jobs_of_async_session import JobsOfAsyncSession
from serving_clients.async_endpoint import AsyncEndpointClient
from serving_clients.async_function import AsyncFunctionClient
from serving_clients.errors import ServingError
from serving_clients.function import FunctionClient
from serving_clients.session import Session, connect
from serving_contracts.catalog import Catalog
from serving_contracts.detection import Detection
from serving_contracts.limits import DEFAULT_MAX_SENTENCES, DEFAULT_SCORE_THRESHOLD, MAX_OBJECTS_RANGE
from serving_contracts.sentiment import Sentiment
from serving_contracts.similarity import Similarity
from serving_contracts.summarization import Summary

if TYPE_CHECKING:
    import os

    from serving_clients._images import Image


async def aconnect(
    env: str = _settings.LOCAL,
    *,
    region: str | None = None,
    timeout: float | None = None,
    concurrency: int = _settings.DEFAULT_CONCURRENCY,
    endpoint_url: str | None = None,
    boto3_session: Any = None,
) -> AsyncSession:
    """The asynchronous twin of :func:`connect`: ``async with await aconnect("dev") as session: …``."""
    threads = Threads()
    try:
        session = await threads.run(
            _settings.DEFAULT_TIMEOUT if timeout is None else _settings.checked_timeout(timeout),
            connect,
            env,
            region=region,
            timeout=timeout,
            concurrency=concurrency,
            endpoint_url=endpoint_url,
            boto3_session=boto3_session,
        )
    except BaseException:
        threads.close()
        raise
    return AsyncSession(session, threads)


class AsyncSession(JobsOfAsyncSession):
    """The asynchronous twin of :class:`Session`: the same names, awaited. Made by aconnect()."""

    _twin: Session

    def __init__(self, twin: Session, threads: Threads) -> None:
        self._twin = twin
        self._threads = threads

    @property
    def environment(self) -> str:
        """The name of the environment."""
        return self._twin.environment

    @property
    def catalog(self) -> Catalog:
        """What the environment serves, as read when the session was made or refreshed."""
        return self._twin.catalog

    async def refresh(self, *, timeout: float | None = None) -> Catalog:
        """Read the catalog again, after a deployment that added or removed endpoints."""
        seconds = self._twin._connection.settings.seconds(timeout)
        return await self._threads.run(seconds, self._twin.refresh, timeout=timeout)

    def endpoint(self, task: str, endpoint: str | None = None) -> AsyncEndpointClient | AsyncFunctionClient:
        """The client of the endpoint or function that serves *task*.

        Raises EndpointNotFound with what there is.
        """
        twin = self._twin.endpoint(task, endpoint)
        kind = AsyncFunctionClient if isinstance(twin, FunctionClient) else AsyncEndpointClient
        return kind._of(twin, self._threads)

    @overload
    async def sentiment(  # type: ignore[overload-overlap]  # a str is an Iterable[str]
        self, text: str, *, endpoint: str | None = None, timeout: float | None = None
    ) -> Sentiment: ...
    @overload
    async def sentiment(
        self, text: Iterable[str], *, endpoint: str | None = None, timeout: float | None = None
    ) -> list[Sentiment]: ...
    async def sentiment(
        self, text: str | Iterable[str], *, endpoint: str | None = None, timeout: float | None = None
    ) -> Sentiment | list[Sentiment]:
        """Is a text positive or negative? A text gets an answer, a list of texts a list in the same order."""
        return await self.endpoint("sentiment", endpoint).sentiment(text, timeout=timeout)

    @overload
    async def similarity(
        self, texts: str, other: str, *, endpoint: str | None = None, timeout: float | None = None
    ) -> Similarity: ...
    @overload
    async def similarity(
        self,
        texts: Iterable[tuple[str, str]],
        other: None = None,
        *,
        endpoint: str | None = None,
        timeout: float | None = None,
    ) -> list[Similarity]: ...
    async def similarity(
        self,
        texts: str | Iterable[tuple[str, str]],
        other: str | None = None,
        *,
        endpoint: str | None = None,
        timeout: float | None = None,
    ) -> Similarity | list[Similarity]:
        """How alike are two texts (0 to 5)? ``similarity(a, b)``, or ``similarity([(a, b), …])``."""
        client: Any = self.endpoint("similarity", endpoint)
        answer: Similarity | list[Similarity] = await client.similarity(texts, other, timeout=timeout)
        return answer

    @overload
    async def summarize(  # type: ignore[overload-overlap]  # a str is an Iterable[str]
        self,
        text: str,
        *,
        max_sentences: int = DEFAULT_MAX_SENTENCES,
        endpoint: str | None = None,
        timeout: float | None = None,
    ) -> Summary: ...
    @overload
    async def summarize(
        self,
        text: Iterable[str],
        *,
        max_sentences: int = DEFAULT_MAX_SENTENCES,
        endpoint: str | None = None,
        timeout: float | None = None,
    ) -> list[Summary]: ...
    async def summarize(
        self,
        text: str | Iterable[str],
        *,
        max_sentences: int = DEFAULT_MAX_SENTENCES,
        endpoint: str | None = None,
        timeout: float | None = None,
    ) -> Summary | list[Summary]:
        """The sentences that carry a text, at most *max_sentences* (1 to 20) of them."""
        client = self.endpoint("summarization", endpoint)
        return await client.summarize(text, max_sentences=max_sentences, timeout=timeout)

    @overload  # a str is itself an Iterable
    async def detect(  # type: ignore[overload-overlap]
        self, image: Image, **arguments: Unpack[DetectArgumentsOfSession]
    ) -> Detection: ...
    @overload
    async def detect(
        self, image: Iterable[Image], **arguments: Unpack[DetectArgumentsOfSession]
    ) -> list[Detection]: ...
    async def detect(
        self,
        image: Image | Iterable[Image],
        *,
        score_threshold: float = DEFAULT_SCORE_THRESHOLD,
        max_objects: int = MAX_OBJECTS_RANGE[1],
        annotated: bool = False,
        endpoint: str | None = None,
        timeout: float | None = None,
    ) -> Detection | list[Detection]:
        """Which objects are in a picture, and where? See :meth:`EndpointClient.detect`."""
        client: Any = self.endpoint("detection", endpoint)
        answer: Detection | list[Detection] = await client.detect(
            image,
            score_threshold=score_threshold,
            max_objects=max_objects,
            annotated=annotated,
            timeout=timeout,
        )
        return answer

    def detect_all(
        self,
        images: Iterable[Image] | AsyncIterable[Image] | str | os.PathLike[str],
        *,
        score_threshold: float = DEFAULT_SCORE_THRESHOLD,
        max_objects: int = MAX_OBJECTS_RANGE[1],
        annotated: bool = False,
        on_error: Literal["raise", "return"] = "raise",
        endpoint: str | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[Detection | ServingError]:
        """A :class:`Detection` for every picture, in order: see :meth:`EndpointClient.detect_all`."""
        return self.endpoint("detection", endpoint).detect_all(
            images,
            score_threshold=score_threshold,
            max_objects=max_objects,
            annotated=annotated,
            on_error=on_error,
            timeout=timeout,
        )

    def predict(
        self,
        task: str,
        items: Iterable[object] | AsyncIterable[object],
        *,
        endpoint: str | None = None,
        on_error: Literal["raise", "return"] = "raise",
        timeout: float | None = None,
    ) -> AsyncIterator[Any]:
        """A typed answer for every item, in order: see :meth:`AsyncEndpointClient.predict`."""
        return self.endpoint(task, endpoint).predict(task, items, on_error=on_error, timeout=timeout)

    async def close(self) -> None:
        """Let go of connections and threads; later calls, and whoever waits for a job, get a ServingError."""
        self._twin.close()
        self._threads.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Async{self._twin!r}"
