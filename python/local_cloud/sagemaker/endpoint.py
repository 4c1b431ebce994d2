"""One endpoint as the control plane remembers it: its status, and the deployments behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from local_cloud.asynchronous import AsyncConfig, AsyncEndpoint
from local_cloud.hosting.specs import HostedFleet, VariantSpec


class EndpointStatus(StrEnum):
    """The values of DescribeEndpoint's EndpointStatus that occur here."""

    CREATING = "Creating"
    UPDATING = "Updating"
    ROLLING_BACK = "RollingBack"
    SYSTEM_UPDATING = "SystemUpdating"
    IN_SERVICE = "InService"
    DELETING = "Deleting"
    FAILED = "Failed"


@dataclass(slots=True)
class Deployment:
    """A fleet with the configuration it was made from. ``asynchronous``: set for an asynchronous endpoint."""

    config_name: str
    config: Mapping[str, Any]
    specs: tuple[VariantSpec, ...]
    fleet: HostedFleet
    started: datetime
    asynchronous: AsyncConfig | None = None

    @property
    def is_serverless(self) -> bool:
        return any(spec.serverless is not None for spec in self.specs)


@dataclass(slots=True)
class Endpoint:
    """``live`` answers requests; ``pending`` is being brought up. ``config_name`` is what Describe shows.

    ``asynchronous`` is the queue of an asynchronous endpoint, from the first InService on.
    """

    name: str
    arn: str
    config_name: str
    status: EndpointStatus
    created: datetime
    modified: datetime
    failure_reason: str | None = None
    last_deployment_config: Mapping[str, Any] | None = None
    live: Deployment | None = None
    pending: Deployment | None = None
    is_asynchronous: bool = False
    asynchronous: AsyncEndpoint | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def settle(self, status: EndpointStatus, moment: datetime, failure_reason: str | None = None) -> None:
        self.status, self.modified, self.failure_reason = status, moment, failure_reason
