from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from toys import World, becomes, request

from local_cloud.hosting import (
    ContainerUnavailable,
    Fleet,
    Hosting,
    InvocationTimedOut,
    ModelError,
    UnknownTarget,
    VariantSpec,
)

Start = Callable[..., Awaitable[Fleet]]


@pytest.fixture
async def start(world: World, hosting: Hosting) -> Start:
    async def start(*variants: VariantSpec) -> Fleet:
        fleet = hosting.fleet("demo", variants or [world.variant()])
        await fleet.start()
        return fleet

    return start


async def text(fleet: Fleet, body: str, **options: object) -> str:
    answer = (await fleet.invoke(request(body, **options))).body
    assert isinstance(answer, bytes)
    return answer.decode()


async def test_direct_mode_reaches_the_named_container(world: World, start: Start) -> None:
    fleet = await start(world.variant(world.container("a"), world.container("b"), mode="Direct"))
    assert await text(fleet, "x", target_container="a") == "a(x)"
    assert await text(fleet, "x", target_container="b") == "b(x)"
    with pytest.raises(UnknownTarget, match=r"TargetContainerHostname c does not exist.* a, b"):
        await fleet.invoke(request("x", target_container="c"))
    with pytest.raises(UnknownTarget, match="TargetContainerHostname is required"):
        await fleet.invoke(request("x"))


async def test_serial_mode_hands_answer_and_content_type_on(world: World, start: Start) -> None:
    fleet = await start(world.variant(world.container("a"), world.container("b"), world.container("c")))
    response = await fleet.invoke(request("x"))
    assert (response.body, response.content_type) == (b"c(b(a(x)))", "text/c")
    with pytest.raises(UnknownTarget, match="not configured for direct invocation"):
        await fleet.invoke(request("x", target_container="a"))


async def test_a_later_container_gets_the_content_type_of_the_one_before(world: World, start: Start) -> None:
    say_headers = world.container("b", environment={"TOY": "says-headers"})
    fleet = await start(world.variant(world.container("a"), say_headers))
    response = await fleet.invoke(request("x", accept="text/final"))
    assert isinstance(response.body, bytes)
    seen = response.body.decode().lower()
    assert "content-type: text/a" in seen
    assert "accept: text/final" in seen


async def test_headers_pass_both_ways(world: World, start: Start) -> None:
    fleet = await start(world.variant())
    response = await fleet.invoke(
        request("headers", accept="application/json", custom_attributes="c=1", inference_id="id-7")
    )
    assert isinstance(response.body, bytes)
    seen = response.body.decode().lower()
    for line in (
        "accept: application/json",
        "content-type: text/plain",
        "x-amzn-sagemaker-inference-id: id-7",
    ):
        assert line in seen
    assert response.custom_attributes == "seen c=1"


async def test_variants_share_requests_by_weight_and_can_be_named(world: World, start: Start) -> None:
    blue = world.variant(world.container(), name="blue", weight=3.0)
    green = world.variant(world.container(), name="green", weight=1.0)
    silent = world.variant(world.container(), name="silent", weight=0.0)
    fleet = await start(blue, green, silent)
    seen = Counter([(await fleet.invoke(request("x"))).invoked_variant for _ in range(400)])
    assert seen["silent"] == 0
    assert 0.6 < seen["blue"] / 400 < 0.9
    assert (await fleet.invoke(request("x", target_variant="silent"))).invoked_variant == "silent"
    with pytest.raises(UnknownTarget, match="Variant red does not exist"):
        await fleet.invoke(request("x", target_variant="red"))
    await fleet.set_capacity("blue", instance_count=None, weight=0.0)
    assert {(await fleet.invoke(request("x"))).invoked_variant for _ in range(20)} == {"green"}


async def test_the_least_busy_instance_is_chosen(world: World, start: Start) -> None:
    fleet = await start(world.variant(instance_count=2))
    slow = asyncio.create_task(fleet.invoke(request("sleep 1")))
    assert await becomes(lambda: any(instance.in_flight for instance in fleet.describe()[0].instances))
    busy = next(i.instance_id for i in fleet.describe()[0].instances if i.in_flight)
    directories = {await text(fleet, "env HOME") for _ in range(5)}
    assert len(directories) == 1
    assert busy not in directories.pop()
    await slow


@pytest.mark.parametrize(
    ("status", "kind"), [(400, "client error"), (429, "client error"), (500, "server error")]
)
async def test_an_error_of_the_container_is_a_model_error(
    world: World, start: Start, status: int, kind: str
) -> None:
    fleet = await start(world.variant())
    with pytest.raises(ModelError) as caught:
        await fleet.invoke(request(f"status {status}"))
    error = caught.value
    assert (error.original_status, error.original_message) == (status, "as you wish")
    assert error.message.startswith(
        f'Received {kind} ({status}) from primary with message "as you wish". See https://'
    )
    assert error.log_stream_arn.startswith(
        "arn:aws:logs:ap-northeast-2:123456789012:log-group:/aws/sagemaker/Endpoints/demo:log-stream:blue/i-"
    )


async def test_a_hanging_container_times_out(world: World) -> None:
    hosting = Hosting(replace(world.settings, invocation_timeout_s=0.5))
    fleet = hosting.fleet("demo", [world.variant(world.container("a"), world.container("b"), mode="Direct")])
    await fleet.start()
    with pytest.raises(InvocationTimedOut) as caught:
        await fleet.invoke(request("hang", target_container="b"))
    assert caught.value.original_status == 0
    assert caught.value.message.startswith(
        'Received server error (0) from b with message "Your invocation timed out while waiting for a '
        "response from container b."
    )
    assert await text(fleet, "x", target_container="b") == "b(x)"  # the container itself lives on
    await hosting.close()


@pytest.mark.parametrize("word", ["die", "kill", "half"])
async def test_a_broken_off_answer_is_a_model_error_at_once(world: World, start: Start, word: str) -> None:
    fleet = await start(world.variant())
    async with asyncio.timeout(10):
        with pytest.raises(ModelError, match="broke off before the answer was complete") as caught:
            await fleet.invoke(request(word))
    assert caught.value.original_status == 0


async def test_a_container_that_is_down_is_unavailable_at_once(world: World, start: Start) -> None:
    fleet = await start(world.variant(world.container("a"), world.container("b"), mode="Direct"))
    with pytest.raises(ModelError):
        await fleet.invoke(request("die", target_container="a"))
    with pytest.raises(ContainerUnavailable, match=r"a on i-\w+(: the container takes no| is Restarting)"):
        for _ in range(20):
            with contextlib.suppress(ModelError):  # its socket may still take a connection, and break it off
                await fleet.invoke(request("x", target_container="a"))
    assert await text(fleet, "x", target_container="b") == "b(x)"


async def test_a_request_goes_to_another_instance_when_one_takes_no_connection(
    world: World, start: Start
) -> None:
    fleet = await start(world.variant(instance_count=2))
    with pytest.raises(ModelError):
        await fleet.invoke(request("kill"))
    for _ in range(10):
        assert await text(fleet, "x") == "toy(x)"


async def test_a_streamed_answer_comes_in_pieces(world: World, start: Start) -> None:
    fleet = await start(world.variant())
    response = await fleet.invoke(request("stream 3", stream=True))
    assert not isinstance(response.body, bytes)
    assert b"".join([piece async for piece in response.body]) == b"piece 0\npiece 1\npiece 2\n"
    assert fleet.describe()[0].instances[0].in_flight == 0


async def test_a_stream_that_breaks_off_raises_midway(world: World, start: Start) -> None:
    fleet = await start(world.variant(world.container(environment={"TOY": "breaks-streams"})))
    response = await fleet.invoke(request("stream 2", stream=True))
    assert not isinstance(response.body, bytes)
    with pytest.raises(ModelError, match="broke off"):
        _ = [piece async for piece in response.body]


async def test_a_closed_stream_frees_its_instance(world: World, start: Start) -> None:
    fleet = await start(world.variant())
    response = await fleet.invoke(request("stream 100000", stream=True))
    assert not isinstance(response.body, bytes)
    await anext(response.body)
    await response.body.aclose()
    assert fleet.describe()[0].instances[0].in_flight == 0
    with pytest.raises(StopAsyncIteration):
        await anext(response.body)


async def test_a_stream_that_is_closed_before_its_first_piece_frees_its_instance_once(
    world: World, start: Start
) -> None:
    fleet = await start(world.variant())
    response = await fleet.invoke(request("stream 100000", stream=True))
    other = await fleet.invoke(request("stream 1", stream=True))
    assert not isinstance(response.body, bytes)
    assert not isinstance(other.body, bytes)
    assert fleet.describe()[0].instances[0].in_flight == 2
    for _ in range(2):
        await response.body.aclose()
        assert fleet.describe()[0].instances[0].in_flight == 1
    assert b"".join([piece async for piece in other.body]) == b"piece 0\n"
    await other.body.aclose()
    assert fleet.describe()[0].instances[0].in_flight == 0


async def test_a_cancelled_reader_of_a_stream_frees_its_instance(world: World, start: Start) -> None:
    fleet = await start(world.variant())
    response = await fleet.invoke(request("pausing-stream 30", stream=True))
    stream = response.body
    assert not isinstance(stream, bytes)
    assert await anext(stream) == b"piece 0\n"

    async def read() -> bytes:
        return await anext(stream)

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert fleet.describe()[0].instances[0].in_flight == 0


async def test_a_cancelled_request_frees_its_instance(world: World, start: Start) -> None:
    fleet = await start(world.variant())
    running = asyncio.create_task(fleet.invoke(request("sleep 30")))
    assert await becomes(lambda: fleet.describe()[0].instances[0].in_flight == 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert fleet.describe()[0].instances[0].in_flight == 0


async def test_many_requests_at_once_all_get_their_own_answer(world: World, start: Start) -> None:
    fleet = await start(world.variant(instance_count=2))
    answers = await asyncio.gather(*(text(fleet, f"n{number}") for number in range(200)))
    assert answers == [f"toy(n{number})" for number in range(200)]
