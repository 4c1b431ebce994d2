"""Provisioned concurrency: environments that are initialised before anyone asks for them.

Source: "Configuring provisioned concurrency for a function", AWS Lambda developer guide.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Literal

from local_cloud.functions.execution.environment import Environment, Status
from local_cloud.functions.execution.failures import Failure
from local_cloud.functions.execution.metrics import ProvisionedUse
from local_cloud.functions.execution.parts import Chores
from local_cloud.functions.specs import FunctionVersion, ImageRejected, ProvisionedState
from local_cloud.hosting.specs import Clock

INIT_FAILURE: Final = "FUNCTION_ERROR_INIT_FAILURE"
REPLACEMENT_PAUSES_S: Final = (0.0, 1.0, 5.0)
"""Before each try to replace an environment that died; after the last the allocation has failed."""

_log = logging.getLogger(__name__)

StartProvisioned = Callable[[FunctionVersion], Awaitable[tuple[Environment, Failure | None]]]
EndEnvironment = Callable[[Environment], None]


class Allocation:
    """What is provisioned of one version for one qualifier."""

    def __init__(
        self,
        version: FunctionVersion,
        qualifier: str,
        clock: Clock,
        start: StartProvisioned,
        end: EndEnvironment,
        chores: Chores,
    ) -> None:
        self.version = version
        self.qualifier = qualifier
        self.requested = 0
        self.status: Literal["IN_PROGRESS", "READY", "FAILED"] = "IN_PROGRESS"
        self.reason: str | None = None
        self._clock = clock
        self._start = start
        self._end = end
        self._chores = chores
        self._idle: list[Environment] = []
        self._busy: set[Environment] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._peak = 0

    @property
    def allocated(self) -> int:
        """Environments that are initialised, at work or not."""
        return len(self._idle) + len(self._busy)

    def take(self) -> Environment | None:
        """The environment that was used last, None where none is idle."""
        while self._idle:
            environment = self._idle.pop()
            if not environment.alive:
                self._lost(environment)
                continue
            environment.status = Status.BUSY
            self._busy.add(environment)
            self._peak = max(self._peak, len(self._busy))
            return environment
        return None

    def give_back(self, environment: Environment) -> None:
        """It can take another invocation, or it has died: then another one takes its place."""
        self._busy.discard(environment)
        if not environment.alive:
            self._lost(environment)
        elif self.allocated >= self.requested:
            self._end(environment)
        else:
            self._rest(environment)

    def request(self, count: int) -> None:
        """Keep so many from now on; 0 lets all go."""
        self.requested = count
        self.reason = None
        self.status = "IN_PROGRESS"
        while self._idle and self.allocated > count:
            self._end(self._idle.pop(0))
        if not count:
            for task in self._starting:
                task.cancel()
        self._fill((0.0,))

    def use(self) -> ProvisionedUse:
        """Since it was asked last."""
        peak, self._peak = self._peak, len(self._busy)
        resource = f"{self.version.function_name}:{self.qualifier}"
        return ProvisionedUse(self.version.function_name, resource, peak, self.allocated)

    def _fill(self, pauses: tuple[float, ...]) -> None:
        if self.status == "IN_PROGRESS" and self.allocated >= self.requested:
            self.status = "READY"
        for _ in range(self.requested - self.allocated - len(self._starting)):
            task = self._chores.begin(
                self._add(pauses), f"provisioned environment of {self.version.arn}, {self.qualifier}"
            )
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def _add(self, pauses: tuple[float, ...]) -> None:
        reason = INIT_FAILURE
        for pause in pauses:
            await asyncio.sleep(self._clock.scaled(pause))
            if self.allocated >= self.requested or self.status == "FAILED":
                return
            try:
                environment, failure = await self._start(self.version)
            except (ImageRejected, OSError) as error:
                reason = f"{INIT_FAILURE} ({error})"
                continue
            if failure is None:
                self._came(environment)
                return
            reason = f"{INIT_FAILURE} ({failure.summary()})"
        if self.requested:
            self.status, self.reason = "FAILED", reason
            _log.warning("provisioned concurrency of %s: %s", self.version.arn, reason)

    def _came(self, environment: Environment) -> None:
        if self.allocated >= self.requested:
            self._end(environment)
            return
        self._rest(environment)
        if self.status == "IN_PROGRESS" and self.allocated >= self.requested:
            self.status = "READY"

    def _rest(self, environment: Environment) -> None:
        environment.status = Status.IDLE
        environment.on_end = lambda: self._died(environment)
        self._idle.append(environment)

    def _died(self, environment: Environment) -> None:
        if environment in self._idle:
            self._idle.remove(environment)
            self._lost(environment)

    def _lost(self, environment: Environment) -> None:
        self._end(environment)
        if self.status != "FAILED":
            self._fill(REPLACEMENT_PAUSES_S)


class Provisioned:
    """Every allocation of a local cloud."""

    def __init__(self, clock: Clock, start: StartProvisioned, end: EndEnvironment, chores: Chores) -> None:
        self._clock = clock
        self._start = start
        self._end = end
        self._chores = chores
        self._allocations: dict[tuple[str, str, str, str], Allocation] = {}

    def set(self, version: FunctionVersion, qualifier: str, count: int) -> None:
        """Keep ``count`` environments of the version for the qualifier."""
        key = (version.function_name, qualifier, version.version, version.revision)
        allocation = self._allocations.get(key)
        if allocation is None:
            if not count:
                return
            allocation = Allocation(version, qualifier, self._clock, self._start, self._end, self._chores)
            self._allocations[key] = allocation
        if count == allocation.requested and allocation.status != "FAILED":
            return
        if not count:
            del self._allocations[key]
        allocation.request(count)

    def take(self, version: FunctionVersion, qualifier: str) -> tuple[Allocation, Environment] | None:
        """An idle environment of the version, of the qualifier's own first."""
        matching = self._of(version)
        matching.sort(key=lambda allocation: allocation.qualifier != qualifier)
        for allocation in matching:
            if (environment := allocation.take()) is not None:
                return allocation, environment
        return None

    def is_provisioned(self, version: FunctionVersion) -> bool:
        return bool(self._of(version))

    def state(self, function: str, qualifier: str) -> ProvisionedState | None:
        """All that is provisioned for a qualifier, of every version."""
        found = [
            allocation for key, allocation in self._allocations.items() if key[:2] == (function, qualifier)
        ]
        if not found:
            return None
        reason = next((allocation.reason for allocation in found if allocation.reason), None)
        statuses = {allocation.status for allocation in found}
        status = next((status for status in ("FAILED", "IN_PROGRESS") if status in statuses), "READY")
        allocated = sum(allocation.allocated for allocation in found)
        return ProvisionedState(
            requested=sum(allocation.requested for allocation in found),
            allocated=allocated,
            available=allocated,
            status=status,  # type: ignore[arg-type]
            status_reason=reason if status == "FAILED" else None,
        )

    def counts(self) -> dict[str, int]:
        """Function → environments that are requested for it: they are taken from what others may use."""
        counts: dict[str, int] = {}
        for (function, *_), allocation in self._allocations.items():
            counts[function] = counts.get(function, 0) + allocation.requested
        return counts

    def uses(self) -> Iterable[ProvisionedUse]:
        """Of every resource, since it was asked last."""
        totals: dict[str, ProvisionedUse] = {}
        for allocation in self._allocations.values():
            use = allocation.use()
            before = totals.get(use.resource, ProvisionedUse(use.function, use.resource, 0, 0))
            totals[use.resource] = ProvisionedUse(
                use.function,
                use.resource,
                before.in_use + use.in_use,
                before.allocated + use.allocated,
            )
        return totals.values()

    def drop(self, function: str, version: str | None) -> None:
        """Let go all of a function, or of one version of it."""
        for key in [key for key in self._allocations if key[0] == function and version in (None, key[2])]:
            self._allocations.pop(key).request(0)

    def close(self) -> None:
        """Let go everything."""
        for key in list(self._allocations):
            self._allocations.pop(key).request(0)

    def _of(self, version: FunctionVersion) -> list[Allocation]:
        wanted = (version.function_name, version.version, version.revision)
        return [
            allocation for key, allocation in self._allocations.items() if (key[0], key[2], key[3]) == wanted
        ]
