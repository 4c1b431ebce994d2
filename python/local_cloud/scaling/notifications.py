"""What an alarm's SNS action publishes, in CloudWatch's format.

Source: "Notifying users on alarm changes", Amazon CloudWatch user guide, and messages seen in AWS accounts.
"""

from __future__ import annotations

import functools
import json
from datetime import UTC, datetime
from typing import Any

from local_cloud.scaling.reasons import iso


def subject(alarm: Any, state: str) -> str:
    """Of at most 100 characters, as SNS demands."""
    text = f'{state}: "{alarm.name}" in {region_name(alarm.region_name)}'
    return text if len(text) <= 100 else text[:97] + "..."


def message(alarm: Any, account: str, before: str) -> str:
    """The JSON of a change from the state ``before`` to the one that the alarm is in."""
    content: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": _moment(alarm.configuration_updated_timestamp),
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": _moment(alarm.state_updated_timestamp),
        "Region": region_name(alarm.region_name),
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": before,
        "OKActions": list(alarm.ok_actions or ()),
        "AlarmActions": list(alarm.alarm_actions or ()),
        "InsufficientDataActions": list(alarm.insufficient_data_actions or ()),
    }
    if alarm.rule is not None:
        return json.dumps(content | {"AlarmRule": alarm.rule})
    return json.dumps(content | {"Trigger": _trigger(alarm)})


@functools.cache
def region_name(region: str) -> str:
    """``Asia Pacific (Seoul)`` of ``ap-northeast-2``; the code itself of a region that botocore lacks."""
    import botocore.session

    partitions = botocore.session.get_session().get_data("endpoints")["partitions"]
    for partition in partitions:
        if region in partition["regions"]:
            return str(partition["regions"][region]["description"])
    return region


def _trigger(alarm: Any) -> dict[str, Any]:
    evaluation = {
        "Period": alarm.period,
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm or alarm.evaluation_periods,
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.treat_missing_data or "missing",
        "EvaluateLowSampleCountPercentile": alarm.evaluate_low_sample_count_percentile or "",
    }
    if alarm.metric_data_queries:
        return evaluation | {"Metrics": [_query(query) for query in alarm.metric_data_queries]}
    statistic = (
        {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": alarm.extended_statistic}
        if alarm.extended_statistic
        else {"StatisticType": "Statistic", "Statistic": (alarm.statistic or "").upper()}
    )
    metric = {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        "Unit": alarm.unit,
        "Dimensions": [{"value": each.value, "name": each.name} for each in alarm.dimensions or ()],
    }
    return metric | statistic | evaluation


def _query(query: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"Id": query.id, "Label": query.label, "ReturnData": query.return_data}
    if query.metric_stat is None:
        return content | {"Expression": query.expression}
    seen = query.metric_stat
    metric = {
        "Namespace": seen.metric.namespace,
        "MetricName": seen.metric.metric_name,
        "Dimensions": [{"value": each.value, "name": each.name} for each in seen.metric.dimensions or ()],
    }
    return content | {"MetricStat": {"Metric": metric, "Period": seen.period, "Stat": seen.stat}}


def _moment(moment: datetime) -> str:
    return iso(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
