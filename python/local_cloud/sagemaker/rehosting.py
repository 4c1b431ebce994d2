"""Endpoints without hosting, between its end and its new beginning: status SystemUpdating.

DescribeEndpoint's reference: "Endpoint is undergoing maintenance and cannot be updated or deleted or
re-scaled until it has completed." Asynchronous endpoints take requests meanwhile.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Sequence

from local_cloud.asynchronous import AsyncInference
from local_cloud.clock import Clock
from local_cloud.sagemaker.deployment import with_retained_properties
from local_cloud.sagemaker.endpoint import Deployment, Endpoint, EndpointStatus
from local_cloud.sagemaker.endpoints import Endpoints, FleetFactory
from local_cloud.sagemaker.queues import open_queue

_log = logging.getLogger(__name__)


class StillChanging(Exception):
    """Endpoints are being created, updated or deleted; ``names`` are theirs."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"still in progress: {', '.join(names)}")
        self.names = tuple(names)


class Rehosting:
    """One restart. The methods are called in their order, each once."""

    def __init__(self, endpoints: Endpoints, clock: Clock) -> None:
        self._endpoints = endpoints
        self._clock = clock
        self._before: list[tuple[Endpoint, Deployment]] = []

    async def suspend(self, within_s: float) -> None:
        """Waits until no endpoint is in progress, then suspends all that serve. Raises StillChanging."""
        deadline = self._clock.deadline(within_s)
        while tasks := self._in_progress():  # autoscaling may begin the next change when one has ended
            _, pending = await asyncio.wait(tasks, timeout=deadline.remaining)
            if pending:
                raise StillChanging(sorted(tasks[task] for task in pending))
        self._endpoints.suspend()
        for endpoint in self._endpoints:
            if endpoint.status is not EndpointStatus.IN_SERVICE or endpoint.live is None:
                continue
            states = {state.name: state for state in endpoint.live.fleet.describe()}
            specs = with_retained_properties(endpoint.live.specs, states, keep_count=True, keep_weight=True)
            self._before.append((endpoint, dataclasses.replace(endpoint.live, specs=specs)))
            endpoint.live, endpoint.asynchronous = None, None
            endpoint.settle(EndpointStatus.SYSTEM_UPDATING, self._clock.now(), endpoint.failure_reason)

    def _in_progress(self) -> dict[asyncio.Task[None], str]:
        return {
            endpoint.task: endpoint.name
            for endpoint in self._endpoints
            if endpoint.task is not None and not endpoint.task.done()
        }

    def give_up(self, error: Exception) -> None:
        """What was suspended is Failed, so that it can be deleted."""
        reason = (
            f"Request to service failed. Hosting could not be restarted ({type(error).__name__}: {error}). "
            "Restart it again, or the local cloud, then create the endpoint anew."
        )
        for endpoint, _ in self._before:
            if endpoint.status is EndpointStatus.SYSTEM_UPDATING:
                endpoint.asynchronous = None
                endpoint.settle(EndpointStatus.FAILED, self._clock.now(), reason)

    async def open_queues(self, asynchronous: AsyncInference) -> None:
        """Asynchronous endpoints take requests again, and have those that are on disk."""
        for endpoint, deployment in self._before:
            endpoint.asynchronous = await open_queue(asynchronous, endpoint, deployment)

    async def end_fleets(self) -> None:
        """Ends every container."""
        results = await asyncio.gather(
            *(deployment.fleet.stop(drain_s=0) for _, deployment in self._before), return_exceptions=True
        )
        for result in results:
            if isinstance(result, Exception):
                _log.error("a fleet did not stop cleanly", exc_info=result)

    async def resume(self, make_fleet: FleetFactory, asynchronous: AsyncInference) -> list[Endpoint]:
        """Starts every fleet anew; returns the endpoints once each is InService, or Failed with a reason."""
        self._endpoints.use(make_fleet, asynchronous)
        for endpoint, deployment in self._before:
            self._endpoints.bring_back(endpoint, deployment)
        tasks = {endpoint.task for endpoint, _ in self._before if endpoint.task is not None}
        if tasks:
            await asyncio.wait(tasks)
        return [endpoint for endpoint, _ in self._before]
