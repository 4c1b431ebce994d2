"""One container of a serverless variant: it lives once, has one request inside, and a memory limit."""

from __future__ import annotations

import time
from typing import Final

from local_cloud.hosting.container import Container, ContainerFailed
from local_cloud.hosting.instance import Instance
from local_cloud.hosting.resource_watch import Probe, ResourceWatch
from local_cloud.hosting.specs import InstanceState
from serving_contracts.limits import MIB

KILLED_GRACE_S: Final = 1.0
"""For a container that is given up while it starts or works: nothing of what it does is wanted any more."""


class StartFailed(Exception):
    """The container did not come up; the message says why. ``too_slow``: it did not answer in time."""

    def __init__(self, detail: str, *, too_slow: bool = False) -> None:
        super().__init__(detail)
        self.too_slow = too_slow


class PooledContainer:
    """``instance``: its one container, as an instance that requests pass through."""

    def __init__(self, instance: Instance, memory_mb: int, watch: ResourceWatch) -> None:
        self.instance = instance
        self.idle_since = 0.0
        """Of the event loop's clock."""
        self.setup_s = 0.0
        """From its launch to the first 200 of its ping."""
        self.out_of_memory: str | None = None
        """What it used, once that was too much."""
        self._memory_mb = memory_mb
        self._watch = watch
        self._probe = Probe(
            pid=lambda: self.container.pid, memory_bytes=memory_mb * MIB, exceeded=self._exceeded
        )

    @property
    def container(self) -> Container:
        return self.instance.containers[0]

    @property
    def is_available(self) -> bool:
        return self.container.is_available and not self.instance.retiring and self.out_of_memory is None

    @property
    def memory_percent(self) -> float:
        """Of its MemorySizeInMB, now."""
        self._probe.look()
        return self._probe.used_bytes / self._probe.memory_bytes * 100

    async def start(self, timeout_s: float) -> None:
        """Returns once it answers its ping. Raises StartFailed; it is stopped then."""
        began = time.perf_counter()
        self._watch.add(self._probe)
        try:
            await self.container.start(timeout_s)
        except ContainerFailed as error:
            too_slow = time.perf_counter() - began >= timeout_s
            raise StartFailed(self.out_of_memory or str(error), too_slow=too_slow) from error
        finally:
            self._watch.remove(self._probe)
        self.setup_s = time.perf_counter() - began

    def enter(self) -> None:
        """A request comes in; ``leave`` must follow."""
        self.instance.enter()
        self._watch.add(self._probe)

    def leave(self) -> None:
        """The request is done; what it used between two looks counts too."""
        self._watch.remove(self._probe)
        self._probe.look()
        self.instance.leave()

    async def stop(self, grace_s: float | None) -> None:
        self._watch.remove(self._probe)
        await self.instance.stop(grace_s)

    def state(self) -> InstanceState:
        return self.instance.state()

    def _exceeded(self, used_bytes: int) -> None:
        self.out_of_memory = (
            f"the container used {used_bytes // MIB} MB, more than the {self._memory_mb} MB of its "
            "MemorySizeInMB, and was ended"
        )
        self.container.log.write(f"[local cloud] {self.out_of_memory}")
        self.container.kill()
