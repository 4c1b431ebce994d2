"""Step scaling: which step a breach takes, and the capacity after it.

Source: "How step scaling for Application Auto Scaling works", Application Auto Scaling user guide.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from serving_contracts.limits import SCALING_COOLDOWN_SECONDS

ADJUSTMENT_TYPES: Final = ("ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity")


def check(policy: Mapping[str, Any]) -> None:
    """Raises ValueError, with what is wrong, for a StepScalingPolicyConfiguration that AWS refuses."""
    if policy.get("AdjustmentType") not in ADJUSTMENT_TYPES:
        raise ValueError(f"AdjustmentType must be one of {', '.join(ADJUSTMENT_TYPES)}.")
    steps = policy.get("StepAdjustments")
    if not steps:
        raise ValueError("At least one StepAdjustment is required.")
    ranges = sorted(_bounds(step) for step in steps)
    if any(lower >= upper for lower, upper in ranges):
        raise ValueError("MetricIntervalLowerBound must be less than MetricIntervalUpperBound in every step.")
    for (_, upper), (lower, _) in itertools.pairwise(ranges):
        if upper != lower:
            what = "overlap" if upper > lower else "have a gap"
            raise ValueError(f"The intervals of the step adjustments must not {what}.")
    lowest, highest = ranges[0][0], ranges[-1][1]
    if -math.inf < lowest < 0:
        raise ValueError("A step with a negative lower bound needs one without a lower bound.")
    if 0 < highest < math.inf:
        raise ValueError("A step with a positive upper bound needs one without an upper bound.")


def aggregate(policy: Mapping[str, Any], datapoints: Sequence[float]) -> float | None:
    """MetricAggregationType over an alarm's datapoints; None without any."""
    if not datapoints:
        return None
    match policy.get("MetricAggregationType"):
        case "Minimum":
            return min(datapoints)
        case "Maximum":
            return max(datapoints)
    return sum(datapoints) / len(datapoints)


def step_for(policy: Mapping[str, Any], value: float, threshold: float, *, below: bool) -> int | None:
    """The ScalingAdjustment of the step that ``value`` falls into; None if there is no such step.

    Bounds count from the alarm's threshold. Above it the lower bound belongs to a step, below it the upper
    one; a value right at it is taken for what the alarm looks for (``below``: values under its threshold).
    """
    breach = value - threshold
    for step in policy["StepAdjustments"]:
        lower, upper = _bounds(step)
        is_below = breach < 0 or (breach == 0 and below)
        if lower < breach <= upper if is_below else lower <= breach < upper:
            return int(step["ScalingAdjustment"])
    return None


def capacity_after(policy: Mapping[str, Any], current: int, adjustment: int) -> int:
    """The capacity that ``adjustment`` makes of ``current``; never less than 0."""
    match policy["AdjustmentType"]:
        case "ExactCapacity":
            return max(0, adjustment)
        case "PercentChangeInCapacity":
            change = _rounded(current * adjustment / 100)
            least = int(policy.get("MinAdjustmentMagnitude") or 0)
            if adjustment and abs(change) < least:
                change = int(math.copysign(least, adjustment))
            return max(0, current + change)
    return max(0, current + adjustment)


def cooldown(policy: Mapping[str, Any], default: float = SCALING_COOLDOWN_SECONDS) -> float:
    """Seconds of the cloud's time after a scaling activity."""
    found = policy.get("Cooldown")
    return default if found is None else float(found)


def _rounded(change: float) -> int:
    """Towards 0, but what lies between -1 and 1 becomes -1 or 1."""
    if change == 0 or abs(change) >= 1:
        return math.trunc(change)
    return 1 if change > 0 else -1


def _bounds(step: Mapping[str, Any]) -> tuple[float, float]:
    lower, upper = step.get("MetricIntervalLowerBound"), step.get("MetricIntervalUpperBound")
    return (-math.inf if lower is None else float(lower), math.inf if upper is None else float(upper))
