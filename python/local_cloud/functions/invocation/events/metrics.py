"""The metrics of asynchronous invocations, under AWS's names, in ``AWS/Lambda``.

Source: "Types of metrics for Lambda functions", Lambda developer guide. Dimensions FunctionName, and
FunctionName with Resource. Invocations, Errors, Throttles and Duration are the execution side's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local_cloud.hosting.telemetry.metrics import MetricHub, Series

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.literals import StandardUnitType

NAMESPACE: Final = "AWS/Lambda"


class EventMetrics:
    """The series of all functions, made on first use."""

    def __init__(self, hub: MetricHub) -> None:
        self._hub = hub
        self._series: dict[tuple[str, str, str], tuple[Series, Series]] = {}

    def received(self, function: str, resource: str) -> None:
        """An event is in the queue."""
        self._add("AsyncEventsReceived", function, resource, 1)

    def invoked(self, function: str, resource: str, age_s: float) -> None:
        """The function gets an event of this age."""
        self._add("AsyncEventAge", function, resource, age_s * 1000, "Milliseconds")

    def dropped(self, function: str, resource: str) -> None:
        """An event has ended without success."""
        self._add("AsyncEventsDropped", function, resource, 1)

    def delivery_failed(self, function: str, resource: str) -> None:
        """A destination did not take a record."""
        self._add("DestinationDeliveryFailures", function, resource, 1)

    def dead_letter_failed(self, function: str, resource: str) -> None:
        """The dead-letter queue did not take an event."""
        self._add("DeadLetterErrors", function, resource, 1)

    def _add(
        self, name: str, function: str, resource: str, value: float, unit: StandardUnitType = "Count"
    ) -> None:
        key = (name, function, resource)
        if key not in self._series:
            by_function = {"FunctionName": function}
            self._series[key] = (
                self._hub.series(NAMESPACE, name, by_function, unit),
                self._hub.series(NAMESPACE, name, by_function | {"Resource": resource}, unit),
            )
        for series in self._series[key]:
            series.add(value)
