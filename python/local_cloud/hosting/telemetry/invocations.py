"""The invocation metrics of one variant, under AWS's names.

Source: "Amazon SageMaker AI metrics in Amazon CloudWatch" and "Metrics for multi-container endpoints with
direct invocation", SageMaker developer guide. Latencies are in microseconds.
"""

from __future__ import annotations

from typing import Final

from local_cloud.hosting.telemetry.metrics import MetricHub, Series

NAMESPACE: Final = "AWS/SageMaker"
USAGE_NAMESPACE: Final = "/aws/sagemaker/Endpoints"


class ContainerMetrics:
    """Per container: dimensions EndpointName, VariantName, ContainerName."""

    def __init__(self, hub: MetricHub, endpoint: str, variant: str, container: str) -> None:
        dimensions = {"EndpointName": endpoint, "VariantName": variant, "ContainerName": container}

        def series(name: str) -> Series:
            return hub.series(NAMESPACE, name, dimensions, "None")

        self._invocations = series("Invocations")
        self._errors_4xx = series("Invocation4XXErrors")
        self._errors_5xx = series("Invocation5XXErrors")
        self._latency = hub.series(NAMESPACE, "ContainerLatency", dimensions, "Microseconds")
        self._overhead = hub.series(NAMESPACE, "OverheadLatency", dimensions, "Microseconds")
        self._cpu = hub.series(USAGE_NAMESPACE, "CPUUtilization", dimensions, "Percent")
        self._memory = hub.series(USAGE_NAMESPACE, "MemoryUtilization", dimensions, "Percent")

    def answered(self, status: int, latency_us: float) -> None:
        """The container answered (``status`` 0: it did not)."""
        self._invocations.add(1)
        self._errors_4xx.add(400 <= status < 500)
        self._errors_5xx.add(status == 0 or status >= 500)
        self._latency.add(latency_us)

    def overhead(self, overhead_us: float) -> None:
        self._overhead.add(overhead_us)

    def used(self, cpu_percent: float, memory_percent: float) -> None:
        self._cpu.add(cpu_percent)
        self._memory.add(memory_percent)


class VariantMetrics:
    """Dimensions EndpointName, VariantName; with several containers, ContainerMetrics for each."""

    def __init__(self, hub: MetricHub, endpoint: str, variant: str, containers: list[str]) -> None:
        dimensions = {"EndpointName": endpoint, "VariantName": variant}

        def series(name: str) -> Series:
            return hub.series(NAMESPACE, name, dimensions, "None")

        self._invocations = series("Invocations")
        self._per_instance = series("InvocationsPerInstance")
        self._errors_4xx = series("Invocation4XXErrors")
        self._errors_5xx = series("Invocation5XXErrors")
        self._model_errors = series("InvocationModelErrors")
        self._model_latency = hub.series(NAMESPACE, "ModelLatency", dimensions, "Microseconds")
        self._overhead_latency = hub.series(NAMESPACE, "OverheadLatency", dimensions, "Microseconds")
        self._cpu = hub.series(USAGE_NAMESPACE, "CPUUtilization", dimensions, "Percent")
        self._memory = hub.series(USAGE_NAMESPACE, "MemoryUtilization", dimensions, "Percent")
        self.containers = {
            name: ContainerMetrics(hub, endpoint, variant, name) for name in containers if len(containers) > 1
        }

    def invoked(self, status: int, model_us: float, overhead_us: float, instances: int) -> None:
        """One finished invocation. ``status`` is the model's; 0 when it gave none (time-out, broken off)."""
        self._invocations.add(1)
        if instances:
            self._per_instance.add(1 / instances)
        self._errors_4xx.add(400 <= status < 500)
        self._errors_5xx.add(status == 0 or status >= 500)
        self._model_errors.add(not 200 <= status < 300)
        self._model_latency.add(model_us)
        self._overhead_latency.add(overhead_us)

    def answered_async(self, status: int, model_us: float) -> None:
        """One attempt at an asynchronous request: the endpoint metrics that AWS publishes for both kinds
        ("Monitoring with CloudWatch" of asynchronous endpoints); Invocations and OverheadLatency it does not.
        """
        self._errors_4xx.add(400 <= status < 500)
        self._errors_5xx.add(status == 0 or status >= 500)
        self._model_latency.add(model_us)

    def used(self, cpu_percent: float, memory_percent: float) -> None:
        """One instance's CPU (100 is one whole CPU) and memory."""
        self._cpu.add(cpu_percent)
        self._memory.add(memory_percent)
