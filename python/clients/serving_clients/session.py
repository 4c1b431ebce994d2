"""A session with an environment: asks by task, and finds the endpoint in the catalog."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, overload

from serving_clients import _settings
from serving_clients._connection import Connection
from serving_clients._deadline import start
from serving_clients._detecting import DetectArgumentsOfSession
from serving_clients._jobs_of_session import JobsOfSession
from serving_clients._lambda import LambdaFunction
from serving_clients._questions import Target, task_answered_at_once
from serving_clients._routes import AT_ONCE, choose, place_of
from serving_clients.endpoint import EndpointClient
from serving_clients.errors import InvalidCatalog, ServingError
from serving_clients.function import FunctionClient
from serving_clients.jobs_client import JobsClient
from serving_contracts import catalog as catalogs
from serving_contracts.catalog import Catalog
from serving_contracts.detection import Detection
from serving_contracts.errors import InvalidInput
from serving_contracts.limits import DEFAULT_MAX_SENTENCES, DEFAULT_SCORE_THRESHOLD, MAX_OBJECTS_RANGE
from serving_contracts.sentiment import Sentiment
from serving_contracts.similarity import Similarity
from serving_contracts.summarization import Summary

if TYPE_CHECKING:
    import os

    from serving_clients._images import Image


def connect(
    env: str = _settings.LOCAL,
    *,
    region: str | None = None,
    timeout: float | None = None,
    concurrency: int = _settings.DEFAULT_CONCURRENCY,
    endpoint_url: str | None = None,
    boto3_session: Any = None,
) -> Session:
    """A session with the environment *env*; reads its catalog.

    region: else AWS_DEFAULT_REGION or the profile's. timeout: seconds that a call may take, retries included;
    without it as long as what is called may take, a cold start included: 70 for a real-time endpoint, 250 for
    a serverless one, 20 more than its timeout (and at least 70) for a function. concurrency: requests in
    flight of one bulk call, 1 to 256; fewer where what is called takes fewer. endpoint_url: where to go
    instead of AWS. boto3_session: whose credentials to use; else boto3's own search.

    For ``local`` the address is AWS_ENDPOINT_URL, else that of the local cloud which runs in this folder or
    one above it, else ``http://127.0.0.1:4570``; credentials are made up.

    Raises CatalogNotFound where nothing is deployed, Unavailable where nothing answers, AccessDenied.
    """
    settings = _settings.resolve(
        env,
        region=region,
        endpoint_url=endpoint_url,
        timeout=timeout,
        concurrency=concurrency,
        boto3_session=boto3_session,
    )
    connection = Connection(settings)
    session = Session(connection)
    try:
        session.refresh()
        connection.prepare()
    except BaseException:
        session.close()
        raise
    return session


class Session(JobsOfSession):
    """Typed answers from whatever the environment serves. Thread-safe; a context manager. Made by connect().

    Every task method takes ``endpoint=``: the catalog's name of an endpoint or function (``korean-nlp``), or
    with a container (``korean-nlp/sentiment``), where several serve the task. Without it the first of
    ``Catalog.routes`` is asked: always the same one for the same catalog. Whether that is a real-time or a
    serverless endpoint or a Lambda function makes no difference to the caller.
    ``timeout=`` is in seconds and bounds the whole call, retries included.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._catalog: Catalog | None = None
        self._clients: dict[tuple[str, str | None], EndpointClient | FunctionClient] = {}
        self._jobs_clients: dict[tuple[str, str | None], JobsClient] = {}

    @property
    def environment(self) -> str:
        """The name of the environment."""
        return self.catalog.environment

    @property
    def catalog(self) -> Catalog:
        """What the environment serves, as read when the session was made or refreshed."""
        return self._catalog or self.refresh()

    def refresh(self, *, timeout: float | None = None) -> Catalog:
        """Read the catalog again, after a deployment that added or removed endpoints."""
        settings = self._connection.settings
        seconds = settings.seconds(timeout)
        name = catalogs.parameter_name(settings.env or "")
        text = self._connection.read_parameter(name, start(seconds))
        try:
            catalog = catalogs.parse(text)
        except InvalidInput as error:
            raise InvalidCatalog(
                f"the SSM parameter {name} holds no catalog: {error}",
                hint=f"deploy again: invoke deploy --env {settings.env}",
            ) from None
        with self._lock:
            self._catalog = catalog
            self._clients.clear()
            self._jobs_clients.clear()
        return catalog

    def endpoint(self, task: str, endpoint: str | None = None) -> EndpointClient | FunctionClient:
        """The client of the endpoint or function that serves *task*.

        Raises EndpointNotFound with what there is.
        """
        task_answered_at_once(task)
        route = choose(self.catalog, task, endpoint, AT_ONCE)
        key = (route.endpoint, route.target_container)
        with self._lock:
            if key not in self._clients:
                place = place_of(self.catalog, route)
                kind = FunctionClient if isinstance(place, LambdaFunction) else EndpointClient
                self._clients[key] = kind._of(Target(self._connection, place))
            return self._clients[key]

    @overload
    def sentiment(  # type: ignore[overload-overlap]  # a str is an Iterable[str]
        self, text: str, *, endpoint: str | None = None, timeout: float | None = None
    ) -> Sentiment: ...
    @overload
    def sentiment(
        self, text: Iterable[str], *, endpoint: str | None = None, timeout: float | None = None
    ) -> list[Sentiment]: ...
    def sentiment(
        self, text: str | Iterable[str], *, endpoint: str | None = None, timeout: float | None = None
    ) -> Sentiment | list[Sentiment]:
        """Is a text positive or negative? A text gets an answer, a list of texts a list in the same order."""
        return self.endpoint("sentiment", endpoint).sentiment(text, timeout=timeout)

    @overload
    def similarity(
        self, texts: str, other: str, *, endpoint: str | None = None, timeout: float | None = None
    ) -> Similarity: ...
    @overload
    def similarity(
        self,
        texts: Iterable[tuple[str, str]],
        other: None = None,
        *,
        endpoint: str | None = None,
        timeout: float | None = None,
    ) -> list[Similarity]: ...
    def similarity(
        self,
        texts: str | Iterable[tuple[str, str]],
        other: str | None = None,
        *,
        endpoint: str | None = None,
        timeout: float | None = None,
    ) -> Similarity | list[Similarity]:
        """How alike are two texts (0 to 5)? ``similarity(a, b)``, or ``similarity([(a, b), …])``."""
        client: Any = self.endpoint("similarity", endpoint)
        answer: Similarity | list[Similarity] = client.similarity(texts, other, timeout=timeout)
        return answer

    @overload
    def summarize(  # type: ignore[overload-overlap]  # a str is an Iterable[str]
        self,
        text: str,
        *,
        max_sentences: int = DEFAULT_MAX_SENTENCES,
        endpoint: str | None = None,
        timeout: float | None = None,
    ) -> Summary: ...
    @overload
    def summarize(
        self,
        text: Iterable[str],
        *,
        max_sentences: int = DEFAULT_MAX_SENTENCES,
        endpoint: str | None = None,
        timeout: float | None = None,
    ) -> list[Summary]: ...
    def summarize(
        self,
        text: str | Iterable[str],
        *,
        max_sentences: int = DEFAULT_MAX_SENTENCES,
        endpoint: str | None = None,
        timeout: float | None = None,
    ) -> Summary | list[Summary]:
        """The sentences that carry a text, at most *max_sentences* (1 to 20) of them."""
        client = self.endpoint("summarization", endpoint)
        return client.summarize(text, max_sentences=max_sentences, timeout=timeout)

    @overload  # a str is itself an Iterable
    def detect(  # type: ignore[overload-overlap]
        self, image: Image, **arguments: Unpack[DetectArgumentsOfSession]
    ) -> Detection: ...
    @overload
    def detect(
        self, image: Iterable[Image], **arguments: Unpack[DetectArgumentsOfSession]
    ) -> list[Detection]: ...
    def detect(
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
        answer: Detection | list[Detection] = client.detect(
            image,
            score_threshold=score_threshold,
            max_objects=max_objects,
            annotated=annotated,
            timeout=timeout,
        )
        return answer

    def detect_all(
        self,
        images: Iterable[Image] | str | os.PathLike[str],
        *,
        score_threshold: float = DEFAULT_SCORE_THRESHOLD,
        max_objects: int = MAX_OBJECTS_RANGE[1],
        annotated: bool = False,
        on_error: Literal["raise", "return"] = "raise",
        endpoint: str | None = None,
        timeout: float | None = None,
    ) -> Iterator[Detection | ServingError]:
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
        items: Iterable[object],
        *,
        endpoint: str | None = None,
        on_error: Literal["raise", "return"] = "raise",
        timeout: float | None = None,
    ) -> Iterator[Any]:
        """A typed answer for every item, in order, in bounded memory: see :meth:`EndpointClient.predict`."""
        return self.endpoint(task, endpoint).predict(task, items, on_error=on_error, timeout=timeout)

    def close(self) -> None:
        """Let go of connections and threads; later calls, and whoever waits for a job, get a ServingError."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        settings = self._connection.settings
        return f"Session(env={settings.env!r}, endpoint_url={settings.endpoint_url!r})"
