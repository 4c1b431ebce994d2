from __future__ import annotations

import asyncio

import pytest

from local_cloud.clock import Clock


def test_only_waiting_constants_pass_faster() -> None:
    clock = Clock(time_scale=60)
    assert clock.scaled(300) == 5
    assert clock.deadline(300).remaining == pytest.approx(300, abs=5)
    assert clock.now().utcoffset() is not None


@pytest.mark.parametrize("scale", [0, -1, float("inf"), float("nan")])
def test_a_clock_cannot_stand_still(scale: float) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Clock(scale)


async def test_a_deadline_cancels_what_it_waits_for() -> None:
    waiting = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError):
        await Clock().deadline(0.01).wait(waiting)
    assert waiting.cancelled()


async def test_waiting_for_a_condition_ends_when_it_holds_or_the_deadline_passes() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert await Clock().deadline(5).until(event.is_set, every=0.001)
    assert not await Clock().deadline(0.01).until(lambda: False, every=0.001)
