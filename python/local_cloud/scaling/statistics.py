"""CloudWatch's statistics of the samples of one period.

Source: "CloudWatch statistics definitions", Amazon CloudWatch user guide.
"""

from __future__ import annotations

import math
import re
from typing import Final

from local_cloud.scaling.samples import Aggregate

_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")


def is_known(statistic: str) -> bool:
    """Whether :func:`value_of` can compute it."""
    return statistic in ("Sum", "Average", "Minimum", "Maximum", "SampleCount") or is_percentile(statistic)


def value_of(statistic: str, samples: Aggregate) -> float | None:
    """The statistic's value; None for a percentile of samples that came as statistic sets."""
    if statistic == "SampleCount":
        return samples.count
    if samples.count <= 0:
        return None
    match statistic:
        case "Sum":
            return samples.total
        case "Average":
            return samples.total / samples.count
        case "Minimum":
            return samples.minimum
        case "Maximum":
            return samples.maximum
    return _percentile(percent(statistic), samples) if is_percentile(statistic) else None


def percent(statistic: str) -> float:
    """99.9 of ``p99.9``; 50 of anything that is no percentile."""
    found = _PERCENTILE.fullmatch(statistic)
    return float(found.group(1)) if found else 50.0


def samples_needed(statistic: str) -> float:
    """Below how many samples a percentile is not statistically significant to CloudWatch; 0 for other
    statistics. (Source: "Percentile-based alarms and low data samples".)"""
    if not is_percentile(statistic):
        return 0.0
    share = percent(statistic) / 100
    if share in (0.0, 1.0):
        return math.inf
    return round(10 / (1 - share if share >= 0.5 else share), 6)


def is_percentile(statistic: str) -> bool:
    """Whether it is ``p0`` to ``p100``."""
    return _PERCENTILE.fullmatch(statistic) is not None


def _percentile(wanted: float, samples: Aggregate) -> float | None:
    if samples.values is None:
        return None
    rank = wanted / 100 * samples.count
    seen = 0.0
    for value in sorted(samples.values):
        seen += samples.values[value]
        if seen >= rank:
            return value
    return samples.maximum
