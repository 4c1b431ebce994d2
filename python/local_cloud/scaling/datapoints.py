"""An alarm's datapoints: one metric's statistic over each of its periods, or an expression of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from local_cloud.scaling.evaluation import Datapoint
from local_cloud.scaling.expressions import Expression
from local_cloud.scaling.samples import MetricName, SampleIndex
from local_cloud.scaling.statistics import is_percentile, value_of


@dataclass(frozen=True, slots=True)
class MetricStatistic:
    """A metric seen through a statistic."""

    metric: MetricName
    statistic: str
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """What an alarm looks at: metrics by the id that ``expression`` calls them by. Without an expression
    there is one metric. ``period`` in the cloud's seconds."""

    metrics: Mapping[str, MetricStatistic]
    period: int
    expression: Expression | None = None


def read(
    watched: Watched, index: SampleIndex, end: int, count: int, time_scale: float
) -> list[Datapoint | None]:
    """The datapoints of the ``count`` periods up to ``end`` (the cloud's seconds), oldest first."""
    starts = [end - watched.period * back for back in range(count, 0, -1)]
    return [_datapoint(watched, index, start, time_scale) for start in starts]


def _datapoint(watched: Watched, index: SampleIndex, start: int, time_scale: float) -> Datapoint | None:
    values: dict[str, float | None] = {}
    samples = 0.0
    for name, seen in watched.metrics.items():
        found = index.between(
            seen.metric, start, start + watched.period, seen.unit, values=is_percentile(seen.statistic)
        )
        values[name] = None if found is None else value_of(seen.statistic, found)
        samples = max(samples, 0.0 if found is None else found.count)
    value = watched.expression.value(values) if watched.expression else _only(list(values.values()))
    return None if value is None else Datapoint(start / time_scale, value, samples)


def _only(values: Sequence[float | None]) -> float | None:
    return values[0] if values else None
