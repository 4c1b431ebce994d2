"""What an invocation gets and what comes back, cold and warm, well and badly."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from function_toys import Lab, becomes, figure, is_running, report, request, tail_lines

from local_cloud.functions.specs import ImageRejected, InvocationResult, Stopping

UNHANDLED = "Unhandled"


def error_of(result: InvocationResult) -> tuple[str, str]:
    assert result.function_error == UNHANDLED, result.payload
    document = json.loads(result.payload)
    return document["errorType"], document["errorMessage"]


async def test_a_cold_environment_answers_and_stays_for_the_next_invocation(lab: Lab) -> None:
    version = lab.version()
    first = await lab.call(version, {"text": "안녕"})
    assert json.loads(first.payload) == {"text": "안녕"}
    assert (first.function_error, first.executed_version, first.cold) == (None, "1", True)
    assert figure(report(first), "Init Duration") > 0
    again = await lab.call(version, {"do": "where"})
    assert not again.cold
    assert "Init Duration" not in report(again)
    assert lab.pids(version) == {json.loads(again.payload)["pid"]}
    assert [state["status"] for state in lab.states(version)] == ["Idle"]


async def test_the_runtime_is_told_what_lambda_tells_it(lab: Lab) -> None:
    version = lab.version()
    context = '{"a":\n {"b": "값"}}'
    sent = request(version, {"do": "headers"}, "live", client_context=context, trace_id="Root=1-2-3")
    headers = json.loads((await lab.execution.invoke(version, sent)).payload)
    assert headers["lambda-runtime-aws-request-id"] == sent.request_id
    assert headers["lambda-runtime-invoked-function-arn"] == sent.invoked_arn
    assert headers["lambda-runtime-trace-id"] == "Root=1-2-3"
    assert json.loads(headers["lambda-runtime-client-context"]) == {"a": {"b": "값"}}
    left_s = int(headers["lambda-runtime-deadline-ms"]) / 1000 - time.time()
    assert 5 < left_s <= version.timeout_s


async def test_the_environment_holds_lambdas_variables_and_nothing_of_the_callers(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "1")
    wanted = {"THRESHOLD": "0.5", "AWS_LAMBDA_FUNCTION_NAME": "other", "PATH": "/evil", "COLOUR": "blue"}
    version = lab.version(memory_mb=4000, environment=wanted)
    seen = await lab.answer(version, {"do": "env"})
    assert "SECRET_OF_THE_CALLER" not in seen
    assert seen["THRESHOLD"] == "0.5"
    assert seen["COLOUR"] == "blue"  # the function's before the image's
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == version.function_name
    assert seen["AWS_LAMBDA_FUNCTION_VERSION"] == "1"
    assert seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "4000"
    assert seen["AWS_LAMBDA_LOG_GROUP_NAME"] == version.log_group
    assert seen["AWS_LAMBDA_LOG_STREAM_NAME"] == lab.states(version)[0]["log_stream"]
    assert seen["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert seen["AWS_EXECUTION_ENV"] == "AWS_Lambda_Image"
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"] == lab.settings.region
    assert seen["AWS_ENDPOINT_URL"] == lab.url
    assert seen["AWS_ACCESS_KEY_ID"] == "local"
    assert seen["TZ"] == ":UTC"
    assert seen["_HANDLER"] == "toy.handler"
    assert seen["SERVING_THREADS"] == str(min(2, len(os.sched_getaffinity(0))))
    assert os.listdir(seen["LAMBDA_TASK_ROOT"]) == ["toy_runtime"]  # noqa: PTH208
    assert not seen["PATH"].startswith("/evil")
    assert Path(seen["TMPDIR"]).is_relative_to(lab.settings.work_dir)
    assert (await lab.answer(version, {"do": "where"}))["cwd"] == seen["LAMBDA_TASK_ROOT"]


async def test_image_config_replaces_command_entry_point_and_folder(lab: Lab) -> None:
    version = lab.version(
        entry_point=("python", "-m"),
        command=("toy_runtime", "another.handler"),
        working_directory="/var/task/toy_runtime",
    )
    assert (await lab.answer(version, {"do": "env"}))["_HANDLER"] == "another.handler"
    assert (await lab.answer(version, {"do": "where"}))["cwd"].endswith("/app/toy_runtime")


@pytest.mark.parametrize(
    ("options", "error_type", "words"),
    [
        ({"entry_point": ("no-such-program",)}, "Runtime.InvalidEntrypoint", "no-such-program"),
        ({"working_directory": "/srv"}, "Runtime.InvalidWorkingDir", "chdir /srv"),
        ({"working_directory": "../.."}, "Runtime.InvalidWorkingDir", "chdir ../.."),
    ],
)
async def test_an_image_config_that_does_not_fit_the_image_is_named(
    lab: Lab, options: dict[str, object], error_type: str, words: str
) -> None:
    result = await lab.call(lab.version(**options))
    assert error_of(result)[0] == error_type
    assert words in error_of(result)[1]


async def test_an_exception_in_the_handler_is_passed_on_and_the_environment_stays(lab: Lab) -> None:
    version = lab.version()
    result = await lab.call(version, {"do": "raise"})
    assert error_of(result) == ("InvalidInput", "no such picture")
    assert "Status:" not in report(result)
    again = await lab.call(version, {"do": "where"})
    assert not again.cold


async def test_an_answer_that_is_not_json_is_passed_on_as_it_is(lab: Lab) -> None:
    result = await lab.call(lab.version(), {"do": "raw", "text": "<html>no JSON</html>"})
    assert (result.function_error, result.payload) == (None, b"<html>no JSON</html>")


async def test_an_answer_may_have_6_mb_and_no_more(lab: Lab) -> None:
    version = lab.version()
    most = await lab.call(version, {"do": "large", "bytes": 6_291_556})
    assert most.function_error is None
    assert len(most.payload) == 6_291_556
    result = await lab.call(version, {"do": "large", "bytes": 6_291_557})
    assert error_of(result) == (
        "Function.ResponseSizeTooLarge",
        "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    )
    assert report(result).endswith("Status: error\tError Type: Function.ResponseSizeTooLarge")
    # The runtime was told 413, and goes on.
    assert await becomes(lambda: [state["status"] for state in lab.states(version)] == ["Idle"])
    assert not (await lab.call(version)).cold
    assert "status 413" in await lab.stored_log(version)


async def test_a_runtime_that_ends_over_its_413_is_replaced(lab: Lab) -> None:
    version = lab.version()
    result = await lab.call(version, {"do": "large", "bytes": 20_000_000, "exit": True})
    assert error_of(result)[0] == "Function.ResponseSizeTooLarge"
    assert await becomes(lambda: not lab.states(version))
    assert (await lab.call(version)).cold


async def test_an_answer_that_breaks_off_is_an_error(lab: Lab) -> None:
    result = await lab.call(lab.version(), {"do": "break-off"})
    assert error_of(result)[0] == "Runtime.TruncatedResponse"


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"do": "exit", "code": 1}, "Runtime exited with error: exit status 1"),
        ({"do": "exit", "code": 0}, "Runtime exited without providing a reason"),
        ({"do": "signal", "number": int(signal.SIGKILL)}, "Runtime exited with error: signal: killed"),
        (
            {"do": "signal", "number": int(signal.SIGSEGV)},
            "Runtime exited with error: signal: segmentation fault",
        ),
    ],
)
async def test_a_runtime_that_exits_is_an_error_and_is_replaced(
    lab: Lab, event: dict[str, object], reason: str
) -> None:
    version = lab.version()
    sent = request(version, event)
    result = await lab.execution.invoke(version, sent)
    assert error_of(result) == ("Runtime.ExitError", f"RequestId: {sent.request_id} Error: {reason}")
    lines = tail_lines(result)
    assert lines[-4:-2] == [f"RequestId: {sent.request_id} Error: {reason}", "Runtime.ExitError"]
    assert report(result).endswith("\tStatus: error\tError Type: Runtime.ExitError")
    after = await lab.call(version)
    assert after.cold
    assert after.function_error is None


async def test_an_environment_that_is_killed_mid_request_is_an_error_and_is_replaced(lab: Lab) -> None:
    version = lab.version()
    await lab.call(version)
    (pid,) = lab.pids(version)
    running = asyncio.create_task(lab.call(version, {"do": "sleep", "s": 30}))
    (environment,) = lab.execution._environments
    assert await becomes(lambda: environment.status == "Busy" and environment.fetched)
    os.kill(pid, signal.SIGKILL)
    assert error_of(await running)[0] == "Runtime.ExitError"
    after = await lab.call(version, {"do": "where"})
    assert after.cold
    assert lab.pids(version) == {json.loads(after.payload)["pid"]} != {pid}


async def test_an_idle_environment_that_dies_costs_no_invocation(lab: Lab) -> None:
    version = lab.version()
    await lab.call(version)
    (pid,) = lab.pids(version)
    os.kill(pid, signal.SIGKILL)
    while is_running(pid):  # without giving the event loop a chance to notice it
        time.sleep(0.001)  # noqa: ASYNC251
    result = await lab.call(version)
    assert (result.function_error, result.cold) == (None, True)


async def test_what_takes_too_long_is_killed_with_its_children(lab: Lab) -> None:
    version = lab.version(timeout_s=1)
    child = await lab.answer(version, {"do": "child"})
    sent = request(version, {"do": "sleep", "s": 60})
    result = await lab.execution.invoke(version, sent)
    assert error_of(result) == (
        "Sandbox.Timedout",
        f"RequestId: {sent.request_id} Error: Task timed out after 1.00 seconds",
    )
    lines = tail_lines(result)
    assert lines[-4].endswith(f"Z {sent.request_id} Task timed out after 1.00 seconds")
    assert figure(report(result), "Duration") == 1000
    assert report(result).endswith("\tStatus: timeout")
    assert await becomes(lambda: not is_running(child))
    assert (await lab.call(version)).cold


async def test_wrong_calls_of_the_runtime_api_are_refused_and_do_no_harm(lab: Lab) -> None:
    version = lab.version()
    assert await lab.answer(version, {"do": "wrong"}) == [400, 403, 403, 404]
    assert not (await lab.call(version)).cold
    assert "after the answer: 403" in await lab.stored_log(version)


async def test_work_after_the_answer_keeps_the_environment_but_not_the_caller(lab: Lab) -> None:
    version = lab.version()
    await lab.call(version)
    clock = asyncio.get_running_loop().time
    began = clock()
    assert await lab.answer(version, {"do": "late", "s": 1.5}) == "early"
    assert clock() - began < 1
    assert [state["status"] for state in lab.states(version)] == ["Finishing"]
    assert (await lab.call(version)).cold  # nobody shares an environment
    assert await becomes(lambda: [state["status"] for state in lab.states(version)] == ["Idle", "Idle"])


async def test_work_after_the_answer_ends_with_the_timeout(lab: Lab) -> None:
    version = lab.version(timeout_s=1)
    assert await lab.answer(version, {"do": "late", "s": 60}) == "early"
    assert await becomes(lambda: not lab.states(version), within_s=5)


async def test_a_caller_that_goes_away_leaks_no_environment(lab: Lab) -> None:
    version = lab.version()
    await lab.call(version)
    caller = asyncio.create_task(lab.call(version, {"do": "sleep", "s": 0.5}))
    assert await becomes(lambda: lab.states(version)[0]["status"] == "Busy")
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await becomes(lambda: lab.states(version)[0]["status"] == "Idle")
    assert not (await lab.call(version)).cold


async def test_what_follows_an_update_never_runs_in_an_older_environment(lab: Lab) -> None:
    version = lab.version(version="$LATEST")
    await lab.call(version)
    changed = lab.version(version.function_name, version="$LATEST", revision="r2", environment={"A": "2"})
    result = await lab.call(changed, {"do": "env"})
    assert result.cold
    assert json.loads(result.payload)["A"] == "2"


async def test_an_image_is_found_by_tag_and_told_by_digest(lab: Lab) -> None:
    facts = await lab.execution.inspect_image(lab.image.partition("@")[0] + ":1")
    assert facts.resolved_uri == lab.image
    assert f"sha256:{facts.code_sha256}" == lab.image.partition("@")[2]


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("docker.io/library/python:3.11", "is not valid"),
        ("123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/nothing:1", "does not exist"),
    ],
)
async def test_an_image_that_is_not_there_is_rejected(lab: Lab, uri: str, sentence: str) -> None:
    with pytest.raises(ImageRejected, match=f"^Source image .* {sentence}. Provide a valid source image."):
        await lab.execution.inspect_image(uri)
    version = lab.version(image_uri=uri)
    with pytest.raises(ImageRejected):
        await lab.call(version)
    assert not lab.states(version)


async def test_closing_leaves_no_process_folder_or_port_behind(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    idle, busy, kept = lab.version(), lab.version(), lab.version()
    child = await lab.answer(idle, {"do": "child"})
    lab.execution.set_provisioned(kept, "1", 1)
    assert await becomes(lambda: len(lab.states(kept)) == 1 and lab.states(kept)[0]["status"] == "Idle")
    running = asyncio.create_task(lab.call(busy, {"do": "sleep", "s": 60}))
    assert await becomes(lambda: [state["status"] for state in lab.states(busy)] == ["Busy"])
    ports = [environment._api.address for environment in lab.execution._environments if environment._api]
    pids = lab.pids(idle) | lab.pids(busy) | lab.pids(kept) | {child}
    assert len(pids) == 4
    assert len(ports) == 3
    await lab.execution.close()
    await lab.execution.close()
    assert error_of(await running)[0] == "Runtime.ExitError"
    assert not [pid for pid in pids if is_running(pid)]
    assert not lab.settings.work_dir.exists()
    assert not lab.execution.state()
    for address in ports:
        host, port = address.split(":")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, int(port))
    with pytest.raises(Stopping, match="is stopping"):
        await lab.call(idle)
