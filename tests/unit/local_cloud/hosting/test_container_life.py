from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from toys import World, becomes, is_running, request, wait_until

from local_cloud.hosting import (
    ContainerState,
    ContainerUnavailable,
    DeploymentFailed,
    Fleet,
    Hosting,
    ModelError,
)


def only_container(fleet: Fleet) -> ContainerState:
    return fleet.describe()[0].instances[0].containers[0]


async def test_a_killed_container_is_restarted_and_says_how_it_ended(world: World, hosting: Hosting) -> None:
    fleet = hosting.fleet("demo", [world.variant()])
    await fleet.start()
    before = only_container(fleet)
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    assert await becomes(lambda: only_container(fleet).status.value != "Healthy")
    assert await becomes(lambda: only_container(fleet).status.value == "Healthy")
    after = only_container(fleet)
    assert (after.restarts, after.last_exit) == (1, "signal SIGKILL")
    assert after.pid != before.pid
    assert (await fleet.invoke(request("x"))).body == b"toy(x)"


async def test_a_container_that_stops_answering_pings_leaves_service_and_is_started_anew(
    world: World,
) -> None:
    settings = replace(world.settings, health_interval_s=0.5, ping_timeout_s=0.2, unhealthy_restart_s=3)
    hosting = Hosting(settings)
    fleet = hosting.fleet("demo", [world.variant()])
    await fleet.start()
    home = (await fleet.invoke(request("env HOME"))).body
    assert isinstance(home, bytes)
    await fleet.invoke(request("unhealthy"))
    assert await becomes(lambda: only_container(fleet).status.value == "Unhealthy")
    with pytest.raises(ContainerUnavailable, match="is Unhealthy"):
        await fleet.invoke(request("x"))
    await asyncio.to_thread(Path(home.decode(), "unhealthy").unlink)  # the next process answers
    assert await becomes(lambda: only_container(fleet).status.value == "Healthy")
    await hosting.close()


async def test_a_hung_container_is_ended(world: World) -> None:
    settings = replace(
        world.settings, health_interval_s=0.5, ping_timeout_s=0.2, unhealthy_restart_s=1, stop_grace_s=0.5
    )
    hosting = Hosting(settings)
    fleet = hosting.fleet("demo", [world.variant()])
    await fleet.start()
    pid = only_container(fleet).pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    assert await becomes(lambda: not is_running(pid))
    assert await becomes(lambda: only_container(fleet).status.value == "Healthy")
    assert only_container(fleet).restarts == 1
    await hosting.close()


async def test_a_container_that_ignores_sigterm_is_killed_after_the_grace(world: World) -> None:
    hosting = Hosting(replace(world.settings, stop_grace_s=0.5))
    fleet = hosting.fleet("demo", [world.variant(world.container(environment={"TOY": "ignores-sigterm"}))])
    await fleet.start()
    pid = only_container(fleet).pid
    assert pid is not None
    await fleet.stop()
    assert not is_running(pid)
    await hosting.close()


async def test_children_of_a_container_end_with_it(world: World, hosting: Hosting) -> None:
    fleet = hosting.fleet("demo", [world.variant()])
    await fleet.start()
    child = (await fleet.invoke(request("child"))).body
    assert isinstance(child, bytes)
    assert is_running(int(child))
    with pytest.raises(ModelError):
        await fleet.invoke(request("die"))
    assert await becomes(lambda: not is_running(int(child)))


async def test_stop_lets_a_running_request_finish(world: World, hosting: Hosting) -> None:
    fleet = hosting.fleet("demo", [world.variant()])
    await fleet.start()
    running = asyncio.create_task(fleet.invoke(request("sleep 0.5")))
    assert await becomes(lambda: fleet.describe()[0].instances[0].in_flight == 1)
    await fleet.stop(drain_s=20)
    assert (await running).body == b"slept"


async def test_more_instances_serve_once_they_are_up_and_fewer_leave_after_their_requests(
    world: World, hosting: Hosting
) -> None:
    fleet = hosting.fleet("demo", [world.variant()])
    await fleet.start()
    first = fleet.describe()[0].instances[0].instance_id
    growing = asyncio.create_task(fleet.set_capacity("blue", instance_count=3, weight=2.0))
    assert await becomes(lambda: fleet.describe()[0].desired_instance_count == 3)
    assert fleet.describe()[0].current_instance_count in (1, 3)
    assert (await fleet.invoke(request("x"))).status == 200
    await growing
    (state,) = fleet.describe()
    assert (state.current_instance_count, state.current_weight) == (3, 2.0)
    homes = {str((await fleet.invoke(request("env HOME"))).body) for _ in range(6)}
    assert len(homes) == 3
    running = [asyncio.create_task(fleet.invoke(request("sleep 0.3"))) for _ in range(6)]
    assert await becomes(lambda: all(i.in_flight == 2 for i in fleet.describe()[0].instances))
    await fleet.set_capacity("blue", instance_count=1, weight=None)
    assert [(await task).body for task in running] == [b"slept"] * 6
    (state,) = fleet.describe()
    assert [instance.instance_id for instance in state.instances] == [first]


async def test_instances_that_do_not_come_up_leave_the_variant_as_it_was(
    world: World, hosting: Hosting
) -> None:
    mark = world.settings.instances_dir / "one has started"
    container = world.container(environment={"TOY": "only-one", "TOY_MARK": str(mark)})
    fleet = hosting.fleet("demo", [world.variant(container)])
    await fleet.start()
    with pytest.raises(DeploymentFailed, match="did not pass the ping health check"):
        await fleet.set_capacity("blue", instance_count=2, weight=None)
    (state,) = fleet.describe()
    assert (state.current_instance_count, state.desired_instance_count) == (1, 1)
    assert (await fleet.invoke(request("x"))).status == 200


async def test_ports_of_all_containers_differ(world: World, hosting: Hosting) -> None:
    fleet = hosting.fleet(
        "demo", [world.variant(world.container("a"), world.container("b"), instance_count=2)]
    )
    await fleet.start()
    ports = [c.port for instance in fleet.describe()[0].instances for c in instance.containers]
    assert len(set(ports)) == 4


PARENT = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from local_cloud.hosting import Hosting
from toys import Aws, make_world, request

async def main():
    world = make_world(Aws(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), (sys.argv[5], sys.argv[5]))
    hosting = Hosting(world.settings)
    containers = world.container("a"), world.container("b")
    fleet = hosting.fleet("orphans", [world.variant(*containers, mode="Direct")])
    await fleet.start()
    child = (await fleet.invoke(request("child", target_container="a"))).body.decode()
    pids = [str(c.pid) for c in fleet.describe()[0].instances[0].containers]
    print(" ".join([child, *pids]), flush=True)
    await asyncio.sleep(300)

asyncio.run(main())
"""


def test_no_process_outlives_a_cloud_that_is_killed(world: World, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(PARENT),
            str(Path(__file__).parent),
            world.aws.url,
            str(tmp_path),
            str(world.settings.images_dir),
            world.image,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 3
        assert all(is_running(pid) for pid in pids)
    finally:
        parent.kill()
        parent.wait()
        if parent.stdout is not None:
            parent.stdout.close()
    assert wait_until(lambda: not any(is_running(pid) for pid in pids))
