"""The samples of CloudWatch's metrics, indexed for what an alarm asks: a metric's values between two moments.

moto keeps every sample in one list; looking through 100,000 of them for each period of each alarm, once a
second, would keep a core busy. Here a metric is found by its name and dimensions and a period by bisection.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

MOST_SECONDS: Final = 20_000
"""Seconds with data that are kept of one metric, the newest: the longest alarm that AWS allows looks a day
back, at data that come once a minute or every ten seconds."""

MOST_METRICS: Final = 10_000
"""Metrics that are kept: those written to last."""

MOST_VALUES: Final = 5_000
"""Different values that are kept of one second, for percentiles."""

Dimensions = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class MetricName:
    """What makes a metric in CloudWatch: one with a further dimension is another metric."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: Dimensions


@dataclass(slots=True)
class Aggregate:
    """What is known of some samples together. ``values`` counts each value, where all values are known."""

    count: float = 0.0
    total: float = 0.0
    minimum: float = float("inf")
    maximum: float = float("-inf")
    values: dict[float, float] | None = field(default_factory=dict)

    def add(self, other: Aggregate) -> None:
        self.count += other.count
        self.total += other.total
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        if self.values is None or other.values is None:
            self.values = None
            return
        for value, count in other.values.items():
            self.values[value] = self.values.get(value, 0.0) + count
        if len(self.values) > MOST_VALUES:
            self.values = None


@dataclass(slots=True)
class _Series:
    """By second of the cloud's time; ``seconds`` is sorted."""

    seconds: list[int] = field(default_factory=list)
    by_unit: dict[int, dict[str, Aggregate]] = field(default_factory=dict)


class SampleIndex:
    """Written to by moto's threads, read by the event loop.

    The *cloud's time* counts seconds since the epoch times the time scale: a period of 60 s is 60 of its
    seconds at any scale.
    """

    def __init__(self, time_scale: float = 1.0) -> None:
        self._scale = time_scale
        self._lock = threading.Lock()
        self._series: OrderedDict[MetricName, _Series] = OrderedDict()

    def put(self, account: str, region: str, namespace: str, data: Iterable[Mapping[str, Any]]) -> None:
        """The MetricData of one PutMetricData, as moto has parsed it."""
        now = datetime.now(UTC)
        for datum in data:
            dimensions = frozenset((each["Name"], each["Value"]) for each in datum.get("Dimensions") or ())
            metric = MetricName(account, region, namespace, datum["MetricName"], dimensions)
            second = int(_epoch(datum.get("Timestamp") or now) * self._scale)
            with self._lock:
                self._add(metric, second, datum.get("Unit") or "None", _aggregate(datum))

    def _add(self, metric: MetricName, second: int, unit: str, aggregate: Aggregate) -> None:
        series = self._series.get(metric)
        if series is None:
            series = self._series[metric] = _Series()
            if len(self._series) > MOST_METRICS:
                self._series.popitem(last=False)
        else:
            self._series.move_to_end(metric)
        units = series.by_unit.get(second)
        if units is None:
            units = series.by_unit[second] = {}
            if not series.seconds or second > series.seconds[-1]:
                series.seconds.append(second)
            else:
                insort(series.seconds, second)
            if len(series.seconds) > MOST_SECONDS:
                del series.by_unit[series.seconds.pop(0)]
        known = units.get(unit)
        if known is None:
            units[unit] = aggregate
        else:
            known.add(aggregate)

    def between(
        self, metric: MetricName, start: int, end: int, unit: str | None = None, *, values: bool = True
    ) -> Aggregate | None:
        """All samples from ``start`` up to but without ``end`` (seconds of the cloud's time), None if there
        are none. ``unit`` leaves out samples in other units; ``values=False`` saves the counting of values
        that only percentiles need."""
        with self._lock:
            series = self._series.get(metric)
            if series is None:
                return None
            found: Aggregate | None = None
            for second in series.seconds[
                bisect_left(series.seconds, start) : bisect_left(series.seconds, end)
            ]:
                for of_unit, aggregate in series.by_unit[second].items():
                    if unit is None or unit == of_unit:
                        found = found or Aggregate(values={} if values else None)
                        found.add(aggregate)
            return found


def _epoch(moment: datetime) -> float:
    # moto's parser leaves the zone out of what was sent in UTC.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _aggregate(datum: Mapping[str, Any]) -> Aggregate:
    statistics = datum.get("StatisticValues")
    if statistics:
        count, low, high = (float(statistics[key]) for key in ("SampleCount", "Minimum", "Maximum"))
        # CloudWatch too knows a set's percentiles only where all of its values must be equal.
        values = {low: count} if low == high else None
        return Aggregate(count, float(statistics["Sum"]), low, high, values)
    if datum.get("Values"):
        values = {}
        counts = datum.get("Counts") or [1.0] * len(datum["Values"])
        for value, count in zip(datum["Values"], counts, strict=True):
            values[float(value)] = values.get(float(value), 0.0) + float(count)
    else:
        values = {float(datum["Value"]): 1.0}
    total = sum(value * count for value, count in values.items())
    return Aggregate(sum(values.values()), total, min(values), max(values), values)
