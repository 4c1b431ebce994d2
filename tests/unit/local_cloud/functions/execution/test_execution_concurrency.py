"""One request an environment; reserved, provisioned and account concurrency; what ages, what is retired."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from function_toys import Lab, becomes, is_running, tail_lines

from local_cloud.functions.execution.concurrency import Concurrency
from local_cloud.functions.specs import FunctionVersion, InvocationResult, ProvisionedState, Throttled

RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"
ACCOUNT = "ConcurrentInvocationLimitExceeded"


async def provisioned(lab: Lab, version: FunctionVersion, qualifier: str, count: int) -> None:
    lab.execution.set_provisioned(version, qualifier, count)
    state = lab.execution.provisioned(version.function_name, qualifier)
    assert state is not None
    assert await becomes(lambda: status(lab, version, qualifier) == "READY")


def status(lab: Lab, version: FunctionVersion, qualifier: str) -> str | None:
    state = lab.execution.provisioned(version.function_name, qualifier)
    return None if state is None else state.status


async def test_two_invocations_never_share_an_environment(lab: Lab) -> None:
    version = lab.version()
    answers = await asyncio.gather(*(lab.answer(version, {"do": "sleep", "s": 0.5}) for _ in range(4)))
    assert len({answer["pid"] for answer in answers}) == 4


async def test_of_200_at_once_on_20_those_served_are_right_and_the_rest_throttled(lab: Lab) -> None:
    version = lab.version()
    lab.execution.set_reserved(version.function_name, 20)
    outcomes = await asyncio.gather(
        *(lab.call(version, {"number": number}) for number in range(200)), return_exceptions=True
    )
    served = [(n, o) for n, o in enumerate(outcomes) if isinstance(o, InvocationResult)]
    throttled = [outcome for outcome in outcomes if isinstance(outcome, Throttled)]
    assert len(served) == 20
    assert len(throttled) == 180
    assert {(error.reason, str(error)) for error in throttled} == {(RESERVED, "Rate Exceeded.")}
    for number, outcome in served:
        assert json.loads(outcome.payload) == {"number": number}
    assert len(lab.pids(version)) <= 20

    # With retries all are served.
    async def until_served(number: int) -> bytes:
        while True:
            try:
                return (await lab.call(version, {"number": number})).payload
            except Throttled:
                await asyncio.sleep(0.02)

    async with asyncio.timeout(60):
        payloads = await asyncio.gather(*(until_served(number) for number in range(200)))
    assert [json.loads(payload)["number"] for payload in payloads] == list(range(200))


async def test_reserving_nothing_throttles_everything(lab: Lab) -> None:
    version = lab.version()
    await provisioned(lab, version, "live", 1)
    lab.execution.set_reserved(version.function_name, 0)
    assert lab.execution.reserved() == {version.function_name: 0}
    with pytest.raises(Throttled) as error:
        await lab.call(version, {}, "live")
    assert error.value.reason == RESERVED
    lab.execution.set_reserved(version.function_name, None)
    assert lab.execution.reserved() == {}
    assert (await lab.call(version)).function_error is None


def test_what_is_reserved_or_provisioned_is_not_there_for_others() -> None:
    provisioned = {"hot": 2, "mine": 1}
    concurrency = Concurrency(10, lambda: provisioned)
    concurrency.set_reserved("mine", 3)
    # mine: 3, of which 1 is provisioned; hot: 2 of the account's own; 5 are left.
    admitted = [concurrency.admit("other", "other") for _ in range(5)]
    for function in ("other", "hot"):
        with pytest.raises(Throttled) as error:
            concurrency.admit(function, function)
        assert error.value.reason == ACCOUNT
    mine = [concurrency.admit("mine", "mine") for _ in range(2)]
    with pytest.raises(Throttled) as error:
        concurrency.admit("mine", "mine")
    assert error.value.reason == RESERVED
    concurrency.admit_provisioned("mine", "mine:live")
    admitted[0].release()
    admitted[0].release()
    concurrency.admit("hot", "hot")
    with pytest.raises(Throttled):
        concurrency.admit("hot", "hot")
    mine[0].release()
    concurrency.admit("mine", "mine")


async def test_a_failed_invocation_gives_its_concurrency_back(lab: Lab) -> None:
    version = lab.version(timeout_s=1)
    lab.execution.set_reserved(version.function_name, 1)
    for event in ({"do": "raise"}, {"do": "exit", "code": 1}, {"do": "sleep", "s": 9}, {}):
        await lab.call(version, event)
    broken = lab.version(version.function_name, environment={"TOY": "raise"}, revision="r2")
    for _ in range(2):
        assert (await lab.call(broken)).function_error == "Unhandled"


async def test_provisioned_environments_are_used_first_and_never_cold(lab: Lab) -> None:
    version = lab.version()
    await provisioned(lab, version, "live", 2)
    assert lab.execution.provisioned(version.function_name, "live") == ProvisionedState(2, 2, 2, "READY")
    assert lab.execution.provisioned(version.function_name, "other") is None
    warm = lab.pids(version)
    assert len(warm) == 2
    result = await lab.call(version, {"do": "env"}, "live")
    assert not result.cold
    assert json.loads(result.payload)["AWS_LAMBDA_INITIALIZATION_TYPE"] == "provisioned-concurrency"
    results = await asyncio.gather(*(lab.call(version, {"do": "sleep", "s": 0.6}, "live") for _ in range(3)))
    assert sorted(result.cold for result in results) == [False, False, True]  # one spilled over
    used = {json.loads(result.payload)["pid"] for result in results}
    assert warm < used


async def test_a_provisioned_init_may_take_longer_and_always_reports(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(init_s=0.2)
    version = lab.version(environment={"TOY": "sleep 0.6"})
    await provisioned(lab, version, "1", 1)
    assert not (await lab.call(version, {}, "1")).cold
    lines = await lab.stored_log(version)
    assert [line.partition("\t")[2] for line in lines if line.startswith("INIT_REPORT")] == [
        "Phase: init\tStatus: success"
    ]


async def test_provisioned_environments_are_replaced_when_they_die(lab: Lab) -> None:
    version = lab.version()
    await provisioned(lab, version, "live", 2)
    before = lab.pids(version)
    os.kill(min(before), signal.SIGKILL)  # an idle one
    assert await becomes(lambda: len(lab.pids(version) - before) == 1 and len(lab.pids(version)) == 2)
    assert (await lab.call(version, {"do": "exit", "code": 1}, "live")).function_error == "Unhandled"
    assert await becomes(lambda: len(lab.pids(version) - before) == 2 and len(lab.pids(version)) == 2)
    assert await becomes(lambda: {state["status"] for state in lab.states(version)} == {"Idle"})
    assert status(lab, version, "live") == "READY"


async def test_provisioning_a_version_whose_init_fails_is_failed_with_the_reason(lab: Lab) -> None:
    version = lab.version(environment={"TOY": "raise"})
    lab.execution.set_provisioned(version, "live", 2)
    first = lab.execution.provisioned(version.function_name, "live")
    assert first is not None
    assert (first.status, first.requested, first.allocated) == ("IN_PROGRESS", 2, 0)
    assert await becomes(lambda: status(lab, version, "live") == "FAILED")
    state = lab.execution.provisioned(version.function_name, "live")
    assert state is not None
    assert state.status_reason is not None
    assert state.status_reason == (
        "FUNCTION_ERROR_INIT_FAILURE (Runtime.ImportModuleError: Unable to import module 'app')"
    )
    assert await becomes(lambda: not lab.states(version))


async def test_a_failed_replacement_is_tried_again_and_then_failed(lab: Lab, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    version = lab.version(environment={"TOY": "exit-where", "TOY_MARK": str(broken)})
    await provisioned(lab, version, "live", 1)
    broken.touch()
    os.kill(min(lab.pids(version)), signal.SIGKILL)
    assert await becomes(lambda: status(lab, version, "live") == "FAILED")
    assert (await lab.stored_log(version)).count("init exit-where") == 4  # the first, and three replacements
    broken.unlink()
    lab.execution.set_provisioned(version, "live", 1)  # asked for once more
    assert await becomes(lambda: status(lab, version, "live") == "READY")


async def test_provisioned_counts_rise_fall_and_end(lab: Lab) -> None:
    version = lab.version()
    await provisioned(lab, version, "live", 1)
    await provisioned(lab, version, "live", 3)
    assert len(lab.pids(version)) == 3
    busy = asyncio.create_task(lab.answer(version, {"do": "sleep", "s": 0.7}, "live"))
    assert await becomes(lambda: "Busy" in {state["status"] for state in lab.states(version)})
    await provisioned(lab, version, "live", 1)
    pid = (await busy)["pid"]
    assert await becomes(lambda: len(lab.pids(version)) == 1)
    # Two versions at once, as while an alias moves.
    newer = lab.version(version.function_name, version="2")
    lab.execution.set_provisioned(newer, "live", 1)
    assert await becomes(lambda: status(lab, version, "live") == "READY")
    assert lab.execution.provisioned(version.function_name, "live") == ProvisionedState(2, 2, 2, "READY")
    assert (await lab.call(newer, {}, "live")).executed_version == "2"
    lab.execution.set_provisioned(version, "live", 0)
    lab.execution.set_provisioned(newer, "live", 0)
    assert lab.execution.provisioned(version.function_name, "live") is None
    assert await becomes(lambda: not lab.states(version) and not is_running(pid))


async def test_idle_environments_age_out_the_least_recently_used_first(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(idle_s=60)  # one second of this clock
    version = lab.version()
    await asyncio.gather(*(lab.call(version, {"do": "sleep", "s": 0.4}) for _ in range(3)))
    used = {(await lab.answer(version, {"do": "where"}))["pid"] for _ in range(5)}
    assert len(used) == 1  # always the one that was used last
    async with asyncio.timeout(10):
        while lab.pids(version) != used:
            assert {(await lab.answer(version, {"do": "where"}))["pid"]} == used
            await asyncio.sleep(0.05)
    assert await becomes(lambda: not lab.states(version))
    (pid,) = used
    assert await becomes(lambda: not is_running(pid))


async def test_retiring_ends_idle_environments_at_once_and_busy_ones_after_their_invocation(lab: Lab) -> None:
    version = lab.version()
    other = lab.version(version.function_name, version="2")
    await asyncio.gather(*(lab.call(version, {"do": "sleep", "s": 0.3}) for _ in range(2)))
    await lab.call(other)
    before = lab.pids(version)
    assert len(before) == 3
    busy = asyncio.create_task(lab.answer(version, {"do": "sleep", "s": 0.6}))
    assert await becomes(lambda: "Busy" in {state["status"] for state in lab.states(version)})
    await lab.execution.retire(version.function_name, "1")
    states = [(state["version"], state["status"]) for state in lab.states(version)]
    assert sorted(map(str, states)) == sorted(map(str, [("1", "Busy"), ("2", "Idle")]))
    assert len([pid for pid in before if is_running(pid)]) == 2
    pid = (await busy)["pid"]
    assert await becomes(lambda: not is_running(pid))
    assert (await lab.call(version)).cold
    await lab.execution.retire(version.function_name)
    assert not lab.states(version)


async def test_retiring_a_version_lets_go_what_is_provisioned(lab: Lab) -> None:
    version = lab.version()
    await provisioned(lab, version, "live", 1)
    await lab.execution.retire(version.function_name, "1")
    assert lab.execution.provisioned(version.function_name, "live") is None
    assert await becomes(lambda: not lab.states(version))


async def test_the_status_tells_every_environment(lab: Lab) -> None:
    version = lab.version(memory_mb=256)
    result = await lab.call(version)
    (state,) = lab.states(version)
    assert state["version"] == "1"
    assert state["initialization_type"] == "on-demand"
    assert state["invocations"] == 1
    assert state["memory_mb"] == 256
    assert 0 < int(str(state["max_memory_used_mb"])) < 256
    assert str(state["environment"]) in str(state["log_stream"])
    assert tail_lines(result)
