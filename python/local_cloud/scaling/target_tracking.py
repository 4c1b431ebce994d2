"""Target tracking: the two alarms that a policy makes, and the capacity that a metric's value asks for.

Source: "How target tracking scaling for Application Auto Scaling works", Application Auto Scaling user guide.
The alarms (3 x 60 s above the target, 15 x 60 s below 90 % of it) are those seen in AWS accounts: the guide
says only that scale-out is fast, and that scale-in waits until the metric is "usually more than 10 %" lower.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from local_cloud.scaling.kinds import INSTANCES, CapacityKind
from serving_contracts.limits import (
    SCALING_COOLDOWN_SECONDS,
    TARGET_TRACKING_HIGH_PERIODS,
    TARGET_TRACKING_LOW_PERIODS,
    TARGET_TRACKING_LOW_SHARE,
    TARGET_TRACKING_PERIOD_SECONDS,
)

INVOCATIONS: Final = "SageMakerVariantInvocationsPerInstance"


class UnsupportedMetric(ValueError):
    """A metric that nothing in the local cloud publishes; the message names it."""


@dataclass(frozen=True, slots=True)
class AlarmSpec:
    """A CloudWatch alarm of a policy. ``kind`` is ``High`` or ``Low``."""

    kind: str
    comparison: str
    threshold: float
    evaluation_periods: int
    metric: Mapping[str, Any] = field(default_factory=dict)
    queries: Sequence[Mapping[str, Any]] = ()
    period: int = TARGET_TRACKING_PERIOD_SECONDS


def alarm_specs(resource: str, policy: Mapping[str, Any], kind: CapacityKind = INSTANCES) -> list[AlarmSpec]:
    """The alarms of a TargetTrackingScalingPolicyConfiguration on a resource (``endpoint/E/variant/V``).

    Raises UnsupportedMetric, ValueError (the configuration is no configuration; the message says why).
    """
    target = float(policy["TargetValue"])
    predefined = policy.get("PredefinedMetricSpecification")
    customized = policy.get("CustomizedMetricSpecification")
    if (predefined is None) == (customized is None):
        raise ValueError(
            "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be given."
        )
    queries: Sequence[Mapping[str, Any]] = ()
    if predefined is not None:
        metric = _predefined(kind, resource, str(predefined["PredefinedMetricType"]))
    else:
        assert customized is not None
        queries = customized.get("Metrics") or ()
        metric = {} if queries else _customized(customized)
    high = AlarmSpec("High", "GreaterThanThreshold", target, TARGET_TRACKING_HIGH_PERIODS, metric, queries)
    share = round(target * TARGET_TRACKING_LOW_SHARE, 9)
    low = AlarmSpec("Low", "LessThanThreshold", share, TARGET_TRACKING_LOW_PERIODS, metric, queries)
    return [high] if policy.get("DisableScaleIn") else [high, low]


def scale_out(current: int, value: float, target: float) -> int:
    """The capacity at which a metric of ``value`` per instance would be at its target.

    Without instances the metric stands for the whole load (a backlog per instance is the backlog then): as
    one instance would see it.
    """
    return math.ceil(max(current, 1) * value / target - 1e-9)


def scale_in(current: int, values: Sequence[float], target: float) -> int:
    """The capacity that even the highest of ``values``, the evaluated datapoints, leaves under the target.

    AWS says only that scale-in is gradual, and that it never takes so much that the metric would rise above
    the target again. So the highest datapoint counts, not the last one, and the result is rounded up.
    """
    return min(current, math.ceil(current * max(values) / target - 1e-9))


def cooldown(policy: Mapping[str, Any], *, out: bool, default: float = SCALING_COOLDOWN_SECONDS) -> float:
    """Seconds of the cloud's time after a scaling activity of that direction."""
    found = policy.get("ScaleOutCooldown" if out else "ScaleInCooldown")
    return default if found is None else float(found)


def _predefined(kind: CapacityKind, resource: str, name: str) -> dict[str, Any]:
    metric = kind.metrics.get(name)
    if metric is None:
        raise UnsupportedMetric(
            f"The local cloud does not publish the metric of {name} for {kind.dimension}; it offers "
            f"{', '.join(kind.metrics)}, and any metric in a CustomizedMetricSpecification."
        )
    return {
        "namespace": metric.namespace,
        "metric_name": metric.name,
        "dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions(resource).items()],
        "statistic": metric.statistic,
        "unit": None,
    }


def _customized(metric: Mapping[str, Any]) -> dict[str, Any]:
    missing = [name for name in ("MetricName", "Namespace", "Statistic") if not metric.get(name)]
    if missing:
        raise ValueError(f"CustomizedMetricSpecification lacks {', '.join(missing)}.")
    return {
        "namespace": metric["Namespace"],
        "metric_name": metric["MetricName"],
        "dimensions": list(metric.get("Dimensions") or ()),
        "statistic": metric["Statistic"],
        "unit": metric.get("Unit"),
    }
