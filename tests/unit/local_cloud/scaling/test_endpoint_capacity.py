"""The engine's hold on the control plane."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fake_fleet import FakeHosting

from local_cloud.clock import Clock
from local_cloud.sagemaker.api import ControlPlane
from local_cloud.scaling import EndpointCapacity
from local_cloud.scaling.capacity import CannotScale

Call = Callable[..., dict[str, Any]]
BLUE = "endpoint/e/variant/blue"


@pytest.fixture
async def capacity(plane: ControlPlane, with_config: Call) -> EndpointCapacity:
    with_config("CreateEndpoint", EndpointName="e", EndpointConfigName="c1")
    capacity = EndpointCapacity(plane.endpoints, Clock())
    await capacity.ready(BLUE)
    return capacity


def status(call: Call) -> str:
    return str(call("DescribeEndpoint", EndpointName="e")["EndpointStatus"])


async def test_a_count_is_set_as_the_api_sets_it(capacity: EndpointCapacity, call: Call) -> None:
    seen: list[str] = []
    await capacity.set(BLUE, 3, lambda: seen.append(status(call)))
    assert seen == ["Updating"]
    assert status(call) == "InService"
    assert capacity.read(BLUE) is not None
    (variant,) = call("DescribeEndpoint", EndpointName="e")["ProductionVariants"]
    assert variant["DesiredInstanceCount"] == 3


async def test_only_asynchronous_endpoints_go_to_zero(
    capacity: EndpointCapacity, plane: ControlPlane, call: Call
) -> None:
    with pytest.raises(CannotScale, match="only variants of asynchronous endpoints can have no instances"):
        await capacity.set(BLUE, 0, lambda: None)
    live = plane.endpoints.get("e").live
    assert live is not None
    live.config = {**live.config, "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/o"}}}
    await capacity.set(BLUE, 0, lambda: None)
    reading = capacity.read(BLUE)
    assert reading is not None
    assert (reading.desired, reading.steady, reading.asynchronous) == (0, True, True)
    assert status(call) == "InService"
    await capacity.set(BLUE, 1, lambda: None)
    assert capacity.read(BLUE).desired == 1  # type: ignore[union-attr]


async def test_a_change_that_fails_says_why(
    capacity: EndpointCapacity, fake_hosting: FakeHosting, call: Call
) -> None:
    fake_hosting.fleets[0].resize_fails_with = "The ping failed."
    with pytest.raises(CannotScale, match="The ping failed"):
        await capacity.set(BLUE, 2, lambda: None)
    assert status(call) == "InService"


async def test_too_many_instances_are_refused_in_sagemakers_words(capacity: EndpointCapacity) -> None:
    with pytest.raises(CannotScale, match="account-level service limit"):
        await capacity.set(BLUE, 500, lambda: None)


async def test_an_endpoint_that_is_being_changed_is_waited_for(
    capacity: EndpointCapacity, fake_hosting: FakeHosting, call: Call
) -> None:
    fake_hosting.hold_start = True
    call("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    reading = capacity.read(BLUE)
    assert reading is not None
    assert (reading.desired, reading.steady) == (2, False)
    waiting = asyncio.create_task(capacity.ready(BLUE))
    await asyncio.sleep(0)
    assert not waiting.done()
    fake_hosting.fleets[-1].may_start.set()
    await asyncio.wait_for(waiting, 5)
    await capacity.set(BLUE, 4, lambda: None)


async def test_what_is_not_there_cannot_be_scaled(capacity: EndpointCapacity, call: Call) -> None:
    assert capacity.read("endpoint/nobody/variant/blue") is None
    assert capacity.read("endpoint/e/variant/green") is None
    assert capacity.read("table/t") is None
    for resource, complaint in (
        ("endpoint/nobody/variant/blue", "Could not find endpoint"),
        ("endpoint/e/variant/green", "Could not find variant"),
        ("table/t", "is not endpoint/"),
    ):
        with pytest.raises(CannotScale, match=complaint):
            await capacity.set(resource, 2, lambda: None)


async def test_an_endpoint_that_failed_or_went_meanwhile_ends_the_wait(
    plane: ControlPlane, with_config: Call, fake_hosting: FakeHosting, call: Call
) -> None:
    capacity = EndpointCapacity(plane.endpoints, Clock())
    fake_hosting.fail_with = "no image"
    with_config("CreateEndpoint", EndpointName="e", EndpointConfigName="c1")
    with pytest.raises(CannotScale, match="status Failed"):
        await asyncio.wait_for(capacity.ready(BLUE), 5)
    assert capacity.read(BLUE) is None
    call("DeleteEndpoint", EndpointName="e")
    with pytest.raises(CannotScale, match="Could not find endpoint"):
        await asyncio.wait_for(capacity.ready(BLUE), 5)
