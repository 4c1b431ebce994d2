"""What the control plane tells the rest of the local cloud's Lambda: plain values and one protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from local_cloud.functions.specs import FunctionVersion, ProvisionedState
from serving_contracts.limits import LAMBDA_EVENT_AGE_RANGE_SECONDS, LAMBDA_EVENT_RETRIES


@dataclass(frozen=True, slots=True)
class ControlAnswer:
    """An HTTP answer of the control plane, errors included."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class EventInvokeConfig:
    """How asynchronous invocations of a function or a qualifier are treated.

    maximum_event_age_s: MaximumEventAgeInSeconds. on_success, on_failure: destination ARNs.
    """

    maximum_retry_attempts: int = LAMBDA_EVENT_RETRIES
    maximum_event_age_s: int = LAMBDA_EVENT_AGE_RANGE_SECONDS[1]
    on_success: str | None = None
    on_failure: str | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """What an invocation of a name and a qualifier reaches.

    version: of an alias with two versions, the one that its weights chose for this invocation.
    qualifier: as the caller gave it, in the name or beside it; None where none was given.
    invoked_arn: the function's ARN with that qualifier.
    resource: the metric dimension ``Resource``: ``name``, or ``name:qualifier``.
    dead_letter_arn: of a queue or topic, from the version's DeadLetterConfig.
    """

    version: FunctionVersion
    qualifier: str | None
    invoked_arn: str
    resource: str
    events: EventInvokeConfig
    dead_letter_arn: str | None


@dataclass(frozen=True, slots=True)
class FunctionUrl:
    """A function URL. qualifier: of an alias, None for ``$LATEST``. cors: the Cors member as it was sent.

    function_arn: with the alias as its qualifier, if there is one. url: ends in ``/``.
    """

    url_id: str
    url: str
    function_name: str
    function_arn: str
    qualifier: str | None
    auth_type: Literal["AWS_IAM", "NONE"]
    cors: Mapping[str, Any] | None
    invoke_mode: Literal["BUFFERED", "RESPONSE_STREAM"]
    public: bool
    """Whether the resource policy lets everyone call it (what AuthType NONE needs besides, on AWS)."""


class Control(Protocol):
    """The control plane as the Invoke API, the gateway and autoscaling see it;
    :class:`local_cloud.functions.control.api.LambdaControl` is it. Not thread-safe: one event loop."""

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is for the control plane (Invoke is not). ``path``: still percent-encoded,
        without its query."""

    async def handle(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> ControlAnswer:
        """Answers one request, errors included. ``query``: raw, without the question mark."""

    def resolve(self, function_name: str, qualifier: str | None = None) -> Resolved:
        """What an invocation reaches. ``function_name``: a name, a partial or a full ARN, each also with
        ``:qualifier``.

        Raises:
            AwsError: ResourceNotFoundException, ValidationException (no name at all),
                InvalidParameterValueException (two different qualifiers), ResourceConflictException (the
                function is still Pending).
        """

    def url_of(self, url_id: str) -> FunctionUrl | None:
        """A function URL by its id, None if there is none."""

    def provisioned(self, function_name: str, qualifier: str) -> ProvisionedState | None:
        """The provisioned concurrency of an alias or version, None where none is configured."""

    def provision(self, function_name: str, qualifier: str, count: int) -> None:
        """Sets provisioned concurrency, as Application Auto Scaling does; 0 removes the configuration. Raises
        AwsError."""

    def state(self) -> list[dict[str, Any]]:
        """Every function with its versions and aliases, for ``/_local/status``, ready for JSON."""

    async def close(self) -> None:
        """Ends what is in progress; further changes are refused. Idempotent."""
