"""Serverless endpoints in the control plane: what is refused, what comes back, what changes."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from fake_fleet import ROLE, FakeHosting

from local_cloud.hosting import ServerlessSpec
from local_cloud.sagemaker.api import ControlPlane
from local_cloud.sagemaker.errors import AwsError
from local_cloud.sagemaker.rehosting import Rehosting

Call = Callable[..., dict[str, Any]]
CONFIG = {"MemorySizeInMB": 2048, "MaxConcurrency": 20, "ProvisionedConcurrency": 2}


def variant(**changes: Any) -> dict[str, Any]:
    return {"VariantName": "blue", "ModelName": "m", "ServerlessConfig": CONFIG, **changes}


@pytest.fixture
def serverless(with_config: Call) -> Call:
    """And the configurations ``s1``, ``s2`` of a serverless variant ``blue``."""
    with_config("CreateEndpointConfig", EndpointConfigName="s1", ProductionVariants=[variant()])
    other = variant(ServerlessConfig={"MemorySizeInMB": 4096, "MaxConcurrency": 5})
    with_config("CreateEndpointConfig", EndpointConfigName="s2", ProductionVariants=[other])
    return with_config


async def in_service(plane: ControlPlane, call: Call, config: str = "s1") -> dict[str, Any]:
    call("CreateEndpoint", EndpointName="e", EndpointConfigName=config)
    return await settled(plane, call)


async def settled(plane: ControlPlane, call: Call) -> dict[str, Any]:
    task = plane.endpoints.get("e").task
    assert task is not None
    await asyncio.wait_for(task, 5)
    return call("DescribeEndpoint", EndpointName="e")


async def test_what_was_sent_comes_back_and_no_instance_is_claimed(
    plane: ControlPlane, serverless: Call, fake_hosting: FakeHosting
) -> None:
    config = serverless("DescribeEndpointConfig", EndpointConfigName="s1")
    assert config["ProductionVariants"] == [variant()]
    described = await in_service(plane, serverless)
    (blue,) = described["ProductionVariants"]
    assert blue["CurrentServerlessConfig"] == blue["DesiredServerlessConfig"] == CONFIG
    assert blue["CurrentInstanceCount"] == 0
    assert "DesiredInstanceCount" not in blue
    (spec,) = fake_hosting.fleets[0].variants
    assert spec.serverless == ServerlessSpec(memory_mb=2048, max_concurrency=20, provisioned=2)
    assert (spec.instance_type, spec.instance_count) == ("", 0)


async def test_without_provisioned_concurrency_none_is_described(
    plane: ControlPlane, serverless: Call
) -> None:
    described = await in_service(plane, serverless, "s2")
    (blue,) = described["ProductionVariants"]
    assert blue["CurrentServerlessConfig"] == {"MemorySizeInMB": 4096, "MaxConcurrency": 5}


@pytest.mark.parametrize(
    ("variants", "more", "words"),
    [
        ([variant(InstanceType="ml.m5.large")], {}, "InstanceType cannot be given"),
        ([variant(InitialInstanceCount=1)], {}, "InitialInstanceCount cannot be given"),
        ([variant(VolumeSizeInGB=10)], {}, "VolumeSizeInGB is not supported for serverless"),
        ([variant(), variant(VariantName="green")], {}, "Exactly one production variant"),
        (
            [variant(ServerlessConfig={"MemorySizeInMB": 1536, "MaxConcurrency": 1})],
            {},
            "MemorySizeInMB 1536 .* is not one of: 1024, 2048",
        ),
        (
            [variant(ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 201})],
            {},
            "'201' at 'productionVariants.1.member.serverlessConfig.maxConcurrency' failed to satisfy",
        ),
        (
            [variant(ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 0})],
            {},
            "Member must have value greater than or equal to 1",
        ),
        (
            [variant(ServerlessConfig={"MemorySizeInMB": 8192, "MaxConcurrency": 1})],
            {},
            "Member must have value less than or equal to 6144",
        ),
        (
            [variant(ServerlessConfig={**CONFIG, "ProvisionedConcurrency": 21})],
            {},
            "ProvisionedConcurrency 21 .* greater than its MaxConcurrency 20",
        ),
        (
            [variant()],
            {
                "DataCaptureConfig": {
                    "InitialSamplingPercentage": 100,
                    "DestinationS3Uri": "s3://b/k",
                    "CaptureOptions": [{"CaptureMode": "Input"}],
                }
            },
            "data capture is not supported for serverless",
        ),
        (
            [variant()],
            {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/o"}}},
            "cannot be given with a ServerlessConfig",
        ),
        ([variant()], {"KmsKeyId": "alias/key"}, "KMS key for the storage volume is not supported"),
        (
            [variant()],
            {"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}},
            "a VPC is not supported",
        ),
        ([variant()], {"EnableNetworkIsolation": True}, "network isolation is not supported for serverless"),
        (
            [variant()],
            {
                "ShadowProductionVariants": [
                    {
                        "VariantName": "shadow",
                        "ModelName": "m",
                        "InstanceType": "ml.m5.large",
                        "InitialInstanceCount": 1,
                    }
                ]
            },
            "no shadow variant",
        ),
    ],
)
async def test_configurations_that_aws_refuses_are_refused(
    serverless: Call, variants: list[dict[str, Any]], more: dict[str, Any], words: str
) -> None:
    with pytest.raises(AwsError, match=words) as caught:
        serverless("CreateEndpointConfig", EndpointConfigName="new", ProductionVariants=variants, **more)
    assert (caught.value.code, caught.value.http_status) == ("ValidationException", 400)
    with pytest.raises(AwsError, match="Could not find"):
        serverless("DescribeEndpointConfig", EndpointConfigName="new")


IMAGE = {"Image": "image:1"}


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"Containers": [IMAGE, IMAGE]}, "inference pipelines and multi-container models"),
        (
            {
                "Containers": [{**IMAGE, "ContainerHostname": "a"}],
                "InferenceExecutionConfig": {"Mode": "Direct"},
            },
            "multi-container models",
        ),
        (
            {
                "PrimaryContainer": IMAGE,
                "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
            },
            "VpcConfig is not supported",
        ),
        ({"PrimaryContainer": IMAGE, "EnableNetworkIsolation": True}, "network isolation is not supported"),
        (
            {"PrimaryContainer": {**IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://b/"}},
            "multi-model mode is not",
        ),
        (
            {
                "PrimaryContainer": {
                    **IMAGE,
                    "ModelDataSource": {
                        "S3DataSource": {
                            "S3Uri": "s3://b/k",
                            "S3DataType": "S3Object",
                            "CompressionType": "Gzip",
                        }
                    },
                }
            },
            "ModelDataSource is not",
        ),
        (
            {"PrimaryContainer": {**IMAGE, "ImageConfig": {"RepositoryAccessMode": "Vpc"}}},
            "private Docker registry",
        ),
    ],
)
async def test_models_that_aws_does_not_serve_without_servers_are_refused(
    serverless: Call, model: dict[str, Any], words: str
) -> None:
    serverless("CreateModel", ModelName="other", ExecutionRoleArn=ROLE, **model)
    with pytest.raises(AwsError, match=words):
        serverless(
            "CreateEndpointConfig", EndpointConfigName="new", ProductionVariants=[variant(ModelName="other")]
        )


async def test_guardrails_are_refused_at_creation_and_update(plane: ControlPlane, serverless: Call) -> None:
    guardrails = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
        }
    }
    with pytest.raises(AwsError, match="DeploymentConfig is not supported for serverless"):
        serverless("CreateEndpoint", EndpointName="e", EndpointConfigName="s1", DeploymentConfig=guardrails)
    await in_service(plane, serverless)
    with pytest.raises(AwsError, match="DeploymentConfig is not supported for serverless"):
        serverless("UpdateEndpoint", EndpointName="e", EndpointConfigName="s2", DeploymentConfig=guardrails)
    assert serverless("DescribeEndpoint", EndpointName="e")["EndpointStatus"] == "InService"


async def test_an_update_moves_to_the_new_configuration_once_it_is_up(
    plane: ControlPlane, serverless: Call, fake_hosting: FakeHosting
) -> None:
    await in_service(plane, serverless)
    fake_hosting.hold_start = True
    serverless("UpdateEndpoint", EndpointName="e", EndpointConfigName="s2")
    await asyncio.sleep(0)
    during = serverless("DescribeEndpoint", EndpointName="e")
    assert during["ProductionVariants"][0]["CurrentServerlessConfig"] == CONFIG
    (pending,) = during["PendingDeploymentSummary"]["ProductionVariants"]
    assert pending["DesiredServerlessConfig"] == {"MemorySizeInMB": 4096, "MaxConcurrency": 5}
    assert "InstanceType" not in pending
    assert not fake_hosting.fleets[0].stopped
    fake_hosting.fleets[1].may_start.set()
    described = await settled(plane, serverless)
    assert described["EndpointConfigName"] == "s2"
    assert fake_hosting.fleets[0].stopped


async def test_an_update_that_does_not_come_up_leaves_the_old_one_serving(
    plane: ControlPlane, serverless: Call, fake_hosting: FakeHosting
) -> None:
    await in_service(plane, serverless)
    fake_hosting.fail_with = "the ping failed"
    serverless("UpdateEndpoint", EndpointName="e", EndpointConfigName="s2")
    described = await settled(plane, serverless)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "s1")
    assert described["FailureReason"] == "the ping failed"
    assert not fake_hosting.fleets[0].stopped


async def test_a_real_time_endpoint_cannot_become_serverless_but_the_reverse_can_be(
    plane: ControlPlane, serverless: Call
) -> None:
    await in_service(plane, serverless, "c1")
    with pytest.raises(AwsError, match="from real-time to serverless inference"):
        serverless("UpdateEndpoint", EndpointName="e", EndpointConfigName="s1")
    serverless("DeleteEndpoint", EndpointName="e")
    await asyncio.wait_for(plane.endpoints.get("e").task, 5)  # type: ignore[arg-type]
    await in_service(plane, serverless, "s1")
    serverless("UpdateEndpoint", EndpointName="e", EndpointConfigName="c1")
    described = await settled(plane, serverless)
    assert described["ProductionVariants"][0]["DesiredInstanceCount"] == 1


def wish(**update: int) -> dict[str, Any]:
    return {
        "EndpointName": "e",
        "DesiredWeightsAndCapacities": [{"VariantName": "blue", "ServerlessUpdateConfig": update}],
    }


async def test_concurrency_changes_in_service_and_what_is_not_given_stays(
    plane: ControlPlane, serverless: Call
) -> None:
    await in_service(plane, serverless)
    serverless("UpdateEndpointWeightsAndCapacities", **wish(MaxConcurrency=30))
    assert serverless("DescribeEndpoint", EndpointName="e")["EndpointStatus"] == "Updating"
    (blue,) = (await settled(plane, serverless))["ProductionVariants"]
    assert blue["CurrentServerlessConfig"] == {**CONFIG, "MaxConcurrency": 30}
    serverless("UpdateEndpointWeightsAndCapacities", **wish(ProvisionedConcurrency=7))
    (blue,) = (await settled(plane, serverless))["ProductionVariants"]
    assert blue["CurrentServerlessConfig"]["ProvisionedConcurrency"] == 7
    config = serverless("DescribeEndpointConfig", EndpointConfigName="s1")
    assert config["ProductionVariants"][0]["ServerlessConfig"] == CONFIG


async def test_a_change_of_concurrency_that_fails_is_undone(
    plane: ControlPlane, serverless: Call, fake_hosting: FakeHosting
) -> None:
    await in_service(plane, serverless)
    fake_hosting.fleets[0].resize_fails_with = "no memory"
    serverless("UpdateEndpointWeightsAndCapacities", **wish(ProvisionedConcurrency=9))
    described = await settled(plane, serverless)
    assert (described["EndpointStatus"], described["FailureReason"]) == ("InService", "no memory")
    assert described["ProductionVariants"][0]["CurrentServerlessConfig"] == CONFIG


@pytest.mark.parametrize(
    ("desired", "words"),
    [
        ({"ServerlessUpdateConfig": {"ProvisionedConcurrency": 21}}, "greater than its MaxConcurrency 20"),
        ({"ServerlessUpdateConfig": {"MaxConcurrency": 1}}, "ProvisionedConcurrency 2 .* MaxConcurrency 1"),
        ({"ServerlessUpdateConfig": {"MaxConcurrency": 201}}, "less than or equal to 200"),
        ({"DesiredInstanceCount": 1}, "which is serverless"),
    ],
)
async def test_wishes_that_do_not_fit_are_refused(
    plane: ControlPlane, serverless: Call, desired: dict[str, Any], words: str
) -> None:
    await in_service(plane, serverless)
    wishes = [{"VariantName": "blue", **desired}]
    with pytest.raises(AwsError, match=words):
        serverless("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=wishes)
    assert serverless("DescribeEndpoint", EndpointName="e")["EndpointStatus"] == "InService"


async def test_what_was_changed_in_service_outlives_a_restart_of_hosting(
    plane: ControlPlane, serverless: Call, fake_hosting: FakeHosting
) -> None:
    await in_service(plane, serverless)
    serverless("UpdateEndpointWeightsAndCapacities", **wish(MaxConcurrency=9, ProvisionedConcurrency=4))
    await settled(plane, serverless)
    rehosting = Rehosting(plane.endpoints, plane.endpoints._clock)
    await rehosting.suspend(5)
    await rehosting.end_fleets()
    await rehosting.resume(fake_hosting.fleet, None)  # type: ignore[arg-type]
    (spec,) = fake_hosting.fleets[-1].variants
    assert spec.serverless == ServerlessSpec(2048, max_concurrency=9, provisioned=4)
    assert serverless("DescribeEndpoint", EndpointName="e")["EndpointStatus"] == "InService"


async def test_the_status_page_tells_of_the_pool_and_of_no_instances(
    plane: ControlPlane, serverless: Call
) -> None:
    await in_service(plane, serverless)
    (state,) = plane.state()
    (blue,) = state["variants"]
    assert blue["instances"] == []
    expected = dataclasses.asdict(ServerlessSpec(2048, 20, 2))
    assert blue["serverless"]["current"] == blue["serverless"]["desired"] == expected
    assert blue["serverless"]["in_flight"] == blue["serverless"]["starting"] == 0
