"""One scalable target at work: its cooldowns, the activity that runs, and the one that waits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final

from local_cloud.clock import Clock
from local_cloud.scaling.activities import ActivityLog, Status
from local_cloud.scaling.capacity import CannotScale, Capacity, TookTooLong
from local_cloud.scaling.decisions import Decision, Limits, Trigger, decide
from local_cloud.scaling.kinds import INSTANCES, CapacityKind

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = (5.0, 60.0)
"""After a failed activity policies wait that long, doubling up to the second figure. In real time: what
failed (a container that does not start) costs real time."""


class ScalableTarget:
    """Used from one event loop. One activity at a time: SageMaker takes no change during another."""

    def __init__(
        self,
        resource: str,
        capacity: Capacity,
        activities: ActivityLog,
        clock: Clock,
        limits: Callable[[], Limits | None],
        kind: CapacityKind = INSTANCES,
    ) -> None:
        """``limits``: the target's bounds now, None once it is deregistered."""
        self.resource = resource
        self._capacity = capacity
        self._activities = activities
        self._clock = clock
        self._limits = limits
        self._kind = kind
        self._was_there = False
        self._task: asyncio.Task[None] | None = None
        self._going_to: int | None = None
        self._waiting: Decision | None = None
        self._out_base: int | None = None
        self._out_until = 0.0
        self._in_until = 0.0
        self._failures = 0
        self._quiet_until = 0.0

    def consider(self, triggers: Sequence[Trigger], limits: Limits, *, tracking_agrees: bool) -> None:
        """Policies of the target were triggered: scales if they, the limits and the cooldowns say so."""
        reading = self._capacity.read(self.resource)
        now = self._clock.monotonic()
        if reading is None or now < self._quiet_until:
            return
        busy = self._going_to is not None
        current = reading.desired if self._going_to is None else self._going_to
        if self._waiting is not None:
            current = max(current, self._waiting.capacity)
        base = current
        if self._out_base is not None and (busy or now < self._out_until):
            base = self._out_base
        found = decide(triggers, current=current, base=base, limits=limits, tracking_agrees=tracking_agrees)
        if isinstance(found, tuple):
            if not busy:
                self._activities.not_scaled(self.resource, *found, self._kind)
        elif found is not None:
            # What is decided during another change is carried out after it: too late for taking away.
            may_scale_in = not busy and reading.steady and now >= self._in_until
            if found.capacity > current or may_scale_in:
                self._start(found)

    def hold_to(self, limits: Limits) -> None:
        """The target was registered, anew or with other limits: a count outside of them is changed, without a
        policy and whatever the cooldowns say."""
        reading = self._capacity.read(self.resource)
        if reading is None:
            return
        count = limits.clamp(reading.desired)
        if count != reading.desired:
            which = "minimum" if count > reading.desired else "maximum"
            self._start(Decision(count, f"{which} capacity was set to {count}"))

    def has_gone(self) -> bool:
        """Whether what it scales was there once, and is not any more."""
        there = self._capacity.read(self.resource) is not None
        self._was_there = self._was_there or there
        return self._was_there and not there

    async def settled(self) -> None:
        """Waits for the activities that run or wait."""
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    async def close(self) -> None:
        """Gives up what runs. What the control plane has begun is its own to end."""
        self._waiting = None
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _start(self, decision: Decision) -> None:
        self._waiting = decision
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name=f"scaling {self.resource}")

    async def _work(self) -> None:
        while self._waiting is not None:
            decision, self._waiting = self._waiting, None
            self._going_to = decision.capacity
            try:
                await self._scale(decision)
            finally:
                self._going_to = None

    async def _scale(self, decision: Decision) -> None:
        count = decision.capacity
        activity = self._activities.begin(self.resource, count, decision.cause, self._kind)
        what = f"desired {self._kind.noun} to {count}"

        def ended(status: Status, message: str) -> None:
            activity.end(status, self._clock.now(), message)

        def accepted() -> None:
            activity.status = Status.IN_PROGRESS

        try:
            self._begin(count)
            await self._capacity.ready(self.resource)
            if self._waiting is not None:
                ended(Status.OVERRIDDEN, "The desired capacity was updated by a newer scaling event.")
                return
            limits = self._limits()
            if limits is None or limits.clamp(count) != count:
                ended(Status.OVERRIDDEN, "The scalable target was deregistered or its limits were changed.")
                return
            reading = self._capacity.read(self.resource)
            before = count if reading is None else reading.desired
            if before != count:
                await self._capacity.set(self.resource, count, accepted)
        except TookTooLong as error:
            ended(Status.UNFULFILLED, f"Failed to set {what}. Reason: {error}")
            self._failed(decision, str(error))
        except CannotScale as error:
            ended(Status.FAILED, f"Failed to set {what}. Reason: {error}")
            self._failed(decision, str(error))
        except asyncio.CancelledError:
            ended(Status.FAILED, "The local cloud is stopping.")
            raise
        except Exception as error:
            log.exception("scaling %s failed", self.resource)
            reason = f"The local cloud itself failed ({type(error).__name__}: {error}); its log says more."
            ended(Status.FAILED, f"Failed to set {what}. Reason: {reason}")
            self._failed(decision, reason)
        else:
            ended(
                Status.SUCCESSFUL,
                f"Successfully set {what}. Change successfully fulfilled by {self._kind.namespace}.",
            )
            self._succeeded(decision, before)
            log.info("%s has %s %d now: %s", self.resource, self._kind.noun, count, decision.cause)

    def _begin(self, count: int) -> None:
        reading = self._capacity.read(self.resource)
        if reading is None or count == reading.desired:
            return
        if count < reading.desired:
            self._out_base = None
            return
        self._in_until = 0.0  # scaling out ends the cooldown of scaling in
        if self._out_base is None or self._clock.monotonic() >= self._out_until:
            self._out_base = reading.desired

    def _succeeded(self, decision: Decision, before: int) -> None:
        self._failures = 0
        until = self._clock.monotonic() + self._clock.scaled(decision.cooldown)
        if decision.capacity > before:
            self._out_until = until
        elif decision.capacity < before:
            self._in_until = until

    def _failed(self, decision: Decision, reason: str) -> None:
        first, most = RETRY_SECONDS
        self._quiet_until = self._clock.monotonic() + min(most, first * 2**self._failures)
        self._failures += 1
        self._out_base = None
        log.warning("%s could not be scaled to %d: %s", self.resource, decision.capacity, reason)
