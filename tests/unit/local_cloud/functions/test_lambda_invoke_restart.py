"""The execution side in front of which a restart happens."""

from __future__ import annotations

import asyncio

import pytest
from invoke_parts import FakeControl, FakeExecution

from local_cloud.functions.restartable import RestartableExecution
from local_cloud.functions.specs import InvocationRequest

VERSION = FakeControl().resolve("echo", "1").version
REQUEST = InvocationRequest("id", b"{}", "arn", "echo", 0.0)


class SlowToEnd(FakeExecution):
    def __init__(self) -> None:
        super().__init__()
        self.may_end = asyncio.Event()

    async def close(self) -> None:
        await self.may_end.wait()
        await super().close()


@pytest.fixture
def made() -> list[SlowToEnd]:
    return []


@pytest.fixture
def execution(made: list[SlowToEnd]) -> RestartableExecution:
    def make() -> SlowToEnd:
        made.append(SlowToEnd())
        return made[-1]

    return RestartableExecution(make)


async def test_what_is_reserved_and_provisioned_is_told_to_the_new_side(
    execution: RestartableExecution, made: list[SlowToEnd]
) -> None:
    execution.set_reserved("echo", 3)
    execution.set_reserved("gone", 1)
    execution.set_reserved("gone", None)
    execution.set_provisioned(VERSION, "live", 2)
    execution.set_provisioned(VERSION, "old", 2)
    execution.set_provisioned(VERSION, "old", 0)
    made[0].may_end.set()
    await execution.restart()
    assert made[0].closed
    assert made[1].told == [("reserved", "echo", 3), ("provisioned", "$LATEST", "live", 2)]


async def test_the_provisioned_environments_of_a_deleted_function_do_not_come_back(
    execution: RestartableExecution, made: list[SlowToEnd]
) -> None:
    execution.set_provisioned(VERSION, "live", 2)
    await execution.retire("echo")
    made[0].may_end.set()
    await execution.restart()
    assert made[1].told == []


async def test_an_invocation_during_a_restart_waits_for_the_new_side(
    execution: RestartableExecution, made: list[SlowToEnd]
) -> None:
    restart = asyncio.create_task(execution.restart())
    await asyncio.sleep(0)
    invocation = asyncio.create_task(execution.invoke(VERSION, REQUEST))
    await asyncio.sleep(0)
    assert not invocation.done()
    made[0].may_end.set()
    await restart
    assert (await invocation).payload == b"{}"
    assert (len(made[0].requests), len(made[1].requests)) == (0, 1)
