"""The capacity of a variant, as the control plane knows it and changes it: its instances, or the containers
that a serverless one keeps warm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from local_cloud.clock import Clock
from local_cloud.hosting.specs import VariantState
from local_cloud.sagemaker.endpoint import Endpoint, EndpointStatus
from local_cloud.sagemaker.endpoints import Endpoints
from local_cloud.sagemaker.errors import AwsError
from local_cloud.scaling.kinds import variant_of

READY_SECONDS: Final = 1800.0
"""How long a scaling activity waits for an endpoint that something else is changing. In real time, like the
change; containers have at most two hours to come up, but not in what a laptop runs."""

CHANGE_SECONDS: Final = 7200.0
"""How long a change of the count may take: downloads and start-ups have an hour each (their own limits end
them before)."""


class CannotScale(Exception):
    """The count cannot be set; the message is the reason, as it stands in the activity."""


class TookTooLong(CannotScale):
    """The change did not end in time."""


@dataclass(frozen=True, slots=True)
class Reading:
    """``desired``: the capacity that was last asked for. ``steady``: no change under way, and in service.
    ``asynchronous``: an asynchronous endpoint's."""

    desired: int
    steady: bool
    asynchronous: bool = False


class Capacity(Protocol):
    """What the engine needs of one kind of capacity: of all resources that have a scalable dimension."""

    def read(self, resource: str) -> Reading | None:
        """None if there is no such resource, or it has failed."""

    async def ready(self, resource: str) -> None:
        """Returns once the resource can be changed. Raises CannotScale."""

    async def set(self, resource: str, count: int, accepted: Callable[[], None]) -> None:
        """Sets the capacity; returns when it is there (or gone). ``accepted`` is called when the
        change has begun. Raises CannotScale: the count is as before then."""


class EndpointCapacity:
    """The instances of a variant. Acts as UpdateEndpointWeightsAndCapacities does: the endpoint is Updating
    meanwhile, and InService again afterwards."""

    def __init__(self, endpoints: Endpoints, clock: Clock) -> None:
        self._endpoints = endpoints
        self._clock = clock

    def read(self, resource: str) -> Reading | None:
        try:
            endpoint, variant = self._find(resource)
        except CannotScale:
            return None
        deployment = endpoint.pending or endpoint.live
        if deployment is None:
            return None
        states = {state.name: state for state in deployment.fleet.describe()}
        desired = self._desired(states[variant]) if variant in states else None
        if desired is None:
            return None
        return Reading(
            desired=desired,
            steady=endpoint.status is EndpointStatus.IN_SERVICE,
            asynchronous=deployment.config.get("AsyncInferenceConfig") is not None,
        )

    async def ready(self, resource: str) -> None:
        deadline = self._clock.deadline(READY_SECONDS)
        while True:
            endpoint, _ = self._find(resource)
            if endpoint.status is EndpointStatus.FAILED:
                raise CannotScale(f'Endpoint "{endpoint.arn}" is in status Failed.')
            if endpoint.status is EndpointStatus.IN_SERVICE:
                return
            if deadline.expired:
                raise TookTooLong(f'Endpoint "{endpoint.arn}" stayed in status {endpoint.status}.')
            await self._ended(endpoint, deadline.remaining)

    async def set(self, resource: str, count: int, accepted: Callable[[], None]) -> None:
        endpoint, variant = self._find(resource)
        try:
            endpoint = self._endpoints.update_capacity(endpoint.name, [self._wish(variant, count)])
        except AwsError as error:
            raise CannotScale(error.message) from None
        accepted()
        if not await self._ended(endpoint, CHANGE_SECONDS):
            raise TookTooLong("The change did not end in time.")
        reading = self.read(resource)
        if reading is None or reading.desired != count:
            raise CannotScale(endpoint.failure_reason or f'Endpoint "{endpoint.arn}" was changed meanwhile.')

    def _desired(self, state: VariantState) -> int | None:
        """None where the variant has no such capacity."""
        return None if state.serverless is not None else state.desired_instance_count

    def _wish(self, variant: str, count: int) -> dict[str, Any]:
        """A DesiredWeightAndCapacity."""
        return {"VariantName": variant, "DesiredInstanceCount": count}

    async def _ended(self, endpoint: Endpoint, seconds: float) -> bool:
        """Waits for what is being done to the endpoint, without ending it."""
        if endpoint.task is None or endpoint.task.done():
            await asyncio.sleep(0.05)
            return True
        done, _ = await asyncio.wait({endpoint.task}, timeout=seconds)
        return bool(done)

    def _find(self, resource: str) -> tuple[Endpoint, str]:
        try:
            name, variant = variant_of(resource)
            return self._endpoints.get(name), variant
        except ValueError as error:
            raise CannotScale(str(error)) from None
        except AwsError as error:
            raise CannotScale(error.message) from None


class ServerlessCapacity(EndpointCapacity):
    """The provisioned concurrency of a serverless variant. It may be 0: no container is kept then."""

    def _desired(self, state: VariantState) -> int | None:
        return None if state.serverless is None else state.serverless.desired.provisioned

    def _wish(self, variant: str, count: int) -> dict[str, Any]:
        return {"VariantName": variant, "ServerlessUpdateConfig": {"ProvisionedConcurrency": count}}
