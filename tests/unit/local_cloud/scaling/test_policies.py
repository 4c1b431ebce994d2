"""The arithmetic of target tracking and step scaling, against the examples of AWS's user guide."""

from __future__ import annotations

from typing import Any

import pytest
from scaling_fakes import RESOURCE

from local_cloud.scaling import kinds, step_scaling, target_tracking

CUSTOM = {"Namespace": "n", "MetricName": "m", "Statistic": "Average"}


def test_target_tracking_makes_a_fast_and_a_slow_alarm() -> None:
    high, low = target_tracking.alarm_specs(
        RESOURCE,
        {
            "TargetValue": 70.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": target_tracking.INVOCATIONS},
        },
    )
    assert (high.comparison, high.threshold, high.evaluation_periods) == ("GreaterThanThreshold", 70.0, 3)
    assert (low.comparison, low.threshold, low.evaluation_periods) == ("LessThanThreshold", 63.0, 15)
    assert high.period == low.period == 60
    assert high.metric == low.metric
    assert high.metric["metric_name"] == "InvocationsPerInstance"
    assert high.metric["statistic"] == "Sum"
    assert high.metric["dimensions"] == [
        {"Name": "EndpointName", "Value": "e"},
        {"Name": "VariantName", "Value": "blue"},
    ]


def test_without_scale_in_there_is_no_low_alarm() -> None:
    policy = {"TargetValue": 5.0, "CustomizedMetricSpecification": CUSTOM, "DisableScaleIn": True}
    assert [spec.kind for spec in target_tracking.alarm_specs(RESOURCE, policy)] == ["High"]


@pytest.mark.parametrize(
    ("policy", "complaint"),
    [
        ({}, "Exactly one"),
        ({"CustomizedMetricSpecification": CUSTOM, "PredefinedMetricSpecification": {}}, "Exactly one"),
        ({"CustomizedMetricSpecification": {"Namespace": "n"}}, "lacks MetricName, Statistic"),
        (
            {"PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}},
            "publish",
        ),
    ],
)
def test_a_policy_that_tracks_nothing_is_refused(policy: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        target_tracking.alarm_specs(RESOURCE, {"TargetValue": 1.0} | policy)


@pytest.mark.parametrize(
    "resource", ["endpoint/e", "endpoint//variant/v", "e/variant/v", "table/t", "endpoint/e/variant/v/x"]
)
def test_only_variants_are_tracked(resource: str) -> None:
    with pytest.raises(ValueError, match="is not endpoint/"):
        kinds.variant_of(resource)


@pytest.mark.parametrize(
    ("current", "value", "wanted"),
    [(1, 5.5, 2), (1, 50.0, 10), (4, 6.0, 5), (0, 1.0, 1), (0, 6.0, 2), (10, 5.0, 10)],
)
def test_scale_out_is_proportional_and_rounded_up(current: int, value: float, wanted: int) -> None:
    assert target_tracking.scale_out(current, value, 5.0) == wanted


@pytest.mark.parametrize(
    ("current", "values", "wanted"),
    [
        (10, [2.5], 5),
        (10, [2.6], 6),
        (2, [4.0], 2),
        (3, [0.0, 0.0], 0),
        (4, [0.0, 4.0, 0.0], 4),
        (0, [0.0], 0),
    ],
)
def test_scale_in_leaves_every_datapoint_under_the_target(
    current: int, values: list[float], wanted: int
) -> None:
    assert target_tracking.scale_in(current, values, 5.0) == wanted


OUT = {
    "AdjustmentType": "PercentChangeInCapacity",
    "StepAdjustments": [
        {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0, "ScalingAdjustment": 0},
        {"MetricIntervalLowerBound": 10.0, "MetricIntervalUpperBound": 20.0, "ScalingAdjustment": 10},
        {"MetricIntervalLowerBound": 20.0, "ScalingAdjustment": 30},
    ],
}
IN = {
    "AdjustmentType": "PercentChangeInCapacity",
    "StepAdjustments": [
        {"MetricIntervalLowerBound": -10.0, "MetricIntervalUpperBound": 0.0, "ScalingAdjustment": 0},
        {"MetricIntervalLowerBound": -20.0, "MetricIntervalUpperBound": -10.0, "ScalingAdjustment": -10},
        {"MetricIntervalUpperBound": -20.0, "ScalingAdjustment": -30},
    ],
}


@pytest.mark.parametrize(
    ("value", "adjustment"), [(50, 0), (59.9, 0), (60, 10), (69.9, 10), (70, 30), (1e9, 30), (49, None)]
)
def test_above_the_threshold_the_lower_bound_belongs_to_a_step(value: float, adjustment: int | None) -> None:
    assert step_scaling.step_for(OUT, value, 50.0, below=False) == adjustment


@pytest.mark.parametrize(
    ("value", "adjustment"), [(50, 0), (40.1, 0), (40, -10), (30.1, -10), (30, -30), (-1e9, -30), (51, None)]
)
def test_below_the_threshold_the_upper_bound_belongs_to_a_step(value: float, adjustment: int | None) -> None:
    assert step_scaling.step_for(IN, value, 50.0, below=True) == adjustment


def test_the_guides_example_from_10_to_14_and_back_to_10() -> None:
    capacity = 10
    for policy, value, below, wanted in (
        (OUT, 60, False, 11),
        (OUT, 70, False, 14),
        (IN, 40, True, 13),
        (IN, 30, True, 10),
    ):
        adjustment = step_scaling.step_for(policy, value, 50.0, below=below)
        assert adjustment is not None
        capacity = step_scaling.capacity_after(policy, capacity, adjustment)
        assert capacity == wanted


@pytest.mark.parametrize(
    ("kind", "least", "current", "adjustment", "wanted"),
    [
        ("ChangeInCapacity", None, 3, 5, 8),
        ("ChangeInCapacity", None, 3, -5, 0),
        ("ExactCapacity", None, 3, 5, 5),
        ("ExactCapacity", None, 3, 0, 0),
        ("PercentChangeInCapacity", None, 10, 127, 22),
        ("PercentChangeInCapacity", None, 1, 67, 2),
        ("PercentChangeInCapacity", None, 1, -58, 0),
        ("PercentChangeInCapacity", None, 10, -67, 4),
        ("PercentChangeInCapacity", 2, 4, 25, 6),
        ("PercentChangeInCapacity", 2, 4, -25, 2),
        ("PercentChangeInCapacity", 2, 0, 50, 2),
        ("PercentChangeInCapacity", 2, 4, 0, 4),
    ],
)
def test_adjustments(kind: str, least: int | None, current: int, adjustment: int, wanted: int) -> None:
    policy = {"AdjustmentType": kind, "MinAdjustmentMagnitude": least}
    assert step_scaling.capacity_after(policy, current, adjustment) == wanted


def test_datapoints_are_aggregated_as_the_policy_says() -> None:
    points = [1.0, 2.0, 6.0]
    kinds = {"Minimum": 1.0, "Maximum": 6.0, "Average": 3.0, None: 3.0}
    for kind, value in kinds.items():
        assert step_scaling.aggregate({"MetricAggregationType": kind}, points) == value
    assert step_scaling.aggregate({}, []) is None


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ([], "At least one"),
        ([(0, 10), (5, None)], "overlap"),
        ([(0, 10), (11, None)], "gap"),
        ([(5, 5)], "less than"),
        ([(-5, 0)], "without a lower bound"),
        ([(0, 10)], "without an upper bound"),
    ],
)
def test_steps_that_do_not_fit_together_are_refused(steps: list[tuple[float, float]], complaint: str) -> None:
    adjustments = [
        {"MetricIntervalLowerBound": low, "MetricIntervalUpperBound": high, "ScalingAdjustment": 1}
        for low, high in steps
    ]
    with pytest.raises(ValueError, match=complaint):
        step_scaling.check({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": adjustments})
    with pytest.raises(ValueError, match="AdjustmentType"):
        step_scaling.check({"StepAdjustments": adjustments})


def test_the_steps_of_the_guide_are_accepted() -> None:
    for policy in (OUT, IN):
        step_scaling.check(policy)
