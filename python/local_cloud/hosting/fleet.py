"""Every instance of one endpoint under one configuration; and what all fleets of a local cloud share."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from local_cloud.hosting import reasons
from local_cloud.hosting.archive import remove_tree
from local_cloud.hosting.aws import Aws
from local_cloud.hosting.container import Container
from local_cloud.hosting.errors import (
    ContainerUnavailable,
    DeploymentFailed,
    ModelError,
    NotReady,
    UnknownTarget,
)
from local_cloud.hosting.images import ImageResolver
from local_cloud.hosting.instance import SETTLE_S, Instance
from local_cloud.hosting.invocation import Invocation, NothingSent
from local_cloud.hosting.model_data import ModelDataCache
from local_cloud.hosting.place import InstancePlace
from local_cloud.hosting.process_runner import ProcessRunner, platform_environment
from local_cloud.hosting.proxy import Proxy
from local_cloud.hosting.resource_watch import ResourceWatch
from local_cloud.hosting.runner import Runner
from local_cloud.hosting.serverless import ServerlessFleet
from local_cloud.hosting.specs import (
    HostingSettings,
    InvokeRequest,
    InvokeResponse,
    VariantSpec,
    VariantState,
)
from local_cloud.hosting.start_queue import StartQueue
from local_cloud.hosting.telemetry.logs import LogShipper
from local_cloud.hosting.telemetry.metrics import MetricHub
from local_cloud.hosting.telemetry.sampler import Sampled, UsageSampler
from local_cloud.hosting.variant import Platform, Variant, log_group


class Fleet:
    """Made by :meth:`Hosting.fleet`; started once, stopped once."""

    def __init__(
        self,
        endpoint_name: str,
        specs: Sequence[VariantSpec],
        platform: Platform,
        *,
        on_started: Callable[[], None],
        on_stopped: Callable[[Fleet], None],
    ) -> None:
        self.endpoint_name = endpoint_name
        self._on_started = on_started
        self._on_stopped = on_stopped
        self._platform = platform
        self._variants = {spec.name: Variant(endpoint_name, spec, platform) for spec in specs}
        self._serving = False
        self._log_group = log_group(endpoint_name)
        self._capacity_callback: Callable[[], None] = lambda: None
        for variant in self._variants.values():
            variant.on_capacity = lambda: self._capacity_callback()

    # --- life

    async def start(self) -> None:
        """Bring every instance of every variant up. Returns when all answer ``/ping``.

        Raises DeploymentFailed with a reason that names every failing container. Whatever way it fails, or is
        cancelled: nothing is left running.
        """
        try:
            preparing = [variant.prepare() for variant in self._variants.values()]
            await _all_or_joined([*preparing, self._platform.logs.create_group(self._log_group)])
            await _all_or_joined([variant.start() for variant in self._variants.values()])
        except BaseException:
            await asyncio.shield(self.stop(drain_s=0))
            raise
        self._serving = True
        self._on_started()
        self._capacity_callback()

    async def stop(self, drain_s: float = 30) -> None:
        """Take no more requests, finish those inside within ``drain_s``, end every container. Idempotent."""
        self._serving = False
        await asyncio.gather(*(variant.stop(drain_s) for variant in self._variants.values()))
        self._on_stopped(self)

    async def set_capacity(self, variant: str, *, instance_count: int | None, weight: float | None) -> None:
        """Change a variant's weight (at once) and instance count (new ones serve before old ones go).

        Raises UnknownTarget, DeploymentFailed; the count is as before then.
        """
        chosen = self._variant(variant)
        if weight is not None:
            chosen.weight = weight
        if instance_count is not None:
            await chosen.set_instance_count(instance_count)

    async def set_concurrency(
        self, variant: str, *, max_concurrency: int | None, provisioned: int | None
    ) -> None:
        """Nothing here is serverless. Raises UnknownTarget, DeploymentFailed."""
        raise DeploymentFailed(f"Variant {self._variant(variant).spec.name} is not serverless.")

    def describe(self) -> list[VariantState]:
        return [variant.state() for variant in self._variants.values()]

    def sampled(self) -> list[Sampled]:
        """What the usage sampler measures."""
        return [
            Sampled(variant.metrics, instance.instance_id, container.name, container.pid)
            for variant in self._variants.values()
            for instance in variant.instances
            for container in instance.containers
            if container.pid is not None
        ]

    # --- requests

    async def invoke(self, request: InvokeRequest) -> InvokeResponse:
        """Serve one request. Raises UnknownTarget, NotReady, ContainerUnavailable, ModelError."""
        began = request.received_at if request.received_at is not None else time.perf_counter()
        if not self._serving:
            raise NotReady(
                f"Endpoint {self.endpoint_name} is not ready to serve: its containers are starting."
            )
        variant = self._choose_variant(request)
        target = self._check_target(variant, request.target_container)
        instance = variant.choose_instance(target)
        if instance is None:
            raise self._unavailable(variant, target)
        invocation = Invocation(
            request,
            variant=variant.spec.name,
            log_group=self._log_group,
            metrics=variant.metrics.containers,
            proxy=self._platform.proxy,
            settings=self._platform.settings,
        )
        status = 0
        try:
            try:
                response = await invocation.through(instance, _chain(instance, target))
            except NothingSent as error:
                other = variant.choose_instance(target, other_than=instance)
                if other is None:
                    raise self._unavailable(variant, target, str(error)) from error
                try:
                    response = await invocation.through(other, _chain(other, target))
                except NothingSent as again:
                    raise self._unavailable(variant, target, str(again)) from again
            status = response.status
            return response
        except ModelError as error:
            status = error.original_status
            raise
        finally:
            total_us = (time.perf_counter() - began) * 1e6
            overhead_us = max(0.0, total_us - invocation.model_us)
            variant.metrics.invoked(status, invocation.model_us, overhead_us, len(variant.instances))
            if target is not None and target in variant.metrics.containers:
                variant.metrics.containers[target].overhead(overhead_us)

    def reserve(self, per_instance: int, *, alone: bool = False) -> InstancePlace | None:
        """Room in the emptiest healthy instance of the first variant (asynchronous endpoints have one)."""
        variant = next(iter(self._variants.values()))
        instance = variant.roomiest_instance(per_instance, alone=alone) if self._serving else None
        if instance is None:
            return None
        return InstancePlace(instance, variant, self._platform, self._log_group, alone=alone)

    def on_capacity(self, callback: Callable[[], None]) -> None:
        """``callback`` is called whenever ``reserve`` may succeed again."""
        self._capacity_callback = callback

    def _variant(self, name: str) -> Variant:
        try:
            return self._variants[name]
        except KeyError:
            raise UnknownTarget(
                f"Variant {name} does not exist for endpoint {self.endpoint_name}; its variants are "
                f"{', '.join(self._variants)}."
            ) from None

    def _choose_variant(self, request: InvokeRequest) -> Variant:
        if request.target_variant is not None:
            return self._variant(request.target_variant)
        variants = list(self._variants.values())
        if len(variants) == 1:
            return variants[0]
        weights = [variant.weight for variant in variants]
        return random.choices(variants, weights)[0] if sum(weights) > 0 else random.choice(variants)

    def _check_target(self, variant: Variant, target: str | None) -> str | None:
        """The target container, or None where the request passes through all of them in order."""
        if variant.spec.mode == "Direct":
            names = ", ".join(variant.names)
            if target is None:
                raise UnknownTarget(
                    f"TargetContainerHostname is required: endpoint {self.endpoint_name} is configured for "
                    f"direct invocation. Its containers are {names}."
                )
            if target not in variant.names:
                raise UnknownTarget(
                    f"TargetContainerHostname {target} does not exist in endpoint {self.endpoint_name}. "
                    f"Its containers are {names}."
                )
            return target
        if target is not None:
            raise UnknownTarget(
                f"TargetContainerHostname {target} cannot be given: endpoint {self.endpoint_name} is not "
                "configured for direct invocation (InferenceExecutionConfig Mode is not Direct)."
            )
        return None

    def _unavailable(self, variant: Variant, target: str | None, detail: str = "") -> ContainerUnavailable:
        states = [
            f"{container.name} on {instance.instance_id} is {container.status.value}"
            + (f" after {container.last_exit}" if container.last_exit else "")
            for instance in variant.instances
            for container in instance.containers
            if target in (None, container.name) and not container.is_available
        ]
        return ContainerUnavailable(
            f"No container of endpoint {self.endpoint_name} can take the request now: "
            f"{detail or '; '.join(states) or 'it has no instance in service'}. Try again shortly."
        )


class Hosting:
    """Make it inside the event loop that it is to run in. ``runner``: processes unless another is given."""

    def __init__(self, settings: HostingSettings, runner: Runner | None = None) -> None:
        aws = Aws(settings.aws_url, settings.region)
        # What an earlier cloud left behind: nothing of it is known any more.
        for leftover in ("run", "models"):
            remove_tree(settings.instances_dir / leftover)
        settings.instances_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._platform = Platform(
            settings=settings,
            aws=aws,
            runner=runner or ProcessRunner(platform_environment(settings.region, settings.aws_url)),
            proxy=Proxy(),
            images=ImageResolver(aws, settings.images_dir, settings.account),
            models=ModelDataCache(settings.instances_dir / "models", aws),
            logs=LogShipper(aws, settings.clock),
            metrics=MetricHub(aws, settings.clock),
            watch=ResourceWatch(),
            starts=StartQueue(),
        )
        self._closed = False
        self._fleets: set[Fleet | ServerlessFleet] = set()
        self._usage = UsageSampler(
            aws, settings.clock, lambda: [sampled for fleet in self._fleets for sampled in fleet.sampled()]
        )

    def fleet(self, endpoint_name: str, variants: Sequence[VariantSpec]) -> Fleet | ServerlessFleet:
        """A new fleet, not yet started. A serverless variant is its endpoint's only one."""
        if variants[0].serverless is not None:
            serverless = ServerlessFleet(
                endpoint_name, variants[0], self._platform, on_stopped=self._fleets.discard
            )
            self._fleets.add(serverless)
            return serverless
        fleet = Fleet(
            endpoint_name,
            variants,
            self._platform,
            on_started=self._usage.start,
            on_stopped=self._fleets.discard,
        )
        self._fleets.add(fleet)
        return fleet

    async def close(self) -> None:
        """Stop what still runs, send what is left of logs and metrics, and free everything. Idempotent."""
        if self._closed:
            return
        self._closed = True
        await self._usage.close()
        await asyncio.gather(*(fleet.stop(drain_s=0) for fleet in list(self._fleets)), return_exceptions=True)
        await self._platform.watch.close()
        await self._platform.logs.close()
        await self._platform.metrics.close()
        await self._platform.proxy.close()
        await self._platform.runner.close()
        for folder in ("run", "models"):
            await self._platform.aws.run(remove_tree, self._platform.settings.instances_dir / folder)
        self._platform.aws.close()


def _chain(instance: Instance, target: str | None) -> Sequence[Container]:
    return instance.containers if target is None else (instance.container(target),)


async def _all_or_joined(coroutines: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Await all. Once one has failed the others have a moment to fail too, then they are cancelled; several
    DeploymentFailed become one that tells every reason."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        if pending:
            await asyncio.wait(pending, timeout=SETTLE_S)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    failed = [error for error in results if isinstance(error, DeploymentFailed)]
    if failed:
        raise DeploymentFailed(reasons.joined([error.reason for error in failed]))
    for error in results:
        if isinstance(error, BaseException) and not isinstance(error, asyncio.CancelledError):
            raise error
