"""What an endpoint configuration says of asynchronous inference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.asynchronous.locations import InvalidLocation, Location, parse
from serving_contracts.limits import ASYNC_DEFAULT_CONCURRENCY


class InvalidConfig(ValueError):
    """An AsyncInferenceConfig that cannot be hosted; the message names the member."""


@dataclass(frozen=True, slots=True)
class AsyncConfig:
    """CreateEndpointConfig's AsyncInferenceConfig, read. KmsKeyId is not needed: the local cloud records keys
    and encrypts nothing.

    Attributes:
        per_instance: MaxConcurrentInvocationsPerInstance; requests that an instance gets at a time.
        output: the prefix of answers.
        failure: the prefix of failures; None: no failure object is written.
        success_topic, error_topic: ARNs; None: nobody is told.
        answer_in_success, answer_in_error: whether the container's answer travels in the notice too.
    """

    per_instance: int
    output: Location
    failure: Location | None = None
    success_topic: str | None = None
    error_topic: str | None = None
    answer_in_success: bool = False
    answer_in_error: bool = False

    @classmethod
    def of(cls, member: Mapping[str, Any]) -> AsyncConfig:
        """Reads an AsyncInferenceConfig that botocore's model allows. Raises InvalidConfig."""
        client = member.get("ClientConfig") or {}
        output = member["OutputConfig"]
        notices = output.get("NotificationConfig") or {}
        included = notices.get("IncludeInferenceResponseIn") or []
        path = output.get("S3OutputPath")
        if not path:
            raise InvalidConfig("AsyncInferenceConfig.OutputConfig has no S3OutputPath: answers go there")
        failure = output.get("S3FailurePath")
        return cls(
            per_instance=client.get("MaxConcurrentInvocationsPerInstance") or ASYNC_DEFAULT_CONCURRENCY,
            output=_prefix("S3OutputPath", path),
            failure=_prefix("S3FailurePath", failure) if failure else None,
            success_topic=notices.get("SuccessTopic") or None,
            error_topic=notices.get("ErrorTopic") or None,
            answer_in_success="SUCCESS_NOTIFICATION_TOPIC" in included,
            answer_in_error="ERROR_NOTIFICATION_TOPIC" in included,
        )


def _prefix(member: str, url: str) -> Location:
    try:
        return parse(url)
    except InvalidLocation as error:
        raise InvalidConfig(f"AsyncInferenceConfig.OutputConfig.{member}: {error}") from None
