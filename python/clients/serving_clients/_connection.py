"""The core under every client: one AWS client, one pool of connections, one way to try again."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from serving_clients import _retries
from serving_clients._deadline import ACTIVE, Deadline, start
from serving_clients._settings import Settings, is_loopback
from serving_clients.errors import InvalidRequest, ServingError
from serving_contracts import limits

if TYPE_CHECKING:
    from serving_clients._failures import Context

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class InvokeResult:
    """What an endpoint answered.

    invoked_variant: the production variant that did. custom_attributes: what the container set, or None.
    """

    body: bytes
    content_type: str
    invoked_variant: str
    custom_attributes: str | None = None
    request_id: str | None = None


class Connection:
    """Calls endpoints of one account and region. Thread-safe; boto3 is imported with the first call."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._closed = False
        self._boto3_session: Any = settings.boto3_session
        self._runtime: Any = None
        self._transport: Any = None
        self._workers: ThreadPoolExecutor | None = None

    def prepare(self) -> None:
        """Import boto3 and make the AWS client, if that is still to do: no deadline should pay for it."""
        self._client()

    def invoke(self, endpoint_name: str, parameters: dict[str, Any], deadline: Deadline) -> InvokeResult:
        """InvokeEndpoint with *parameters*, tried again within the deadline; raises a ServingError."""
        runtime = self._client()

        def attempt() -> InvokeResult:
            with _active(deadline):
                answer = runtime.invoke_endpoint(EndpointName=endpoint_name, **parameters)
            return InvokeResult(
                body=answer["Body"].read(),
                content_type=answer.get("ContentType", ""),
                invoked_variant=answer.get("InvokedProductionVariant", ""),
                custom_attributes=answer.get("CustomAttributes"),
                request_id=answer["ResponseMetadata"].get("RequestId"),
            )

        return self._call(attempt, self._context(endpoint_name, "sagemaker:InvokeEndpoint"), deadline)

    def stream(self, endpoint_name: str, parameters: dict[str, Any], seconds: float) -> Iterator[bytes]:
        """InvokeEndpointWithResponseStream; tried again until the first piece, never after it.

        seconds: the deadline of the whole stream, from the first piece that is asked for.
        """
        runtime = self._client()
        deadline = start(seconds)
        context = self._context(endpoint_name, "sagemaker:InvokeEndpointWithResponseStream")

        def attempt() -> tuple[Any, Iterator[Any], Any]:
            with _active(deadline):
                answer = runtime.invoke_endpoint_with_response_stream(
                    EndpointName=endpoint_name, **parameters
                )
            events = iter(answer["Body"])
            try:
                return answer["Body"], events, next(events, None)
            except BaseException:
                answer["Body"].close()
                raise

        source, events, event = self._call(attempt, context, deadline)
        try:
            while event is not None:
                if piece := event.get("PayloadPart", {}).get("Bytes"):
                    yield piece
                event = self._call(lambda: next(events, None), context, deadline, only_once=True)
        finally:
            source.close()

    def read_parameter(self, name: str, deadline: Deadline) -> str:
        """The SSM parameter *name*, decrypted; raises CatalogNotFound where there is none.

        By botocore's own sender, so that a process that mocks AWS at that point can mock this too.
        """

        def attempt() -> str:
            client = self._parameter_store(deadline.left())
            try:
                return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
            finally:
                client.close()

        return self._call(attempt, self._context(None, "ssm:GetParameter"), deadline)

    @property
    def workers(self) -> ThreadPoolExecutor:
        """The threads of bulk calls, as many as requests may be in flight."""
        with self._lock:
            self.check_open()
            if self._workers is None:
                self._workers = ThreadPoolExecutor(self.settings.concurrency, "serving-clients")
            return self._workers

    def close(self) -> None:
        """Let go of connections and threads. Calls that are running end with their own deadline."""
        with self._lock:
            self._closed = True
            workers, transport, runtime = self._workers, self._transport, self._runtime
            self._workers = self._transport = self._runtime = None
        if workers is not None:
            workers.shutdown(wait=False, cancel_futures=True)
        if runtime is not None:
            runtime.close()
        if transport is not None:
            transport.close()

    def check_open(self) -> None:
        """Raise ServingError once closed."""
        if self._closed:
            raise ServingError("this session is closed", hint="connect again")

    def _context(self, endpoint_name: str | None, action: str) -> Context:
        from serving_clients._failures import Context

        return Context(self.settings, action, endpoint_name)

    def _call(
        self, attempt: Callable[[], Result], context: Context, deadline: Deadline, *, only_once: bool = False
    ) -> Result:
        return _retries.call(
            attempt,
            deadline=deadline,
            only_once=only_once,
            classify=context.classify,
            timed_out=lambda: context.timed_out(deadline.seconds),
        )

    def _client(self) -> Any:
        with self._lock:
            self.check_open()
            if self._runtime is None:
                from botocore.config import Config

                from serving_clients._transport import Transport

                session = self._session()
                client = session.client(
                    "sagemaker-runtime",
                    endpoint_url=self.settings.endpoint_url,
                    config=Config(retries={"total_max_attempts": 1}),  # ours know the deadline
                )
                self._transport = Transport(client.meta.endpoint_url, ca_bundle=_profile_ca_bundle(session))
                client.meta.events.register_last("before-send.sagemaker-runtime", self._transport.send)
                self._runtime = client
            return self._runtime

    def _parameter_store(self, seconds: float) -> Any:
        """A client of SSM for one call of at most *seconds*."""
        from botocore.config import Config

        url = self.settings.endpoint_url
        config = Config(
            connect_timeout=min(5.0, seconds),
            read_timeout=seconds,
            retries={"total_max_attempts": 1},
            proxies={} if is_loopback(url) else None,
        )
        with self._lock:  # a boto3 session makes one client at a time
            self.check_open()
            return self._session().client("ssm", endpoint_url=url, config=config)

    def _session(self) -> Any:
        """The caller's boto3 session, or one for the environment."""
        if self._boto3_session is None:
            import boto3
            import botocore.session

            settings = self.settings
            known: dict[str, str] = {"region_name": settings.region} if settings.region else {}
            if settings.local:  # the local cloud takes any credentials and must never see real ones
                known |= {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
            base = botocore.session.Session()
            base.register_component("data_loader", _service_models())
            self._boto3_session = boto3.Session(botocore_session=base, **known)
        if not self._boto3_session.region_name and not self.settings.region:
            raise InvalidRequest(
                "no region is set",
                field="region",
                hint="give region=, or set AWS_DEFAULT_REGION or the profile's region",
            )
        return self._boto3_session


@contextmanager
def _active(deadline: Deadline) -> Iterator[None]:
    token = ACTIVE.set(deadline)
    try:
        yield
    finally:
        ACTIVE.reset(token)


@functools.cache
def _service_models() -> Any:
    """botocore's descriptions of the services, shared: reading them takes ten times as long as the rest."""
    from botocore.loaders import create_loader

    return create_loader()


def _profile_ca_bundle(session: Any) -> str | None:
    import botocore.session

    bundle = botocore.session.Session(profile=session.profile_name).get_config_variable("ca_bundle")
    return bundle if isinstance(bundle, str) else None


def checked_body(body: bytes | str) -> bytes:
    """*body* as bytes within AWS's limit; raises InvalidRequest."""
    data = body.encode() if isinstance(body, str) else body
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InvalidRequest(f"must be bytes or str, not {type(body).__name__}", field="body")
    if len(data) > limits.REALTIME_PAYLOAD_BYTES:
        raise InvalidRequest(
            f"has {len(data):,} bytes; a real-time request takes {limits.REALTIME_PAYLOAD_BYTES:,}",
            field="body",
            hint="send less at a time",
        )
    return bytes(data)
