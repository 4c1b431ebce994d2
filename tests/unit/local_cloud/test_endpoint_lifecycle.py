"""An endpoint's life, with fleets that do as the test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from fake_fleet import FakeHosting

from local_cloud.clock import Clock
from local_cloud.sagemaker.api import ControlPlane
from local_cloud.sagemaker.errors import AwsError

Call = Callable[..., dict[str, Any]]
ARN = "arn:aws:sagemaker:ap-northeast-2:123456789012:endpoint/e"


async def settled(plane: ControlPlane, name: str = "e") -> None:
    task = plane.endpoints.get(name).task
    assert task is not None
    await asyncio.wait_for(asyncio.shield(task), 5)


async def in_service(plane: ControlPlane, call: Call, config: str = "c1", **more: Any) -> None:
    call("CreateEndpoint", EndpointName="e", EndpointConfigName=config, **more)
    await settled(plane)


def status(call: Call) -> str:
    return str(call("DescribeEndpoint", EndpointName="e")["EndpointStatus"])


async def test_an_endpoint_is_creating_until_its_fleet_has_started(
    plane: ControlPlane, with_config: Call, fake_hosting: FakeHosting
) -> None:
    fake_hosting.hold_start = True
    answer = with_config("CreateEndpoint", EndpointName="e", EndpointConfigName="c1")
    await asyncio.sleep(0)
    assert answer == {"EndpointArn": ARN}
    described = with_config("DescribeEndpoint", EndpointName="e")
    assert described["EndpointStatus"] == "Creating"
    assert "ProductionVariants" not in described
    fake_hosting.fleets[0].may_start.set()
    await settled(plane)
    described = with_config("DescribeEndpoint", EndpointName="e")
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == "c1"
    assert "FailureReason" not in described
    assert described["ProductionVariants"] == [
        {
            "VariantName": "blue",
            "DeployedImages": [],
            "CurrentWeight": 1.0,
            "DesiredWeight": 1.0,
            "CurrentInstanceCount": 1,
            "DesiredInstanceCount": 1,
        }
    ]


async def test_an_endpoint_whose_fleet_does_not_start_is_failed_with_the_reason(
    plane: ControlPlane, with_config: Call, fake_hosting: FakeHosting
) -> None:
    fake_hosting.fail_with = "The primary container did not pass the ping health check."
    await in_service(plane, with_config)
    described = with_config("DescribeEndpoint", EndpointName="e")
    assert described["EndpointStatus"] == "Failed"
    assert described["FailureReason"] == fake_hosting.fail_with


async def test_a_failed_endpoint_can_only_be_deleted(
    plane: ControlPlane, with_config: Call, fake_hosting: FakeHosting
) -> None:
    fake_hosting.fail_with = "no"
    await in_service(plane, with_config)
    with pytest.raises(AwsError, match="its status is Failed"):
        with_config("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    with_config("DeleteEndpoint", EndpointName="e")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(AwsError, match="Could not find endpoint"):
        with_config("DescribeEndpoint", EndpointName="e")


async def test_an_update_serves_from_the_old_fleet_until_the_new_one_has_started(
    plane: ControlPlane, with_config: Call, fake_hosting: FakeHosting
) -> None:
    await in_service(plane, with_config)
    fake_hosting.hold_start = True
    with_config("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    await asyncio.sleep(0)
    old, new = fake_hosting.fleets
    endpoint = plane.endpoints.get("e")
    described = with_config("DescribeEndpoint", EndpointName="e")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("Updating", "c1")
    pending = described["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == "c2"
    assert pending["ProductionVariants"][0]["InstanceType"] == "ml.m5.large"
    assert endpoint.live is not None
    assert endpoint.live.fleet is old
    old.may_stop.clear()
    new.may_start.set()
    assert await Clock().deadline(5).until(lambda: endpoint.live is not None and endpoint.live.fleet is new)
    assert status(with_config) == "Updating", "until the old fleet has drained"
    old.may_stop.set()
    await settled(plane)
    described = with_config("DescribeEndpoint", EndpointName="e")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "c2")
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert "PendingDeploymentSummary" not in described
    assert old.stopped
    assert not new.stopped


async def test_an_update_that_fails_rolls_back_to_the_old_configuration(
    plane: ControlPlane, with_config: Call, fake_hosting: FakeHosting
) -> None:
    config = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": _all_at_once()}}
    await in_service(plane, with_config, DeploymentConfig=config)
    fake_hosting.fail_with = "The image does not exist."
    with_config("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    await settled(plane)
    described = with_config("DescribeEndpoint", EndpointName="e")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "c1")
    assert described["FailureReason"] == "The image does not exist."
    assert described["LastDeploymentConfig"] == config
    assert not fake_hosting.fleets[0].stopped
    fake_hosting.fail_with = None
    with_config("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    await settled(plane)
    assert "FailureReason" not in with_config("DescribeEndpoint", EndpointName="e")


def _all_at_once() -> dict[str, Any]:
    return {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 60}


@pytest.mark.parametrize(
    ("excluded", "count", "weight"),
    [([], 5, 7.0), (["DesiredInstanceCount"], 2, 7.0), (["DesiredWeight"], 5, 3.0)],
)
async def test_an_update_can_retain_counts_and_weights(
    plane: ControlPlane, with_config: Call, excluded: list[str], count: int, weight: float
) -> None:
    await in_service(plane, with_config)
    wish = {"VariantName": "blue", "DesiredInstanceCount": 5, "DesiredWeight": 7}
    with_config("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=[wish])
    await settled(plane)
    exclude = [{"VariantPropertyType": kind} for kind in excluded]
    with_config(
        "UpdateEndpoint",
        EndpointName="e",
        EndpointConfigName="c2",
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=exclude,
    )
    await settled(plane)
    variant = with_config("DescribeEndpoint", EndpointName="e")["ProductionVariants"][0]
    assert (variant["DesiredInstanceCount"], variant["DesiredWeight"]) == (count, weight)


async def test_the_deployment_configuration_comes_back_and_can_be_retained(
    plane: ControlPlane, with_config: Call
) -> None:
    first = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": _all_at_once()}}
    await in_service(plane, with_config, DeploymentConfig=first)

    async def update(**more: Any) -> Any:
        with_config("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2", **more)
        await settled(plane)
        return with_config("DescribeEndpoint", EndpointName="e").get("LastDeploymentConfig")

    assert await update(RetainDeploymentConfig=True) == first
    assert await update() is None
    second = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
    assert await update(DeploymentConfig=second) == second
    with pytest.raises(AwsError, match="RetainDeploymentConfig"):
        with_config(
            "UpdateEndpoint",
            EndpointName="e",
            EndpointConfigName="c1",
            RetainDeploymentConfig=True,
            DeploymentConfig=first,
        )


async def test_capacity_that_cannot_be_had_is_rolled_back(
    plane: ControlPlane, with_config: Call, fake_hosting: FakeHosting
) -> None:
    await in_service(plane, with_config)
    fake_hosting.fleets[0].resize_fails_with = "Insufficient capacity."
    wish = {"VariantName": "blue", "DesiredInstanceCount": 9, "DesiredWeight": 2}
    with_config("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=[wish])
    assert status(with_config) == "Updating"
    await settled(plane)
    described = with_config("DescribeEndpoint", EndpointName="e")
    assert (described["EndpointStatus"], described["FailureReason"]) == (
        "InService",
        "Insufficient capacity.",
    )
    assert described["ProductionVariants"][0]["DesiredInstanceCount"] == 1


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"VariantName": "green", "DesiredWeight": 1}, 'Could not find variant "green".*its variants: blue'),
        ({"VariantName": "blue", "DesiredInstanceCount": 0}, "must be at least 1"),
        ({"VariantName": "blue", "DesiredInstanceCount": 21}, "ResourceLimitExceeded: .* is 20 Instances"),
        ({"VariantName": "blue", "DesiredWeight": 0}, "greater than 0"),
        ({"VariantName": "blue", "ServerlessUpdateConfig": {"MaxConcurrency": 1}}, "not serverless"),
    ],
)
async def test_a_wish_that_makes_no_sense_changes_nothing(
    plane: ControlPlane, with_config: Call, wish: dict[str, Any], words: str
) -> None:
    await in_service(plane, with_config)
    with pytest.raises(AwsError, match=words):
        with_config(
            "UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=[wish]
        )
    assert status(with_config) == "InService"


@pytest.mark.parametrize("phase", ["Creating", "Updating"])
async def test_an_endpoint_in_progress_takes_no_further_change(
    plane: ControlPlane, with_config: Call, fake_hosting: FakeHosting, phase: str
) -> None:
    if phase == "Updating":
        await in_service(plane, with_config)
    fake_hosting.hold_start = True
    operation = {"Creating": "CreateEndpoint", "Updating": "UpdateEndpoint"}[phase]
    with_config(operation, EndpointName="e", EndpointConfigName="c1")
    assert status(with_config) == phase
    wishes = [{"VariantName": "blue", "DesiredWeight": 1}]
    for change, members in (
        ("UpdateEndpoint", {"EndpointConfigName": "c2"}),
        ("UpdateEndpointWeightsAndCapacities", {"DesiredWeightsAndCapacities": wishes}),
        ("DeleteEndpoint", {}),
    ):
        with pytest.raises(AwsError) as refusal:
            with_config(change, EndpointName="e", **members)
        assert refusal.value.message == f'Cannot update in-progress endpoint "{ARN}".'


async def test_a_deleted_endpoint_is_deleting_until_its_fleet_has_stopped(
    plane: ControlPlane, with_config: Call, fake_hosting: FakeHosting
) -> None:
    await in_service(plane, with_config)
    fleet = fake_hosting.fleets[0]
    fleet.may_stop.clear()
    with_config("DeleteEndpoint", EndpointName="e")
    await asyncio.sleep(0)
    assert status(with_config) == "Deleting"
    task = plane.endpoints.get("e").task
    assert task is not None
    fleet.may_stop.set()
    await task
    assert fleet.stopped
    with pytest.raises(AwsError) as gone:
        with_config("DescribeEndpoint", EndpointName="e")
    assert gone.value.message == f'Could not find endpoint "{ARN}".'
    with pytest.raises(AwsError, match="Could not find resource"):
        with_config("ListTags", ResourceArn=ARN)


async def test_a_configuration_in_use_can_be_deleted_and_the_endpoint_serves_on(
    plane: ControlPlane, with_config: Call
) -> None:
    await in_service(plane, with_config)
    with_config("DeleteEndpointConfig", EndpointConfigName="c1")
    with_config("DeleteModel", ModelName="m")
    assert status(with_config) == "InService"
    with pytest.raises(AwsError, match=r'Could not find model "arn:aws:sagemaker:.*model/m"'):
        with_config("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")


async def test_names_differ_by_more_than_case_and_arns_are_in_lower_case(
    plane: ControlPlane, with_config: Call
) -> None:
    with_config("CreateEndpoint", EndpointName="Mixed-Case", EndpointConfigName="c1")
    await settled(plane, "Mixed-Case")
    described = with_config("DescribeEndpoint", EndpointName="mixed-case")
    assert described["EndpointName"] == "Mixed-Case"
    assert described["EndpointArn"].endswith(":endpoint/mixed-case")
    with pytest.raises(AwsError, match="Cannot create already existing endpoint"):
        with_config("CreateEndpoint", EndpointName="MIXED-CASE", EndpointConfigName="c1")
    assert plane.endpoints.find_exact("mixed-case") is None
    assert plane.endpoints.find_exact("Mixed-Case") is not None


async def test_what_is_not_hosted_here_is_refused_at_create_endpoint_and_named(with_config: Call) -> None:
    variant: dict[str, Any] = {"VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    with_config("CreateEndpointConfig", EndpointConfigName="other", ProductionVariants=[variant])
    with pytest.raises(AwsError, match=r"does not host inference components"):
        with_config("CreateEndpoint", EndpointName="e", EndpointConfigName="other")
    with pytest.raises(AwsError, match="Could not find endpoint"):
        with_config("DescribeEndpoint", EndpointName="e")


async def test_an_error_of_the_local_cloud_itself_ends_in_failed_and_says_so(
    plane: ControlPlane, with_config: Call, fake_hosting: FakeHosting, caplog: pytest.LogCaptureFixture
) -> None:
    fake_hosting.hold_start = True
    with_config("CreateEndpoint", EndpointName="e", EndpointConfigName="c1")

    async def breaks() -> None:
        raise KeyError("a bug")

    fake_hosting.fleets[0].start = breaks
    await settled(plane)
    described = with_config("DescribeEndpoint", EndpointName="e")
    assert described["EndpointStatus"] == "Failed"
    assert "KeyError" in described["FailureReason"]
    assert "internal error" in caplog.text


async def test_closing_ends_every_fleet_and_every_task(
    plane: ControlPlane, with_config: Call, fake_hosting: FakeHosting
) -> None:
    await in_service(plane, with_config)
    fake_hosting.hold_start = True
    with_config("CreateEndpoint", EndpointName="starting", EndpointConfigName="c1")
    starting = plane.endpoints.get("starting").task
    await asyncio.sleep(0)
    await plane.close()
    assert starting is not None
    assert starting.cancelled()
    assert fake_hosting.fleets[0].stopped


async def test_a_change_that_arrives_while_the_cloud_ends_is_refused(
    plane: ControlPlane, with_config: Call, fake_hosting: FakeHosting
) -> None:
    await in_service(plane, with_config)
    fake_hosting.fleets[0].may_stop.clear()
    closing = asyncio.create_task(plane.close())
    await asyncio.sleep(0)
    wishes = [{"VariantName": "blue", "DesiredWeight": 1}]
    for change, name, members in (
        ("CreateEndpoint", "new", {"EndpointConfigName": "c1"}),
        ("UpdateEndpoint", "e", {"EndpointConfigName": "c2"}),
        ("UpdateEndpointWeightsAndCapacities", "e", {"DesiredWeightsAndCapacities": wishes}),
        ("DeleteEndpoint", "e", {}),
    ):
        with pytest.raises(AwsError, match="is stopping") as refusal:
            with_config(change, EndpointName=name, **members)
        assert (refusal.value.code, refusal.value.http_status) == ("ServiceUnavailable", 503)
    fake_hosting.fleets[0].may_stop.set()
    await closing
    assert len(fake_hosting.fleets) == 1


def test_the_status_page_is_ready_for_json(plane: ControlPlane) -> None:
    assert json.loads(json.dumps(plane.state())) == []
