"""A client of one real-time endpoint, usable alone with an explicit endpoint name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Literal, Self, overload

from serving_clients import _settings
from serving_clients._connection import Connection, InvokeResult, checked_body
from serving_clients._questions import Target, checked_on_error, many, summary_questions, task_called
from serving_contracts import media_types
from serving_contracts.limits import DEFAULT_MAX_SENTENCES
from serving_contracts.sentiment import Sentiment
from serving_contracts.similarity import Similarity
from serving_contracts.summarization import Summary
from serving_contracts.tasks import SENTIMENT, SIMILARITY, SUMMARIZATION


class EndpointClient:
    """Calls one real-time (or serverless) endpoint. Thread-safe; a context manager.

    endpoint_name: as AWS knows it. target_container: ``TargetContainerHostname`` of every call, for a
    multi-container endpoint in Direct mode. env: ``local`` for the local cloud; without it, where boto3 goes.
    timeout: seconds that a call may take, retries included. concurrency: requests in flight of a bulk call.
    """

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
        settings = _settings.resolve(
            env,
            region=region,
            endpoint_url=endpoint_url,
            timeout=timeout,
            concurrency=concurrency,
            boto3_session=boto3_session,
        )
        name = _settings.checked_endpoint_name(endpoint_name)
        self._target = Target(Connection(settings), name, target_container)
        self._owns_connection = True

    @classmethod
    def _of(cls, target: Target) -> Self:
        """A client that shares a session's connection."""
        client = cls.__new__(cls)
        client._target = target
        client._owns_connection = False
        return client

    @property
    def endpoint_name(self) -> str:
        """The endpoint, as AWS knows it."""
        return self._target.endpoint_name

    @property
    def target_container(self) -> str | None:
        """The container that calls go to; None where the endpoint has one, or runs them in series."""
        return self._target.container

    def invoke(
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
        parameters = self._parameters(
            body, content_type, accept, target_container, target_variant, custom_attributes, inference_id
        )
        deadline = self._target.start(timeout)
        return self._target.connection.invoke(self.endpoint_name, parameters, deadline)

    def stream(
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
    ) -> Iterator[bytes]:
        """Send *body*; pieces of the answer as they arrive (a piece is not a line).

        timeout: seconds of the whole stream; AWS allows 480. Closing the iterator early drops the connection.
        """
        parameters = self._parameters(
            body, content_type, accept, target_container, target_variant, custom_attributes, inference_id
        )
        return self._target.connection.stream(self.endpoint_name, parameters, self._target.seconds(timeout))

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

    def predict(
        self,
        task: str,
        items: Iterable[object],
        *,
        on_error: Literal["raise", "return"] = "raise",
        timeout: float | None = None,
    ) -> Iterator[Any]:
        """A typed answer for every item, in order, in bounded memory however many there are.

        items: each a text (a pair of texts for similarity), a mapping as it travels (``{"text": …}``), a
        request type of the task, or a line of a JSON Lines file as bytes (``open(path, "rb")`` gives those).
        on_error: ``raise`` stops at the first bad item; ``return`` gives an InvalidRequest, ModelFailed or
        ServingTimeout in that item's place and goes on. Errors that are no item's fault (no endpoint,
        throttled, no answer within the deadline, …) are always raised.
        timeout: seconds for each request of up to 64 items, not for the whole.
        """
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

    def __repr__(self) -> str:
        container = f", target_container={self.target_container!r}" if self.target_container else ""
        return f"{type(self).__name__}({self.endpoint_name!r}{container})"

    def _parameters(
        self,
        body: bytes | str,
        content_type: str,
        accept: str | None,
        target_container: str | None,
        target_variant: str | None,
        custom_attributes: str | None,
        inference_id: str | None,
    ) -> dict[str, Any]:
        options = {
            "Body": checked_body(body),
            "ContentType": content_type,
            "Accept": accept,
            "TargetContainerHostname": target_container or self.target_container,
            "TargetVariant": target_variant,
            "CustomAttributes": custom_attributes,
            "InferenceId": inference_id,
        }
        return {name: value for name, value in options.items() if value is not None}
