"""The CloudWatch alarms of a scaling policy: those that target tracking makes, and those that call a step
scaling policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from local_cloud.scaling.target_tracking import AlarmSpec


def put_alarms(policy: Any, specs: Sequence[AlarmSpec], known: Sequence[Any]) -> list[Any]:
    """The alarms of a policy as CloudWatch alarms; those it had keep their names, or go."""
    from moto.moto_api._internal import mock_random

    cloudwatch = _cloudwatch(policy)
    names = {"High" if "-AlarmHigh-" in alarm.name else "Low": alarm.name for alarm in known}
    alarms = []
    for spec in specs:
        name = names.pop(spec.kind, None) or (
            f"TargetTracking-{policy.resource_id}-Alarm{spec.kind}-{mock_random.uuid4()}"
        )
        metric = {"namespace": None, "metric_name": None, "statistic": None, "dimensions": [], **spec.metric}
        alarms.append(
            cloudwatch.put_metric_alarm(
                name=name,
                description=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy.policy_arn}.",
                comparison_operator=spec.comparison,
                evaluation_periods=spec.evaluation_periods,
                threshold=spec.threshold,
                period=None if spec.queries else spec.period,
                metric_data_queries=[_query(query, spec.period) for query in spec.queries],
                alarm_actions=[f"{policy.policy_arn}:createdBy/{policy._guid}"],
                **metric,
            )
        )
    cloudwatch.delete_alarms(list(names.values()))
    return alarms


def _query(query: Mapping[str, Any], period: int) -> Any:
    """A TargetTrackingMetricDataQuery, which has no periods of its own, as moto's query."""
    from moto.cloudwatch.models import Dimension, Metric, MetricDataQuery, MetricStat

    seen = query.get("MetricStat")
    stat = None
    if seen is not None:
        dimensions = [
            Dimension(each["Name"], each["Value"]) for each in seen["Metric"].get("Dimensions") or ()
        ]
        metric = Metric(seen["Metric"]["MetricName"], seen["Metric"]["Namespace"], dimensions)
        stat = MetricStat(metric, str(period), seen["Stat"], seen.get("Unit"))
    make: Any = MetricDataQuery  # its annotations leave out that most members are optional
    return make(
        query["Id"],
        query.get("Label"),
        None if stat else period,
        query.get("ReturnData", True),
        query.get("Expression"),
        stat,
    )


def alarms_calling(policy: Any) -> list[Any]:
    """The alarms that have a step scaling policy among their actions."""
    return [
        alarm
        for alarm in list(_cloudwatch(policy).alarms.values())
        if policy.policy_arn
        in (*(alarm.alarm_actions or ()), *alarm.ok_actions, *alarm.insufficient_data_actions)
    ]


def _cloudwatch(policy: Any) -> Any:
    from moto.cloudwatch.models import cloudwatch_backends

    return cloudwatch_backends[policy.account_id][policy.region_name]
