"""What destinations and dead-letter queues are told of an event that has ended.

Source: "Capturing records of Lambda asynchronous invocations", Lambda developer guide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from local_cloud.functions.control.answers import Resolved
from local_cloud.functions.invocation.events.event import (
    FUNCTION_ANSWERED,
    Answered,
    Condition,
    LambdaEvent,
    Refused,
    error_message,
)
from local_cloud.functions.specs import LATEST
from serving_contracts.limits import LAMBDA_DEAD_LETTER_MESSAGE_BYTES, LAMBDA_SNS_RECORD_BYTES


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that is still to be sent. resource: the metric dimension of the function.

    attributes: of a dead-lettered event, name → (data type, value).
    function_arn, succeeded: what EventBridge's envelope and S3's key say.
    """

    kind: Literal["destination", "dead_letter"]
    target: str
    body: str
    function_name: str
    function_arn: str
    resource: str
    succeeded: bool
    attributes: dict[str, tuple[str, str]] = field(default_factory=dict)


def pack(deliveries: list[Delivery]) -> str:
    """As the queue on disk keeps them until they are sent."""
    return json.dumps([asdict(delivery) for delivery in deliveries], ensure_ascii=False)


def unpack(text: str) -> list[Delivery]:
    """What ``pack`` made."""
    return [
        Delivery(
            **{**members, "attributes": {name: tuple(pair) for name, pair in members["attributes"].items()}}
        )
        for members in json.loads(text)
    ]


def deliveries(
    event: LambdaEvent,
    payload: bytes,
    resolved: Resolved,
    condition: Condition,
    outcome: Answered | Refused | None,
    now: datetime,
) -> list[Delivery]:
    """Everything that is to be sent. ``outcome``: of the last attempt, None where there was none."""
    succeeded = condition == "Success"
    arn = resolved.invoked_arn if resolved.qualifier else f"{resolved.invoked_arn}:{LATEST}"

    def delivery(
        kind: Literal["destination", "dead_letter"],
        target: str,
        body: str,
        attributes: dict[str, tuple[str, str]] | None = None,
    ) -> Delivery:
        return Delivery(
            kind, target, body, event.function_name, arn, resolved.resource, succeeded, attributes or {}
        )

    found = []
    destination = resolved.events.on_success if succeeded else resolved.events.on_failure
    if destination:
        record = _record(event, payload, arn, condition, outcome, now)
        text = _joined(record)
        if destination.split(":")[2:3] == ["sns"] and len(text.encode()) > LAMBDA_SNS_RECORD_BYTES:
            text = _joined({name: record[name] for name in record if not name.endswith("Payload")})
        found.append(delivery("destination", destination, text))
    if not succeeded and resolved.dead_letter_arn:
        attributes = _attributes(event, condition, outcome)
        found.append(delivery("dead_letter", resolved.dead_letter_arn, payload.decode(), attributes))
    return found


def _record(
    event: LambdaEvent,
    payload: bytes,
    arn: str,
    condition: Condition,
    outcome: Answered | Refused | None,
    now: datetime,
) -> dict[str, str]:
    """The members of an invocation record, each as JSON."""
    request_context = {
        "requestId": event.request_id,
        "functionArn": arn,
        "condition": condition,
        "approximateInvokeCount": event.attempts,
    }
    record = {
        "version": _text("1.0"),
        "timestamp": _text(now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")),
        "requestContext": _text(request_context),
        "requestPayload": _as_json(payload),
    }
    if isinstance(outcome, Answered):
        context = {"statusCode": FUNCTION_ANSWERED, "executedVersion": outcome.executed_version}
        if outcome.function_error is not None:
            context["functionError"] = outcome.function_error
        record["responseContext"] = _text(context)
        record["responsePayload"] = _as_json(outcome.payload)
    return record


def _attributes(
    event: LambdaEvent, condition: Condition, outcome: Answered | Refused | None
) -> dict[str, tuple[str, str]]:
    message = "The event exceeded its maximum age." if outcome is None else error_message(outcome)
    # Messages of SQS and SNS take no empty attribute.
    cut = message.encode()[:LAMBDA_DEAD_LETTER_MESSAGE_BYTES].decode(errors="ignore") or "Unknown error"
    attributes = {"RequestID": ("String", event.request_id), "ErrorMessage": ("String", cut)}
    if outcome is not None and condition != "ZeroReservedConcurrency":
        status = outcome.status if isinstance(outcome, Refused) else FUNCTION_ANSWERED
        attributes["ErrorCode"] = ("Number", str(status))
    return attributes


def _as_json(payload: bytes) -> str:
    """A payload as it came, where it is JSON: one that is nested as deeply as can be read could not be
    written again. What is no JSON becomes a text."""
    text = payload.decode(errors="replace")
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return _text(text)
    return text


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _joined(record: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{_text(name)}: {value}" for name, value in record.items()) + "}"
