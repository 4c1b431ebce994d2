"""Cold starts: what an init may do wrong, and what happens then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from function_toys import Lab, becomes, figure, report, request, tail_lines

from local_cloud.functions.specs import Throttled

QUICK_LIMIT = {"init_s": 0.4}


def mark(path: Path) -> dict[str, str]:
    return {"TOY_MARK": str(path / "mark")}


async def test_an_init_error_is_the_answer_and_the_init_is_tried_twice_as_on_aws(lab: Lab) -> None:
    version = lab.version(environment={"TOY": "raise"})
    result = await lab.call(version)
    assert result.function_error == "Unhandled"
    assert json.loads(result.payload) == {
        "errorType": "Runtime.ImportModuleError",
        "errorMessage": "Unable to import module 'app'",
        "stackTrace": [],
    }
    lines = tail_lines(result)
    reports = [line.partition("\tPhase")[2] for line in lines if line.startswith("INIT_REPORT")]
    assert reports == [
        f": {phase}\tStatus: error\tError Type: Runtime.ImportModuleError" for phase in ("init", "invoke")
    ]
    assert lines.count("init raise") == 2
    assert report(result).endswith("\tStatus: error\tError Type: Runtime.ImportModuleError")
    assert await becomes(lambda: not lab.states(version))
    assert (await lab.call(version)).cold  # the environment was replaced


async def test_an_init_that_fails_once_costs_nothing_but_time(lab: Lab, tmp_path: Path) -> None:
    version = lab.version(environment={"TOY": "raise-once", **mark(tmp_path)})
    result = await lab.call(version, {"well": True})
    assert (result.function_error, result.payload) == (None, b'{"well": true}')
    assert "Init Duration" not in report(result)
    assert not (await lab.call(version)).cold


async def test_a_runtime_that_exits_in_its_init_is_an_exit_error(lab: Lab) -> None:
    sent = request(lab.version(), None)
    result = await lab.execution.invoke(lab.version(environment={"TOY": "exit 7"}), sent)
    assert json.loads(result.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {sent.request_id} Error: Runtime exited with error: exit status 7",
    }


async def test_an_init_over_its_limit_is_run_again_inside_the_invocation(
    make_lab: Callable[..., Lab], tmp_path: Path
) -> None:
    lab = make_lab(**QUICK_LIMIT)
    version = lab.version(environment={"TOY": "sleep 0.6"})
    result = await lab.call(version, {"after": "all"})
    assert (result.function_error, result.payload, result.cold) == (None, b'{"after": "all"}', True)
    lines = tail_lines(result)
    assert next(line for line in lines if line.startswith("INIT_REPORT")).endswith(
        "\tPhase: init\tStatus: timeout"
    )
    assert "Init Duration" not in report(result)
    assert figure(report(result), "Duration") >= 600  # the second init is part of it
    assert not (await lab.call(version)).cold


async def test_the_second_init_is_under_the_functions_timeout(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(**QUICK_LIMIT)
    sent = request(lab.version(), None)
    version = lab.version(environment={"TOY": "sleep 30"}, timeout_s=1)
    result = await lab.execution.invoke(version, sent)
    assert json.loads(result.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {sent.request_id} Error: Task timed out after 1.00 seconds",
    }
    reports = [line for line in tail_lines(result) if line.startswith("INIT_REPORT")]
    assert [line.partition("\t")[2] for line in reports] == [
        "Phase: init\tStatus: timeout",
        "Phase: invoke\tStatus: timeout",
    ]
    assert await becomes(lambda: not lab.states(version))


async def test_an_init_that_takes_too_much_memory_is_killed(lab: Lab) -> None:
    version = lab.version(environment={"TOY": "fill 200"}, memory_mb=128)
    result = await lab.call(version)
    assert json.loads(result.payload)["errorType"] == "Runtime.OutOfMemory"
    assert report(result).endswith("Status: error\tError Type: Runtime.OutOfMemory")


async def test_inits_take_turns_and_those_who_wait_take_what_comes_free(
    make_lab: Callable[..., Lab],
) -> None:
    lab = make_lab(parallel_inits=1)
    version = lab.version(environment={"TOY": "sleep 0.3"})
    results = await asyncio.gather(*(lab.call(version, number) for number in range(8)))
    assert [json.loads(result.payload) for result in results] == list(range(8))
    cold = [result.cold for result in results]
    assert cold.count(False) >= 4  # an environment was free long before eight inits, one by one, were over
    assert len(lab.pids(version)) == cold.count(True)


async def test_who_gets_no_turn_is_throttled(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(parallel_inits=1, start_queue_s=0.2)
    slow = lab.version(environment={"TOY": "sleep 1.5"})
    first = asyncio.create_task(lab.call(slow))
    assert await becomes(lambda: bool(lab.states(slow)))
    other = lab.version()
    with pytest.raises(Throttled, match=r"Rate Exceeded\."):
        await lab.call(other)
    assert (await first).function_error is None
    assert (await lab.call(other)).function_error is None
