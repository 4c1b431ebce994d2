"""The metrics of an asynchronous endpoint, under AWS's names, in ``AWS/SageMaker``.

Source: "Monitoring with CloudWatch" of asynchronous endpoints, SageMaker developer guide. The gauges carry
the endpoint's name only, the rest the variant's too. Microseconds and milliseconds are AWS's choice.
"""

from __future__ import annotations

from typing import Final

from local_cloud.asynchronous.failures import FailureKind
from local_cloud.asynchronous.queue import Backlog
from local_cloud.hosting.telemetry.invocations import NAMESPACE
from local_cloud.hosting.telemetry.metrics import MetricHub

GAUGE_PERIOD_S: Final = 60.0
"""AWS reports the state of the queue once a minute: that is a part of an alarm's delay."""


class EndpointMetrics:
    """Dimensions EndpointName; with VariantName what concerns single requests."""

    def __init__(self, hub: MetricHub, endpoint: str, variant: str) -> None:
        self._hub = hub
        self._endpoint = endpoint
        by_endpoint = {"EndpointName": endpoint}
        self._backlog = hub.series(NAMESPACE, "ApproximateBacklogSize", by_endpoint, "Count")
        self._per_instance = hub.series(NAMESPACE, "ApproximateBacklogSizePerInstance", by_endpoint, "Count")
        self._oldest = hub.series(NAMESPACE, "ApproximateAgeOfOldestRequest", by_endpoint, "Seconds")
        self._without_capacity = hub.series(NAMESPACE, "HasBacklogWithoutCapacity", by_endpoint, "Count")
        self.use_variant(variant)

    def use_variant(self, variant: str) -> None:
        """The endpoint's one variant has this name now."""
        hub, by_variant = self._hub, {"EndpointName": self._endpoint, "VariantName": variant}
        self._time_in_backlog = hub.series(NAMESPACE, "TimeInBacklog", by_variant, "Microseconds")
        self._total_time = hub.series(NAMESPACE, "TotalProcessingTime", by_variant, "Milliseconds")
        self._download_time = hub.series(NAMESPACE, "RequestDownloadLatency", by_variant, "Microseconds")
        self._upload_time = hub.series(NAMESPACE, "ResponseUploadLatency", by_variant, "Microseconds")
        self._processed = hub.series(NAMESPACE, "InvocationsProcessed", by_variant, "Count")
        self._failures = hub.series(NAMESPACE, "InvocationFailures", by_variant, "Count")
        self._notice_failures = hub.series(NAMESPACE, "NotificationFailures", by_variant, "Count")
        self._by_kind = {
            FailureKind.DOWNLOAD: hub.series(NAMESPACE, "RequestDownloadFailures", by_variant, "Count"),
            FailureKind.UPLOAD: hub.series(NAMESPACE, "ResponseUploadFailures", by_variant, "Count"),
            FailureKind.EXPIRED: hub.series(NAMESPACE, "ExpiredRequests", by_variant, "Count"),
        }

    def gauges(self, backlog: Backlog, instances: int) -> None:
        """The state of the queue now. Without instances the backlog "per instance" is the backlog: AWS's
        guide says that an endpoint leaves zero once its backlog exceeds the target of this metric."""
        self._backlog.add(backlog.size)
        self._per_instance.add(backlog.size / max(1, instances))
        self._oldest.add(backlog.oldest_age_s)
        self._without_capacity.add(1 if backlog.size and not instances else 0)

    def taken(self, waited_s: float) -> None:
        """A request has left the queue for an instance."""
        self._time_in_backlog.add(waited_s * 1e6)

    def downloaded(self, took_s: float) -> None:
        """The request's input is open: its existence and size are known, a small one is read."""
        self._download_time.add(took_s * 1e6)

    def uploaded(self, took_s: float) -> None:
        """The answer lies in S3."""
        self._upload_time.add(took_s * 1e6)

    def ended(self, failure: FailureKind | None) -> None:
        """A request has ended, well or with a failure; every count gets its 0 or 1, so that averages are
        shares."""
        if failure is not FailureKind.EXPIRED:
            self._processed.add(1)
            self._failures.add(failure is not None)
        for kind, series in self._by_kind.items():
            series.add(kind is failure)

    def total(self, took_s: float) -> None:
        """From the moment a request came in to its result and its notice."""
        self._total_time.add(took_s * 1e3)

    def notified(self, *, failed: bool) -> None:
        """SNS took the notice, or not."""
        self._notice_failures.add(failed)
