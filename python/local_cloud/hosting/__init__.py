"""Hosting: runs the containers of endpoints and takes requests to them.

The control plane and the runtime API use :class:`Hosting` and :class:`Fleet` with the values of ``specs`` and
the errors of ``errors``; the rest is this package's own.
"""

from local_cloud.hosting.errors import (
    ContainerUnavailable,
    DeploymentFailed,
    HostingError,
    InvocationError,
    InvocationTimedOut,
    ModelError,
    NotReady,
    Throttled,
    UnknownTarget,
)
from local_cloud.hosting.fleet import Fleet, Hosting
from local_cloud.hosting.specs import (
    ByteStream,
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    DeployedImage,
    HostedFleet,
    HostingSettings,
    InstanceState,
    InvokeRequest,
    InvokeResponse,
    ServerlessSpec,
    ServerlessState,
    VariantSpec,
    VariantState,
)

__all__ = [
    "ByteStream",
    "ContainerSpec",
    "ContainerState",
    "ContainerStatus",
    "ContainerUnavailable",
    "DeployedImage",
    "DeploymentFailed",
    "Fleet",
    "HostedFleet",
    "Hosting",
    "HostingError",
    "HostingSettings",
    "InstanceState",
    "InvocationError",
    "InvocationTimedOut",
    "InvokeRequest",
    "InvokeResponse",
    "ModelError",
    "NotReady",
    "ServerlessSpec",
    "ServerlessState",
    "Throttled",
    "UnknownTarget",
    "VariantSpec",
    "VariantState",
]
