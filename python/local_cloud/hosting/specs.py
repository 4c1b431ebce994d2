"""What hosting is told and what it answers: plain values, no behaviour.

The control plane builds the specs from CreateModel and CreateEndpointConfig requests; the runtime API
builds an :class:`InvokeRequest` from every InvokeEndpoint. Nothing here knows AWS's wire forms.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol, Self

from serving_contracts import limits


class Clock(Protocol):
    """The part of ``local_cloud.clock.Clock`` that hosting needs."""

    def scaled(self, seconds: float) -> float:
        """How long to really wait for ``seconds`` of the cloud's time (``--time-scale`` divides it)."""


@dataclass(frozen=True)
class HostingSettings:
    """``aws_url``: where S3, ECR, CloudWatch and CloudWatch Logs answer (the gateway or moto itself)."""

    instances_dir: Path
    images_dir: Path
    aws_url: str
    region: str
    account: str
    clock: Clock
    invocation_timeout_s: float = limits.REALTIME_TIMEOUT_SECONDS
    stream_timeout_s: float = limits.STREAM_TIMEOUT_SECONDS
    health_interval_s: float = 5.0
    """Between two pings of a healthy container; the clock scales it."""
    ping_timeout_s: float = limits.PING_TIMEOUT_SECONDS
    unhealthy_restart_s: float = 90.0
    """How long pings may fail before the container is ended and started anew: longer than any real-time
    invocation, so that a busy container is not shot while it works. Never scaled: its work is not either."""
    stop_grace_s: float = limits.SIGTERM_GRACE_SECONDS
    serverless_idle_s: float = limits.SERVERLESS_IDLE_SECONDS
    """How long a serverless container without requests is kept; the clock scales it."""
    serverless_startup_s: float = limits.SERVERLESS_STARTUP_SECONDS
    """A serverless container's download and first ping, and the wait for one. Never scaled."""


@dataclass(frozen=True)
class ContainerSpec:
    """One container definition of a model. ``model_data_url``: ``s3://…/model.tar.gz``."""

    hostname: str | None
    image: str
    model_data_url: str | None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ServerlessSpec:
    """Containers on demand, one a concurrent request. ``memory_mb``: of one container (1 MB is 2**20 bytes).
    ``provisioned``: containers that are always warm, 0 for none; at most ``max_concurrency``.
    """

    memory_mb: int
    max_concurrency: int
    provisioned: int = 0


@dataclass(frozen=True)
class VariantSpec:
    """One production variant with the model it serves.

    ``Serial`` is AWS's default and serves a single container too; ``Direct`` demands a target each time.
    A ``serverless`` variant has no instances: no type (empty), no count (0).
    """

    name: str
    model_name: str
    containers: tuple[ContainerSpec, ...]
    mode: Literal["Direct", "Serial"]
    instance_type: str
    instance_count: int
    weight: float
    startup_timeout_s: float = limits.STARTUP_TIMEOUT_SECONDS
    download_timeout_s: float = 3600.0
    serverless: ServerlessSpec | None = None


class ContainerStatus(StrEnum):
    """The life of a container, as ``describe`` and ``/_local/status`` show it."""

    STARTING = "Starting"
    HEALTHY = "Healthy"
    UNHEALTHY = "Unhealthy"
    RESTARTING = "Restarting"
    STOPPED = "Stopped"


@dataclass(frozen=True)
class ContainerState:
    """``last_exit``: how the process last ended ("exit code 1", "signal SIGKILL"), None if it never did.

    ``name`` is the ``hostname``, or ``container-N`` by its place where the model gives none.
    """

    name: str
    status: ContainerStatus
    pid: int | None
    port: int | None
    restarts: int
    last_exit: str | None
    started_at: datetime | None
    log_stream: str
    hostname: str | None = None


@dataclass(frozen=True)
class InstanceState:
    """``in_flight``: requests that the instance is answering now."""

    instance_id: str
    status: ContainerStatus
    in_flight: int
    containers: tuple[ContainerState, ...]


@dataclass(frozen=True)
class ServerlessState:
    """The pool of a serverless variant. ``desired`` differs from ``current`` while it is being changed.

    ``in_flight``: requests that count against MaxConcurrency; ``waiting`` of them have no container yet.
    ``starting``: containers on their way, or in the queue for it. ``containers``: those that are warm, each
    with the request inside it, if there is one.
    """

    current: ServerlessSpec
    desired: ServerlessSpec
    in_flight: int
    waiting: int
    starting: int
    containers: tuple[InstanceState, ...]


@dataclass(frozen=True)
class DeployedImage:
    """``resolved``: the image with its digest, as DescribeEndpoint shows it."""

    specified: str
    resolved: str
    resolution_time: datetime


@dataclass(frozen=True)
class VariantState:
    """What DescribeEndpoint's ProductionVariants entry is made of, and more for ``/_local/status``.

    A serverless variant has ``serverless``, and no instances.
    """

    name: str
    current_weight: float
    desired_weight: float
    current_instance_count: int
    desired_instance_count: int
    deployed_images: tuple[DeployedImage, ...]
    instances: tuple[InstanceState, ...]
    serverless: ServerlessState | None = None


class BodySource(Protocol):
    """A request body that is too large to be held: it is read in pieces while it is sent."""

    size: int
    """Bytes; sent as Content-Length."""

    def pieces(self) -> AsyncIterator[bytes]:
        """The body from its beginning, about 1 MiB at a time. What it raises breaks the request off."""


@dataclass(frozen=True, slots=True)
class InvokeRequest:
    """One InvokeEndpoint (or its streaming twin, ``stream=True``), or one attempt at an asynchronous one.

    ``timeout_s``: until the answer must be complete; None takes that of the settings.
    ``received_at``: ``time.perf_counter()`` when the gateway had the request, so that OverheadLatency
    counts the gateway's part too; None starts the clock at ``Fleet.invoke``.
    """

    body: bytes | BodySource
    content_type: str | None = None
    accept: str | None = None
    target_container: str | None = None
    target_variant: str | None = None
    custom_attributes: str | None = None
    inference_id: str | None = None
    session_id: str | None = None
    stream: bool = False
    received_at: float | None = None
    timeout_s: float | None = None


class ByteStream(Protocol):
    """The pieces of a streamed answer, as they come."""

    def __aiter__(self) -> Self: ...

    def __anext__(self) -> Awaitable[bytes]: ...

    def aclose(self) -> Awaitable[None]:
        """Give up what is left. Frees all that the stream holds, also if no piece was ever asked for.
        Idempotent."""


@dataclass(slots=True)
class InvokeResponse:
    """A container's 2xx answer.

    ``body`` is a stream only for ``stream=True``; it must be read to its end or closed, else the request
    counts as in flight and the container's connection stays open. It may raise ``ModelError`` midway.
    """

    status: int
    body: bytes | ByteStream
    content_type: str | None
    invoked_variant: str
    custom_attributes: str | None = None
    new_session_id: str | None = None
    closed_session_id: str | None = None
    content_length: int | None = None
    """What the container declared; None where it declared nothing."""


class Place(Protocol):
    """Room for one request in one instance, kept for whoever reserved it until it is released."""

    instance_id: str

    @property
    def retiring(self) -> bool:
        """Whether the instance is being taken away: what fails in it now is not the request's fault."""

    async def invoke(self, request: InvokeRequest) -> InvokeResponse:
        """Serve one request in this instance, and in no other. A 2xx answer is always a stream.

        Raises ContainerUnavailable (nothing was sent), ModelError (InvocationTimedOut, ContainerDied).
        """

    def release(self) -> None:
        """Give the room up, once the answer is read or closed. Idempotent."""


class HostedFleet(Protocol):
    """The interface that the control plane and the runtime API code against; ``fleet.Fleet`` is it."""

    endpoint_name: str

    async def start(self) -> None:
        """Bring every instance of every variant up. Raises DeploymentFailed; leaves nothing behind then."""

    async def stop(self, drain_s: float = 30) -> None:
        """Finish running requests, then end every container."""

    async def set_capacity(self, variant: str, *, instance_count: int | None, weight: float | None) -> None:
        """Change one variant's count and weight. Raises DeploymentFailed, UnknownTarget."""

    async def set_concurrency(
        self, variant: str, *, max_concurrency: int | None, provisioned: int | None
    ) -> None:
        """Change a serverless variant's concurrency; what is provisioned anew is warm when this returns.
        Raises DeploymentFailed (nothing is changed then), UnknownTarget."""

    def describe(self) -> Sequence[VariantState]:
        """The state of every variant now."""

    async def invoke(self, request: InvokeRequest) -> InvokeResponse:
        """Serve one request. Raises the InvocationErrors."""

    def reserve(self, per_instance: int, *, alone: bool = False) -> Place | None:
        """Room in the emptiest healthy instance with fewer than ``per_instance`` requests inside, None if
        there is none now. ``alone``: an empty instance, which takes no other request until it is released."""

    def on_capacity(self, callback: Callable[[], None]) -> None:
        """``callback`` is called whenever ``reserve`` may succeed again: a request has left, an instance or
        a container has become healthy."""
