"""Zeros for variants without traffic: SageMaker reports invocations only as they come, but for a variant that
target tracking watches it reports 0 when there are none, so that it scales in.

Source: "Auto scaling policy overview" (scale-in when there is no traffic), SageMaker developer guide.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from local_cloud.clock import Clock
from local_cloud.scaling.capacity import Capacity
from local_cloud.scaling.kinds import variant_of
from local_cloud.scaling.period import last_end
from local_cloud.scaling.samples import MetricName, SampleIndex
from local_cloud.scaling.target_tracking import INVOCATIONS
from serving_contracts.limits import ALARM_INTERVAL_SECONDS

_NAMESPACE = "AWS/SageMaker"
_METRIC = "InvocationsPerInstance"


def report_quiet_variants(
    policies: Iterable[tuple[str, str, Any]], capacity: Capacity, index: SampleIndex, clock: Clock
) -> None:
    """Puts a 0 into the newest complete minute of each such variant that has no sample there."""
    end = last_end(clock.now().timestamp(), ALARM_INTERVAL_SECONDS, clock.time_scale)
    for account, region, policy in policies:
        predefined = (policy._policy_body or {}).get("PredefinedMetricSpecification") or {}
        if (
            policy.policy_type != "TargetTrackingScaling"
            or predefined.get("PredefinedMetricType") != INVOCATIONS
        ):
            continue
        reading = capacity.read(policy.resource_id)
        if reading is None or not reading.steady or reading.asynchronous:
            continue  # asynchronous endpoints have no such metric at all
        endpoint, variant = variant_of(policy.resource_id)
        names = {"EndpointName": endpoint, "VariantName": variant}
        metric = MetricName(account, region, _NAMESPACE, _METRIC, frozenset(names.items()))
        if index.between(metric, end - ALARM_INTERVAL_SECONDS, end, values=False) is None:
            _put_zero(account, region, names, (end - ALARM_INTERVAL_SECONDS / 2) / clock.time_scale)


def _put_zero(account: str, region: str, names: dict[str, str], moment: float) -> None:
    from moto.cloudwatch.models import cloudwatch_backends

    datum = {
        "MetricName": _METRIC,
        "Dimensions": [{"Name": name, "Value": value} for name, value in names.items()],
        "Timestamp": datetime.fromtimestamp(moment, UTC).replace(tzinfo=None),
        "Value": 0.0,
        "Unit": "None",
    }
    backend: Any = cloudwatch_backends[account][region]
    backend.put_metric_data(_NAMESPACE, [datum])
