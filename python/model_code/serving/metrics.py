"""Counters of one server, as JSON and in Prometheus' text format; changed on the event loop only."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from typing import Any

#: Upper bounds in seconds: 1 ms to 60 s, about three a decade.
LATENCY_BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)
BATCH_BOUNDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


class Histogram:
    """Counts of values by upper bound, with their sum."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many values were counted."""
        return sum(self.counts)

    def quantile(self, share: float) -> float | None:
        """The bound under which ``share`` of the values lie; None without values or above the last."""
        wanted, seen = share * self.count, 0
        for bound, count in zip(self.bounds, self.counts, strict=False):
            seen += count
            if seen and seen >= wanted:
                return bound
        return None

    def to_dict(self) -> dict[str, Any]:
        """``{"count", "mean", "p50", "p95", "p99"}``; the quantiles are upper bounds."""
        count = self.count
        quantiles = {f"p{share}": self.quantile(share / 100) for share in (50, 95, 99)}
        return {"count": count, "mean": self.sum / count if count else None, **quantiles}


class Metrics:
    """What the server has done since it started."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.answers: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self.in_flight = 0
        self.disconnects = 0
        self.request_seconds = Histogram(LATENCY_BOUNDS)
        self.queue_seconds = Histogram(LATENCY_BOUNDS)
        self.model_seconds = Histogram(LATENCY_BOUNDS)
        self.batch_items = Histogram(BATCH_BOUNDS)

    def to_dict(self, waiting_items: int, queue_limit: int) -> dict[str, Any]:
        """The JSON form; times in seconds."""
        return {
            "uptime_seconds": round(time.monotonic() - self._started, 3),
            "requests": {
                "in_flight": self.in_flight,
                "disconnected": self.disconnects,
                "answers": self._by_status(),
            },
            "errors": dict(self.errors),
            "queue": {"waiting_items": waiting_items, "limit": queue_limit},
            "request_seconds": self.request_seconds.to_dict(),
            "queue_seconds": self.queue_seconds.to_dict(),
            "model_seconds": self.model_seconds.to_dict(),
            "batch_items": self.batch_items.to_dict(),
        }

    def to_prometheus(self, waiting_items: int) -> str:
        """The text exposition format, version 0.0.4."""
        lines = ["# TYPE serving_requests_total counter"]
        lines += [
            f'serving_requests_total{{status="{status}"}} {n}' for status, n in self._by_status().items()
        ]
        lines.append("# TYPE serving_errors_total counter")
        lines += [
            f'serving_errors_total{{code="{code}"}} {count}' for code, count in sorted(self.errors.items())
        ]
        for name, value in (("requests_in_flight", self.in_flight), ("queue_items", waiting_items)):
            lines += [f"# TYPE serving_{name} gauge", f"serving_{name} {value}"]
        lines += ["# TYPE serving_disconnects_total counter", f"serving_disconnects_total {self.disconnects}"]
        for name in ("request_seconds", "queue_seconds", "model_seconds", "batch_items"):
            lines += _prometheus_histogram(f"serving_{name}", getattr(self, name))
        return "\n".join(lines) + "\n"

    def _by_status(self) -> dict[str, int]:
        return {str(status): count for status, count in sorted(self.answers.items())}


def _prometheus_histogram(name: str, histogram: Histogram) -> list[str]:
    lines, seen = [f"# TYPE {name} histogram"], 0
    for bound, count in zip(histogram.bounds, histogram.counts, strict=False):
        seen += count
        lines.append(f'{name}_bucket{{le="{bound:g}"}} {seen}')
    lines.append(f'{name}_bucket{{le="+Inf"}} {histogram.count}')
    return [*lines, f"{name}_sum {histogram.sum:.6f}", f"{name}_count {histogram.count}"]
