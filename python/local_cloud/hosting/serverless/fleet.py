"""A serverless endpoint under one configuration: its one variant, and the pool of containers behind it."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from local_cloud.hosting import reasons
from local_cloud.hosting.archive import remove_tree
from local_cloud.hosting.assets import Assets
from local_cloud.hosting.container import Container, ContainerParts
from local_cloud.hosting.errors import DeploymentFailed, NotReady, UnknownTarget
from local_cloud.hosting.instance import Instance
from local_cloud.hosting.instance_types import available_cpus
from local_cloud.hosting.serverless.metrics import REPORT_INTERVAL_S, ConcurrencyReport, ServerlessMetrics
from local_cloud.hosting.serverless.passage import Passage, seen_through
from local_cloud.hosting.serverless.pool import Pool
from local_cloud.hosting.serverless.pooled import PooledContainer, StartFailed
from local_cloud.hosting.specs import (
    InvokeRequest,
    InvokeResponse,
    ServerlessState,
    VariantSpec,
    VariantState,
)
from local_cloud.hosting.telemetry.sampler import Sampled
from local_cloud.hosting.variant import Platform, container_label, container_name, log_group
from serving_contracts.limits import LAMBDA_MB_PER_VCPU

_LEAST_REPORT_INTERVAL_S = 0.05
_REPORTS_A_MINUTE = 6


class ServerlessFleet:
    """A :class:`~local_cloud.hosting.specs.HostedFleet`; started once, stopped once."""

    def __init__(
        self,
        endpoint_name: str,
        spec: VariantSpec,
        platform: Platform,
        *,
        on_stopped: Callable[[ServerlessFleet], None],
    ) -> None:
        """``spec`` is serverless."""
        assert spec.serverless is not None
        self.endpoint_name = endpoint_name
        self._spec = spec
        self._platform = platform
        self._on_stopped = on_stopped
        self._name = container_name(spec.containers, 0)
        self._label = container_label(spec.containers, 0)
        self._weight = spec.weight
        self._desired = spec.serverless
        self._log_group = log_group(endpoint_name)
        self._assets = Assets()
        self._threads = usable_threads(spec.serverless.memory_mb)
        self._metrics = ServerlessMetrics(platform.metrics, endpoint_name, spec.name)
        settings = platform.settings
        self._pool = Pool(
            self._make,
            self._dispose,
            platform.starts,
            settings.clock,
            spec=spec.serverless,
            idle_s=settings.serverless_idle_s,
            startup_s=min(spec.startup_timeout_s, settings.serverless_startup_s),
        )
        self._requests: set[asyncio.Task[Any]] = set()
        self._reporting: asyncio.Task[None] | None = None
        self._serving = False

    # --- life

    async def start(self) -> None:
        """Find the image, fetch the model, start what is provisioned, and one container at least. Raises
        DeploymentFailed; nothing is left running then, or when it is cancelled."""
        budget_s = self._platform.settings.serverless_startup_s
        try:
            try:
                async with asyncio.timeout(budget_s):
                    await asyncio.gather(
                        self._assets.prepare(
                            self._spec, [self._label], self._platform.images, self._platform.models
                        ),
                        self._platform.logs.create_group(self._log_group),
                    )
            except TimeoutError as error:
                detail = "the model data was not downloaded in time"
                raise DeploymentFailed(reasons.joined([reasons.not_up_in_time(budget_s, detail)])) from error
            try:
                await self._pool.open()
            except StartFailed as error:
                raise self._failed(error) from error
        except BaseException:
            await asyncio.shield(self.stop(drain_s=0))
            raise
        self._serving = True
        self._reporting = asyncio.create_task(self._report(), name=f"concurrency of {self.endpoint_name}")

    async def stop(self, drain_s: float = 30) -> None:
        """Take no more requests, finish those inside within ``drain_s``, end every container. Idempotent."""
        self._serving = False
        await self._pool.close(drain_s)
        if self._requests:
            _, left = await asyncio.wait(self._requests, timeout=1)
            for task in left:
                task.cancel()
        reporting, self._reporting = self._reporting, None
        if reporting is not None:
            reporting.cancel()
            await asyncio.wait({reporting})
        self._assets.release()
        self._on_stopped(self)

    async def set_capacity(self, variant: str, *, instance_count: int | None, weight: float | None) -> None:
        """Only the weight. Raises UnknownTarget, DeploymentFailed."""
        self._check_variant(variant)
        if instance_count is not None:
            raise DeploymentFailed(f"Variant {variant} is serverless: it has no instances.")
        if weight is not None:
            self._weight = weight

    async def set_concurrency(
        self, variant: str, *, max_concurrency: int | None, provisioned: int | None
    ) -> None:
        """Returns when what is provisioned anew is warm. Raises UnknownTarget, DeploymentFailed (all is as
        before then)."""
        self._check_variant(variant)
        before = self._pool.spec
        self._desired = replace(
            before,
            max_concurrency=before.max_concurrency if max_concurrency is None else max_concurrency,
            provisioned=before.provisioned if provisioned is None else provisioned,
        )
        try:
            await self._pool.resize(self._desired)
        except StartFailed as error:
            raise self._failed(error) from error
        finally:
            self._desired = self._pool.spec

    def describe(self) -> list[VariantState]:
        waiting, starting = self._pool.counts()
        state = ServerlessState(
            current=self._pool.spec,
            desired=self._desired,
            in_flight=self._pool.in_flight,
            waiting=waiting,
            starting=starting,
            containers=tuple(pooled.state() for pooled in self._pool.containers()),
        )
        return [
            VariantState(
                name=self._spec.name,
                current_weight=self._weight,
                desired_weight=self._weight,
                current_instance_count=0,
                desired_instance_count=0,
                deployed_images=self._assets.deployed(),
                instances=(),
                serverless=state,
            )
        ]

    def sampled(self) -> list[Sampled]:
        """Nothing: SageMaker publishes no CPUUtilization here, and memory is measured anyway."""
        return []

    # --- requests

    async def invoke(self, request: InvokeRequest) -> InvokeResponse:
        """Serve one request. Raises Throttled, UnknownTarget, NotReady, ModelError."""
        began = request.received_at if request.received_at is not None else time.perf_counter()
        if not self._serving:
            raise NotReady(
                f"Endpoint {self.endpoint_name} is not ready to serve: its containers are starting."
            )
        if request.target_variant is not None:
            self._check_variant(request.target_variant)
        if request.target_container is not None:
            raise UnknownTarget(
                f"TargetContainerHostname {request.target_container} cannot be given: endpoint "
                f"{self.endpoint_name} is serverless and has one container."
            )
        passage = Passage(
            request,
            began=began,
            endpoint=self.endpoint_name,
            variant=self._spec.name,
            label=self._label,
            log_group=self._log_group,
            pool=self._pool,
            metrics=self._metrics,
            platform=self._platform,
        )
        return await seen_through(passage, self._requests)

    def reserve(self, per_instance: int, *, alone: bool = False) -> None:
        """Asynchronous endpoints are not serverless: there is never room for their requests."""

    def on_capacity(self, callback: Callable[[], None]) -> None:
        """There never will be."""

    def _check_variant(self, name: str) -> None:
        if name != self._spec.name:
            raise UnknownTarget(
                f"Variant {name} does not exist for endpoint {self.endpoint_name}; its variant is "
                f"{self._spec.name}."
            )

    def _failed(self, error: StartFailed) -> DeploymentFailed:
        if error.too_slow:
            seconds = self._platform.settings.serverless_startup_s
            return DeploymentFailed(reasons.joined([reasons.not_up_in_time(seconds, str(error))]))
        return DeploymentFailed(
            reasons.joined([reasons.ping_failed(self._spec.name, {self._label: str(error)})])
        )

    async def _report(self) -> None:
        clock, pool = self._platform.settings.clock, self._pool
        report = ConcurrencyReport(self._metrics)
        interval = max(_LEAST_REPORT_INTERVAL_S, clock.scaled(REPORT_INTERVAL_S))
        turn = 0
        while True:
            # All variants report at the same moments: so it travels together.
            now = time.monotonic()
            turn = max(turn + 1, math.floor(now / interval) + 1)
            await asyncio.sleep(turn * interval - now)
            is_minute = turn % _REPORTS_A_MINUTE == 0
            peak, pool.peak = pool.peak, pool.in_flight
            report.report(peak, pool.spec, is_minute=is_minute)
            if is_minute:
                for pooled in pool.containers():
                    self._metrics.used(pooled.memory_percent)

    # --- containers

    def _make(self, changed: Callable[[PooledContainer], None]) -> PooledContainer:
        container_id = new_container_id()
        log = self._platform.logs.stream(self._log_group, f"{self._spec.name}/{container_id}/{self._name}")
        parts = ContainerParts(
            name=self._name,
            label=self._label,
            spec=self._spec.containers[0],
            image=self._assets.images[0],
            model=self._assets.models[0],
            threads=self._threads,
            working_dir=self._directory(container_id) / self._name,
            log=log,
        )
        container = Container(
            parts, self._platform.runner, self._platform.proxy, self._platform.settings, disposable=True
        )
        instance = Instance(container_id, [container], on_change=lambda: changed(pooled))
        pooled = PooledContainer(instance, self._pool.spec.memory_mb, self._platform.watch)
        return pooled

    async def _dispose(self, pooled: PooledContainer, grace_s: float | None) -> None:
        await pooled.stop(grace_s)
        await self._platform.aws.run(remove_tree, self._directory(pooled.instance.instance_id))
        await self._platform.logs.forget([pooled.container.log])

    def _directory(self, container_id: str) -> Path:
        return self._platform.settings.instances_dir / "run" / container_id


def usable_threads(memory_mb: int) -> int:
    """vCPUs grow with the memory, as in Lambda, which serverless inference runs on ("Serverless Inference
    integrates with AWS Lambda", developer guide); at most what this process may use of this machine."""
    return max(1, min(math.ceil(memory_mb / LAMBDA_MB_PER_VCPU), available_cpus()))


def new_container_id() -> str:
    """In the form of serverless endpoints' log streams: 32 hexadecimal digits."""
    return secrets.token_hex(16)
