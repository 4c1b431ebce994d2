"""What Lambda's control plane tells the execution side, and what comes back: plain values, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

LATEST = "$LATEST"


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """One published version of a function, or ``$LATEST`` as it is configured now.

    arn: with the version as its qualifier (without one for ``$LATEST``). image_uri: by digest or tag.
    entry_point, command, working_directory: ImageConfig's, None where the image's own hold.
    revision: RevisionId; an environment of another revision is never used for it.
    """

    function_name: str
    version: str
    arn: str
    image_uri: str
    revision: str
    memory_mb: int
    timeout_s: int
    tmp_mb: int
    log_group: str
    environment: Mapping[str, str] = field(default_factory=dict)
    entry_point: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    working_directory: str | None = None
    log_format: Literal["Text", "JSON"] = "Text"


@dataclass(frozen=True, slots=True)
class InvocationRequest:
    """One invocation. payload: the event, JSON. invoked_arn: with the qualifier that the caller gave.

    resource: the metric dimension ``Resource``: ``name``, or ``name:qualifier`` where one was given.
    received_at: ``time.perf_counter()`` when the gateway had it.
    """

    request_id: str
    payload: bytes
    invoked_arn: str
    resource: str
    received_at: float
    client_context: str | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """How an invocation ended.

    payload: the function's answer, or the error as JSON (``errorMessage``, ``errorType`` …).
    function_error: ``Unhandled`` where it failed (X-Amz-Function-Error), else None.
    log_tail: the last 4 KB of its log. cold: whether it waited for an init.
    """

    payload: bytes
    function_error: str | None
    log_tail: bytes
    executed_version: str
    cold: bool


class Throttled(Exception):
    """No environment may be started for an invocation: TooManyRequestsException.

    reason: its ``Reason`` member. The message is AWS's ("Rate Exceeded.").
    """

    def __init__(self, reason: str, message: str = "Rate Exceeded.") -> None:
        super().__init__(message)
        self.reason = reason


class Stopping(RuntimeError):
    """The execution side ends: no function runs any more. It may come back, after a restart of hosting."""


class ImageRejected(Exception):
    """The image cannot be had; the message is AWS's with our detail."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """resolved_uri: by digest. code_sha256: hex digest of the image, as CodeSha256 shows it."""

    resolved_uri: str
    code_sha256: str


@dataclass(frozen=True, slots=True)
class ProvisionedState:
    """What GetProvisionedConcurrencyConfig tells. status_reason: why it is FAILED."""

    requested: int
    allocated: int
    available: int
    status: Literal["IN_PROGRESS", "READY", "FAILED"]
    status_reason: str | None = None


class ExecutionService(Protocol):
    """The execution side as the control plane and the Invoke API see it; ``execution.Execution`` is it."""

    async def inspect_image(self, image_uri: str) -> ImageFacts:
        """Finds the image. Raises ImageRejected."""

    async def invoke(self, version: FunctionVersion, request: InvocationRequest) -> InvocationResult:
        """Runs one invocation in a free environment, else in a new one.

        Raises Throttled; ImageRejected where the image has vanished; Stopping. What the function does wrong
        (an init error, a time-out, no memory, …) is a result with ``function_error``.
        """

    def set_reserved(self, function_name: str, count: int | None) -> None:
        """ReservedConcurrentExecutions of a function; None removes it, 0 throttles everything."""

    def reserved(self) -> Mapping[str, int]:
        """Function → its reserved concurrency."""

    def set_provisioned(self, version: FunctionVersion, qualifier: str, count: int) -> None:
        """Keeps ``count`` initialised environments of the version for the qualifier, an alias or the version;
        0 lets them go. Returns at once; see :meth:`provisioned`. A failed init ends in FAILED."""

    def provisioned(self, function_name: str, qualifier: str) -> ProvisionedState | None:
        """The state of all that is provisioned for a qualifier; None where nothing is."""

    async def retire(self, function_name: str, version: str | None = None) -> None:
        """Ends idle environments of a version (of all, when None), and busy ones after their invocation.
        Called when a function or version is deleted, or ``$LATEST`` changes."""

    def state(self) -> list[dict[str, object]]:
        """Every environment, for ``/_local/status``."""

    async def close(self) -> None:
        """Ends everything. Idempotent."""
