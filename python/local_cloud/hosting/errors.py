"""What can go wrong in hosting.

::

    HostingError
    ├── DeploymentFailed        the fleet could not be brought up; .reason is the endpoint's FailureReason
    └── InvocationError         one request failed
        ├── UnknownTarget       → ValidationError 400            (wrong, missing or forbidden target)
        ├── ModelError          → ModelError 424                 (the container answered with an error)
        │   ├── InvocationTimedOut                               (the container did not answer in time)
        │   └── ContainerDied                                    (the container ended with the request inside)
        ├── ContainerUnavailable→ ServiceUnavailable 503         (no container could take the request)
        ├── NotReady            → ModelNotReadyException 429     (the containers are still starting)
        └── Throttled           → ThrottlingException 400        (over a serverless MaxConcurrency)

None of them knows AWS's wire forms: the runtime API maps them.
"""

from __future__ import annotations


class HostingError(Exception):
    """Root of everything that hosting raises on purpose."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class DeploymentFailed(HostingError):
    """A fleet (or an added instance) did not come up.

    ``reason`` is meant for ``DescribeEndpoint.FailureReason``: AWS's own sentence first, then ours.
    """

    @property
    def reason(self) -> str:
        return self.message


class InvocationError(HostingError):
    """One invocation failed; the fleet itself goes on."""


class UnknownTarget(InvocationError):
    """The target container or variant is unknown, missing, or given where none is allowed (400)."""


class ModelError(InvocationError):
    """The container answered with an error, or broke off before it had answered (424).

    ``original_status`` is the container's HTTP status; 0 when there was no answer at all. ``body`` and
    ``content_type`` are the container's answer as it came, ``original_message`` the beginning of it as text.
    """

    def __init__(
        self,
        message: str,
        *,
        original_status: int,
        original_message: str,
        log_stream_arn: str,
        body: bytes = b"",
        content_type: str | None = None,
    ) -> None:
        super().__init__(message)
        self.original_status = original_status
        self.original_message = original_message
        self.log_stream_arn = log_stream_arn
        self.body = body
        self.content_type = content_type


class InvocationTimedOut(ModelError):
    """The container did not answer within the invocation time-out (424, original status 0)."""


class ContainerDied(ModelError):
    """The container ended before its answer was complete (424, original status 0)."""


class ContainerUnavailable(InvocationError):
    """No container could take the request: it is down, restarting or unhealthy (503)."""


class NotReady(InvocationError):
    """The fleet has not finished starting (429)."""


class Throttled(InvocationError):
    """A serverless variant has as many requests inside as its MaxConcurrency allows (400)."""
