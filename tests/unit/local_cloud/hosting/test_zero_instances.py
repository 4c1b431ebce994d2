from __future__ import annotations

import asyncio

import pytest
from toys import World, becomes, request

from local_cloud.hosting import ContainerUnavailable, Hosting


async def test_a_variant_goes_to_zero_and_back_without_preparing_anything_anew(
    world: World, hosting: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = hosting.fleet("demo", [world.variant()])
    await fleet.start()
    await fleet.set_capacity("blue", instance_count=0, weight=None)
    (state,) = fleet.describe()
    assert (state.current_instance_count, state.desired_instance_count, state.instances) == (0, 0, ())
    assert state.deployed_images, "what would be started is known still"
    with pytest.raises(ContainerUnavailable, match="it has no instance in service"):
        await fleet.invoke(request("x"))

    def no_more(*_: object) -> None:
        raise AssertionError("images and models were prepared already")

    monkeypatch.setattr(hosting._platform.images, "resolve", no_more)
    monkeypatch.setattr(hosting._platform.models, "acquire", no_more)
    await fleet.set_capacity("blue", instance_count=1, weight=None)
    assert (await fleet.invoke(request("x"))).body == b"toy(x)"


async def test_a_fleet_may_start_with_no_instances(world: World, hosting: Hosting) -> None:
    fleet = hosting.fleet("demo", [world.variant(instance_count=0)])
    await fleet.start()
    assert fleet.describe()[0].current_instance_count == 0
    await fleet.set_capacity("blue", instance_count=1, weight=None)
    assert (await fleet.invoke(request("x"))).status == 200


async def test_the_last_request_is_answered_before_the_last_instance_goes(
    world: World, hosting: Hosting
) -> None:
    fleet = hosting.fleet("demo", [world.variant()])
    await fleet.start()
    running = asyncio.create_task(fleet.invoke(request("sleep 0.3")))
    assert await becomes(lambda: fleet.describe()[0].instances[0].in_flight == 1)
    await fleet.set_capacity("blue", instance_count=0, weight=None)
    assert (await running).body == b"slept"


async def test_the_idlest_instance_goes_first(world: World, hosting: Hosting) -> None:
    fleet = hosting.fleet("demo", [world.variant(instance_count=3)])
    await fleet.start()
    running = [asyncio.create_task(fleet.invoke(request("sleep 2"))) for _ in range(2)]
    assert await becomes(lambda: sum(i.in_flight for i in fleet.describe()[0].instances) == 2)
    busy = {i.instance_id for i in fleet.describe()[0].instances if i.in_flight}
    assert len(busy) == 2
    await fleet.set_capacity("blue", instance_count=2, weight=None)
    assert {i.instance_id for i in fleet.describe()[0].instances} == busy
    assert not any(task.done() for task in running), "nobody was waited for"
    await asyncio.gather(*running)
