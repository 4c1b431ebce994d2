"""The metrics of a serverless variant, under AWS's names, and no others.

Source: "Alarms and logs for tracking metrics from serverless endpoints", SageMaker developer guide. Times are
in microseconds. Utilizations are shares of 1, as Lambda's are; the guide says "Units: None".
"""

from __future__ import annotations

from typing import Final

from local_cloud.hosting.specs import ServerlessSpec
from local_cloud.hosting.telemetry.invocations import NAMESPACE, USAGE_NAMESPACE
from local_cloud.hosting.telemetry.metrics import MetricHub, Series

REPORT_INTERVAL_S: Final = 10.0
"""Between two reports of concurrency; the clock scales it."""


class ServerlessMetrics:
    """Dimensions EndpointName, VariantName."""

    def __init__(self, hub: MetricHub, endpoint: str, variant: str) -> None:
        dimensions = {"EndpointName": endpoint, "VariantName": variant}

        def plain(name: str) -> Series:
            return hub.series(NAMESPACE, name, dimensions, "None")

        def count(name: str) -> Series:
            return hub.series(NAMESPACE, name, dimensions, "Count")

        def micros(name: str) -> Series:
            return hub.series(NAMESPACE, name, dimensions, "Microseconds")

        self._invocations = plain("Invocations")
        self._errors_4xx = plain("Invocation4XXErrors")
        self._errors_5xx = plain("Invocation5XXErrors")
        self._model_latency = micros("ModelLatency")
        self._overhead_latency = micros("OverheadLatency")
        self._setup_time = micros("ModelSetupTime")
        self._memory = hub.series(USAGE_NAMESPACE, "MemoryUtilization", dimensions, "Percent")
        self._utilization = plain("ServerlessConcurrentExecutionsUtilization")
        self._provisioned_utilization = plain("ServerlessProvisionedConcurrencyUtilization")
        self._provisioned_executions = count("ServerlessProvisionedConcurrencyExecutions")
        self._provisioned_invocations = count("ServerlessProvisionedConcurrencyInvocations")
        self._spillover = count("ServerlessProvisionedConcurrencySpilloverInvocations")

    def admitted(self, in_flight: int, provisioned: int) -> None:
        """A request has come in, as one of ``in_flight``."""
        if provisioned:
            (self._provisioned_invocations if in_flight <= provisioned else self._spillover).add(1)

    def set_up(self, seconds: float) -> None:
        """A request waited for a container that was started meanwhile: its launch took so long."""
        self._setup_time.add(seconds * 1e6)

    def invoked(self, status: int, model_us: float, overhead_us: float) -> None:
        """One finished invocation. ``status`` is the container's; 0 when it gave none."""
        self._invocations.add(1)
        self._errors_4xx.add(400 <= status < 500)
        self._errors_5xx.add(status == 0 or status >= 500)
        self._model_latency.add(model_us)
        self._overhead_latency.add(overhead_us)

    def used(self, memory_percent: float) -> None:
        """One container's memory, of its MemorySizeInMB."""
        self._memory.add(memory_percent)

    def concurrency(self, peak: int, spec: ServerlessSpec) -> None:
        """The most requests in flight since the last report."""
        self._utilization.add(peak / spec.max_concurrency)
        if spec.provisioned:
            executions = min(peak, spec.provisioned)
            self._provisioned_executions.add(executions)
            self._provisioned_utilization.add(executions / spec.provisioned)


class ConcurrencyReport:
    """When to report what: each peak once, and zeros seldom."""

    def __init__(self, metrics: ServerlessMetrics) -> None:
        self._metrics = metrics
        self._was_busy = False

    def report(self, peak: int, spec: ServerlessSpec, *, is_minute: bool) -> None:
        """``is_minute``: once in a minute of the cloud's time."""
        # One zero after the last peak says that it is over; then only Provisioned Concurrency is reported.
        if not peak and not self._was_busy and not (spec.provisioned and is_minute):
            return
        self._was_busy = peak > 0
        self._metrics.concurrency(peak, spec)
