"""A Lambda function as a place to ask: ``Invoke``, whose event and answer are written as over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import orjson

from serving_clients import _http_events
from serving_clients._connection import Connection
from serving_clients._deadline import Deadline, active
from serving_clients._places import InvokeResult
from serving_clients._settings import DEFAULT_TIMEOUT, MARGIN_SECONDS
from serving_clients.errors import InvalidRequest
from serving_contracts import limits

if TYPE_CHECKING:
    from serving_clients._failures import Context

Result = TypeVar("Result")
InvocationType = Literal["RequestResponse", "Event"]

SERVICE: Final = "lambda"
ACTION: Final = "lambda:InvokeFunction"


class FunctionError(Exception):
    """The function failed (``X-Amz-Function-Error``). payload: what the answer says of it, JSON."""

    def __init__(self, payload: bytes, request_id: str | None) -> None:
        super().__init__("the function failed")
        self.payload = payload
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class LambdaFunction:
    """A function. qualifier: the alias or version to invoke; None for ``$LATEST``.

    timeout_s: seconds after which AWS ends an invocation; None where that is not known. max_concurrency: its
    reserved concurrency, if any. setting: where that is set (``functions.nlp in …/terraform.tfvars``).
    """

    name: str
    qualifier: str | None = None
    timeout_s: int | None = None
    max_concurrency: int | None = None
    setting: str | None = None

    @property
    def what(self) -> str:
        """For sentences."""
        return f"function {self.name!r}"

    @property
    def service(self) -> str:
        """Lambda."""
        return SERVICE

    @property
    def seconds(self) -> float:
        """An init, then an invocation to its very end; and not less than other calls, for the throttled."""
        if self.timeout_s is None:
            return DEFAULT_TIMEOUT
        return max(DEFAULT_TIMEOUT, limits.LAMBDA_INIT_SECONDS + self.timeout_s + MARGIN_SECONDS)

    @property
    def max_bytes(self) -> int:
        """Of one request's body, before it is packed into an event."""
        return _http_events.MAX_BODY_BYTES

    @property
    def bulk_bytes(self) -> int:
        """Of a body that several items make up."""
        return _http_events.MAX_BODY_BYTES

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
        """*body* in an HTTP event, tried again within the deadline; raises a ServingError."""
        payload = _http_events.dump_event(body, content_type, accept, custom_attributes)
        if len(payload) > limits.LAMBDA_PAYLOAD_BYTES:
            raise InvalidRequest(
                f"has {len(body):,} bytes; {self.what} takes {self.max_bytes:,} "
                f"(an event has {limits.LAMBDA_PAYLOAD_BYTES:,} at most, and base64 adds a third)",
                field="body",
                hint="send less at a time",
                endpoint_name=self.name,
            )

        def read(answer: dict[str, Any]) -> InvokeResult:
            http = _http_events.parse_answer(answer["Payload"])
            return InvokeResult(
                body=http.body,
                content_type=http.headers.get("content-type", ""),
                invoked_variant=answer.get("ExecutedVersion", ""),
                custom_attributes=http.headers.get(_http_events.ATTRIBUTES),
                request_id=answer["ResponseMetadata"].get("RequestId"),
            )

        return self._invoke(connection, payload, "RequestResponse", read, deadline)

    def call(self, connection: Connection, event: object, deadline: Deadline) -> Any:
        """*event* as it is; what the function returned, decoded. Raises a ServingError."""
        payload = self._dumped(event, limits.LAMBDA_PAYLOAD_BYTES, "a synchronous invocation")

        def read(answer: dict[str, Any]) -> Any:
            try:
                return orjson.loads(answer["Payload"]) if answer["Payload"] else None
            except orjson.JSONDecodeError as error:
                raise _http_events.MalformedAnswer(f"is not JSON: {error}") from None

        return self._invoke(connection, payload, "RequestResponse", read, deadline)

    def send_event(self, connection: Connection, event: object, deadline: Deadline) -> str:
        """*event* into Lambda's queue; the id of the request. Raises a ServingError."""
        payload = self._dumped(event, limits.LAMBDA_EVENT_BYTES, "an asynchronous invocation")
        return self._invoke(
            connection,
            payload,
            "Event",
            lambda answer: str(answer["ResponseMetadata"].get("RequestId", "")),
            deadline,
        )

    def _invoke(
        self,
        connection: Connection,
        payload: bytes,
        kind: InvocationType,
        read: Callable[[dict[str, Any]], Result],
        deadline: Deadline,
    ) -> Result:
        client = connection.client(SERVICE)
        parameters = {"FunctionName": self.name, "InvocationType": kind, "Payload": payload}
        if self.qualifier is not None:
            parameters["Qualifier"] = self.qualifier

        def attempt() -> Result:
            with active(deadline):
                answer: dict[str, Any] = client.invoke(**parameters)
            answer["Payload"] = answer["Payload"].read()
            if answer.get("FunctionError"):
                raise FunctionError(answer["Payload"], answer["ResponseMetadata"].get("RequestId"))
            return read(answer)

        return connection.run(attempt, self._context(connection), deadline)

    def _dumped(self, event: object, limit: int, what: str) -> bytes:
        try:
            payload = orjson.dumps(event)
        except TypeError as error:
            raise InvalidRequest(f"is no JSON: {error}", field="event") from None
        if len(payload) > limit:
            raise InvalidRequest(
                f"has {len(payload):,} bytes as JSON; {what} takes {limit:,}",
                field="event",
                hint="send less at a time, or put it into S3 and send where it lies",
            )
        return payload

    def _context(self, connection: Connection) -> Context:
        from serving_clients._function_failures import FunctionContext

        return FunctionContext(
            connection.settings, ACTION, self.name, timeout_s=self.timeout_s, setting=self.setting
        )
