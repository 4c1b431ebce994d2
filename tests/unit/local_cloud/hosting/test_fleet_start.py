from __future__ import annotations

import asyncio
import io
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from toys import REGISTRY, World, becomes, is_running, request

from local_cloud.hosting import DeploymentFailed, Hosting, NotReady


def running_toys(world: World) -> list[int]:
    """Processes whose working folder is an instance of this world."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            folder = (process / "cwd").readlink()
        except OSError:
            continue
        if folder.is_relative_to(world.settings.instances_dir):
            found.append(int(process.name))
    return found


async def reason_of_failed_start(hosting: Hosting, world: World, *variants: object) -> str:
    fleet = hosting.fleet("demo", list(variants))  # type: ignore[arg-type]
    with pytest.raises(DeploymentFailed) as caught:
        await fleet.start()
    assert running_toys(world) == []
    assert list((world.settings.instances_dir / "run").glob("*")) == []
    return caught.value.reason


async def test_a_started_fleet_answers_and_a_stopped_one_leaves_no_process(
    world: World, hosting: Hosting
) -> None:
    fleet = hosting.fleet("demo", [world.variant()])
    with pytest.raises(NotReady):
        await fleet.invoke(request("too early"))
    await fleet.start()
    (state,) = fleet.describe()
    (container,) = state.instances[0].containers
    assert container.pid is not None
    assert is_running(container.pid)
    assert state.deployed_images[0].resolved == world.image
    response = await fleet.invoke(request("hello"))
    assert (response.status, response.body, response.invoked_variant) == (200, b"toy(hello)", "blue")
    await fleet.stop()
    assert not is_running(container.pid)
    await fleet.stop()  # harmless


async def test_a_container_that_keeps_crashing_fails_early_with_exit_code_and_last_log_line(
    world: World, hosting: Hosting
) -> None:
    began = time.monotonic()
    container = world.container(environment={"TOY": "crash"})
    reason = await reason_of_failed_start(hosting, world, world.variant(container, startup_timeout_s=480))
    assert time.monotonic() - began < 60
    assert reason.startswith(
        "The primary container for production variant blue did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    )
    assert "exit code 1" in reason
    assert "cannot load the model: weights.bin is missing" in reason


async def test_every_failing_container_of_a_model_is_named(world: World, hosting: Hosting) -> None:
    broken = {"TOY": "crash"}
    variant = world.variant(
        world.container("sentiment", environment=broken),
        world.container("fine"),
        world.container("similarity", environment=broken),
    )
    reason = await reason_of_failed_start(hosting, world, variant)
    assert reason.startswith(
        "The sentiment, similarity containers for production variant blue did not pass the ping"
    )
    assert "fine" not in reason


async def test_a_container_that_never_answers_200_fails_when_its_time_is_over(
    world: World, hosting: Hosting
) -> None:
    container = world.container(environment={"TOY": "never-ready"})
    reason = await reason_of_failed_start(hosting, world, world.variant(container, startup_timeout_s=1))
    assert "did not answer GET /ping with 200 within 1 s" in reason


async def test_one_crash_at_the_start_is_forgiven(world: World, hosting: Hosting) -> None:
    fleet = hosting.fleet("demo", [world.variant(world.container(environment={"TOY": "crash-once"}))])
    await fleet.start()
    container = fleet.describe()[0].instances[0].containers[0]
    assert (container.restarts, container.last_exit) == (1, "exit code 1")


async def test_several_containers_demand_the_label(world: World, hosting: Hosting) -> None:
    variant = world.variant(world.container("a"), world.container("b", image=world.unlabelled_image))
    reason = await reason_of_failed_start(hosting, world, variant)
    assert reason == (
        f"Your Ecr Image {world.unlabelled_image} does not contain required "
        "com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true Docker label(s)."
    )


async def test_a_lone_container_needs_no_label(world: World, hosting: Hosting) -> None:
    fleet = hosting.fleet("demo", [world.variant(world.container(image=world.unlabelled_image))])
    await fleet.start()


@pytest.mark.parametrize(
    ("image", "detail"),
    [
        (f"{REGISTRY}/nothing:1", "ECR has no repository 'nothing'"),
        (f"{REGISTRY}/toy:2", f"{REGISTRY}/toy:2 is not in ECR"),
        (f"{REGISTRY}/toy@sha256:{'0' * 64}", f"{REGISTRY}/toy@sha256:{'0' * 64} is not in ECR"),
        ("999999999999.dkr.ecr.us-east-1.amazonaws.com/toy:1", "lies in account 999999999999"),
        ("docker.io/library/python:3.11", "is not the URI of an image in ECR"),
    ],
)
async def test_an_image_that_is_not_there_gives_aws_reason(
    world: World, hosting: Hosting, image: str, detail: str
) -> None:
    reason = await reason_of_failed_start(hosting, world, world.variant(world.container(image=image)))
    assert reason.startswith(
        "Please make sure all images included in the model for the production variant blue exist, and that "
        "the execution role used to create the model has permissions to access them."
    )
    assert detail in reason


async def test_an_image_whose_content_is_elsewhere_says_to_build_it(world: World, tmp_path: Path) -> None:
    hosting = Hosting(replace(world.settings, images_dir=tmp_path / "empty store"))
    reason = await reason_of_failed_start(hosting, world, world.variant())
    await hosting.close()
    assert "is in ECR, but its content is not on this machine" in reason
    assert "invoke images.build" in reason


async def test_an_image_may_be_named_by_its_tag(world: World, hosting: Hosting) -> None:
    fleet = hosting.fleet("demo", [world.variant(world.container(image=f"{REGISTRY}/toy:1"))])
    await fleet.start()
    (deployed,) = fleet.describe()[0].deployed_images
    assert (deployed.specified, deployed.resolved) == (f"{REGISTRY}/toy:1", world.image)


async def test_the_container_reads_its_unpacked_model(world: World, hosting: Hosting) -> None:
    url = world.put_archive("good.tar.gz", {"weights/w.txt": b"42"})
    fleet = hosting.fleet("demo", [world.variant(world.container(model_data_url=url), instance_count=2)])
    await fleet.start()
    for _ in range(2):
        assert (await fleet.invoke(request("read weights/w.txt"))).body == b"42"
    (unpacked,) = (world.settings.instances_dir / "models").glob("[0-9a-f]*/weights/w.txt")
    assert unpacked.stat().st_mode & 0o222 == 0


async def test_missing_model_data_gives_aws_reason(world: World, hosting: Hosting) -> None:
    variant = world.variant(world.container(model_data_url="s3://models/absent.tar.gz"))
    reason = await reason_of_failed_start(hosting, world, variant)
    assert reason.startswith("Could not find model data at s3://models/absent.tar.gz.")


async def test_a_missing_bucket_gives_aws_reason(world: World, hosting: Hosting) -> None:
    variant = world.variant(world.container(model_data_url="s3://no-such-bucket/model.tar.gz"))
    reason = await reason_of_failed_start(hosting, world, variant)
    assert reason.startswith("Could not find model data at s3://no-such-bucket/model.tar.gz.")


def traversal() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        member = tarfile.TarInfo("../../escaped")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    return target.getvalue()


@pytest.mark.parametrize(
    ("body", "detail"), [(b"not an archive", "not a valid tar.gz"), (traversal(), "outside")]
)
async def test_a_broken_or_hostile_archive_gives_aws_reason(
    world: World, hosting: Hosting, body: bytes, detail: str
) -> None:
    url = world.put_archive("bad.tar.gz", body)
    reason = await reason_of_failed_start(
        hosting, world, world.variant(world.container("a", model_data_url=url))
    )
    assert reason.startswith(
        f'Failed to extract model data archive for container "primary" from URL "{url}". '
        "Please ensure that the object located at the URL is a valid tar.gz archive."
    )
    assert detail in reason
    assert not list(world.settings.instances_dir.rglob("escaped"))


async def test_the_container_sees_only_what_a_container_would(
    world: World, hosting: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the user's own")
    monkeypatch.setenv("PRIVATE", "secret")
    container = world.container(environment={"COLOUR": "red", "SAGEMAKER_BIND_TO_PORT": "1"})
    fleet = hosting.fleet("demo", [world.variant(container)])
    await fleet.start()

    async def variable(name: str) -> str:
        body = (await fleet.invoke(request(f"env {name}"))).body
        assert isinstance(body, bytes)
        return body.decode()

    assert await variable("PRIVATE") == ""
    assert await variable("AWS_SECRET_ACCESS_KEY") == "local"
    assert await variable("COLOUR") == "red"
    assert await variable("AWS_REGION") == "ap-northeast-2"
    assert await variable("SERVING_HOST") == "127.0.0.1"
    port = await variable("SAGEMAKER_BIND_TO_PORT")
    assert port == str(fleet.describe()[0].instances[0].containers[0].port)
    first, last = (await variable("SAGEMAKER_SAFE_PORT_RANGE")).split("-")
    assert int(port) < int(first) < int(last)
    assert int(await variable("SERVING_THREADS")) in (1, 2)
    assert await variable("SERVING_MODEL_DIR") == await variable("SM_MODEL_DIR")


async def test_a_cancelled_start_leaves_nothing_behind(world: World, hosting: Hosting) -> None:
    fleet = hosting.fleet("demo", [world.variant(world.container(environment={"TOY": "never-ready"}))])
    start = asyncio.create_task(fleet.start())
    assert await becomes(lambda: bool(running_toys(world)))
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert running_toys(world) == []


async def test_one_broken_variant_fails_the_whole_fleet_early(world: World, hosting: Hosting) -> None:
    slow = world.variant(world.container(environment={"TOY": "never-ready"}), startup_timeout_s=480)
    bad = world.variant(world.container(environment={"TOY": "crash"}), name="green")
    async with asyncio.timeout(60):
        reason = await reason_of_failed_start(hosting, world, slow, bad)
    assert "production variant green" in reason


async def test_a_stop_gives_up_a_start_that_is_under_way(world: World, hosting: Hosting) -> None:
    slow = world.variant(world.container(environment={"TOY": "never-ready"}), startup_timeout_s=480)
    fleet = hosting.fleet("demo", [slow])
    start = asyncio.create_task(fleet.start())
    assert await becomes(lambda: bool(running_toys(world)))
    async with asyncio.timeout(30):
        await fleet.stop()
        with pytest.raises(DeploymentFailed, match="was stopped while its containers started"):
            await start
    assert running_toys(world) == []


async def test_a_stop_while_images_and_models_are_fetched_lets_nothing_start(
    world: World, hosting: Hosting
) -> None:
    fleet = hosting.fleet("demo", [world.variant()])
    start = asyncio.create_task(fleet.start())
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await fleet.stop()
        with pytest.raises(DeploymentFailed, match="was stopped"):
            await start
    assert fleet.describe()[0].instances == ()
    assert running_toys(world) == []
