"""The life of endpoints: Creating → InService or Failed, Updating → InService (new or old), Deleting → gone.

Every transition that takes time is one asyncio task of the endpoint; while it runs, further changes are
refused as AWS refuses them. An update is blue/green, all at once: the new fleet starts beside the old one,
all traffic moves in one step once the new one answers, then the old one drains and stops. Requests are served
throughout.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any

from local_cloud.asynchronous import AsyncInference
from local_cloud.clock import Clock
from local_cloud.hosting.specs import HostedFleet, VariantSpec
from local_cloud.sagemaker.deployment import check_instance_count, variant_specs, with_retained_properties
from local_cloud.sagemaker.endpoint import Deployment, Endpoint, EndpointStatus
from local_cloud.sagemaker.errors import (
    already_exists,
    in_progress,
    not_found,
    restarting,
    stopping,
    validation_exception,
)
from local_cloud.sagemaker.queues import async_config, refuse_change_of_kind
from local_cloud.sagemaker.resources import Arns, Collection
from local_cloud.sagemaker.serverless_rules import (
    check_no_guardrails,
    check_serverless_wish,
    refuse_becoming_serverless,
)
from local_cloud.sagemaker.transitions import Transitions

log = logging.getLogger(__name__)

FleetFactory = Callable[[str, Sequence[VariantSpec]], HostedFleet]
"""``Hosting.fleet``: makes the (not yet started) fleet of one endpoint."""


class Endpoints:
    """All endpoints of the local cloud. Use from one event loop; :meth:`close` ends everything that runs."""

    def __init__(
        self,
        configs: Collection,
        models: Collection,
        make_fleet: FleetFactory,
        arns: Arns,
        clock: Clock,
        asynchronous: AsyncInference | None = None,
    ) -> None:
        self._configs = configs
        self._models = models
        self._make_fleet = make_fleet
        self._transitions = Transitions(clock, asynchronous)
        self._arns = arns
        self._clock = clock
        self._by_name: dict[str, Endpoint] = {}
        self._gone: list[Callable[[str], None]] = []
        self._closing = False
        self._suspended = False

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(list(self._by_name.values()))

    def on_gone(self, callback: Callable[[str], None]) -> None:
        """``callback`` gets the ARN of every endpoint once it is deleted, as those before it do."""
        self._gone.append(callback)

    def arn(self, name: str) -> str:
        return self._arns.of("endpoint", name)

    def get(self, name: str) -> Endpoint:
        """Raises AwsError if there is no endpoint of that name (in any case of letters)."""
        endpoint = self._by_name.get(name.lower())
        if endpoint is None:
            raise not_found("endpoint", self.arn(name))
        return endpoint

    def find_exact(self, name: str) -> Endpoint | None:
        """The endpoint of exactly that name: the runtime, unlike the control plane, minds the case of
        letters."""
        endpoint = self._by_name.get(name.lower())
        return endpoint if endpoint is not None and endpoint.name == name else None

    def create(self, name: str, config_name: str, deployment_config: Mapping[str, Any] | None) -> Endpoint:
        """Starts an endpoint; it is Creating when this returns.

        Raises:
            AwsError: the name is taken, the configuration is missing or not hosted locally, or hosting is
                being made anew.
        """
        self._refuse_if_closing()
        if self._suspended:
            raise restarting()
        if name.lower() in self._by_name:
            raise already_exists("endpoint", self.arn(name))
        deployment = self._deployment(name, config_name)
        if deployment.is_serverless:
            check_no_guardrails(deployment_config)
        now = self._clock.now()
        endpoint = Endpoint(name, self.arn(name), deployment.config_name, EndpointStatus.CREATING, now, now)
        endpoint.last_deployment_config = deployment_config
        endpoint.pending = deployment
        endpoint.is_asynchronous = deployment.asynchronous is not None
        self._by_name[name.lower()] = endpoint
        self._run(endpoint, self._transitions.bring_up(endpoint, deployment))
        return endpoint

    def update(
        self,
        name: str,
        config_name: str,
        deployment_config: Mapping[str, Any] | None,
        *,
        keep_count: bool = False,
        keep_weight: bool = False,
    ) -> Endpoint:
        """Moves an endpoint to another configuration; it is Updating when this returns.

        ``keep_count`` and ``keep_weight`` carry over what variants of the same name have now.

        Raises:
            AwsError: no such endpoint or configuration, or the endpoint cannot be updated now.
        """
        endpoint, live = self._changeable(name)
        refuse_change_of_kind(endpoint, self._configs.get(config_name))
        deployment = self._deployment(
            name, config_name, live if keep_count or keep_weight else None, keep_count, keep_weight
        )
        if deployment.is_serverless:
            if not live.is_serverless:
                raise refuse_becoming_serverless(endpoint.arn)
            check_no_guardrails(deployment_config)
        endpoint.pending = deployment
        endpoint.settle(EndpointStatus.UPDATING, self._clock.now())
        self._run(endpoint, self._transitions.replace(endpoint, live, deployment, deployment_config))
        return endpoint

    def update_capacity(self, name: str, desired: Sequence[Mapping[str, Any]]) -> Endpoint:
        """UpdateEndpointWeightsAndCapacities; ``desired`` is its DesiredWeightsAndCapacities.

        Raises:
            AwsError: no such endpoint or variant, or the endpoint cannot be updated now.
        """
        endpoint, live = self._changeable(name)
        _check_wishes(endpoint, live, desired)
        endpoint.settle(EndpointStatus.UPDATING, self._clock.now())
        self._run(endpoint, self._transitions.resize(endpoint, live, desired))
        return endpoint

    def delete(self, name: str) -> None:
        """Ends an endpoint; it is Deleting when this returns and gone soon after.

        Raises:
            AwsError: no such endpoint, or a change of it is in progress.
        """
        self._refuse_if_closing()
        endpoint = self.get(name)
        if endpoint.status not in (EndpointStatus.IN_SERVICE, EndpointStatus.FAILED):
            raise in_progress(endpoint.arn)
        endpoint.settle(EndpointStatus.DELETING, self._clock.now(), endpoint.failure_reason)
        self._run(endpoint, self._take_down(endpoint))

    async def close(self) -> None:
        """Cancels what is in progress and stops every fleet, all at once; further changes are refused."""
        self._closing = True
        endpoints = list(self._by_name.values())
        tasks = [endpoint.task for endpoint in endpoints if endpoint.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        fleets = [endpoint.live.fleet for endpoint in endpoints if endpoint.live is not None]
        results = await asyncio.gather(*(fleet.stop(drain_s=0) for fleet in fleets), return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                log.error("a fleet did not stop cleanly", exc_info=result)
        self._by_name.clear()

    def suspend(self) -> None:
        """No endpoint is created until ``use``: hosting is being made anew."""
        self._suspended = True

    def use(self, make_fleet: FleetFactory, asynchronous: AsyncInference | None) -> None:
        """Fleets and queues are made by these from now on: hosting was made anew."""
        self._make_fleet, self._transitions.asynchronous = make_fleet, asynchronous
        self._suspended = False

    def bring_back(self, endpoint: Endpoint, before: Deployment) -> None:
        """Starts what an endpoint was ``before`` hosting was made anew; it is InService, or Failed, soon."""
        fleet = self._make_fleet(endpoint.name, before.specs)
        deployment = dataclasses.replace(before, fleet=fleet, started=self._clock.now())
        self._run(endpoint, self._transitions.bring_up(endpoint, deployment))

    def _refuse_if_closing(self) -> None:
        # The gateway answers until the last fleet has stopped; a change begun meanwhile would outlive us.
        if self._closing:
            raise stopping()

    def _changeable(self, name: str) -> tuple[Endpoint, Deployment]:
        self._refuse_if_closing()
        endpoint = self.get(name)
        if endpoint.status is EndpointStatus.FAILED:
            raise validation_exception(
                f'Cannot update endpoint "{endpoint.arn}" because its status is Failed. '
                "Delete it and create it again."
            )
        if endpoint.status is not EndpointStatus.IN_SERVICE or endpoint.live is None:
            raise in_progress(endpoint.arn)
        return endpoint, endpoint.live

    def _deployment(
        self,
        name: str,
        config_name: str,
        live: Deployment | None = None,
        keep_count: bool = False,
        keep_weight: bool = False,
    ) -> Deployment:
        config = self._configs.get(config_name)
        specs = variant_specs(config, self._models)
        asynchronous = async_config(config, specs, hosted=self._transitions.asynchronous is not None)
        if live is not None:
            states = {state.name: state for state in live.fleet.describe()}
            specs = with_retained_properties(specs, states, keep_count=keep_count, keep_weight=keep_weight)
        fleet = self._make_fleet(name, specs)
        return Deployment(
            config.name, config.copy_of_request(), specs, fleet, self._clock.now(), asynchronous
        )

    def _run(self, endpoint: Endpoint, work: Coroutine[Any, Any, None]) -> None:
        endpoint.task = asyncio.create_task(work, name=f"endpoint {endpoint.name}")

    async def _take_down(self, endpoint: Endpoint) -> None:
        await self._transitions.take_down(endpoint)
        del self._by_name[endpoint.name.lower()]
        for callback in self._gone:
            callback(endpoint.arn)
        log.info("endpoint %s is deleted", endpoint.name)


def _check_wishes(endpoint: Endpoint, live: Deployment, desired: Sequence[Mapping[str, Any]]) -> None:
    """Raises AwsError if a DesiredWeightsAndCapacities cannot be had of the variants that there are."""
    types = {spec.name: spec.instance_type for spec in live.specs}
    states = {state.name: state for state in live.fleet.describe()}
    weights = {name: state.desired_weight for name, state in states.items()}
    for wish in desired:
        name = wish["VariantName"]
        if name not in types:
            raise validation_exception(
                f'Could not find variant "{name}" in endpoint "{endpoint.arn}"; '
                f"its variants: {', '.join(sorted(types))}."
            )
        count = wish.get("DesiredInstanceCount")
        check_serverless_wish(wish, states[name].serverless)
        if count == 0 and live.config.get("AsyncInferenceConfig") is None:
            raise validation_exception(
                f'DesiredInstanceCount of variant "{name}" must be at least 1: only variants of asynchronous '
                "endpoints can have no instances."
            )
        check_instance_count(types[name], count or 0)
        weights[name] = wish.get("DesiredWeight", weights[name])
    if sum(weights.values()) <= 0:
        raise validation_exception("At least one variant must keep a DesiredWeight greater than 0.")
