"""The autoscaling engine: CloudWatch's evaluation of alarms, and Application Auto Scaling's answer to it.

One task of the event loop. Each minute of the cloud's time (each ten seconds, if there is an alarm with a
shorter period) it evaluates the alarms; those in ALARM call their scaling policies; each scalable target then
decides and has the control plane change its capacity.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from local_cloud.clock import Clock
from local_cloud.scaling import hooks
from local_cloud.scaling.activities import ActivityLog
from local_cloud.scaling.alarms import AlarmWatch, PolicyCall
from local_cloud.scaling.capacity import Capacity
from local_cloud.scaling.decisions import Limits, Trigger
from local_cloud.scaling.evaluation import State
from local_cloud.scaling.kinds import INSTANCES, KINDS
from local_cloud.scaling.period import next_evaluation
from local_cloud.scaling.publisher import Publisher
from local_cloud.scaling.quiet import report_quiet_variants
from local_cloud.scaling.samples import SampleIndex
from local_cloud.scaling.target import ScalableTarget

log = logging.getLogger(__name__)

LEAST_PAUSE_SECONDS: Final = 0.05
"""Between two evaluations, however fast the cloud's time passes: 20 evaluations a second cost little."""

_Key = tuple[str, str, str, str]
"""Account, region, dimension and resource id of a scalable target."""


class ScalingEngine:
    """Make and use it inside one event loop. A :class:`~local_cloud.scaling.hooks.Listener` while it runs."""

    def __init__(self, capacities: Mapping[str, Capacity], clock: Clock) -> None:
        """``capacities``: what is scaled here, by scalable dimension (those of ``kinds.KINDS``)."""
        self._capacities = dict(capacities)
        self._clock = clock
        self._index = SampleIndex(clock.time_scale)
        self._publisher = Publisher()
        self._alarms = AlarmWatch(self._index, clock, self._publisher)
        self._targets: dict[_Key, ScalableTarget] = {}
        self._activities: dict[tuple[str, str], ActivityLog] = {}
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._complained: set[str] = set()

    def start(self) -> None:
        """Listens to moto and evaluates from now on."""
        self._loop = asyncio.get_running_loop()
        self._publisher.start()
        hooks.listen(self)
        self._task = asyncio.create_task(self._run(), name="autoscaling")

    async def stop(self) -> None:
        """Ends every activity; nothing scales any more when this returns. Idempotent."""
        hooks.unlisten(self)
        task, self._task, self._loop = self._task, None, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await asyncio.gather(*(target.close() for target in self._targets.values()))
        await asyncio.to_thread(self._publisher.stop)

    def evaluate(self) -> None:
        """One evaluation of everything that is due."""
        if INSTANCES.dimension in self._capacities:
            quiet = (found for found in policies() if found[2].scalable_dimension == INSTANCES.dimension)
            report_quiet_variants(quiet, self._capacities[INSTANCES.dimension], self._index, self._clock)
        self._end_gone_targets()
        self._call(self._alarms.evaluate())

    async def settled(self) -> None:
        """Waits until no scaling activity runs."""
        for target in list(self._targets.values()):
            await target.settled()

    # What moto tells, in its threads.

    def samples_put(
        self, account: str, region: str, namespace: str, data: Iterable[Mapping[str, Any]]
    ) -> None:
        self._index.put(account, region, namespace, data)

    def alarm_set(self, account: str, region: str, name: str, before: str) -> None:
        self._soon(lambda: self._call(self._alarms.was_set(account, region, name, before)))

    def target_registered(
        self, account: str, region: str, namespace: str, dimension: str, resource: str
    ) -> None:
        if dimension in self._capacities:
            self._soon(lambda: self._hold((account, region, dimension, resource)))

    def activities(self, account: str, region: str) -> list[dict[str, Any]]:
        found = self._activities.get((account, region))
        return [] if found is None else found.described()

    def _soon(self, work: Any) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._safely, work)

    def _safely(self, work: Any) -> None:
        if self._loop is None:
            return
        try:
            work()
        except Exception:
            log.exception("an event of CloudWatch or Application Auto Scaling could not be handled")

    async def _run(self) -> None:
        while True:
            pause = next_evaluation(
                self._clock.now().timestamp(), self._alarms.interval(), self._clock.time_scale
            )
            await asyncio.sleep(max(pause, LEAST_PAUSE_SECONDS))
            try:
                self.evaluate()
            except Exception as error:
                if repr(error) not in self._complained:
                    self._complained.add(repr(error))
                    log.exception("an evaluation failed; the next one follows (this is said once)")

    def _call(self, calls: Iterable[PolicyCall]) -> None:
        """Every target considers its policies together, so that the largest capacity can win."""
        by_target: dict[_Key, list[Trigger]] = {}
        for call in calls:
            found = _policy(call)
            if found is None:
                self._complain_once(call)
                continue
            key = (call.account, call.region, found.scalable_dimension, found.resource_id)
            by_target.setdefault(key, []).append(_trigger(call, found))
        for key, triggers in by_target.items():
            limits = _limits(*key)
            if limits is not None and key[2] in self._capacities:
                self._target(key).consider(triggers, limits, tracking_agrees=_tracking_agrees(*key))

    def _hold(self, key: _Key) -> None:
        limits = _limits(*key)
        if limits is not None:
            self._target(key).hold_to(limits)

    def _end_gone_targets(self) -> None:
        """A target ends with what it scales. Endpoints say so when they are deleted; aliases do not."""
        for key, target in list(self._targets.items()):
            if _limits(*key) is not None and target.has_gone():
                account, region, dimension, resource = key
                for of_account, of_region, backend in _backends():
                    if (of_account, of_region) == (account, region):
                        backend.deregister_scalable_target(KINDS[dimension].namespace, resource, dimension)

    def _target(self, key: _Key) -> ScalableTarget:
        account, region, dimension, resource = key
        activities = self._activities.setdefault((account, region), ActivityLog(self._clock))
        if key not in self._targets:
            self._targets[key] = ScalableTarget(
                resource,
                self._capacities[dimension],
                activities,
                self._clock,
                limits=lambda: _limits(*key),
                kind=KINDS[dimension],
            )
        return self._targets[key]

    def _complain_once(self, call: PolicyCall) -> None:
        if call.policy_arn not in self._complained:
            self._complained.add(call.policy_arn)
            log.warning("alarm %s calls %s, which does not exist", call.alarm.name, call.policy_arn)


def policies() -> Iterator[tuple[str, str, Any]]:
    """Account, region and moto's object of every scaling policy of what can be scaled here."""
    for account, region, backend in _backends():
        for policy in list(backend.policies.values()):
            if policy.scalable_dimension in KINDS:
                yield account, region, policy


def _backends() -> Iterator[tuple[str, str, Any]]:
    models: Any = sys.modules.get("moto.applicationautoscaling.models")
    if models is None:
        return
    for account, regions in list(models.applicationautoscaling_backends.items()):
        for region, backend in list(regions.items()):
            yield account, region, backend


def _policy(call: PolicyCall) -> Any | None:
    # The alarms that target tracking makes name their maker after the policy's ARN.
    arn = call.policy_arn.partition(":createdBy/")[0]
    for account, region, policy in policies():
        if (account, region, policy.policy_arn) == (call.account, call.region, arn):
            return policy
    return None


def _trigger(call: PolicyCall, policy: Any) -> Trigger:
    return Trigger(
        policy_name=policy.policy_name,
        policy_type=policy.policy_type,
        policy=policy._policy_body,
        alarm_name=call.alarm.name,
        alarm_state=call.alarm.state_value,
        threshold=float(call.alarm.threshold or 0.0),
        below=str(call.alarm.comparison_operator).startswith("LessThan"),
        datapoints=call.datapoints,
        cooldown=KINDS[policy.scalable_dimension].cooldown,
    )


def _limits(account: str, region: str, dimension: str, resource: str) -> Limits | None:
    for of_account, of_region, backend in _backends():
        target = backend.targets.get(dimension, {}).get(resource)
        if (of_account, of_region) == (account, region) and target is not None:
            suspended = target.suspended_state or {}
            return Limits(
                low=int(target.min_capacity),
                high=int(target.max_capacity),
                out_suspended=bool(suspended.get("DynamicScalingOutSuspended")),
                in_suspended=bool(suspended.get("DynamicScalingInSuspended")),
            )
    return None


def _tracking_agrees(account: str, region: str, dimension: str, resource: str) -> bool:
    """Whether every target tracking policy that may scale in wants to: its low alarm is in ALARM."""
    return all(
        alarm.state_value == State.ALARM
        for of_account, of_region, policy in policies()
        if (of_account, of_region, policy.scalable_dimension, policy.resource_id)
        == (account, region, dimension, resource)
        and policy.policy_type == "TargetTrackingScaling"
        for alarm in policy.alarms
        if "-AlarmLow-" in alarm.name
    )
