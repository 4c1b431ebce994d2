"""Log lines in both formats, the tail, and the metrics of AWS/Lambda."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable

import pytest
from function_toys import Lab, becomes, request, tail_lines

from local_cloud.functions.execution.platform_log import Report
from local_cloud.functions.specs import Throttled

REPORT = (
    r"REPORT RequestId: {id}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 512 MB\t"
    r"Max Memory Used: \d+ MB\t"
)


async def test_the_log_reads_as_on_aws(lab: Lab) -> None:
    version = lab.version()
    sent = request(version, {"do": "print", "text": "하나\nzwei"})
    result = await lab.execution.invoke(version, sent)
    lines = tail_lines(result)
    assert lines[:-1] == [
        "init well",
        f"START RequestId: {sent.request_id} Version: 1",
        "하나",
        "zwei",
        f"END RequestId: {sent.request_id}",
    ]
    assert re.fullmatch(REPORT.format(id=sent.request_id) + r"Init Duration: \d+\.\d\d ms\t", lines[-1])
    assert await lab.stored_log(version) == lines
    (state,) = lab.states(version)
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[1\][0-9a-f]{32}", str(state["log_stream"]))
    # The next invocation's tail is its own.
    again = request(version, {"do": "print-part", "text": "no line end"})
    lines = tail_lines(await lab.execution.invoke(version, again))
    assert lines[:-1] == [
        f"START RequestId: {again.request_id} Version: 1",
        "no line end",
        f"END RequestId: {again.request_id}",
    ]
    assert re.fullmatch(REPORT.format(id=again.request_id), lines[-1])


async def test_the_json_format_has_platform_events(lab: Lab) -> None:
    version = lab.version(log_format="JSON", environment={"TOY": "raise"})
    sent = request(version)
    lines = tail_lines(await lab.execution.invoke(version, sent))
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert [event["type"] for event in events] == [
        "platform.initReport",
        "platform.initReport",
        "platform.start",
        "platform.runtimeDone",
        "platform.report",
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"]) for event in events)
    assert events[0]["record"]["phase"] == "init"
    assert events[1]["record"]["phase"] == "invoke"
    assert events[2]["record"] == {"requestId": sent.request_id, "version": "1"}
    assert events[-1]["record"]["status"] == "error"
    assert events[-1]["record"]["errorType"] == "Runtime.ImportModuleError"

    well = lab.version(log_format="JSON")
    events = [json.loads(line) for line in tail_lines(await lab.call(well)) if line.startswith("{")]
    assert [event["type"] for event in events] == ["platform.start", "platform.report"]
    metrics = events[1]["record"]["metrics"]
    assert events[1]["record"]["status"] == "success"
    assert set(metrics) == {
        "durationMs",
        "billedDurationMs",
        "memorySizeMB",
        "maxMemoryUsedMB",
        "initDurationMs",
    }
    assert (await lab.answer(well, {"do": "env"}))["AWS_LAMBDA_LOG_FORMAT"] == "JSON"


async def test_the_tail_is_the_last_4_kb_and_cuts_no_character(lab: Lab) -> None:
    version = lab.version()
    result = await lab.call(version, {"do": "print", "text": "가나다라" * 5000})
    assert 4090 <= len(result.log_tail) <= 4096
    result.log_tail.decode()  # whole characters
    assert tail_lines(result)[-1].startswith("REPORT")


async def test_a_large_output_is_whole_before_the_report(lab: Lab) -> None:
    version = lab.version()
    text = "\n".join(f"line {number:04} {'x' * 100}" for number in range(5000))
    await lab.call(version, {"do": "print", "text": text})
    stored = await lab.stored_log(version)
    assert [line[:9] for line in stored[2:-2]] == [f"line {number:04}" for number in range(5000)]
    assert stored[-1].startswith("REPORT")


def test_the_init_is_billed() -> None:
    assert Report(duration_ms=61.09, memory_mb=512, used_mb=193, init_ms=3986.50).billed_ms == 4048
    assert Report(duration_ms=3000.0, memory_mb=512, used_mb=193).billed_ms == 3000
    assert Report(duration_ms=1.001, memory_mb=512, used_mb=193).billed_ms == 1


async def test_invocations_are_counted_under_every_dimension(lab: Lab) -> None:
    version = lab.version(version="7")
    name = version.function_name
    await lab.call(version, {}, "live")
    await lab.call(version, {"do": "raise"}, "live")
    await lab.call(version, {}, "7")
    for dimensions, count, errors in (
        ({"FunctionName": name}, 3, 1),
        ({"FunctionName": name, "Resource": f"{name}:live"}, 2, 1),
        ({"FunctionName": name, "Resource": f"{name}:live", "ExecutedVersion": "7"}, 2, 1),
        ({"FunctionName": name, "Resource": f"{name}:7"}, 1, 0),
    ):
        (invocations,) = await lab.metric("Invocations", **dimensions)
        (failed,) = await lab.metric("Errors", **dimensions)
        (duration,) = await lab.metric("Duration", **dimensions)
        assert invocations["Sum"] == count
        assert (failed["Sum"], failed["SampleCount"]) == (errors, count)
        assert duration["SampleCount"] == count
        assert duration["Maximum"] > 0
    assert not await lab.metric("Throttles", FunctionName=name)
    (running,) = await lab.metric("ConcurrentExecutions", FunctionName=name)
    assert running["Maximum"] == 1


async def test_throttles_and_concurrency_are_told(lab: Lab) -> None:
    version = lab.version()
    name = version.function_name
    lab.execution.set_reserved(name, 2)
    outcomes = await asyncio.gather(
        *(lab.call(version, {"do": "sleep", "s": 0.3}) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Throttled) for outcome in outcomes) == 3
    (throttles,) = await lab.metric("Throttles", FunctionName=name)
    assert throttles["Sum"] == 3
    (invocations,) = await lab.metric("Invocations", FunctionName=name)
    assert invocations["Sum"] == 2
    (running,) = await lab.metric("ConcurrentExecutions", FunctionName=name)
    assert running["Maximum"] == 2


async def test_provisioned_concurrency_has_its_metrics(lab: Lab) -> None:
    version = lab.version()
    name = version.function_name
    resource = {"FunctionName": name, "Resource": f"{name}:live"}
    lab.execution.set_provisioned(version, "live", 2)

    def ready() -> bool:
        state = lab.execution.provisioned(name, "live")
        return state is not None and state.status == "READY"

    assert await becomes(ready)
    await lab.call(version, {}, "live")
    (use,) = await lab.metric("ProvisionedConcurrencyUtilization", **resource)
    assert use["Maximum"] == 0.5
    await asyncio.gather(*(lab.call(version, {"do": "sleep", "s": 0.3}, "live") for _ in range(3)))
    (invocations,) = await lab.metric("ProvisionedConcurrencyInvocations", **resource)
    assert invocations["Sum"] == 3
    (spilled,) = await lab.metric("ProvisionedConcurrencySpilloverInvocations", **resource)
    assert spilled["Sum"] == 1
    (use,) = await lab.metric("ProvisionedConcurrencyUtilization", **resource)
    assert use["Maximum"] == 1.0
    (running,) = await lab.metric("ProvisionedConcurrentExecutions", FunctionName=name)
    assert running["Maximum"] == 2


async def test_gauges_are_told_only_while_there_is_something_to_tell(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    version = lab.version()
    await lab.call(version)
    metrics = lab.execution._metrics
    metrics._tell()
    told: list[str] = []
    add = metrics._add

    def noting(name: str, *arguments: object) -> None:
        told.append(name)
        add(name, *arguments)

    metrics._add = noting
    metrics._tell()
    assert told == []
    running = asyncio.create_task(lab.call(version, {"do": "sleep", "s": 0.3}))
    assert await becomes(lambda: lab.states(version)[0]["status"] == "Busy")
    metrics._tell()
    metrics._tell()
    assert told.count("ConcurrentExecutions") == 4  # of the account and the function, twice
    await running


@pytest.mark.parametrize("qualifier", ["", "live"])
async def test_the_executed_version_is_told(lab: Lab, qualifier: str) -> None:
    assert (await lab.call(lab.version(version="12"), {}, qualifier)).executed_version == "12"
