"""One production variant: its instances, how many there are, and which one a request goes to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_cloud.hosting import reasons
from local_cloud.hosting.archive import remove_tree
from local_cloud.hosting.assets import Assets
from local_cloud.hosting.aws import Aws
from local_cloud.hosting.container import Container, ContainerParts
from local_cloud.hosting.errors import DeploymentFailed
from local_cloud.hosting.images import ImageResolver
from local_cloud.hosting.instance import Instance, InstanceFailed, new_instance_id
from local_cloud.hosting.instance_types import usable_threads
from local_cloud.hosting.model_data import ModelDataCache
from local_cloud.hosting.proxy import Proxy
from local_cloud.hosting.resource_watch import ResourceWatch
from local_cloud.hosting.runner import Runner
from local_cloud.hosting.specs import ContainerSpec, HostingSettings, VariantSpec, VariantState
from local_cloud.hosting.start_queue import StartQueue
from local_cloud.hosting.telemetry.invocations import VariantMetrics
from local_cloud.hosting.telemetry.logs import LogShipper, LogStream
from local_cloud.hosting.telemetry.metrics import MetricHub
from serving_contracts import limits

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Platform:
    """What every fleet of one local cloud shares."""

    settings: HostingSettings
    aws: Aws
    runner: Runner
    proxy: Proxy
    images: ImageResolver
    models: ModelDataCache
    logs: LogShipper
    metrics: MetricHub
    watch: ResourceWatch
    starts: StartQueue


class Variant:
    """Instances of one model under one name."""

    def __init__(self, endpoint_name: str, spec: VariantSpec, platform: Platform) -> None:
        self.spec = spec
        self.weight = spec.weight
        self.instances: list[Instance] = []
        self.on_capacity: Callable[[], None] = lambda: None
        """Called whenever an instance may have become able to take a request; the fleet sets it."""
        self.names = [container_name(spec.containers, index) for index in range(len(spec.containers))]
        self.labels = [container_label(spec.containers, index) for index in range(len(spec.containers))]
        self.metrics = VariantMetrics(platform.metrics, endpoint_name, spec.name, self.names)
        self._endpoint_name = endpoint_name
        self._platform = platform
        self._desired_count = spec.instance_count
        self._assets = Assets()
        self._changing = asyncio.Lock()
        self._stopped = False
        self._turn = 0
        self._starting: list[asyncio.Task[None]] = []
        self._streams: list[LogStream] = []

    async def prepare(self) -> None:
        """Find the images and fetch the models; ``stop`` releases them. Raises DeploymentFailed."""
        await self._assets.prepare(self.spec, self.labels, self._platform.images, self._platform.models)

    async def start(self) -> None:
        """Bring the wanted number of instances up. Raises DeploymentFailed."""
        async with self._changing:
            await self._add(self._desired_count)

    async def set_instance_count(self, count: int) -> None:
        """Add instances, which serve once all of them are up; or retire some, down to none. Images and models
        stay at hand, so that leaving zero takes no more than the containers' start.

        Raises DeploymentFailed; the count is as before then.
        """
        async with self._changing:
            before, self._desired_count = len(self.instances), count
            try:
                await self._add(count - before)
            except BaseException:
                self._desired_count = before
                raise
            # Those with the fewest requests inside go: they are done soonest, and the least is cut off.
            places = sorted(range(before), key=lambda place: (self.instances[place].in_flight, -place))
            leaving = [self.instances[place] for place in places[: max(0, before - count)]]
            await self._retire(leaving, drain_s=limits.SIGTERM_GRACE_SECONDS)

    async def stop(self, drain_s: float) -> None:
        """Finish what is running, end all instances, and give the models back. Instances that are still
        starting are given up, and none is started any more."""
        self._stopped = True
        for task in self._starting:
            task.cancel()
        async with self._changing:
            await self._retire(list(self.instances), drain_s)
            self._assets.release()
            streams, self._streams = self._streams, []
        await self._platform.logs.forget(streams)

    def choose_instance(self, target: str | None, *, other_than: Instance | None = None) -> Instance | None:
        """The instance with the fewest requests inside, equals in turn. None when none can serve."""
        best: Instance | None = None
        count = len(self.instances)
        self._turn = (self._turn + 1) % count if count else 0
        for offset in range(count):
            instance = self.instances[(self._turn + offset) % count]
            if instance is other_than or not instance.can_serve(target):
                continue
            if best is None or instance.in_flight < best.in_flight:
                best = instance
        return best

    def roomiest_instance(self, per_instance: int, *, alone: bool) -> Instance | None:
        """The healthy instance with the fewest requests inside, below ``per_instance``; an empty one if the
        request must be ``alone``. None when there is none."""
        most = 1 if alone else per_instance
        able = [
            instance
            for instance in self.instances
            if instance.in_flight < most and not instance.reserved_for_one and instance.can_serve(None)
        ]
        return min(able, key=lambda instance: instance.in_flight, default=None)

    def state(self) -> VariantState:
        return VariantState(
            name=self.spec.name,
            current_weight=self.weight,
            desired_weight=self.weight,
            current_instance_count=len(self.instances),
            desired_instance_count=self._desired_count,
            deployed_images=self._assets.deployed(),
            instances=tuple(instance.state() for instance in self.instances),
        )

    async def _add(self, count: int) -> None:
        if count <= 0:
            return
        if self._stopped:  # while the images and models were fetched, or while this waited for its turn
            raise self._was_stopped()
        new = [self._make_instance() for _ in range(count)]
        tasks = [asyncio.create_task(instance.start(self.spec.startup_timeout_s)) for instance in new]
        self._starting = tasks
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            if any(task.cancelled() for task in tasks):
                raise self._was_stopped()
            errors = [task.exception() for task in tasks if task.done()]
            details: dict[str, str] = {}
            for error in errors:
                if isinstance(error, InstanceFailed):
                    details.update(error.details)
                elif error is not None:
                    raise error
            if details:
                raise DeploymentFailed(reasons.joined([reasons.ping_failed(self.spec.name, details)]))
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.shield(self._abandon(new, tasks))
            raise
        finally:
            self._starting = []
        self.instances.extend(new)
        self.on_capacity()

    def _was_stopped(self) -> DeploymentFailed:
        return DeploymentFailed(f"Variant {self.spec.name} was stopped while its containers started.")

    async def _abandon(self, instances: Sequence[Instance], tasks: Sequence[asyncio.Task[None]]) -> None:
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(self._dispose(instance, grace_s=1) for instance in instances))

    async def _retire(self, instances: Sequence[Instance], drain_s: float) -> None:
        """Out of rotation at once; ended when their requests are done or the time is over."""

        async def retire(instance: Instance) -> None:
            if not await instance.drained(drain_s):
                _log.warning("%s is ended with %d requests inside", instance.instance_id, instance.in_flight)
            await self._dispose(instance)
            if instance in self.instances:
                self.instances.remove(instance)

        await asyncio.gather(*(retire(instance) for instance in instances))

    async def _dispose(self, instance: Instance, grace_s: float | None = None) -> None:
        await instance.stop(grace_s)
        await self._platform.aws.run(remove_tree, self._instance_dir(instance.instance_id))

    def _instance_dir(self, instance_id: str) -> Path:
        return self._platform.settings.instances_dir / "run" / instance_id

    def _make_instance(self) -> Instance:
        instance_id = new_instance_id()
        group = log_group(self._endpoint_name)
        threads = usable_threads(self.spec.instance_type)
        containers = []
        for index, spec in enumerate(self.spec.containers):
            name = self.names[index]
            stream = self._platform.logs.stream(group, f"{self.spec.name}/{instance_id}/{name}")
            self._streams.append(stream)
            parts = ContainerParts(
                name=name,
                label=self.labels[index],
                spec=spec,
                image=self._assets.images[index],
                model=self._assets.models[index],
                threads=threads,
                working_dir=self._instance_dir(instance_id) / name,
                log=stream,
            )
            containers.append(
                Container(parts, self._platform.runner, self._platform.proxy, self._platform.settings)
            )
        return Instance(instance_id, containers, on_change=lambda: self.on_capacity())


def container_name(containers: Sequence[ContainerSpec], index: int) -> str:
    """The hostname; ``container-N`` by its place (from 1) where the model gives none."""
    return containers[index].hostname or f"container-{index + 1}"


def container_label(containers: Sequence[ContainerSpec], index: int) -> str:
    """The name in AWS's messages: a model's only container is "primary"."""
    return "primary" if len(containers) == 1 else container_name(containers, index)


def log_group(endpoint_name: str) -> str:
    return f"/aws/sagemaker/Endpoints/{endpoint_name}"
