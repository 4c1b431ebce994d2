"""Asynchronous endpoints in the control plane and the runtime: what is accepted, refused, described, kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from async_parts import StoppedClock, until
from fake_fleet import ROLE, FakeHosting, control_plane

from local_cloud.asynchronous import AsyncInference, Submission
from local_cloud.asynchronous.locations import InvalidLocation, Location, parse, parse_object
from local_cloud.clock import Clock
from local_cloud.s3 import ObjectStore, S3Objects
from local_cloud.sagemaker.async_runtime import read_submission
from local_cloud.sagemaker.endpoint import Endpoint
from local_cloud.sagemaker.errors import AwsError
from local_cloud.sagemaker.rehosting import Rehosting, StillChanging
from local_cloud.sagemaker.runtime import Runtime
from local_cloud.settings import ACCOUNT

OUTPUT = {"S3OutputPath": "s3://data/out/", "S3FailurePath": "s3://data/failed/"}


class Plane:
    """A control plane with queues and fleets that do as the test says."""

    def __init__(self, root: Path) -> None:
        self.hosting = FakeHosting()
        self.root = root
        self.queues = self.new_queues()
        self.plane = control_plane(self.hosting, self.queues)

    def new_queues(self) -> AsyncInference:
        s3 = S3Objects(ObjectStore(self.root / "objects"), ACCOUNT)
        return AsyncInference(
            self.root / "asynchronous",
            s3,
            "http://127.0.0.1:9",
            region="r",
            account=ACCOUNT,
            clock=StoppedClock(),
        )

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.plane.call(operation, json.dumps(request).encode())

    def config(self, name: str, member: Mapping[str, Any] | None, **more: Any) -> None:
        variant = {
            "VariantName": "blue",
            "ModelName": "m",
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        request: dict[str, Any] = {"ProductionVariants": [variant], **more}
        if member is not None:
            request["AsyncInferenceConfig"] = member
        self.call("CreateEndpointConfig", EndpointConfigName=name, **request)

    async def settled(self) -> Endpoint:
        endpoint = self.plane.endpoints.get("e")
        assert endpoint.task is not None
        await endpoint.task
        return endpoint


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    plane = Plane(tmp_path)
    await plane.queues.start()
    plane.call("CreateModel", ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "image:1"})
    plane.config("real-time", None)
    plane.config("c1", {"OutputConfig": OUTPUT})
    plane.config(
        "c2",
        {"OutputConfig": OUTPUT, "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 9}},
    )
    yield plane
    await plane.queues.close()
    await plane.plane.close()


async def in_service(plane: Plane, config: str = "c1") -> Endpoint:
    plane.call("CreateEndpoint", EndpointName="e", EndpointConfigName=config)
    return await plane.settled()


async def test_the_configuration_comes_back_from_the_configuration_and_from_the_endpoint(
    plane: Plane,
) -> None:
    await in_service(plane, "c2")
    member = plane.call("DescribeEndpointConfig", EndpointConfigName="c2")["AsyncInferenceConfig"]
    assert member == {"OutputConfig": OUTPUT, "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 9}}
    assert plane.call("DescribeEndpoint", EndpointName="e")["AsyncInferenceConfig"] == member
    assert plane.plane.state()[0]["async_queue"] == {
        "queued": 0,
        "in_process": 0,
        "done": 0,
        "failed": 0,
        "oldest_age_seconds": 0.0,
        "concurrency_per_instance": 9,
    }


async def test_a_real_time_endpoint_has_no_queue(plane: Plane) -> None:
    await in_service(plane, "real-time")
    assert "AsyncInferenceConfig" not in plane.call("DescribeEndpoint", EndpointName="e")
    assert plane.plane.state()[0]["async_queue"] is None


def test_an_asynchronous_configuration_has_exactly_one_variant(plane: Plane) -> None:
    variant = {"ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    two = [{"VariantName": name, **variant} for name in ("blue", "green")]
    with pytest.raises(AwsError, match="Exactly one production variant"):
        plane.config("two", {"OutputConfig": OUTPUT}, ProductionVariants=two)
    shadow = {"ShadowProductionVariants": [{"VariantName": "shadow", **variant}]}
    with pytest.raises(AwsError, match="Exactly one production variant"):
        plane.config("shadow", {"OutputConfig": OUTPUT}, **shadow)
    serverless = {
        "VariantName": "v",
        "ModelName": "m",
        "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
    }
    with pytest.raises(AwsError, match="cannot be given with a ServerlessConfig"):
        plane.config("serverless", {"OutputConfig": OUTPUT}, ProductionVariants=[serverless])


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({}, "has no S3OutputPath"),
        ({"S3OutputPath": "https://example.com/x"}, "S3OutputPath: .*is not a location in S3"),
        ({**OUTPUT, "S3FailurePath": "https://example.com/x"}, "S3FailurePath: .*is not a location"),
    ],
)
def test_an_output_that_cannot_be_used_is_refused_with_the_member_that_is_wrong(
    plane: Plane, output: dict[str, Any], words: str
) -> None:
    plane.config("odd", {"OutputConfig": output})
    with pytest.raises(AwsError, match=words):
        plane.call("CreateEndpoint", EndpointName="e", EndpointConfigName="odd")


def test_a_model_in_direct_mode_is_refused_since_no_request_could_name_a_container(plane: Plane) -> None:
    plane.call(
        "CreateModel",
        ModelName="direct",
        ExecutionRoleArn=ROLE,
        Containers=[{"Image": "image:1", "ContainerHostname": "a"}],
        InferenceExecutionConfig={"Mode": "Direct"},
    )
    variant = {
        "VariantName": "v",
        "ModelName": "direct",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    plane.config("direct", {"OutputConfig": OUTPUT}, ProductionVariants=[variant])
    with pytest.raises(AwsError, match="Direct mode"):
        plane.call("CreateEndpoint", EndpointName="e", EndpointConfigName="direct")


async def test_an_endpoint_stays_of_its_kind(plane: Plane) -> None:
    await in_service(plane)
    with pytest.raises(AwsError, match="from asynchronous to real-time inference"):
        plane.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="real-time")


async def test_an_update_keeps_what_is_queued(plane: Plane) -> None:
    endpoint = await in_service(plane)
    assert endpoint.asynchronous is not None
    await endpoint.asynchronous.submit(Submission(body=b"x"))
    plane.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    await plane.settled()
    state = plane.plane.state()[0]["async_queue"]
    assert (state["queued"], state["concurrency_per_instance"]) == (1, 9)


async def test_calls_of_the_wrong_kind_are_validation_errors_that_name_the_right_one(plane: Plane) -> None:
    await in_service(plane)
    runtime = Runtime(plane.plane.endpoints, account=ACCOUNT)
    with pytest.raises(AwsError, match=r"ValidationError: .*it takes InvokeEndpointAsync only"):
        runtime._fleet("e")
    assert runtime._queue("e").name == "e"
    plane.call("CreateEndpoint", EndpointName="r", EndpointConfigName="real-time")
    await until(lambda: plane.plane.endpoints.get("r").status.value == "InService")
    with pytest.raises(AwsError, match=r"ValidationError: .*is not asynchronous"):
        runtime._queue("r")
    with pytest.raises(AwsError, match=r"Endpoint nothing of account .* not found"):
        runtime._queue("nothing")


async def test_a_restart_of_hosting_starts_every_endpoint_anew_and_keeps_its_queue(plane: Plane) -> None:
    endpoint = await in_service(plane)
    assert endpoint.asynchronous is not None
    await endpoint.asynchronous.submit(Submission(body=b"x"))
    first = plane.hosting.fleets[0]
    first.capacity["blue"] = (3, 1.0)
    rehosting = Rehosting(plane.plane.endpoints, Clock())
    await rehosting.suspend(within_s=1)
    assert plane.call("DescribeEndpoint", EndpointName="e")["EndpointStatus"] == "SystemUpdating"
    for change in ("DeleteEndpoint", "UpdateEndpointWeightsAndCapacities"):
        wishes = {"DesiredWeightsAndCapacities": [{"VariantName": "blue", "DesiredWeight": 1}]}
        members = wishes if change != "DeleteEndpoint" else {}
        with pytest.raises(AwsError, match="Cannot update in-progress endpoint"):
            plane.call(change, EndpointName="e", **members)
    await plane.queues.close()
    plane.queues = plane.new_queues()
    await plane.queues.start()
    await rehosting.open_queues(plane.queues)
    runtime = Runtime(plane.plane.endpoints, account=ACCOUNT)
    await runtime._queue("e").submit(Submission(body=b"meanwhile"))
    await rehosting.end_fleets()
    assert first.stopped
    hosting = FakeHosting()
    assert await rehosting.resume(hosting.fleet, plane.queues) == [endpoint]
    assert endpoint.status.value == "InService"
    assert hosting.fleets[0].variants[0].instance_count == 3, "as many instances as before"
    assert plane.plane.state()[0]["async_queue"]["queued"] == 2


async def test_a_restart_waits_for_changes_and_gives_up_when_they_take_too_long(plane: Plane) -> None:
    await in_service(plane)
    plane.hosting.hold_start = True
    plane.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    with pytest.raises(StillChanging, match="e"):
        await Rehosting(plane.plane.endpoints, Clock()).suspend(within_s=0.01)
    plane.hosting.fleets[-1].may_start.set()
    await plane.settled()
    await Rehosting(plane.plane.endpoints, Clock()).suspend(within_s=5)


async def test_a_restart_waits_for_the_change_that_follows_a_change(plane: Plane) -> None:
    endpoint = await in_service(plane)
    fleet = plane.hosting.fleets[0]
    wishes = [{"VariantName": "blue", "DesiredInstanceCount": 2}]

    def resize() -> asyncio.Task[None]:
        plane.call("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=wishes)
        assert endpoint.task is not None
        return endpoint.task

    def resize_slowly(_: object) -> None:
        fleet.may_resize.clear()
        resize()
        asyncio.get_running_loop().call_later(0.05, fleet.may_resize.set)

    resize().add_done_callback(resize_slowly)  # as autoscaling does that has waited
    await Rehosting(plane.plane.endpoints, Clock()).suspend(within_s=5)
    assert endpoint.status.value == "SystemUpdating"
    assert fleet.capacity["blue"] == (2, 1.0)


async def test_no_endpoint_is_created_while_hosting_is_made_anew(plane: Plane) -> None:
    rehosting = Rehosting(plane.plane.endpoints, Clock())
    await in_service(plane)
    await rehosting.suspend(within_s=1)
    with pytest.raises(AwsError, match=r"ServiceUnavailable: .* is being restarted; try again shortly"):
        plane.call("CreateEndpoint", EndpointName="new", EndpointConfigName="c2")
    await rehosting.resume(plane.hosting.fleet, plane.queues)
    plane.call("CreateEndpoint", EndpointName="new", EndpointConfigName="c2")


async def test_a_restart_that_fails_leaves_endpoints_that_can_be_deleted(plane: Plane) -> None:
    endpoint = await in_service(plane)
    rehosting = Rehosting(plane.plane.endpoints, Clock())
    await rehosting.suspend(within_s=1)
    rehosting.give_up(OSError("No space left on device"))
    described = plane.call("DescribeEndpoint", EndpointName="e")
    assert described["EndpointStatus"] == "Failed"
    assert "No space left on device" in described["FailureReason"]
    plane.call("DeleteEndpoint", EndpointName="e")
    await endpoint.task  # type: ignore[misc]
    assert plane.plane.state() == []


async def test_an_endpoint_whose_queue_cannot_be_removed_is_deleted_nevertheless(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = await in_service(plane)

    async def forget(name: str) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(plane.queues._store, "forget", forget)
    plane.call("DeleteEndpoint", EndpointName="e")
    await endpoint.task  # type: ignore[misc]
    assert plane.plane.state() == []


async def test_a_deleted_endpoint_takes_its_queue_along(plane: Plane) -> None:
    endpoint = await in_service(plane)
    assert endpoint.asynchronous is not None
    await endpoint.asynchronous.submit(Submission(body=b"x"))
    plane.call("DeleteEndpoint", EndpointName="e")
    await endpoint.task  # type: ignore[misc]
    await in_service(plane)
    assert plane.plane.state()[0]["async_queue"]["queued"] == 0


def headers(**members: str) -> dict[str, str]:
    return {f"X-Amzn-SageMaker-{name}": value for name, value in members.items()}


async def submission(**members: str) -> Submission:
    request = make_mocked_request("POST", "/endpoints/e/async-invocations", headers=headers(**members))
    return await read_submission(request, "e")


async def test_every_member_of_the_operation_is_read_from_its_header() -> None:
    given = {
        "InputLocation": "s3://b/k",
        "Content-Type": "image/jpeg",
        "Accept": "application/json",
        "Custom-Attributes": "a=1",
        "Inference-Id": "id",
        "RequestTTLSeconds": "60",
        "InvocationTimeoutSeconds": "3600",
        "S3OutputPathExtension": "run/1",
        "Filename": "a.json",
    }
    assert await submission(**given) == Submission(
        input_location="s3://b/k",
        content_type="image/jpeg",
        accept="application/json",
        custom_attributes="a=1",
        inference_id="id",
        ttl_s=60,
        timeout_s=3600,
        output_extension="run/1",
        filename="a.json",
    )


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "Exactly one of InputLocation and Body"),
        ({"InputLocation": "ftp://b/k"}, "inputLocation.*regular expression pattern"),
        ({"InputLocation": "s3://bucket"}, "names a bucket and no object"),
        ({"InputLocation": "https://example.com/k"}, "is not a location in S3"),
        ({"InputLocation": "s3://b/k", "RequestTTLSeconds": "59"}, "greater than or equal to 60"),
        ({"InputLocation": "s3://b/k", "RequestTTLSeconds": "soon"}, "must be a whole number"),
        ({"InputLocation": "s3://b/k", "InvocationTimeoutSeconds": "3601"}, "less than or equal to 3600"),
        ({"InputLocation": "s3://b/k", "Inference-Id": "x" * 65}, "length less than or equal to 64"),
        ({"InputLocation": "s3://b/k", "S3OutputPathExtension": "s3://x"}, "s3OutputPathExtension"),
        ({"InputLocation": "s3://b/k", "Filename": "a.b.c"}, "filename"),
    ],
)
async def test_what_the_service_model_refuses_is_a_validation_error(
    members: dict[str, str], words: str
) -> None:
    with pytest.raises(AwsError, match=words) as refused:
        await submission(**members)
    assert (refused.value.code, refused.value.http_status) == ("ValidationError", 400)


@pytest.mark.parametrize(
    ("url", "bucket", "key"),
    [
        ("s3://b/k", "b", "k"),
        ("s3://b/a folder/한글?x=%20#y", "b", "a folder/한글?x=%20#y"),
        ("https://b.s3.ap-northeast-2.amazonaws.com/a%20b", "b", "a b"),
        ("https://b.s3.amazonaws.com/k", "b", "k"),
        ("https://s3.ap-northeast-2.amazonaws.com/b/k/l", "b", "k/l"),
        ("s3://b", "b", ""),
    ],
)
def test_locations_are_read_in_all_forms_of_s3(url: str, bucket: str, key: str) -> None:
    assert parse(url) == Location(bucket, key)


@pytest.mark.parametrize("url", ["", "b/k", "s3://", "s3:///k", "http://b.s3.amazonaws.com/k", "https://x/y"])
def test_what_is_no_location_is_refused(url: str) -> None:
    with pytest.raises(InvalidLocation, match="write s3://bucket/key"):
        parse(url)


def test_a_prefix_may_end_in_a_slash_or_not() -> None:
    assert str(parse("s3://b/out/").under("x.out")) == "s3://b/out/x.out"
    assert str(parse("s3://b/out").under("/run/", "x.out")) == "s3://b/out/run/x.out"
    assert str(parse("s3://b").under("x.out")) == "s3://b/x.out"
    with pytest.raises(InvalidLocation):
        parse_object("s3://b/")
