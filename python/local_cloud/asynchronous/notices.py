"""The messages that SNS topics get when a request has ended, in AWS's format, and their sending.

Format: "Check prediction results", SageMaker developer guide. How AWS writes an included answer
(IncludeInferenceResponseIn) is not documented; here it is ``responseParameters.responseBody`` with
``content`` in Base64 and ``encoding``.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from local_cloud.asynchronous.requests import AsyncRequest
from local_cloud.asynchronous.threads import Threads
from serving_contracts.limits import ASYNC_NOTICE_BODY_BYTES


class NoticeFailed(Exception):
    """SNS did not take a message; the message says why."""


def completed(
    request: AsyncRequest, *, region: str, now: datetime, content_type: str | None, answer: bytes | None
) -> dict[str, Any]:
    """The message of a success. ``answer``: the container's, to be included."""
    response: dict[str, Any] = {"outputLocation": request.output_location}
    if content_type is not None:
        response = {"contentType": content_type, **response}
    return _message(request, region, now, "Completed", None, response | _included(answer))


def failed(
    request: AsyncRequest, *, region: str, now: datetime, reason: str, answer: bytes | None
) -> dict[str, Any]:
    """The message of a failure."""
    return _message(request, region, now, "Failed", reason, _included(answer))


def _message(
    request: AsyncRequest,
    region: str,
    now: datetime,
    status: str,
    reason: str | None,
    response: dict[str, Any],
) -> dict[str, Any]:
    parameters = {
        "accept": request.accept,
        "contentType": request.content_type,
        "endpointName": request.endpoint,
        "inputLocation": request.input_location,
    }
    message: dict[str, Any] = {
        "awsRegion": region,
        "eventTime": _instant(now),
        "receivedTime": _instant(datetime.fromtimestamp(request.received_at, UTC)),
        "invocationStatus": status,
    }
    if reason is not None:
        message["failureReason"] = reason
    message["requestParameters"] = {name: value for name, value in parameters.items() if value is not None}
    if response:
        message["responseParameters"] = response
    return message | {
        "inferenceId": request.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def _included(answer: bytes | None) -> dict[str, Any]:
    if answer is None or len(answer) > ASYNC_NOTICE_BODY_BYTES:
        return {}
    return {"responseBody": {"content": base64.b64encode(answer).decode(), "encoding": "BASE64"}}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Topics:
    """SNS, published to where it is: moto runs in this very process."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def publish(self, topic: str, message: str) -> None:
        """Raises NoticeFailed, for a topic that is gone above all."""
        await self._threads.run(_publish, topic, message)


def pack(topic: str, message: dict[str, Any]) -> str:
    """A notice as the queue keeps it until it is sent."""
    return json.dumps({"topic": topic, "message": json.dumps(message, ensure_ascii=False)})


def unpack(notice: str) -> tuple[str, str]:
    """(topic, message) of what ``pack`` made."""
    members = json.loads(notice)
    return members["topic"], members["message"]


def _publish(topic: str, message: str) -> None:
    from moto.core.exceptions import ServiceException
    from moto.sns.models import sns_backends

    fields = topic.split(":")
    if len(fields) != 6:
        raise NoticeFailed(f"{topic} is not the ARN of a topic")
    region, account = fields[3], fields[4]
    try:
        sns_backends[account][region].publish(message, topic)
    except ServiceException as error:
        raise NoticeFailed(f"{topic}: {error.code}: {error.message}") from error
    except Exception as error:  # a subscriber's queue or address, for one: moto delivers at once
        raise NoticeFailed(f"{topic}: {type(error).__name__}: {error}") from error
