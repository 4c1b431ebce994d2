"""What happens to an endpoint while it is in progress: fleets start, take over, grow, shrink and stop.

Each transition is one coroutine, run as the endpoint's task, that ends in a status in which the endpoint can
be changed again. None raises on account of the endpoint.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from local_cloud.asynchronous import AsyncInference
from local_cloud.clock import Clock
from local_cloud.hosting.errors import DeploymentFailed
from local_cloud.hosting.specs import VariantState
from local_cloud.sagemaker.endpoint import Deployment, Endpoint, EndpointStatus
from local_cloud.sagemaker.queues import open_queue

log = logging.getLogger(__name__)


class Transitions:
    """``asynchronous``: where queues are made; None if there are none here."""

    def __init__(self, clock: Clock, asynchronous: AsyncInference | None) -> None:
        self.asynchronous = asynchronous
        self._clock = clock

    async def bring_up(self, endpoint: Endpoint, deployment: Deployment) -> None:
        """Creating or SystemUpdating → InService, or Failed."""
        reason = await self._start(endpoint, deployment)
        endpoint.pending = None
        if reason is not None:
            endpoint.settle(EndpointStatus.FAILED, self._clock.now(), reason)
            return
        self._go_live(endpoint, deployment)
        endpoint.settle(EndpointStatus.IN_SERVICE, self._clock.now())
        log.info("endpoint %s is InService", endpoint.name)

    async def replace(
        self,
        endpoint: Endpoint,
        old: Deployment,
        new: Deployment,
        deployment_config: Mapping[str, Any] | None,
    ) -> None:
        """Updating → InService with ``new``, or with ``old`` if ``new`` does not start."""
        reason = await self._start(endpoint, new)
        if reason is not None:
            # The new fleet has cleaned up after itself and the old one never stopped serving: nothing else to
            # undo.
            endpoint.settle(EndpointStatus.ROLLING_BACK, self._clock.now(), reason)
            endpoint.pending = None
            await asyncio.sleep(0)
            endpoint.settle(EndpointStatus.IN_SERVICE, self._clock.now(), reason)
            return
        # What old instances do not finish while they drain comes back to an asynchronous endpoint's queue.
        self._go_live(endpoint, new)
        endpoint.pending = None
        endpoint.config_name = new.config_name
        endpoint.last_deployment_config = deployment_config
        await self._stop(endpoint, old)
        endpoint.settle(EndpointStatus.IN_SERVICE, self._clock.now())
        log.info("endpoint %s is InService with %s", endpoint.name, new.config_name)

    async def resize(
        self, endpoint: Endpoint, live: Deployment, desired: Sequence[Mapping[str, Any]]
    ) -> None:
        """Updating → InService with the ``desired`` weights and counts, or with those it had."""
        before = {state.name: state for state in live.fleet.describe()}
        changed: list[VariantState] = []
        try:
            for wish in desired:
                changed.append(before[wish["VariantName"]])
                await live.fleet.set_capacity(
                    wish["VariantName"],
                    instance_count=wish.get("DesiredInstanceCount"),
                    weight=wish.get("DesiredWeight"),
                )
                if (serverless := wish.get("ServerlessUpdateConfig")) is not None:
                    await live.fleet.set_concurrency(
                        wish["VariantName"],
                        max_concurrency=serverless.get("MaxConcurrency"),
                        provisioned=serverless.get("ProvisionedConcurrency"),
                    )
        except Exception as error:
            reason = self._reason(endpoint, error)
            endpoint.settle(EndpointStatus.ROLLING_BACK, self._clock.now(), reason)
            await self._undo_resize(endpoint, live, changed)
            endpoint.settle(EndpointStatus.IN_SERVICE, self._clock.now(), reason)
        else:
            endpoint.settle(EndpointStatus.IN_SERVICE, self._clock.now())

    async def _undo_resize(
        self, endpoint: Endpoint, live: Deployment, changed: Sequence[VariantState]
    ) -> None:
        for state in changed:
            try:
                count = None if state.serverless is not None else state.desired_instance_count
                await live.fleet.set_capacity(state.name, instance_count=count, weight=state.desired_weight)
                if state.serverless is not None:
                    await live.fleet.set_concurrency(
                        state.name,
                        max_concurrency=state.serverless.current.max_concurrency,
                        provisioned=state.serverless.current.provisioned,
                    )
            except Exception:
                log.exception("variant %s of endpoint %s could not be rolled back", state.name, endpoint.name)

    async def take_down(self, endpoint: Endpoint) -> None:
        """Deleting → nothing of it runs, or waits, any more."""
        if endpoint.asynchronous is not None:
            endpoint.asynchronous.detach()
        if endpoint.live is not None:
            await self._stop(endpoint, endpoint.live)
        if endpoint.asynchronous is not None and self.asynchronous is not None:
            try:
                await self.asynchronous.delete(endpoint.asynchronous)
            except Exception:  # a full disk: else it would be Deleting for ever
                log.exception("the queue of endpoint %s was not removed from the disk", endpoint.name)

    def _go_live(self, endpoint: Endpoint, deployment: Deployment) -> None:
        endpoint.live = deployment
        if endpoint.asynchronous is not None and deployment.asynchronous is not None:
            endpoint.asynchronous.attach(deployment.fleet, deployment.specs[0].name, deployment.asynchronous)

    async def _start(self, endpoint: Endpoint, deployment: Deployment) -> str | None:
        """Starts a fleet; returns why it did not start, None if it did."""
        try:
            if endpoint.asynchronous is None and self.asynchronous is not None:
                endpoint.asynchronous = await open_queue(self.asynchronous, endpoint, deployment)
            await deployment.fleet.start()
        except Exception as error:
            return self._reason(endpoint, error)
        return None

    async def _stop(self, endpoint: Endpoint, deployment: Deployment) -> None:
        try:
            await deployment.fleet.stop()
        except Exception:
            log.exception("a fleet of endpoint %s did not stop cleanly", endpoint.name)

    def _reason(self, endpoint: Endpoint, error: Exception) -> str:
        if isinstance(error, DeploymentFailed):
            log.warning("endpoint %s: %s", endpoint.name, error.reason)
            return error.reason
        log.error("endpoint %s: internal error", endpoint.name, exc_info=error)
        return (
            f"Request to service failed. The local cloud itself failed ({type(error).__name__}: {error}); "
            "its log says more."
        )
