"""Submitting: the file to S3, then the request to SageMaker.

A try of InvokeEndpointAsync whose answer was lost may have been accepted. Its repetition names the same
object and the same ``InferenceId``: the work may be done twice, the job is one, and the answer that counts
is the one of the location that SageMaker named last.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from serving_clients._connection import RUNTIME, Connection
from serving_clients._deadline import Deadline
from serving_clients._job_ref import JobRef
from serving_clients._sources import Parcel, Remote, pack
from serving_clients._storage import Location, delete_quietly, is_there
from serving_clients._upload import Meter, upload
from serving_clients._waiter import Waiter
from serving_clients.errors import AccessDenied, EndpointNotFound, InvalidRequest
from serving_contracts import limits, media_types
from serving_contracts.tasks import MediaTask

UPLOAD_BYTES_PER_SECOND: Final = 1 * limits.MIB
"""A line that is slower than this needs a timeout= of its own."""
CLEAN_UP_SECONDS: Final = 5.0

_VISIBLE: Final = re.compile(r"[ -~]*")


@dataclass(frozen=True, slots=True)
class Options:
    """What goes along with a body. Checked when it is made."""

    accept: str | None = None
    custom_attributes: str | None = None
    inference_id: str | None = None
    ttl_seconds: int | None = None
    invocation_timeout_seconds: int | None = None

    def __post_init__(self) -> None:
        _check_text(self.accept, "accept", limits.CONTENT_TYPE_CHARACTERS)
        _check_text(self.custom_attributes, "custom_attributes", limits.CUSTOM_ATTRIBUTES_CHARACTERS)
        _check_text(self.inference_id, "inference_id", limits.INFERENCE_ID_CHARACTERS)
        if self.inference_id is not None and not self.inference_id.strip(" ") == self.inference_id != "":
            raise InvalidRequest("must neither be empty nor begin or end with a space", field="inference_id")
        _check_seconds(self.ttl_seconds, "ttl_seconds", limits.ASYNC_REQUEST_TTL_RANGE_SECONDS)
        _check_seconds(
            self.invocation_timeout_seconds,
            "invocation_timeout_seconds",
            limits.ASYNC_INVOCATION_TIMEOUT_RANGE_SECONDS,
        )

    def parameters(self) -> dict[str, Any]:
        """As InvokeEndpointAsync calls them."""
        named = {
            "Accept": self.accept,
            "CustomAttributes": self.custom_attributes or None,
            "RequestTTLSeconds": self.ttl_seconds,
            "InvocationTimeoutSeconds": self.invocation_timeout_seconds,
        }
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Intent:
    """A request that is about to be sent: all that it takes to send it again as the same."""

    input: str
    inference_id: str


@dataclass(frozen=True, slots=True)
class AsyncTarget:
    """An asynchronous endpoint. input: the prefix that clients upload under. task: a media task, or None."""

    connection: Connection
    endpoint_name: str
    input: Location | None
    queue_url: str | None
    task: MediaTask[Any, Any] | None = None

    @property
    def waiter(self) -> Waiter:
        """Whoever waits for its jobs."""
        return self.connection.waiter(self.queue_url)

    def seconds(self, timeout: float | None, bytes_to_send: int) -> float:
        """*timeout*, or the session's and what sending takes over a slow line."""
        seconds = self.connection.settings.seconds(timeout)
        return seconds if timeout is not None else seconds + bytes_to_send / UPLOAD_BYTES_PER_SECOND

    def pack(self, what: object, content_type: str | None) -> Parcel:
        """*what*, checked; raises InvalidRequest."""
        parcel = pack(what, self.task, content_type)
        if self.input is None and not isinstance(parcel.source, Remote):
            raise InvalidRequest(
                f"it is not known where requests to {self.endpoint_name!r} are uploaded",
                hint="send an s3:// location, or connect to the environment that it belongs to",
            )
        return parcel

    def prepare(self) -> None:
        """Make the AWS clients: no deadline should pay for it."""
        self.connection.prepare("s3")
        self.connection.prepare(RUNTIME)

    def submit(
        self,
        parcel: Parcel,
        options: Options,
        deadline: Deadline,
        meter: Meter,
        *,
        intent: Intent | None = None,
        announce: Callable[[Intent], None] | None = None,
    ) -> JobRef:
        """Upload and ask; the job, once SageMaker has accepted it; raises a ServingError.

        intent: of an earlier process that may have asked already; its object is not uploaded again.
        announce: told between uploading and asking.
        """
        if intent is not None and not self._still_there(parcel, intent, deadline):
            intent = None
        if intent is None:
            intent = Intent(self._bring(parcel, deadline, meter), options.inference_id or str(uuid.uuid4()))
            if announce is not None:
                announce(intent)
        try:
            answer = self._ask(parcel.content_type, options, intent, deadline)
        except (InvalidRequest, EndpointNotFound, AccessDenied) as error:
            refused = (
                error.attempts <= 1
            )  # so nobody will read the object; an earlier try may have been accepted
            if refused and not isinstance(parcel.source, Remote):
                place = Location.parse(intent.input)
                delete_quietly(self.connection, place, Deadline(CLEAN_UP_SECONDS))
            raise
        return JobRef(
            endpoint_name=self.endpoint_name,
            inference_id=answer.get("InferenceId") or intent.inference_id,
            input=intent.input,
            output=answer["OutputLocation"],
            failure=answer.get("FailureLocation") or None,
            task=self.task.name if self.task else None,
            accept=options.accept,
            submitted_at=round(time.time(), 3),
            ttl_seconds=options.ttl_seconds,
            invocation_timeout_seconds=options.invocation_timeout_seconds,
        )

    def _bring(self, parcel: Parcel, deadline: Deadline, meter: Meter) -> str:
        """Where SageMaker finds the source: under a name that nobody else can have chosen."""
        if isinstance(parcel.source, Remote):
            return str(parcel.source)
        assert self.input is not None
        place = Location(self.input.bucket, f"{self.input.key}{uuid.uuid4()}{parcel.source.suffix}")
        upload(self.connection, parcel.source, place, parcel.content_type, deadline, meter)
        return str(place)

    def _still_there(self, parcel: Parcel, intent: Intent, deadline: Deadline) -> bool:
        """Whether what an earlier process uploaded is; a lifecycle rule may have taken it away."""
        if isinstance(parcel.source, Remote):
            return True
        try:
            return is_there(self.connection, Location.parse(intent.input), deadline)
        except AccessDenied:  # the caller may write there, but not look
            return True

    def _ask(self, content_type: str, options: Options, intent: Intent, deadline: Deadline) -> dict[str, Any]:
        return self.connection.call(
            RUNTIME,
            "invoke_endpoint_async",
            {
                "EndpointName": self.endpoint_name,
                "ContentType": content_type,
                "InputLocation": intent.input,
                "InferenceId": intent.inference_id,
                **options.parameters(),
            },
            deadline,
            action="sagemaker:InvokeEndpointAsync",
            endpoint_name=self.endpoint_name,
        )


def checked_accept(accept: object, task: MediaTask[Any, Any]) -> str:
    """*accept*, which must be an answer that *task* gives."""
    wanted = media_types.ALIASES.get(accept, accept) if isinstance(accept, str) else accept
    if wanted not in task.answers:
        raise InvalidRequest(
            f"{task.name} does not answer as {accept!r:.100}",
            field="accept",
            hint=f"it answers as {', '.join(task.answers)}",
        )
    return str(wanted)


def _check_text(value: object, field: str, longest: int) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not _VISIBLE.fullmatch(value) or len(value) > longest:
        raise InvalidRequest(f"must be at most {longest} visible ASCII characters", field=field)


def _check_seconds(value: object, field: str, bounds: tuple[int, int]) -> None:
    low, high = bounds
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (whole and low <= value <= high):  # type: ignore[operator]
        raise InvalidRequest(f"must be an integer from {low} to {high} seconds, not {value!r}", field=field)
