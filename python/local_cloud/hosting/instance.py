"""One instance of a variant: its containers, and which of them a request passes through."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping, Sequence

from local_cloud.hosting.container import Container, ContainerFailed
from local_cloud.hosting.specs import ContainerStatus, InstanceState

SETTLE_S = 3.0
"""Once one container has failed, how long the others may take to fail too: the reason names them all."""


class InstanceFailed(Exception):
    """``details``: label of each failing container → what happened to it."""

    def __init__(self, details: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{label}: {detail}" for label, detail in details.items()))
        self.details = details


class Instance:
    """Containers in the order of the model's definition.

    ``on_change`` is called whenever the instance may have become able to take (another) request.
    """

    def __init__(
        self,
        instance_id: str,
        containers: Sequence[Container],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.instance_id = instance_id
        self.containers = tuple(containers)
        self.retiring = False
        self.reserved_for_one = False
        """The request inside must be alone: no place is given to another one."""
        self._on_change = on_change
        for container in self.containers:
            container.on_status = on_change
        self._in_flight = 0
        self._empty = asyncio.Event()
        self._by_name = {container.name: container for container in containers}

    @property
    def in_flight(self) -> int:
        """Requests inside."""
        return self._in_flight

    def enter(self) -> None:
        """A request comes in; ``leave`` must follow."""
        self._in_flight += 1
        self._empty.clear()

    def leave(self) -> None:
        """A request is done."""
        self._in_flight -= 1
        if not self._in_flight:
            self._empty.set()
        self._on_change()

    def container(self, name: str) -> Container:
        return self._by_name[name]

    def can_serve(self, target: str | None) -> bool:
        """Whether the target container, or with None every container, is healthy."""
        if self.retiring:
            return False
        if target is not None:
            return self._by_name[target].is_available
        return all(container.is_available for container in self.containers)

    async def start(self, startup_timeout_s: float) -> None:
        """All containers at once. Raises InstanceFailed; nothing is left running then."""
        tasks = {
            asyncio.create_task(container.start(startup_timeout_s)): container
            for container in self.containers
        }
        try:
            done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            if pending:
                await asyncio.wait(pending, timeout=SETTLE_S)
            details = {
                container.label: str(task.exception())
                for task, container in tasks.items()
                if task.done() and not task.cancelled() and isinstance(task.exception(), ContainerFailed)
            }
            if details:
                raise InstanceFailed(details)
            for task in done:
                task.result()
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.shield(self._abandon(list(tasks)))
            raise

    async def stop(self, grace_s: float | None = None) -> None:
        """End all containers at once."""
        self.retiring = True
        await asyncio.gather(*(container.stop(grace_s) for container in self.containers))

    async def drained(self, timeout_s: float) -> bool:
        """Take no more requests and wait for those inside. False when some are left at the deadline."""
        self.retiring = True
        if self._in_flight:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._empty.wait()
        return self._in_flight == 0

    def state(self) -> InstanceState:
        states = tuple(container.state() for container in self.containers)
        worst = next(
            (
                status
                for status in (
                    ContainerStatus.STOPPED,
                    ContainerStatus.RESTARTING,
                    ContainerStatus.UNHEALTHY,
                    ContainerStatus.STARTING,
                )
                if any(state.status is status for state in states)
            ),
            ContainerStatus.HEALTHY,
        )
        return InstanceState(self.instance_id, worst, self.in_flight, states)

    async def _abandon(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.stop(grace_s=1)


def new_instance_id() -> str:
    """In EC2's form: ``i-`` and 17 hexadecimal digits."""
    return "i-" + secrets.token_hex(9)[:17]
