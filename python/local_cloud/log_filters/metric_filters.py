"""Metric filters: log events that match a pattern become samples of a metric.

Source: "Creating metric filters" and the API reference's MetricTransformation, Amazon CloudWatch Logs. A
selected value that is no number makes no sample, nor does an event that lacks a dimension. The default value
is reported where events came and none of them matched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_cloud.log_filters.pattern import Match, read_pattern
from local_cloud.log_filters.values import InvalidPattern, number_of, text_of

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Event:
    """A log event. ``timestamp``: milliseconds since the epoch."""

    timestamp: int
    message: str


class MetricFilter:
    """A filter's pattern with one of its MetricTransformations, a structure of the API. Raises
    InvalidPattern."""

    def __init__(self, pattern: str, transformation: Mapping[str, Any]) -> None:
        self.namespace = str(transformation["metricNamespace"])
        self._pattern = read_pattern(pattern)
        self._name = str(transformation["metricName"])
        self._value = str(transformation["metricValue"])
        self._default = number_of(transformation.get("defaultValue"))
        self._dimensions: Mapping[str, str] = transformation.get("dimensions") or {}
        self._unit = str(transformation.get("unit") or "None")
        if not self._value.startswith("$") and number_of(self._value) is None:
            raise InvalidPattern(
                f"metricValue is {self._value!r}; it has to be a number or a selector like $size"
            )
        if self._dimensions and self._default is not None:
            raise InvalidPattern("A metric filter with dimensions cannot have a default value")

    def samples(self, events: Sequence[Event]) -> list[dict[str, Any]]:
        """What PutMetricData takes as MetricData: one datum for each moment and set of dimensions."""
        found: dict[tuple[int, Dimensions], dict[float, int]] = {}
        matched = False
        for event in events:
            match = self._pattern.match(event.message.rstrip("\r\n"))
            if match is None:
                continue
            matched = True
            value = number_of(match.value(self._value) if self._value.startswith("$") else self._value)
            dimensions = self._dimensions_of(match)
            if value is not None and dimensions is not None:
                counts = found.setdefault((event.timestamp, dimensions), {})
                counts[value] = counts.get(value, 0) + 1
        if events and not matched and self._default is not None:
            found[events[-1].timestamp, ()] = {self._default: 1}
        return [self._datum(moment, dimensions, counts) for (moment, dimensions), counts in found.items()]

    def _dimensions_of(self, match: Match) -> Dimensions | None:
        values = [(name, text_of(match.value(selector))) for name, selector in self._dimensions.items()]
        given = tuple((name, value) for name, value in values if value)
        return given if len(given) == len(values) else None

    def _datum(self, moment: int, dimensions: Dimensions, counts: Mapping[float, int]) -> dict[str, Any]:
        return {
            "MetricName": self._name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions],
            # As moto has it: in UTC, without the zone. Milliseconds count: a fast clock's minutes are short.
            "Timestamp": datetime.fromtimestamp(moment / 1000, UTC).replace(tzinfo=None),
            "Values": list(counts),
            "Counts": list(counts.values()),
            "Unit": self._unit,
        }
