"""When an alarm changes its state: CloudWatch's rules, as a function of the datapoints alone.

Source: "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data", Amazon CloudWatch user
guide, whose tables are the tests of this module.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from local_cloud.scaling.statistics import samples_needed
from serving_contracts.limits import ALARM_EXTRA_DATAPOINTS

COMPARISONS: Final[Mapping[str, tuple[Callable[[float, float], bool], str]]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
"""Operators of alarms with a fixed threshold, and their words in a state's reason."""


class State(StrEnum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Missing(StrEnum):
    """TreatMissingData."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


@dataclass(frozen=True, slots=True)
class Condition:
    """When an alarm's datapoints breach: the part of its configuration that evaluation needs."""

    comparison: str
    threshold: float
    evaluation_periods: int
    datapoints_to_alarm: int
    missing: Missing = Missing.MISSING
    statistic: str = "Average"
    ignore_low_samples: bool = False

    @property
    def evaluation_range(self) -> int:
        """How many datapoints are looked at: more than EvaluationPeriods, so that late or missing ones do no
        harm. How many more depends on the alarm and is not said."""
        return self.evaluation_periods + ALARM_EXTRA_DATAPOINTS

    def breached_by(self, value: float) -> bool:
        return COMPARISONS[self.comparison][0](value, self.threshold)


@dataclass(frozen=True, slots=True)
class Datapoint:
    """The statistic's value over one period. ``start`` in seconds since the epoch."""

    start: float
    value: float
    sample_count: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state that the datapoints call for.

    Attributes:
        evaluated: the datapoints that were evaluated, oldest first.
        filled: how many missing ones were filled in by TreatMissingData.
    """

    state: State
    evaluated: tuple[Datapoint, ...]
    filled: int


def evaluate(condition: Condition, datapoints: Sequence[Datapoint | None], current: State) -> Outcome:
    """What the alarm's state is after looking at its evaluation range.

    Args:
        datapoints: of ``condition.evaluation_range`` periods, oldest first; None where a period has no data.
        current: the state until now, which some cases keep.
    """
    wanted = condition.evaluation_periods
    present = tuple(point for point in datapoints if point is not None)[-wanted:]
    filled = wanted - len(present)
    breaching = sum(condition.breached_by(point.value) for point in present)
    if present and _too_few_samples(condition, present):
        return Outcome(current, present, filled)
    if filled == 0 or breaching >= condition.datapoints_to_alarm:
        state = State.ALARM if breaching >= condition.datapoints_to_alarm else State.OK
    elif condition.missing is Missing.BREACHING:
        state = State.ALARM if breaching + filled >= condition.datapoints_to_alarm else State.OK
    elif condition.missing is Missing.NOT_BREACHING or breaching < len(present):
        state = State.OK
    elif condition.missing is Missing.IGNORE:
        state = current
    elif present and _is_old_enough(condition, datapoints):
        # An alarm must not wait for ever for data that do not come any more.
        state = State.ALARM
    else:
        state = State.INSUFFICIENT_DATA
    return Outcome(state, present, filled)


def _is_old_enough(condition: Condition, datapoints: Sequence[Datapoint | None]) -> bool:
    """Whether the oldest datapoint, of datapoints that all breach, is at least DatapointsToAlarm periods
    old: a lone breaching one may be followed by one that does not breach, and raises no alarm yet."""
    oldest = next(place for place, point in enumerate(datapoints) if point is not None)
    return len(datapoints) - oldest >= condition.datapoints_to_alarm


def _too_few_samples(condition: Condition, present: Sequence[Datapoint]) -> bool:
    if not condition.ignore_low_samples:
        return False
    return sum(point.sample_count for point in present) < samples_needed(condition.statistic)
