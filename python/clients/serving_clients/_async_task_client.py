"""The asynchronous twin of :mod:`serving_clients._task_client`."""

# ruff: noqa: ASYNC109 - timeout= is the deadline of the call, as in the synchronous twin

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack, overload

from serving_clients import _async_detecting
from serving_clients._async_core import Threads, each, predict
from serving_clients._detecting import DetectArguments, options_of
from serving_clients._questions import checked_on_error, many, task_called
from serving_clients._task_client import TaskClient
from serving_clients.errors import ServingError
from serving_contracts.detection import Detection
from serving_contracts.limits import DEFAULT_MAX_SENTENCES, DEFAULT_SCORE_THRESHOLD, MAX_OBJECTS_RANGE
from serving_contracts.sentiment import Sentiment
from serving_contracts.similarity import Similarity
from serving_contracts.summarization import Summary
from serving_contracts.tasks import DETECTION

if TYPE_CHECKING:
    import os

    from serving_clients._images import Image

Result = TypeVar("Result")


class AsyncTaskClient:
    """The tasks, awaited. Iterators are not awaited: ``async for`` goes over them."""

    _twin: TaskClient
    _threads: Threads
    _owns_threads: bool

    @classmethod
    def _of(cls, twin: Any, threads: Threads) -> Self:
        """A client that shares a session's connection and threads."""
        client = cls.__new__(cls)
        client._twin = twin
        client._threads = threads
        client._owns_threads = False
        return client

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

    @overload  # a str is itself an Iterable
    async def detect(  # type: ignore[overload-overlap]
        self, image: Image, **arguments: Unpack[DetectArguments]
    ) -> Detection: ...
    @overload
    async def detect(
        self, image: Iterable[Image], **arguments: Unpack[DetectArguments]
    ) -> list[Detection]: ...
    async def detect(
        self,
        image: Image | Iterable[Image],
        *,
        score_threshold: float = DEFAULT_SCORE_THRESHOLD,
        max_objects: int = MAX_OBJECTS_RANGE[1],
        annotated: bool = False,
        timeout: float | None = None,
    ) -> Detection | list[Detection]:
        """Which objects are in a picture, and where? See :meth:`EndpointClient.detect`."""
        ask: Callable[..., Detection | list[Detection]] = self._twin.detect
        return await self._run(
            timeout,
            ask,
            image,
            score_threshold=score_threshold,
            max_objects=max_objects,
            annotated=annotated,
        )

    def detect_all(
        self,
        images: Iterable[Image] | AsyncIterable[Image] | str | os.PathLike[str],
        *,
        score_threshold: float = DEFAULT_SCORE_THRESHOLD,
        max_objects: int = MAX_OBJECTS_RANGE[1],
        annotated: bool = False,
        on_error: Literal["raise", "return"] = "raise",
        timeout: float | None = None,
    ) -> AsyncIterator[Detection | ServingError]:
        """A :class:`Detection` for every picture, in order: see :meth:`EndpointClient.detect_all`.

        images may also be asynchronous; what is not is read in the event loop's thread.
        """
        options = options_of(score_threshold, max_objects, annotated)
        how = checked_on_error(on_error)
        return _async_detecting.detect_all(self._twin._target, images, options, how, timeout, self._threads)

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
        if task == DETECTION.name:
            return self.detect_all(items, on_error=on_error, timeout=timeout)  # type: ignore[arg-type]
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
