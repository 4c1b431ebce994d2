"""Why an alarm changed its state, in CloudWatch's own words: StateReason and StateReasonData."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from local_cloud.scaling.evaluation import COMPARISONS, Condition, Missing, Outcome, State


def reason(condition: Condition, outcome: Outcome, before: State) -> str:
    """StateReason of a change from ``before`` to ``outcome.state``."""
    wanted = condition.evaluation_periods
    if outcome.state is State.INSUFFICIENT_DATA:
        return f"Insufficient Data: {_counted(outcome.filled, 'datapoint')} {_were(outcome.filled)} unknown."
    filled = outcome.filled if condition.missing in (Missing.BREACHING, Missing.NOT_BREACHING) else 0
    treated = "Breaching" if condition.missing is Missing.BREACHING else "NonBreaching"
    ending = (
        f" and {_counted(filled, 'missing datapoint')} {_were(filled)} treated as [{treated}]"
        if filled
        else ""
    )
    decisive = [
        point
        for point in reversed(outcome.evaluated)
        if condition.breached_by(point.value) == (outcome.state is State.ALARM)
    ]
    if not outcome.evaluated or not decisive:
        received = len(outcome.evaluated)
        what = _counted(received, "datapoint") if received else "no datapoints"
        periods = _counted(wanted, "period")
        return f"Threshold Crossed: {what} {_were(received)} received for {periods}{ending}."
    words = COMPARISONS[condition.comparison][1]
    negated = "" if outcome.state is State.ALARM else "not "
    listed = ", ".join(f"{point.value} ({_short(point.start)})" for point in decisive)
    crossed = f"{_were(len(decisive))} {negated}{words} the threshold ({float(condition.threshold)})"
    if filled or before is State.INSUFFICIENT_DATA:
        return f"Threshold Crossed: {_counted(len(decisive), 'datapoint')} [{listed}] {crossed}{ending}."
    needed = condition.datapoints_to_alarm
    if outcome.state is State.OK:
        needed = wanted - needed + 1
    return (
        f"Threshold Crossed: {len(decisive)} out of the last {len(outcome.evaluated)} datapoints [{listed}] "
        f"{crossed} (minimum {_counted(needed, 'datapoint')} for {before} -> {outcome.state} transition)."
    )


def reason_data(condition: Condition, outcome: Outcome, now: datetime, period: int, unit: str | None) -> str:
    """StateReasonData: the datapoints behind the change. Application Auto Scaling reads it too."""
    data: dict[str, Any] = {"version": "1.0", "queryDate": iso(now)}
    if outcome.evaluated:
        data["startDate"] = iso(_moment(outcome.evaluated[0].start))
    if unit:
        data["unit"] = unit
    data |= {
        "statistic": condition.statistic,
        "period": period,
        "recentDatapoints": [point.value for point in outcome.evaluated],
        "threshold": float(condition.threshold),
        "evaluatedDatapoints": [
            {"timestamp": iso(_moment(point.start)), "sampleCount": point.sample_count, "value": point.value}
            for point in reversed(outcome.evaluated)
        ],
    }
    return json.dumps(data)


def recent_datapoints(state_reason_data: str | None) -> list[float]:
    """The datapoints in a StateReasonData, oldest first: none if it is not CloudWatch's, as anyone's
    SetAlarmState may make it."""
    try:
        found = json.loads(state_reason_data or "{}")["recentDatapoints"]
        return [float(value) for value in found if isinstance(value, int | float)]
    except (ValueError, KeyError, TypeError):
        return []


def iso(moment: datetime) -> str:
    """CloudWatch's way to write a moment: ``2026-11-02T18:59:00.000+0000``."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03}+0000"


def _moment(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def _short(epoch: float) -> str:
    return f"{_moment(epoch):%d/%m/%y %H:%M:%S}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
