"""From the policies that alarms have triggered to one capacity for their target.

Sources: "How target tracking scaling works" and "How step scaling works", Application Auto Scaling user
guide: the largest capacity wins, whether scaling out or in; target tracking scales in only when every target
tracking policy of the target (with scale-in enabled) is ready to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_cloud.scaling import step_scaling, target_tracking
from local_cloud.scaling.activities import NotScaled
from serving_contracts.limits import SCALING_COOLDOWN_SECONDS


@dataclass(frozen=True, slots=True)
class Trigger:
    """An alarm that has called a policy.

    Attributes:
        datapoints: that the alarm has evaluated, oldest first; none if someone set its state by hand.
        below: whether the alarm looks for values under its threshold.
        cooldown: seconds, where the policy gives none.
    """

    policy_name: str
    policy_type: str
    policy: Mapping[str, Any]
    alarm_name: str
    alarm_state: str
    threshold: float
    below: bool
    datapoints: Sequence[float]
    cooldown: float = SCALING_COOLDOWN_SECONDS

    @property
    def cause(self) -> str:
        return (
            f"monitor alarm {self.alarm_name} in state {self.alarm_state} triggered policy {self.policy_name}"
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """A scalable target's bounds, and which directions are suspended."""

    low: int
    high: int
    out_suspended: bool = False
    in_suspended: bool = False

    def clamp(self, capacity: int) -> int:
        return max(self.low, min(self.high, capacity))


@dataclass(frozen=True, slots=True)
class Decision:
    """A capacity to set, and the cooldown (the cloud's seconds) that follows."""

    capacity: int
    cause: str
    cooldown: float = 0.0


@dataclass(frozen=True, slots=True)
class _Proposal:
    trigger: Trigger
    asked: int
    capacity: int
    tracking: bool


def decide(
    triggers: Sequence[Trigger], *, current: int, base: int, limits: Limits, tracking_agrees: bool
) -> Decision | tuple[str, dict[str, Any]] | None:
    """What to do about the policies triggered in one evaluation.

    Args:
        current: the desired capacity.
        base: what scaling out starts from: during a scale-out's cooldown, the count before it, so that what
            it added counts as part of what is wanted now.
        tracking_agrees: whether all target tracking policies of the target are ready to scale in.

    Returns:
        A decision; or the cause and the reason why nothing changes; or None where there is nothing to say.
    """
    proposals = [found for found in (_proposal(each, current, base, limits) for each in triggers) if found]
    out = [each for each in proposals if each.capacity > current]
    if out:
        best = max(out, key=lambda each: each.capacity)
        return None if limits.out_suspended else _decision(best, out=True)
    tracked = [each for each in proposals if each.tracking] if tracking_agrees else []
    candidates = [each for each in proposals if not each.tracking and each.capacity < current]
    if tracked:
        highest = max(tracked, key=lambda each: each.capacity)
        if highest.capacity < current:
            candidates.append(highest)
    if candidates:
        best = max(candidates, key=lambda each: each.capacity)
        return None if limits.in_suspended else _decision(best, out=False)
    if not proposals or (not tracking_agrees and any(each.capacity < current for each in proposals)):
        return None  # nothing was triggered, or another policy is not ready to scale in yet
    return _not_scaled(proposals, current, limits)


def _proposal(trigger: Trigger, current: int, base: int, limits: Limits) -> _Proposal | None:
    base = min(base, current)
    tracking = trigger.policy_type == "TargetTrackingScaling"
    if tracking:
        if not trigger.datapoints:
            return None  # a state that was set by hand, without data: nothing to compute with
        target = float(trigger.policy["TargetValue"])
        if trigger.below:
            asked = target_tracking.scale_in(current, trigger.datapoints, target)
        else:
            asked = target_tracking.scale_out(base, trigger.datapoints[-1], target)
            asked = max(asked, current)
    else:
        value = step_scaling.aggregate(trigger.policy, trigger.datapoints)
        at = trigger.threshold if value is None else value
        adjustment = step_scaling.step_for(trigger.policy, at, trigger.threshold, below=trigger.below)
        if adjustment is None:
            return None
        asked = step_scaling.capacity_after(trigger.policy, current, adjustment)
        if asked > current:
            asked = max(current, step_scaling.capacity_after(trigger.policy, base, adjustment))
    return _Proposal(trigger, asked, limits.clamp(asked), tracking)


def _decision(proposal: _Proposal, *, out: bool) -> Decision:
    policy, default = proposal.trigger.policy, proposal.trigger.cooldown
    cooldown = (
        target_tracking.cooldown(policy, out=out, default=default)
        if proposal.tracking
        else step_scaling.cooldown(policy, default)
    )
    return Decision(proposal.capacity, proposal.trigger.cause, cooldown)


def _not_scaled(proposals: Sequence[_Proposal], current: int, limits: Limits) -> tuple[str, dict[str, Any]]:
    for proposal in proposals:
        if proposal.asked > limits.high and current >= limits.high:
            return proposal.trigger.cause, {"Code": str(NotScaled.AT_MAXIMUM), "MaxCapacity": limits.high}
    for proposal in proposals:
        wants_less = proposal.asked < current or proposal.asked < limits.low or proposal.trigger.below
        if wants_less and current <= limits.low:
            return proposal.trigger.cause, {"Code": str(NotScaled.AT_MINIMUM), "MinCapacity": limits.low}
    return proposals[0].trigger.cause, {
        "Code": str(NotScaled.AT_DESIRED),
        "CurrentCapacity": current,
    }
