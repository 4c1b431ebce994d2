"""A clock that stands still until it is told, and variants that scale as the test says."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local_cloud.clock import Clock
from local_cloud.scaling.capacity import CannotScale, Reading

REGION = "ap-northeast-2"
RESOURCE = "endpoint/e/variant/blue"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_accounts = itertools.count(100_000_000_000)


class FakeClock(Clock):
    """At the start of a minute; ``pass_minutes`` moves it in the cloud's time."""

    def __init__(self, time_scale: float = 60.0) -> None:
        super().__init__(time_scale)
        self.seconds = 1_800_000_000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    def pass_minutes(self, minutes: float) -> None:
        self.seconds += self.scaled(60 * minutes)


class FakeVariants:
    """Instance counts by resource id; changes are made at once unless ``may_change`` is cleared."""

    def __init__(self, **counts: int) -> None:
        self.counts = {RESOURCE: 1} | counts
        self.asynchronous = True
        self.is_ready = asyncio.Event()
        self.may_change = asyncio.Event()
        self.is_ready.set()
        self.may_change.set()
        self.fails_with: str | None = None
        self.changes: list[int] = []

    def read(self, resource: str) -> Reading | None:
        if resource not in self.counts:
            return None
        return Reading(self.counts[resource], self.is_ready.is_set(), self.asynchronous)

    async def ready(self, resource: str) -> None:
        await self.is_ready.wait()

    async def set(self, resource: str, count: int, accepted: Callable[[], None]) -> None:
        accepted()
        await self.may_change.wait()
        if self.fails_with is not None:
            raise CannotScale(self.fails_with)
        self.counts[resource] = count
        self.changes.append(count)


class Account:
    """An AWS account in moto that no other test has."""

    def __init__(self) -> None:
        from local_cloud.moto_gaps import mend

        for service in ("cloudwatch", "applicationautoscaling"):
            mend(service)
        from moto.applicationautoscaling.models import applicationautoscaling_backends
        from moto.cloudwatch.models import cloudwatch_backends

        self.id = str(next(_accounts))
        self.cloudwatch: Any = cloudwatch_backends[self.id][REGION]
        self.autoscaling: Any = applicationautoscaling_backends[self.id][REGION]

    def put(
        self, clock: Clock, name: str, value: float, *, ago: float = 0.0, namespace: str = "Mine"
    ) -> None:
        """One sample of a metric of endpoint ``e``, ``ago`` seconds of the cloud's time before now."""
        moment = datetime.fromtimestamp(clock.now().timestamp() - clock.scaled(ago), UTC)
        datum = {
            "MetricName": name,
            "Dimensions": [{"Name": "EndpointName", "Value": "e"}],
            "Timestamp": moment.replace(tzinfo=None),
            "Value": value,
        }
        self.cloudwatch.put_metric_data(namespace, [datum])

    def alarm(self, name: str = "alarm", **changes: Any) -> Any:
        """An alarm on Mine/Backlog: the average of one minute above 0."""
        members: dict[str, Any] = {
            "namespace": "Mine",
            "metric_name": "Backlog",
            "dimensions": [{"Name": "EndpointName", "Value": "e"}],
            "statistic": "Average",
            "comparison_operator": "GreaterThanThreshold",
            "evaluation_periods": 1,
            "period": 60,
            "threshold": 0.0,
            "description": "",
            "alarm_actions": [],
        }
        return self.cloudwatch.put_metric_alarm(name, **(members | changes))

    def register(self, low: int, high: int, **suspended: bool) -> None:
        self.autoscaling.register_scalable_target(
            "sagemaker", RESOURCE, DIMENSION, low, high, "", suspended or None
        )

    def policy(self, name: str, kind: str, **body: Any) -> Any:
        return self.autoscaling.put_scaling_policy(name, "sagemaker", RESOURCE, DIMENSION, body, kind)

    def track(self, target: float = 5.0, name: str = "track", metric: str = "Backlog", **more: Any) -> Any:
        """A target tracking policy on the average of Mine/``metric``."""
        specification = {
            "Namespace": "Mine",
            "MetricName": metric,
            "Dimensions": [{"Name": "EndpointName", "Value": "e"}],
            "Statistic": "Average",
        }
        body = {"TargetValue": target, "CustomizedMetricSpecification": specification, **more}
        return self.policy(name, "TargetTrackingScaling", **body)

    def step(self, name: str = "wake", adjustment: int = 1, **more: Any) -> Any:
        """A step policy that adds ``adjustment`` instances whatever the breach."""
        body = {
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": adjustment}],
            **more,
        }
        return self.policy(name, "StepScaling", **body)
