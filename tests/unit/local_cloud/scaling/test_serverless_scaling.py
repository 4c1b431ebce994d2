"""Provisioned concurrency as what is scaled: of serverless variants, and of Lambda's aliases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fake_fleet import FakeHosting
from scaling_fakes import REGION, Account, FakeClock, FakeVariants

from local_cloud.clock import Clock
from local_cloud.functions.specs import ProvisionedState
from local_cloud.sagemaker.api import ControlPlane
from local_cloud.sagemaker.errors import AwsError
from local_cloud.scaling import (
    INSTANCES,
    LAMBDA,
    SERVERLESS,
    EndpointCapacity,
    FunctionCapacity,
    ScalingEngine,
    ServerlessCapacity,
    hooks,
)
from local_cloud.scaling.capacity import CannotScale
from local_cloud.scaling.kinds import function_of
from local_cloud.scaling.target_tracking import UnsupportedMetric, alarm_specs

Call = Callable[..., dict[str, Any]]
VARIANT = "endpoint/e/variant/blue"
ALIAS = "function:f:live"


class FakeLambda:
    """A control plane with function ``f`` and alias ``live``; environments come up when the test says."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], ProvisionedState] = {}
        self.existing = {("f", "live")}
        self.at_once = True
        self.calls: list[int] = []
        self.refuses: AwsError | None = None

    def provisioned(self, function_name: str, qualifier: str) -> ProvisionedState | None:
        return self.states.get((function_name, qualifier))

    def provision(self, function_name: str, qualifier: str, count: int) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.calls.append(count)
        self.resolve(function_name, qualifier)
        status = "READY" if self.at_once else "IN_PROGRESS"
        self.ends((function_name, qualifier), count, status)

    def ends(self, key: tuple[str, str], count: int, status: Any, reason: str | None = None) -> None:
        ready = count if status == "READY" else 0
        self.states[key] = ProvisionedState(count, ready, ready, status, reason)

    def resolve(self, function_name: str, qualifier: str | None = None) -> object:
        if (function_name, qualifier) not in self.existing:
            raise AwsError("ResourceNotFoundException", 404, f"Cannot find alias {qualifier}")
        return None


@pytest.fixture
def fake_lambda() -> FakeLambda:
    return FakeLambda()


@pytest.fixture
def serverless() -> FakeVariants:
    return FakeVariants()


@pytest.fixture
async def engine(
    clock: FakeClock, variants: FakeVariants, serverless: FakeVariants, fake_lambda: FakeLambda
) -> AsyncIterator[ScalingEngine]:
    capacities = {
        INSTANCES.dimension: variants,
        SERVERLESS.dimension: serverless,
        LAMBDA.dimension: FunctionCapacity(fake_lambda, Clock()),
    }
    engine = ScalingEngine(capacities, clock)  # type: ignore[arg-type]
    engine._loop = asyncio.get_running_loop()
    engine._publisher.start()
    hooks.listen(engine)
    yield engine
    await engine.stop()


def put(account: Account, clock: Clock, kind: Any, resource: str, value: float) -> None:
    (metric,) = kind.metrics.values()
    datum = {
        "MetricName": metric.name,
        "Dimensions": [{"Name": n, "Value": v} for n, v in metric.dimensions(resource).items()],
        "Timestamp": clock.now().replace(tzinfo=None),
        "Value": value,
    }
    account.cloudwatch.put_metric_data(metric.namespace, [datum])


def track(account: Account, kind: Any, resource: str, low: int, high: int) -> Any:
    account.autoscaling.register_scalable_target(
        kind.namespace, resource, kind.dimension, low, high, "", None
    )
    (predefined,) = kind.metrics
    body = {
        "TargetValue": 0.7,
        "PredefinedMetricSpecification": {"PredefinedMetricType": predefined},
    }
    return account.autoscaling.put_scaling_policy(
        "p", kind.namespace, resource, kind.dimension, body, "TargetTrackingScaling"
    )


async def minutes(
    engine: ScalingEngine, account: Account, clock: FakeClock, kind: Any, resource: str, value: float, n: int
) -> None:
    """Each minute has a sample of ``value``."""
    for _ in range(n):
        clock.pass_minutes(0.5)
        put(account, clock, kind, resource, value)
        clock.pass_minutes(0.5)
        await asyncio.sleep(0)
        engine.evaluate()
        await engine.settled()


@pytest.mark.parametrize(("kind", "resource"), [(SERVERLESS, VARIANT), (LAMBDA, ALIAS)])
def test_a_policy_on_utilization_makes_the_alarms_that_aws_makes(kind: Any, resource: str) -> None:
    (predefined,) = kind.metrics
    policy = {
        "TargetValue": 0.7,
        "PredefinedMetricSpecification": {"PredefinedMetricType": predefined},
    }
    high, low = alarm_specs(resource, policy, kind)
    assert (high.comparison, high.threshold, high.evaluation_periods) == ("GreaterThanThreshold", 0.7, 3)
    assert (low.comparison, low.threshold, low.evaluation_periods) == ("LessThanThreshold", 0.63, 15)
    assert high.metric["statistic"] == "Average"
    names = {each["Name"]: each["Value"] for each in high.metric["dimensions"]}
    if kind is LAMBDA:
        assert (high.metric["namespace"], names) == (
            "AWS/Lambda",
            {"FunctionName": "f", "Resource": "f:live"},
        )
    else:
        assert high.metric["metric_name"] == "ServerlessProvisionedConcurrencyUtilization"
        assert names == {"EndpointName": "e", "VariantName": "blue"}
    with pytest.raises(UnsupportedMetric, match="it offers " + predefined):
        wrong = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
        alarm_specs(resource, policy | {"PredefinedMetricSpecification": wrong}, kind)


@pytest.mark.parametrize("resource", ["function:f", "function:f:$LATEST", "f:live", "function::live", ""])
def test_what_is_no_alias_or_version_is_refused(resource: str) -> None:
    with pytest.raises(ValueError, match="is not function:"):
        function_of(resource)


@pytest.mark.parametrize(("kind", "resource"), [(SERVERLESS, VARIANT), (LAMBDA, ALIAS)])
async def test_provisioned_concurrency_follows_its_utilization_up_and_down(
    engine: ScalingEngine,
    account: Account,
    clock: FakeClock,
    serverless: FakeVariants,
    fake_lambda: FakeLambda,
    variants: FakeVariants,
    kind: Any,
    resource: str,
) -> None:
    serverless.counts = {VARIANT: 2}
    fake_lambda.ends(("f", "live"), 2, "READY")

    def count() -> int:
        state = fake_lambda.states[("f", "live")]
        return serverless.counts[VARIANT] if kind is SERVERLESS else state.requested

    track(account, kind, resource, 1, 10)
    await minutes(engine, account, clock, kind, resource, 1.0, 4)
    assert count() == 3, "2 at a utilization of 1 are 3 at 0.7"
    await minutes(engine, account, clock, kind, resource, 0.0, 40)
    assert count() == 1
    assert variants.changes == [], "the instance count of that name is something else"
    described = engine.activities(account.id, REGION)
    assert {each["ScalableDimension"] for each in described} == {kind.dimension}
    first = [each for each in described if each["StatusCode"] == "Successful"][-1]
    assert first["Description"] == f"Setting desired {kind.noun} to 3."
    assert first["StatusMessage"] == (
        f"Successfully set desired {kind.noun} to 3. Change successfully fulfilled by {kind.namespace}."
    )


async def test_registering_a_target_provisions_the_minimum(
    engine: ScalingEngine, account: Account, fake_lambda: FakeLambda
) -> None:
    track(account, LAMBDA, ALIAS, 3, 5)
    await asyncio.sleep(0)
    await engine.settled()
    assert fake_lambda.states[("f", "live")].requested == 3


async def test_a_target_ends_with_its_alias(
    engine: ScalingEngine, account: Account, fake_lambda: FakeLambda
) -> None:
    policy = track(account, LAMBDA, ALIAS, 1, 5)
    await asyncio.sleep(0)
    await engine.settled()
    engine.evaluate()
    assert account.autoscaling.targets[LAMBDA.dimension]
    fake_lambda.existing.clear()
    fake_lambda.states.clear()
    engine.evaluate()
    assert not account.autoscaling.targets[LAMBDA.dimension]
    assert not account.autoscaling.policies
    assert not {alarm.name for alarm in policy.alarms} & set(account.cloudwatch.alarms)


async def test_lambdas_capacity_waits_for_the_environments(fake_lambda: FakeLambda) -> None:
    capacity = FunctionCapacity(fake_lambda, Clock())
    fake_lambda.at_once = False
    accepted: list[bool] = []
    change = asyncio.create_task(capacity.set(ALIAS, 2, lambda: accepted.append(True)))
    await asyncio.sleep(0.1)
    assert accepted == [True]
    assert not change.done()
    assert capacity.read(ALIAS).steady is False  # type: ignore[union-attr]
    fake_lambda.ends(("f", "live"), 2, "READY")
    await asyncio.wait_for(change, 5)
    assert capacity.read(ALIAS).desired == 2  # type: ignore[union-attr]


async def test_environments_that_fail_leave_what_was_provisioned_before(fake_lambda: FakeLambda) -> None:
    capacity = FunctionCapacity(fake_lambda, Clock())
    await capacity.set(ALIAS, 1, lambda: None)
    fake_lambda.at_once = False
    change = asyncio.create_task(capacity.set(ALIAS, 4, lambda: None))
    await asyncio.sleep(0)
    fake_lambda.ends(("f", "live"), 4, "FAILED", "FUNCTION_ERROR_INIT_FAILURE")
    with pytest.raises(CannotScale, match="FUNCTION_ERROR_INIT_FAILURE"):
        await asyncio.wait_for(change, 5)
    assert fake_lambda.calls[-1] == 1


async def test_lambdas_refusals_and_gone_aliases_cannot_be_scaled(fake_lambda: FakeLambda) -> None:
    capacity = FunctionCapacity(fake_lambda, Clock())
    reading = capacity.read(ALIAS)
    assert reading is not None
    assert (reading.desired, reading.steady) == (0, True)
    assert capacity.read("function:f:gone") is None
    assert capacity.read("endpoint/e/variant/v") is None
    with pytest.raises(CannotScale, match="Could not find function:f:gone"):
        await capacity.ready("function:f:gone")
    fake_lambda.refuses = AwsError("InvalidParameterValueException", 400, "greater than the reserved")
    with pytest.raises(CannotScale, match="greater than the reserved"):
        await capacity.set(ALIAS, 9, lambda: None)
    await capacity.ready(ALIAS)


@pytest.fixture
async def hosted(plane: ControlPlane, with_config: Call, fake_hosting: FakeHosting) -> ServerlessCapacity:
    variant = {
        "VariantName": "blue",
        "ModelName": "m",
        "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 5, "ProvisionedConcurrency": 1},
    }
    with_config("CreateEndpointConfig", EndpointConfigName="s", ProductionVariants=[variant])
    with_config("CreateEndpoint", EndpointName="e", EndpointConfigName="s")
    capacity = ServerlessCapacity(plane.endpoints, Clock())
    await capacity.ready(VARIANT)
    return capacity


async def test_a_serverless_variants_capacity_is_what_it_keeps_warm_and_may_be_zero(
    hosted: ServerlessCapacity, plane: ControlPlane, call: Call
) -> None:
    assert hosted.read(VARIANT).desired == 1  # type: ignore[union-attr]
    assert EndpointCapacity(plane.endpoints, Clock()).read(VARIANT) is None, "it has no instances"
    for count in (4, 0):
        await hosted.set(VARIANT, count, lambda: None)
        assert hosted.read(VARIANT).desired == count  # type: ignore[union-attr]
    (blue,) = call("DescribeEndpoint", EndpointName="e")["ProductionVariants"]
    assert blue["CurrentServerlessConfig"] == {"MemorySizeInMB": 1024, "MaxConcurrency": 5}


async def test_no_more_is_provisioned_than_may_run(hosted: ServerlessCapacity, call: Call) -> None:
    with pytest.raises(CannotScale, match=r"ProvisionedConcurrency 6 .* MaxConcurrency 5"):
        await hosted.set(VARIANT, 6, lambda: None)
    assert call("DescribeEndpoint", EndpointName="e")["EndpointStatus"] == "InService"


async def test_a_variant_with_instances_provisions_nothing(plane: ControlPlane, with_config: Call) -> None:
    with_config("CreateEndpoint", EndpointName="e", EndpointConfigName="c1")
    capacity = ServerlessCapacity(plane.endpoints, Clock())
    await capacity.ready(VARIANT)
    assert capacity.read(VARIANT) is None
    with pytest.raises(CannotScale, match="not serverless"):
        await capacity.set(VARIANT, 1, lambda: None)
