"""The core under every client: the AWS clients, pools of threads, one way to try again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from serving_clients import _retries
from serving_clients._aws import Clients
from serving_clients._deadline import ACTIVE, Deadline, start
from serving_clients._settings import Settings
from serving_clients.errors import InvalidRequest
from serving_contracts import limits

if TYPE_CHECKING:
    from serving_clients._failures import Context
    from serving_clients._waiter import Waiter

Result = TypeVar("Result")

RUNTIME: Final = "sagemaker-runtime"
PIECES_AT_ONCE: Final = 6
"""Pieces of files that are read and sent at a time: what an upload holds in memory is this times a piece."""


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
    """Calls AWS in one account and region. Thread-safe; boto3 is imported with the first call."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._clients = Clients(settings)
        self._lock = threading.Lock()
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._waiters: dict[str | None, Waiter] = {}

    def prepare(self, service: str = RUNTIME) -> None:
        """Import boto3 and make the AWS client, if that is still to do: no deadline should pay for it."""
        self._clients.get(service)

    def call(
        self,
        service: str,
        operation: str,
        parameters: dict[str, Any],
        deadline: Deadline,
        *,
        action: str,
        endpoint_name: str | None = None,
        subject: str | None = None,
        only_once: bool = False,
    ) -> dict[str, Any]:
        """One AWS call, tried again within the deadline; raises a ServingError. A ``Body`` is read whole.

        action: the permission it needs. endpoint_name, subject: what it is about, for messages.
        """
        client = self._clients.get(service)

        def attempt() -> dict[str, Any]:
            with _active(deadline):
                answer: dict[str, Any] = getattr(client, operation)(**parameters)
            if "Body" in answer:
                answer["Body"] = answer["Body"].read()
            return answer

        context = self._context(endpoint_name, action, subject)
        return self._call(attempt, context, deadline, only_once=only_once)

    def invoke(self, endpoint_name: str, parameters: dict[str, Any], deadline: Deadline) -> InvokeResult:
        """InvokeEndpoint with *parameters*, tried again within the deadline; raises a ServingError."""
        answer = self.call(
            RUNTIME,
            "invoke_endpoint",
            {"EndpointName": endpoint_name, **parameters},
            deadline,
            action="sagemaker:InvokeEndpoint",
            endpoint_name=endpoint_name,
        )
        return InvokeResult(
            body=answer["Body"],
            content_type=answer.get("ContentType", ""),
            invoked_variant=answer.get("InvokedProductionVariant", ""),
            custom_attributes=answer.get("CustomAttributes"),
            request_id=answer["ResponseMetadata"].get("RequestId"),
        )

    def stream(self, endpoint_name: str, parameters: dict[str, Any], seconds: float) -> Iterator[bytes]:
        """InvokeEndpointWithResponseStream; tried again until the first piece, never after it.

        seconds: the deadline of the whole stream, from the first piece that is asked for.
        """
        runtime = self._clients.get(RUNTIME)
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
            client = self._clients.parameter_store(deadline.left())
            try:
                return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
            finally:
                client.close()

        return self._call(attempt, self._context(None, "ssm:GetParameter"), deadline)

    @property
    def workers(self) -> ThreadPoolExecutor:
        """The threads of bulk calls, as many as requests may be in flight."""
        return self._pool("serving-clients", self.settings.concurrency)

    @property
    def pieces(self) -> ThreadPoolExecutor:
        """The threads that read and send pieces of files; what runs in them waits for no other of them."""
        return self._pool("serving-clients-upload", PIECES_AT_ONCE)

    def waiter(self, queue_url: str | None) -> Waiter:
        """The one that waits for all jobs announced in this queue (None: of endpoints without one)."""
        from serving_clients._waiter import Waiter

        with self._lock:
            self._clients.check_open()
            if queue_url not in self._waiters:
                self._waiters[queue_url] = Waiter(self, queue_url)
            return self._waiters[queue_url]

    def close(self) -> None:
        """Let go of connections and threads. Calls that are running end with their own deadline."""
        with self._lock:
            self._clients.close()
            pools, self._pools = self._pools, {}
            waiters, self._waiters = self._waiters, {}
        for waiter in waiters.values():
            waiter.close()
        for pool in pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def _pool(self, name: str, threads: int) -> ThreadPoolExecutor:
        with self._lock:
            self._clients.check_open()
            if name not in self._pools:
                self._pools[name] = ThreadPoolExecutor(threads, name)
            return self._pools[name]

    def _context(self, endpoint_name: str | None, action: str, subject: str | None = None) -> Context:
        from serving_clients._failures import Context

        return Context(self.settings, action, endpoint_name, subject)

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


@contextmanager
def _active(deadline: Deadline) -> Iterator[None]:
    token = ACTIVE.set(deadline)
    try:
        yield
    finally:
        ACTIVE.reset(token)


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
