"""moto's alarms as this package sees them: what to look at, when it breaches, and how a state is changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from local_cloud.scaling.datapoints import MetricStatistic, Watched
from local_cloud.scaling.evaluation import COMPARISONS, Condition, Missing, State
from local_cloud.scaling.expressions import Expression, UnknownExpression
from local_cloud.scaling.samples import MetricName
from local_cloud.scaling.statistics import is_known

MOST_HISTORY: Final = 500
"""History items that are kept of one alarm. CloudWatch keeps 30 days of them."""

INITIAL_REASON: Final = "Unchecked: Initial alarm creation"


class UnsupportedAlarm(Exception):
    """An alarm that is stored but not evaluated; the message says why."""


def condition_of(alarm: Any) -> Condition:
    """Raises UnsupportedAlarm."""
    if alarm.comparison_operator not in COMPARISONS or alarm.threshold is None:
        raise UnsupportedAlarm(
            f"{alarm.comparison_operator} looks for anomalies, which needs a trained model"
        )
    periods = int(alarm.evaluation_periods)
    return Condition(
        comparison=alarm.comparison_operator,
        threshold=float(alarm.threshold),
        evaluation_periods=periods,
        datapoints_to_alarm=int(alarm.datapoints_to_alarm or periods),
        missing=Missing(alarm.treat_missing_data or Missing.MISSING),
        statistic=alarm.extended_statistic or alarm.statistic or "Average",
        ignore_low_samples=alarm.evaluate_low_sample_count_percentile == "ignore",
    )


def watched_by(alarm: Any, account: str) -> Watched:
    """Raises UnsupportedAlarm."""
    if alarm.metric_data_queries:
        return _watched_by_queries(alarm, account)
    metric = _metric_name(account, alarm.region_name, alarm.namespace, alarm.metric_name, alarm.dimensions)
    statistic = _known(alarm.extended_statistic or alarm.statistic)
    return Watched({"m": MetricStatistic(metric, statistic, alarm.unit)}, int(alarm.period))


def change_state(alarm: Any, state: State, reason: str, reason_data: str | None, now: datetime) -> None:
    """Sets the alarm's state and adds a StateUpdate to its history. ``now`` as moto keeps moments: in UTC,
    without its zone."""
    before = {
        "stateValue": alarm.state_value,
        "stateReason": alarm.state_reason,
        "stateReasonData": _loaded(alarm.state_reason_data),
    }
    after = {"stateValue": str(state), "stateReason": reason, "stateReasonData": _loaded(reason_data)}
    if alarm.state_value != state:
        alarm.state_transitioned_timestamp = now
    alarm.state_reason = reason
    alarm.state_reason_data = reason_data
    alarm.state_updated_timestamp = now
    add_history(
        alarm,
        now,
        "StateUpdate",
        f"Alarm updated from {alarm.state_value} to {state}",
        {"version": "1.0", "oldState": before, "newState": after},
    )
    # Last: another thread that sees the new state finds its reason too.
    alarm.state_value = str(state)


def add_history(alarm: Any, now: datetime, kind: str, summary: str, data: Mapping[str, Any]) -> None:
    """One item of DescribeAlarmHistory; the oldest are forgotten."""
    alarm.history.append(
        {
            "AlarmName": alarm.name,
            "AlarmType": "MetricAlarm" if alarm.rule is None else "CompositeAlarm",
            "Timestamp": now,
            "HistoryItemType": kind,
            "HistorySummary": summary,
            "HistoryData": json.dumps(data),
        }
    )
    del alarm.history[:-MOST_HISTORY]


def actions_of(alarm: Any, state: str) -> list[str]:
    """The ARNs of what is done in that state."""
    match state:
        case State.ALARM:
            return list(alarm.alarm_actions or ())
        case State.OK:
            return list(alarm.ok_actions or ())
    return list(alarm.insufficient_data_actions or ())


def _watched_by_queries(alarm: Any, account: str) -> Watched:
    metrics: dict[str, MetricStatistic] = {}
    expressions: dict[str, str] = {}
    periods: set[int] = set()
    for query in alarm.metric_data_queries:
        if query.period:
            periods.add(int(query.period))
        if query.metric_stat is None:
            expressions[query.id] = query.expression or ""
            continue
        seen = query.metric_stat
        name = _metric_name(
            account, alarm.region_name, seen.metric.namespace, seen.metric.metric_name, seen.metric.dimensions
        )
        metrics[query.id] = MetricStatistic(name, _known(seen.stat), seen.unit)
        periods.add(int(seen.period))
    # What an alarm watches is the one query whose ReturnData is not false.
    returned = [query.id for query in alarm.metric_data_queries if _returns(query)]
    if len(returned) != 1 or len(periods) != 1:
        raise UnsupportedAlarm("it needs exactly one query that returns data, and one period for all queries")
    text = expressions.get(returned[0], returned[0])
    try:
        expression = Expression(
            text, {key: value for key, value in expressions.items() if key != returned[0]}
        )
    except UnknownExpression as error:
        raise UnsupportedAlarm(f"its expression: {error}") from None
    unknown = expression.ids - metrics.keys()
    if unknown:
        raise UnsupportedAlarm(f"its expression names {', '.join(sorted(unknown))}, which no query has")
    return Watched(metrics, periods.pop(), expression)


def _returns(query: Any) -> bool:
    return query.return_data not in (False, "false", "False")


def _known(statistic: str | None) -> str:
    if statistic is None or not is_known(statistic):
        raise UnsupportedAlarm(f"the statistic {statistic} is not computed by the local cloud")
    return statistic


def _metric_name(account: str, region: str, namespace: str, name: str, dimensions: Any) -> MetricName:
    given = frozenset((dimension.name, dimension.value) for dimension in dimensions or ())
    return MetricName(account, region, namespace, name, given)


def _loaded(reason_data: str | None) -> Any:
    try:
        return json.loads(reason_data or "{}")
    except ValueError:
        return reason_data
