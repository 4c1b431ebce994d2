"""Memory and /tmp: what a function takes too much of ends its environment."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from function_toys import Lab, becomes, figure, is_running, report, request

from local_cloud.functions.specs import FunctionVersion


async def out_of_memory(lab: Lab, version: FunctionVersion, event: dict[str, Any]) -> None:
    sent = request(version, event)
    result = await lab.execution.invoke(version, sent)
    assert result.function_error == "Unhandled", result.payload
    assert json.loads(result.payload) == {
        "errorType": "Runtime.OutOfMemory",
        "errorMessage": f"RequestId: {sent.request_id} Error: Runtime exited with error: signal: killed",
    }
    line = report(result)
    assert line.endswith("\tStatus: error\tError Type: Runtime.OutOfMemory")
    assert figure(line, "Max Memory Used") == figure(line, "Memory Size") == version.memory_mb


async def test_a_function_that_takes_too_much_memory_is_killed_and_replaced(lab: Lab) -> None:
    version = lab.version(memory_mb=128)
    await lab.call(version)
    pids = lab.pids(version)
    await out_of_memory(lab, version, {"do": "fill", "mb": 300, "s": 20})
    assert not [pid for pid in pids if is_running(pid)]
    assert (await lab.call(version)).cold


async def test_memory_that_was_taken_and_freed_between_two_looks_counts(lab: Lab) -> None:
    version = lab.version(memory_mb=128)
    await lab.call(version)
    await out_of_memory(lab, version, {"do": "fill", "mb": 150, "free": True})


async def test_memory_of_children_counts(lab: Lab) -> None:
    await out_of_memory(lab, lab.version(memory_mb=128), {"do": "child-fills", "mb": 300})


async def test_the_most_memory_that_was_used_is_reported(lab: Lab) -> None:
    version = lab.version(memory_mb=512)
    before = figure(report(await lab.call(version)), "Max Memory Used")
    after = figure(report(await lab.call(version, {"do": "fill", "mb": 100})), "Max Memory Used")
    assert 0 < before < 100
    assert 100 <= after - before <= 130


async def test_more_in_tmp_than_its_size_is_no_space_left_on_device(lab: Lab) -> None:
    version = lab.version(tmp_mb=1)
    result = await lab.call(version, {"do": "tmp", "mb": 3, "s": 20})
    document = json.loads(result.payload)
    assert document["errorType"] == "OSError"
    assert document["errorMessage"].startswith("[Errno 28] No space left on device: /tmp holds 3 MB")
    assert await becomes(lambda: not lab.states(version))
    assert (await lab.call(version)).cold


async def test_files_in_tmp_live_as_long_as_their_environment(lab: Lab) -> None:
    version = lab.version()
    folder = await lab.answer(version, {"do": "tmp", "mb": 1})
    await lab.call(version)
    assert os.listdir(folder) == ["file"]  # noqa: PTH208
    assert await lab.answer(lab.version(), {"do": "tmp", "mb": 1}) != folder
    await lab.execution.retire(version.function_name)
    with pytest.raises(FileNotFoundError):
        os.listdir(folder)  # noqa: PTH208


@pytest.mark.parametrize(("memory_mb", "vcpus"), [(128, 1), (1769, 1), (3008, 1), (3538, 2), (10_240, 5)])
def test_a_function_has_the_threads_of_its_share_of_cpus(
    memory_mb: int, vcpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from local_cloud.functions.execution import variables

    monkeypatch.setattr(variables, "available_cpus", lambda: 64)
    assert variables.threads(memory_mb) == vcpus
    monkeypatch.setattr(variables, "available_cpus", lambda: 1)
    assert variables.threads(memory_mb) == 1
