"""A SageMaker endpoint as a place to ask, real-time or serverless."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from serving_clients._connection import RUNTIME, Connection
from serving_clients._deadline import Deadline, active, start
from serving_clients._places import InvokeResult
from serving_clients._settings import DEFAULT_TIMEOUT, MARGIN_SECONDS
from serving_clients.errors import InvalidRequest
from serving_contracts import limits

if TYPE_CHECKING:
    from serving_clients._failures import Context

COLD_SECONDS: Final = limits.SERVERLESS_STARTUP_SECONDS + limits.SERVERLESS_TIMEOUT_SECONDS + MARGIN_SECONDS
"""What a call of a serverless endpoint may take that has to start a container first."""


@dataclass(frozen=True, slots=True)
class SageMakerEndpoint:
    """An endpoint (and container). serverless: whether it is one, as far as is known.

    setting: where its concurrency is set (``serverless_endpoints.nlp in …/terraform.tfvars``), for messages.
    """

    name: str
    container: str | None = None
    serverless: bool = False
    max_concurrency: int | None = None
    setting: str | None = None

    @property
    def what(self) -> str:
        """For sentences."""
        return f"endpoint {self.name!r}"

    @property
    def service(self) -> str:
        """SageMaker's runtime."""
        return RUNTIME

    @property
    def seconds(self) -> float:
        """A serverless endpoint may have to start a container first."""
        return COLD_SECONDS if self.serverless else DEFAULT_TIMEOUT

    @property
    def max_bytes(self) -> int:
        """Of one request's body."""
        return limits.SERVERLESS_PAYLOAD_BYTES if self.serverless else limits.REALTIME_PAYLOAD_BYTES

    @property
    def bulk_bytes(self) -> int:
        """Of a body that several items make up: the limit that holds in every region."""
        return min(self.max_bytes, limits.REALTIME_PAYLOAD_BYTES_SAFE)

    def send(
        self,
        connection: Connection,
        body: bytes,
        content_type: str,
        deadline: Deadline,
        *,
        accept: str | None = None,
        custom_attributes: str | None = None,
    ) -> InvokeResult:
        """InvokeEndpoint with *body*, tried again within the deadline; raises a ServingError."""
        options = {
            "Body": checked_body(body, self.max_bytes, self.what),
            "ContentType": content_type,
            "Accept": accept,
            "TargetContainerHostname": self.container,
            "CustomAttributes": custom_attributes,
        }
        parameters = {name: value for name, value in options.items() if value is not None}
        return self.invoke(connection, parameters, deadline)

    def invoke(self, connection: Connection, parameters: dict[str, Any], deadline: Deadline) -> InvokeResult:
        """InvokeEndpoint with *parameters*, tried again within the deadline; raises a ServingError."""
        runtime = connection.client(RUNTIME)

        def attempt() -> InvokeResult:
            with active(deadline):
                answer = runtime.invoke_endpoint(EndpointName=self.name, **parameters)
            return InvokeResult(
                body=answer["Body"].read(),
                content_type=answer.get("ContentType", ""),
                invoked_variant=answer.get("InvokedProductionVariant", ""),
                custom_attributes=answer.get("CustomAttributes"),
                request_id=answer["ResponseMetadata"].get("RequestId"),
            )

        return connection.run(attempt, self._context(connection, "sagemaker:InvokeEndpoint"), deadline)

    def stream(self, connection: Connection, parameters: dict[str, Any], seconds: float) -> Iterator[bytes]:
        """InvokeEndpointWithResponseStream; tried again until the first piece, never after it.

        seconds: the deadline of the whole stream, from the first piece that is asked for.
        """
        runtime = connection.client(RUNTIME)
        deadline = start(seconds)
        context = self._context(connection, "sagemaker:InvokeEndpointWithResponseStream")

        def attempt() -> tuple[Any, Iterator[Any], Any]:
            with active(deadline):
                answer = runtime.invoke_endpoint_with_response_stream(EndpointName=self.name, **parameters)
            events = iter(answer["Body"])
            try:
                return answer["Body"], events, next(events, None)
            except BaseException:
                answer["Body"].close()
                raise

        source, events, event = connection.run(attempt, context, deadline)
        try:
            while event is not None:
                if piece := event.get("PayloadPart", {}).get("Bytes"):
                    yield piece
                event = connection.run(lambda: next(events, None), context, deadline, only_once=True)
        finally:
            source.close()

    def _context(self, connection: Connection, action: str) -> Context:
        from serving_clients._failures import Context

        return Context(connection.settings, action, self.name, throttling=self._advice)

    @property
    def _advice(self) -> str | None:
        if not self.serverless:
            return None
        return (
            f"raise max_concurrency ({self.setting or 'of the serverless endpoint'}), or send less at a time"
        )


def checked_body(
    body: bytes | str, limit: int = limits.REALTIME_PAYLOAD_BYTES, what: str = "a real-time request"
) -> bytes:
    """*body* as bytes within AWS's limit; raises InvalidRequest."""
    data = body.encode() if isinstance(body, str) else body
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InvalidRequest(f"must be bytes or str, not {type(body).__name__}", field="body")
    if len(data) > limit:
        raise InvalidRequest(
            f"has {len(data):,} bytes; {what} takes {limit:,}",
            field="body",
            hint="send less at a time",
        )
    return bytes(data)
