from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from local_cloud.scaling.period import last_end, next_evaluation
from local_cloud.scaling.samples import MOST_METRICS, MOST_SECONDS, MetricName, SampleIndex
from local_cloud.scaling.statistics import is_known, samples_needed, value_of

START = 1_800_000_000


def metric(name: str = "m", **dimensions: str) -> MetricName:
    return MetricName("1", "r", "n", name, frozenset(dimensions.items()))


def put(index: SampleIndex, second: float, name: str = "m", dimensions: Any = (), **datum: Any) -> None:
    listed = [{"Name": key, "Value": value} for key, value in dict(dimensions).items()]
    moment = datetime.fromtimestamp(START + second, UTC)
    index.put("1", "r", "n", [{"MetricName": name, "Dimensions": listed, "Timestamp": moment, **datum}])


def statistic(index: SampleIndex, kind: str, start: float = 0, end: float = 60) -> float | None:
    found = index.between(metric(), int(START + start), int(START + end))
    return None if found is None else value_of(kind, found)


def test_a_period_has_its_start_and_not_its_end() -> None:
    index = SampleIndex()
    for second in (-1, 0, 59, 60):
        put(index, second, Value=float(second))
    assert statistic(index, "Sum") == 59
    assert statistic(index, "SampleCount") == 2
    assert statistic(index, "Sum", 100, 160) is None


def test_samples_may_come_late_and_in_any_order() -> None:
    index = SampleIndex()
    for second in (50, 10, 30, 10):
        put(index, second, Value=1.0)
    assert statistic(index, "SampleCount") == 4
    assert statistic(index, "SampleCount", 0, 30) == 2


def test_every_way_to_put_samples_counts() -> None:
    index = SampleIndex()
    put(index, 1, Value=4.0)
    put(index, 2, Values=[1.0, 2.0], Counts=[3.0, 1.0])
    put(index, 3, Values=[9.0])
    put(index, 4, StatisticValues={"SampleCount": 2.0, "Sum": 20.0, "Minimum": 10.0, "Maximum": 10.0})
    assert {kind: statistic(index, kind) for kind in ("SampleCount", "Sum", "Minimum", "Maximum")} == {
        "SampleCount": 8,
        "Sum": 38,
        "Minimum": 1,
        "Maximum": 10,
    }
    assert statistic(index, "Average") == pytest.approx(38 / 8)
    assert statistic(index, "p50") == 2
    assert statistic(index, "p100") == 10
    assert statistic(index, "p0") == 1


def test_a_percentile_of_a_statistic_set_is_unknown() -> None:
    index = SampleIndex()
    put(index, 1, StatisticValues={"SampleCount": 2.0, "Sum": 3.0, "Minimum": 1.0, "Maximum": 2.0})
    assert statistic(index, "p99") is None
    assert statistic(index, "Maximum") == 2


def test_a_metric_with_another_dimension_or_unit_is_another_one() -> None:
    index = SampleIndex()
    put(index, 1, dimensions={"A": "1"}, Value=1.0, Unit="Count")
    put(index, 1, dimensions={"A": "1", "B": "2"}, Value=10.0)
    found = index.between(metric(A="1"), START, START + 60)
    assert found is not None
    assert found.total == 1.0
    assert index.between(metric(A="1"), START, START + 60, "Seconds") is None
    assert index.between(metric(), START, START + 60) is None


def test_at_scale_60_a_minute_is_a_second() -> None:
    index = SampleIndex(60.0)
    put(index, 0.5, Value=1.0)
    put(index, 1.5, Value=2.0)
    first = index.between(metric(), START * 60, START * 60 + 60)
    assert first is not None
    assert first.total == 1.0


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_cloud.scaling.samples.MOST_SECONDS", 10)
    monkeypatch.setattr("local_cloud.scaling.samples.MOST_METRICS", 3)
    index = SampleIndex()
    for second in range(20):
        put(index, second, Value=1.0)
    assert statistic(index, "SampleCount") == 10
    for name in ("a", "b", "c"):
        put(index, 1, name, Value=1.0)
    assert statistic(index, "SampleCount") is None
    assert MOST_SECONDS >= 86_400 / 10
    assert MOST_METRICS >= 1_000


def test_looking_at_a_few_periods_does_not_cost_more_with_a_long_past() -> None:
    index = SampleIndex()
    for second in range(MOST_SECONDS):
        put(index, second, Value=1.0)
    began = time.perf_counter()
    for _ in range(1_000):
        assert statistic(index, "Sum", MOST_SECONDS - 60, MOST_SECONDS) == 60
    assert time.perf_counter() - began < 2


def test_percentiles_are_known_by_name() -> None:
    assert [is_known(kind) for kind in ("p0", "p99.9", "p100", "p101", "tm90", "sum", "Sum")] == [
        True, True, True, False, False, False, True,
    ]  # fmt: skip
    assert samples_needed("p99") == 1000
    assert samples_needed("p10") == 100
    assert samples_needed("Sum") == 0


@pytest.mark.parametrize(
    ("now", "period", "scale", "end"),
    [
        (START + 9, 60, 1, START - 60),
        (START + 10, 60, 1, START),
        (START + 69, 300, 1, START),
        (START + 70, 300, 1, START + 60),
        (START + 35, 10, 1, START + 20),
        (START + 1.25, 60, 60, START * 60 + 60),
    ],
)
def test_the_newest_complete_period(now: float, period: int, scale: float, end: int) -> None:
    assert last_end(now, period, scale) == end


def test_the_next_evaluation_finds_another_period_complete() -> None:
    for now in (START + 0.0, START + 10.0, START + 59.9, START + 69.999):
        then = now + next_evaluation(now, 60, 1.0)
        assert now < then <= now + 60
        assert last_end(then + 1e-6, 60, 1.0) == last_end(now, 60, 1.0) + 60
    assert next_evaluation(START + 0.0, 60, 60.0) == pytest.approx(10 / 60)
