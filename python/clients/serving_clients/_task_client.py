"""What every client of one place can be asked, wherever that is: an endpoint or a function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, overload

from serving_clients import _detecting
from serving_clients._detecting import DetectArguments, options_of
from serving_clients._questions import Target, checked_on_error, many, summary_questions, task_called
from serving_clients.errors import ServingError
from serving_contracts.detection import Detection
from serving_contracts.limits import DEFAULT_MAX_SENTENCES, DEFAULT_SCORE_THRESHOLD, MAX_OBJECTS_RANGE
from serving_contracts.sentiment import Sentiment
from serving_contracts.similarity import Similarity
from serving_contracts.summarization import Summary
from serving_contracts.tasks import DETECTION, SENTIMENT, SIMILARITY, SUMMARIZATION

if TYPE_CHECKING:
    import os

    from serving_clients._images import Image


class TaskClient:
    """The tasks. Thread-safe; a context manager."""

    _target: Target
    _owns_connection: bool

    @classmethod
    def _of(cls, target: Target) -> Self:
        """A client that shares a session's connection."""
        client = cls.__new__(cls)
        client._target = target
        client._owns_connection = False
        return client

    @overload  # a str is itself an Iterable[str]
    def sentiment(  # type: ignore[overload-overlap]
        self, text: str, *, timeout: float | None = None
    ) -> Sentiment: ...
    @overload
    def sentiment(self, text: Iterable[str], *, timeout: float | None = None) -> list[Sentiment]: ...
    def sentiment(
        self, text: str | Iterable[str], *, timeout: float | None = None
    ) -> Sentiment | list[Sentiment]:
        """Is a text positive or negative? A text gets an answer, a list of texts a list in the same order."""
        if isinstance(text, str):
            return self._target.ask_one(SENTIMENT, text, timeout)
        return self._target.ask_all(SENTIMENT, many(text, "a text or a list of texts"), timeout)

    @overload
    def similarity(self, texts: str, other: str, *, timeout: float | None = None) -> Similarity: ...
    @overload
    def similarity(
        self, texts: Iterable[tuple[str, str]], other: None = None, *, timeout: float | None = None
    ) -> list[Similarity]: ...
    def similarity(
        self,
        texts: str | Iterable[tuple[str, str]],
        other: str | None = None,
        *,
        timeout: float | None = None,
    ) -> Similarity | list[Similarity]:
        """How alike are two texts (0 to 5)? ``similarity(a, b)``, or ``similarity([(a, b), …])``."""
        if isinstance(texts, str) or other is not None:
            return self._target.ask_one(SIMILARITY, (texts, other), timeout)
        return self._target.ask_all(SIMILARITY, many(texts, "two texts or a list of pairs"), timeout)

    @overload
    def summarize(  # type: ignore[overload-overlap]  # a str is an Iterable[str]
        self, text: str, *, max_sentences: int = DEFAULT_MAX_SENTENCES, timeout: float | None = None
    ) -> Summary: ...
    @overload
    def summarize(
        self,
        text: Iterable[str],
        *,
        max_sentences: int = DEFAULT_MAX_SENTENCES,
        timeout: float | None = None,
    ) -> list[Summary]: ...
    def summarize(
        self,
        text: str | Iterable[str],
        *,
        max_sentences: int = DEFAULT_MAX_SENTENCES,
        timeout: float | None = None,
    ) -> Summary | list[Summary]:
        """The sentences that carry a text, at most *max_sentences* (1 to 20) of them."""
        if isinstance(text, str):
            question = {"text": text, "max_sentences": max_sentences}
            return self._target.ask_one(SUMMARIZATION, question, timeout)
        questions = summary_questions(many(text, "a text or a list of texts"), max_sentences)
        return self._target.ask_all(SUMMARIZATION, questions, timeout)

    @overload  # a str is itself an Iterable
    def detect(  # type: ignore[overload-overlap]
        self, image: Image, **arguments: Unpack[DetectArguments]
    ) -> Detection: ...
    @overload
    def detect(self, image: Iterable[Image], **arguments: Unpack[DetectArguments]) -> list[Detection]: ...
    def detect(
        self,
        image: Image | Iterable[Image],
        *,
        score_threshold: float = DEFAULT_SCORE_THRESHOLD,
        max_objects: int = MAX_OBJECTS_RANGE[1],
        annotated: bool = False,
        timeout: float | None = None,
    ) -> Detection | list[Detection]:
        """Which objects are in a picture, and where? A list of pictures gets a list in the same order.

        image: a path, the file's bytes, an open file, a Pillow image or an array (height × width × 3, uint8,
        RGB). score_threshold, max_objects, annotated: as of :class:`DetectionOptions`.
        """
        options = options_of(score_threshold, max_objects, annotated)
        return _detecting.detect(self._target, image, options, timeout)

    def detect_all(
        self,
        images: Iterable[Image] | str | os.PathLike[str],
        *,
        score_threshold: float = DEFAULT_SCORE_THRESHOLD,
        max_objects: int = MAX_OBJECTS_RANGE[1],
        annotated: bool = False,
        on_error: Literal["raise", "return"] = "raise",
        timeout: float | None = None,
    ) -> Iterator[Detection | ServingError]:
        """A :class:`Detection` for every picture, in order, in bounded memory however many there are.

        images: each as :meth:`detect` takes it; or the path of a folder: every picture in it (not below it,
        none that is hidden), sorted by name. on_error: as of :meth:`predict`. timeout: seconds for each
        picture, not for the whole.
        """
        options = options_of(score_threshold, max_objects, annotated)
        return _detecting.detect_all(self._target, images, options, checked_on_error(on_error), timeout)

    def predict(
        self,
        task: str,
        items: Iterable[object],
        *,
        on_error: Literal["raise", "return"] = "raise",
        timeout: float | None = None,
    ) -> Iterator[Any]:
        """A typed answer for every item, in order, in bounded memory however many there are.

        items: each a text (a pair of texts for similarity, a picture for detection), a mapping as it travels
        (``{"text": …}``), a request type of the task, or a line of a JSON Lines file as bytes
        (``open(path, "rb")`` gives those).
        on_error: ``raise`` stops at the first bad item; ``return`` gives an InvalidRequest, ModelFailed or
        ServingTimeout in that item's place and goes on. Errors that are no item's fault (no endpoint,
        throttled, no answer within the deadline, …) are always raised.
        timeout: seconds for each request of up to 64 items (of one picture), not for the whole.
        """
        if task == DETECTION.name:
            return self.detect_all(items, on_error=on_error, timeout=timeout)  # type: ignore[arg-type]
        kind, how, seconds = task_called(task), checked_on_error(on_error), self._target.seconds(timeout)
        return self._target.predict(kind, many(items, "an iterable of items"), how, seconds)

    def close(self) -> None:
        """Let go of connections and threads (of a client that a session made: the session does that)."""
        if self._owns_connection:
            self._target.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
