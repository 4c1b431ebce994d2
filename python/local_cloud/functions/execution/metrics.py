"""A function's metrics, under AWS's names and dimensions.

Source: "Types of metrics for Lambda functions" and "Monitoring concurrency", AWS Lambda developer guide.
Durations are in milliseconds. An invocation counts for the account (no dimension), its FunctionName, its
Resource (``name`` or ``name:qualifier``), and with an alias also for the ExecutedVersion.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from local_cloud.functions.execution.concurrency import ACCOUNT, Concurrency
from local_cloud.hosting.specs import Clock
from local_cloud.hosting.telemetry.metrics import MetricHub, Series

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.literals import StandardUnitType

NAMESPACE: Final = "AWS/Lambda"
INTERVAL_S: Final = 60.0
MIN_INTERVAL_S: Final = 0.5
MAX_SERIES: Final = 5_000
"""However many functions and qualifiers come and go: the oldest series are made anew when they are needed."""

Kind = Literal["on-demand", "provisioned", "spillover"]


@dataclass(frozen=True, slots=True)
class ProvisionedUse:
    """Of one resource (``name:qualifier``), in the last minute: the most in use at once, and all."""

    function: str
    resource: str
    in_use: int
    allocated: int


class LambdaMetrics:
    """Counts invocations at once, and gauges once a minute of the cloud's time while there are any."""

    def __init__(
        self,
        hub: MetricHub,
        clock: Clock,
        concurrency: Concurrency,
        provisioned: Callable[[], Iterable[ProvisionedUse]],
    ) -> None:
        self._hub = hub
        self._clock = clock
        self._concurrency = concurrency
        self._provisioned = provisioned
        self._series: dict[tuple[str, tuple[tuple[str, str], ...]], Series] = {}
        self._task: asyncio.Task[None] | None = None

    def invoked(
        self, function: str, resource: str, version: str, *, duration_ms: float, failed: bool, kind: Kind
    ) -> None:
        """One invocation that ran, however it ended."""
        for dimensions in _dimensions(function, resource, version):
            self._add("Invocations", dimensions, 1)
            self._add("Errors", dimensions, int(failed))
            self._add("Duration", dimensions, duration_ms, "Milliseconds")
            if kind == "provisioned":
                self._add("ProvisionedConcurrencyInvocations", dimensions, 1)
            elif kind == "spillover":
                self._add("ProvisionedConcurrencySpilloverInvocations", dimensions, 1)
        self.start()

    def throttled(self, function: str, resource: str, version: str) -> None:
        """One invocation that was refused: it is no invocation."""
        for dimensions in _dimensions(function, resource, version):
            self._add("Throttles", dimensions, 1)
        self.start()

    def start(self) -> None:
        """Gauges have something to tell from now on."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="gauges of functions")

    async def close(self) -> None:
        """Tell the gauges once more, then stop. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self._tell()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(max(MIN_INTERVAL_S, self._clock.scaled(INTERVAL_S)))
            self._tell()

    def _tell(self) -> None:
        for key, peak in self._concurrency.running.peaks().items():
            self._add("ConcurrentExecutions", _of_resource(key), peak)
        for peak in self._concurrency.unreserved.peaks().values():
            self._add("UnreservedConcurrentExecutions", {}, peak)
        functions: dict[str, int] = {}
        for use in self._provisioned():
            functions[use.function] = functions.get(use.function, 0) + use.in_use
            dimensions = _of_resource(use.resource)
            self._add("ProvisionedConcurrentExecutions", dimensions, use.in_use)
            if use.allocated:
                self._add("ProvisionedConcurrencyUtilization", dimensions, use.in_use / use.allocated)
        for function, in_use in functions.items():
            self._add("ProvisionedConcurrentExecutions", {"FunctionName": function}, in_use)

    def _add(
        self, name: str, dimensions: Mapping[str, str], value: float, unit: StandardUnitType = "Count"
    ) -> None:
        key = (name, tuple(dimensions.items()))
        series = self._series.get(key)
        if series is None:
            while len(self._series) >= MAX_SERIES:
                self._series.pop(next(iter(self._series)))
            series = self._series[key] = self._hub.series(NAMESPACE, name, dimensions, unit)
        series.add(value)


def _dimensions(function: str, resource: str, version: str) -> list[dict[str, str]]:
    result = [{}, {"FunctionName": function}, {"FunctionName": function, "Resource": resource}]
    qualifier = resource.partition(":")[2]
    if qualifier and qualifier != version:
        result.append({"FunctionName": function, "Resource": resource, "ExecutedVersion": version})
    return result


def _of_resource(key: str) -> dict[str, str]:
    """The dimensions of a function, of ``function:qualifier``, or of the account."""
    if key == ACCOUNT:
        return {}
    function, colon, _ = key.partition(":")
    return {"FunctionName": function, "Resource": key} if colon else {"FunctionName": key}
