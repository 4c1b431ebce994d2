"""Containers on demand: cold and warm ones, one request in each, as many as may be, and their end."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
from serverless_parts import ask, ask_all, pids, pool, running, serverless, text, with_settings
from toys import World, becomes, is_running, request

from local_cloud.hosting import (
    DeploymentFailed,
    HostedFleet,
    Hosting,
    ModelError,
    NotReady,
    Throttled,
    UnknownTarget,
)
from local_cloud.hosting.errors import ContainerDied, InvocationTimedOut


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Requests ``hold {gate}`` are at work until it is there."""
    return tmp_path / "gate"


@pytest.fixture
def held(tmp_path: Path) -> dict[str, str]:
    """Variables of a toy whose start waits for the file TOY_GATE, once there is TOY_MARK."""
    return {
        "TOY": "held-start",
        "TOY_MARK": str(tmp_path / "mark"),
        "TOY_GATE": str(tmp_path / "start"),
    }


def make(file: Path | str) -> None:
    Path(file).touch()


def at_work(fleet: HostedFleet) -> int:
    """Containers with a request inside."""
    return sum(container.in_flight for container in pool(fleet).containers)


async def test_one_container_is_started_to_see_that_the_model_works_and_answers_the_first_request(
    world: World, hosting: Hosting
) -> None:
    async with running(hosting, serverless(world)) as fleet:
        (warm,) = pids(fleet)
        assert await ask(fleet, "pid") == str(warm)
        (state,) = fleet.describe()
        assert (state.instances, state.current_instance_count) == ((), 0)
        assert state.deployed_images[0].specified == world.image


async def test_requests_one_after_another_share_a_container_and_requests_at_once_do_not(
    world: World, hosting: Hosting, gate: Path
) -> None:
    async with running(hosting, serverless(world)) as fleet:
        first = {await ask(fleet, "pid") for _ in range(4)}
        assert len(first) == 1
        calls = asyncio.gather(*(ask(fleet, f"hold {gate}") for _ in range(3)))
        assert await becomes(lambda: at_work(fleet) == 3)
        make(gate)
        together = await calls
        assert len(set(together)) == 3, "each has a container of its own"
        assert first < set(together)
        assert {str(pid) for pid in pids(fleet)} == set(together)


async def test_the_container_that_was_used_last_is_used_next(
    world: World, hosting: Hosting, gate: Path
) -> None:
    second_gate = gate.with_name("second gate")
    async with running(hosting, serverless(world, provisioned=2)) as fleet:
        first = asyncio.create_task(ask(fleet, f"hold {gate}"))
        second = asyncio.create_task(ask(fleet, f"hold {second_gate}"))
        assert await becomes(lambda: at_work(fleet) == 2)
        make(gate)
        earlier = await first
        make(second_gate)
        last = await second
        assert [await ask(fleet, "pid") for _ in range(3)] == [last] * 3
        assert earlier != last


async def test_of_200_requests_at_once_20_are_served_and_180_throttled_at_once(
    world: World, hosting: Hosting
) -> None:
    async with running(hosting, serverless(world, max_concurrency=20)) as fleet:
        began = time.monotonic()
        calls = [asyncio.create_task(ask(fleet, f"work 0.3 {number}")) for number in range(200)]
        assert await becomes(lambda: sum(call.done() for call in calls) >= 180, 5)
        assert time.monotonic() - began < 2, "who is throttled does not wait"
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert results[:20] == [f"toy(work 0.3 {number})" for number in range(20)]
        assert {type(result) for result in results[20:]} == {Throttled}
        assert 1 <= len(pool(fleet).containers) <= 20
        assert pool(fleet).in_flight == 0
        assert await ask(fleet, "again") == "toy(again)"


async def test_no_more_containers_start_at_once_than_the_machine_has_cpus(world: World) -> None:
    hosting = with_settings(world)
    try:
        at_once = hosting._platform.starts.at_once
        most = 0
        async with running(hosting, serverless(world, max_concurrency=8)) as fleet:
            calls = asyncio.gather(*(ask(fleet, "sleep 0.5") for _ in range(8)))
            while not calls.done():
                starting = list((world.settings.instances_dir / "run").iterdir())
                most = max(most, len(starting) - len(pool(fleet).containers))
                await asyncio.sleep(0.01)
            await calls
        assert 1 <= most <= at_once
    finally:
        await hosting.close()


async def test_who_waits_for_a_start_takes_a_container_that_is_free_sooner(
    world: World, hosting: Hosting, gate: Path, held: dict[str, str]
) -> None:
    async with running(hosting, serverless(world, environment=held)) as fleet:
        (warm,) = pids(fleet)
        make(held["TOY_MARK"])
        busy = asyncio.create_task(ask(fleet, f"hold {gate}"))
        assert await becomes(lambda: at_work(fleet) == 1)
        waiting = asyncio.create_task(ask(fleet, "pid"))
        assert await becomes(lambda: pool(fleet).starting == 1)
        make(gate)
        assert await waiting == str(warm) == await busy
        assert len(pids(fleet)) == 1
        make(held["TOY_GATE"])
        assert await becomes(lambda: len(pids(fleet)) == 2), "what was begun comes up, and is warm"


async def test_idle_containers_go_but_not_the_provisioned(world: World, gate: Path) -> None:
    hosting = with_settings(world, serverless_idle_s=2)  # a fifth of a second at the clock's scale of 10
    try:
        async with running(hosting, serverless(world, provisioned=1)) as fleet:
            calls = asyncio.gather(*(ask(fleet, f"hold {gate}") for _ in range(2)))
            assert await becomes(lambda: at_work(fleet) == 2)
            before = pids(fleet)
            make(gate)
            await calls
            assert await becomes(lambda: len(pids(fleet)) == 1)
            assert await becomes(lambda: sum(is_running(pid) for pid in before) == 1)
            await asyncio.sleep(0.3)
            assert len(pids(fleet)) == 1
        async with running(hosting, serverless(world), "on-demand") as fleet:
            assert await becomes(lambda: not pids(fleet))
            assert await ask(fleet, "a cold start") == "toy(a cold start)"
    finally:
        await hosting.close()


async def test_provisioned_containers_are_warm_before_service_and_replaced_when_they_die(
    world: World, hosting: Hosting
) -> None:
    async with running(hosting, serverless(world, provisioned=3)) as fleet:
        before = pids(fleet)
        assert len(before) == 3
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        assert await becomes(lambda: victim not in pids(fleet) and len(pids(fleet)) == 3)
        assert len(before & pids(fleet)) == 2


async def test_kill_9_in_the_middle_of_a_request_is_a_model_error_and_the_next_one_is_served(
    world: World, hosting: Hosting
) -> None:
    async with running(hosting, serverless(world)) as fleet:
        (warm,) = pids(fleet)
        call = asyncio.create_task(ask(fleet, "sleep 20"))
        assert await becomes(lambda: pool(fleet).in_flight == 1)
        await asyncio.sleep(0.1)
        os.kill(warm, signal.SIGKILL)
        with pytest.raises(ContainerDied, match="signal SIGKILL") as caught:
            await asyncio.wait_for(call, 5)
        assert caught.value.original_status == 0
        assert await ask(fleet, "next") == "toy(next)"
        assert warm not in pids(fleet)


async def test_a_container_over_its_memory_is_ended_and_its_request_is_told(
    world: World, hosting: Hosting
) -> None:
    async with running(hosting, serverless(world, memory_mb=100)) as fleet:
        assert await ask(fleet, "fine") == "toy(fine)"
        with pytest.raises(ModelError) as caught:
            await asyncio.wait_for(ask(fleet, "allocate 150"), 10)
        error = caught.value
        assert error.original_status == 0
        assert error.original_message.startswith(
            "Amazon SageMaker could not get a response from the endpoint endpoint. This can occur when CPU"
        )
        assert "more than the 100 MB of its MemorySizeInMB" in error.message
        assert await ask(fleet, "next") == "toy(next)"


async def test_a_request_over_time_fails_and_its_container_gets_no_other(world: World) -> None:
    hosting = with_settings(world, invocation_timeout_s=0.5)
    try:
        async with running(hosting, serverless(world)) as fleet:
            (warm,) = pids(fleet)
            with pytest.raises(InvocationTimedOut, match="timed out while waiting"):
                await ask(fleet, "hang")
            assert await ask(fleet, "pid") != str(warm)
            assert await becomes(lambda: not is_running(warm))
    finally:
        await hosting.close()


async def test_a_container_that_does_not_come_up_for_a_request_fails_it_and_no_other(
    world: World, hosting: Hosting, gate: Path
) -> None:
    mark = world.settings.instances_dir.parent / "mark"
    spec = serverless(world, environment={"TOY": "only-one", "TOY_MARK": str(mark)})
    async with running(hosting, spec) as fleet:
        (warm,) = pids(fleet)
        busy = asyncio.create_task(ask(fleet, f"hold {gate}"))
        assert await becomes(lambda: at_work(fleet) == 1)
        with pytest.raises(ModelError, match=r"ping health check.*another one has started") as caught:
            await asyncio.wait_for(ask(fleet, "needs a second container"), 10)
        assert caught.value.original_status == 0
        make(gate)
        assert await busy == str(warm)
        assert await ask(fleet, "next") == "toy(next)"


async def test_a_start_that_takes_too_long_is_model_not_ready(
    world: World, hosting: Hosting, gate: Path, held: dict[str, str]
) -> None:
    async with running(hosting, serverless(world, environment=held)) as fleet:
        (warm,) = pids(fleet)
        make(held["TOY_MARK"])
        fleet._pool._startup_s = 0.3  # type: ignore[attr-defined]
        busy = asyncio.create_task(ask(fleet, f"hold {gate}"))
        assert await becomes(lambda: at_work(fleet) == 1)
        with pytest.raises(NotReady, match="still being provisioned"):
            await asyncio.wait_for(ask(fleet, "no"), 5)
        make(gate)
        assert await busy == str(warm)


async def test_a_caller_who_leaves_frees_the_place_and_leaks_no_container(
    world: World, hosting: Hosting
) -> None:
    async with running(hosting, serverless(world, max_concurrency=2)) as fleet:
        leaving = [asyncio.create_task(ask(fleet, "work 0.4 x")) for _ in range(2)]
        assert await becomes(lambda: pool(fleet).in_flight == 2)
        await asyncio.sleep(0.1)
        for call in leaving:
            call.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        assert await becomes(lambda: pool(fleet).in_flight == 0)
        assert await ask_all(fleet, "a", "b") == ["toy(a)", "toy(b)"]
        assert len(pids(fleet)) <= 2


async def test_a_request_that_was_sent_keeps_its_container_until_it_is_done(
    world: World, hosting: Hosting
) -> None:
    async with running(hosting, serverless(world, max_concurrency=1)) as fleet:
        leaving = asyncio.create_task(ask(fleet, "sleep 0.5"))
        assert await becomes(lambda: bool(pool(fleet).containers[0].in_flight))
        await asyncio.sleep(0.1)
        leaving.cancel()
        await asyncio.sleep(0)
        with pytest.raises(Throttled):
            await ask(fleet, "the container still works")
        assert await becomes(lambda: pool(fleet).in_flight == 0, 3)
        assert await ask(fleet, "next") == "toy(next)"


async def test_a_streamed_answer_holds_its_container_until_its_end(world: World, hosting: Hosting) -> None:
    async with running(hosting, serverless(world, max_concurrency=1)) as fleet:
        (warm,) = pids(fleet)
        answer = await fleet.invoke(request("pausing-stream 0.2", stream=True))
        assert not isinstance(answer.body, bytes)
        with pytest.raises(Throttled):
            await ask(fleet, "no room")
        assert b"".join([piece async for piece in answer.body]) == b"piece 0\npiece 1\n"
        assert await ask(fleet, "pid") == str(warm)
        given_up = await fleet.invoke(request("pausing-stream 5", stream=True))
        assert not isinstance(given_up.body, bytes)
        await given_up.body.aclose()
        assert await ask(fleet, "pid") != str(warm), "it may still be at work"
        assert pool(fleet).in_flight == 0


async def test_concurrency_changes_in_service(world: World, hosting: Hosting) -> None:
    async with running(hosting, serverless(world, max_concurrency=1)) as fleet:
        await fleet.set_concurrency("blue", max_concurrency=4, provisioned=3)
        assert len(pids(fleet)) == 3
        assert (pool(fleet).current.max_concurrency, pool(fleet).current.provisioned) == (4, 3)
        assert not [r for r in await ask_all(fleet, *["sleep 0.3"] * 4) if isinstance(r, Throttled)]
        await fleet.set_concurrency("blue", max_concurrency=2, provisioned=0)
        results = await ask_all(fleet, *["sleep 0.3"] * 4)
        assert [type(result) for result in results] == [str, str, Throttled, Throttled]
        assert await becomes(lambda: len(pids(fleet)) <= 2), "no more are warm than may be"
        with pytest.raises(UnknownTarget, match="green does not exist"):
            await fleet.set_concurrency("green", max_concurrency=1, provisioned=None)
        with pytest.raises(DeploymentFailed, match="has no instances"):
            await fleet.set_capacity("blue", instance_count=1, weight=None)


async def test_what_cannot_be_provisioned_changes_nothing(world: World, hosting: Hosting) -> None:
    mark = world.settings.instances_dir.parent / "mark"
    spec = serverless(world, environment={"TOY": "only-one", "TOY_MARK": str(mark)})
    async with running(hosting, spec) as fleet:
        before = pool(fleet).current
        with pytest.raises(DeploymentFailed, match="another one has started"):
            await fleet.set_concurrency("blue", max_concurrency=None, provisioned=2)
        assert pool(fleet).current == pool(fleet).desired == before
        assert await ask(fleet, "as before") == "toy(as before)"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TOY": "crash"}, r"primary container .* ping health check.*exit code 1.*weights\.bin is missing"),
        ({"TOY": "never-ready"}, r"Unable to successfully stand up your model within the allotted 1 second"),
    ],
)
async def test_a_model_that_does_not_start_fails_the_endpoint_and_leaves_nothing(
    world: World, environment: dict[str, str], words: str
) -> None:
    hosting = with_settings(world, serverless_startup_s=1)
    try:
        fleet = hosting.fleet("endpoint", [serverless(world, environment=environment)])
        with pytest.raises(DeploymentFailed, match=words):
            await fleet.start()
        assert pids(fleet) == set()
        assert list((world.settings.instances_dir / "run").iterdir()) == []
    finally:
        await hosting.close()


async def test_a_missing_archive_fails_the_endpoint(world: World, hosting: Hosting) -> None:
    fleet = hosting.fleet("endpoint", [serverless(world, model_data_url="s3://models/nothing.tar.gz")])
    with pytest.raises(DeploymentFailed, match=r"Could not find model data at s3://models/nothing"):
        await fleet.start()


async def test_targets_are_checked_and_nothing_is_served_before_the_start(
    world: World, hosting: Hosting
) -> None:
    fleet = hosting.fleet("endpoint", [serverless(world)])
    with pytest.raises(NotReady):
        await ask(fleet, "too early")
    await fleet.start()
    with pytest.raises(UnknownTarget, match="is serverless and has one container"):
        await ask(fleet, "x", target_container="toy")
    with pytest.raises(UnknownTarget, match="Variant green does not exist"):
        await ask(fleet, "x", target_variant="green")
    assert text(await fleet.invoke(request("x", target_variant="blue"))) == "toy(x)"
    await fleet.stop()
    with pytest.raises(NotReady):
        await ask(fleet, "too late")


async def test_a_stop_lets_requests_end_and_then_nothing_is_left(world: World, hosting: Hosting) -> None:
    fleet = hosting.fleet("endpoint", [serverless(world)])
    await fleet.start()
    calls = [asyncio.create_task(ask(fleet, "work 0.5 x")) for _ in range(2)]
    assert await becomes(lambda: pool(fleet).in_flight == 2)
    await fleet.stop(drain_s=10)
    assert await asyncio.gather(*calls) == ["toy(work 0.5 x)"] * 2
    assert list((world.settings.instances_dir / "run").iterdir()) == []


async def test_an_answer_over_the_payload_limit_is_a_model_error(world: World, hosting: Hosting) -> None:
    async with running(hosting, serverless(world)) as fleet:
        (warm,) = pids(fleet)
        with pytest.raises(ModelError, match="answers with at most 4 MB"):
            await ask(fleet, f"large {4 * 1024 * 1024 + 1}")
        assert await ask(fleet, "pid") == str(warm)


async def test_memory_gives_threads(world: World, hosting: Hosting) -> None:
    async with running(hosting, serverless(world, memory_mb=1024)) as fleet:
        assert await ask(fleet, "env SERVING_THREADS") == "1"
