"""Invoke of real functions, by boto3 and by the AWS CLI."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from lambda_under_test import FunctionCloud, eventually

from local_cloud import lifecycle
from serving_contracts.limits import LAMBDA_PAYLOAD_BYTES


@pytest.fixture(scope="module")
def function(function_cloud: FunctionCloud) -> str:
    """A function with version 1, to which the alias ``live`` points."""
    name = function_cloud.create_function()
    functions = function_cloud.client("lambda")
    version: str = functions.publish_version(FunctionName=name)["Version"]
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
    functions.get_waiter("published_version_active").wait(
        FunctionName=name, Qualifier=version, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    return name


def refusal(cloud: FunctionCloud, name: str, event: Any = None, **members: Any) -> Any:
    with pytest.raises(ClientError) as error:
        cloud.invoke(name, event, **members)
    return error.value.response


def test_an_invocation_answers_with_the_version_and_the_log(
    function_cloud: FunctionCloud, function: str
) -> None:
    answer = function_cloud.invoke(function, {"do": "print", "text": "한 줄"}, LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"], answer["Json"]) == (200, "$LATEST", 3)
    assert "FunctionError" not in answer
    log = base64.b64decode(answer["LogResult"]).decode()
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert "한 줄" in log
    assert f"REPORT RequestId: {request_id}" in log


@pytest.mark.parametrize("qualifier", ["live", "1"])
def test_a_qualifier_leads_to_its_version(
    function_cloud: FunctionCloud, function: str, qualifier: str
) -> None:
    answer = function_cloud.invoke(function, {"do": "headers"}, Qualifier=qualifier)
    assert answer["ExecutedVersion"] == "1"
    assert answer["Json"]["lambda-runtime-invoked-function-arn"].endswith(f":{function}:{qualifier}")
    arn = function_cloud.client("lambda").get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    assert function_cloud.invoke(f"{arn}:{qualifier}")["ExecutedVersion"] == "1"


def test_a_client_context_reaches_the_function(function_cloud: FunctionCloud, function: str) -> None:
    context = base64.b64encode(b'{"custom": {"a": 1}}').decode()
    answer = function_cloud.invoke(function, {"do": "headers"}, ClientContext=context)
    assert json.loads(answer["Json"]["lambda-runtime-client-context"]) == {"custom": {"a": 1}}


def test_a_function_that_raises_answers_200_with_its_error(
    function_cloud: FunctionCloud, function: str
) -> None:
    answer = function_cloud.invoke(function, {"do": "raise"})
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Json"]["errorType"] == "InvalidInput"
    assert "FunctionError" not in function_cloud.invoke(function)


def test_an_answer_over_six_megabytes_is_the_functions_error(
    function_cloud: FunctionCloud, function: str
) -> None:
    answer = function_cloud.invoke(function, {"do": "large", "bytes": LAMBDA_PAYLOAD_BYTES + 1000})
    assert answer["FunctionError"] == "Unhandled"
    assert len(function_cloud.invoke(function, {"do": "large", "bytes": 5_000_000})["Json"]) == 4_999_998


def test_a_dry_run_invokes_nothing(function_cloud: FunctionCloud) -> None:
    name = function_cloud.create_function()
    assert function_cloud.invoke(name, InvocationType="DryRun")["StatusCode"] == 204
    assert function_cloud.functions_state(name)["environments"] == []


def test_what_cannot_be_invoked_is_refused_as_on_aws(function_cloud: FunctionCloud, function: str) -> None:
    absent = refusal(function_cloud, "absent")
    assert absent["Error"]["Code"] == "ResourceNotFoundException"
    assert absent["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert refusal(function_cloud, function, Qualifier="absent")["Error"]["Code"] == (
        "ResourceNotFoundException"
    )
    large = refusal(function_cloud, function, "x" * LAMBDA_PAYLOAD_BYTES)
    assert large["Error"]["Code"] == "RequestEntityTooLargeException"
    assert large["ResponseMetadata"]["HTTPStatusCode"] == 413
    with pytest.raises(ClientError) as error:
        function_cloud.client("lambda").invoke(FunctionName=function, Payload=b"{")
    assert error.value.response["Error"]["Code"] == "InvalidRequestContentException"


def test_a_function_without_concurrency_is_throttled_in_awss_words(function_cloud: FunctionCloud) -> None:
    name = function_cloud.create_function()
    function_cloud.client("lambda").put_function_concurrency(
        FunctionName=name, ReservedConcurrentExecutions=0
    )
    throttle = refusal(function_cloud, name)
    assert throttle["Error"]["Code"] == "TooManyRequestsException"
    assert throttle["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert throttle["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert throttle["Type"] == "User"


def test_a_streamed_invocation_is_read_by_boto3(function_cloud: FunctionCloud, function: str) -> None:
    answer = function_cloud.client("lambda").invoke_with_response_stream(
        FunctionName=function, Payload=json.dumps({"text": "x" * 200_000}), LogType="Tail"
    )
    events = list(answer["EventStream"])
    body = b"".join(event["PayloadChunk"]["Payload"] for event in events[:-1])
    assert json.loads(body) == {"text": "x" * 200_000}
    assert "LogResult" in events[-1]["InvokeComplete"]
    assert answer["ExecutedVersion"] == "$LATEST"


def aws(cloud: FunctionCloud, tmp_path: Path, *arguments: str) -> tuple[dict[str, Any], Path]:
    """``aws lambda invoke``; (what it prints, the file with the payload)."""
    output = tmp_path / "payload.json"
    ran = subprocess.run(
        [sys.executable, "-m", "awscli", "lambda", "invoke", *arguments, str(output)],
        env={
            **os.environ,
            "AWS_ENDPOINT_URL": cloud.info.url,
            "AWS_DEFAULT_REGION": cloud.info.region,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout), output


@pytest.mark.parametrize("qualifier", [[], ["--qualifier", "live"]])
def test_the_aws_cli_invokes_a_function(
    function_cloud: FunctionCloud, function: str, tmp_path: Path, qualifier: list[str]
) -> None:
    named = ["--function-name", function, *qualifier]
    printed, output = aws(function_cloud, tmp_path, *named, "--payload", '{"a": 1}')
    assert printed == {"StatusCode": 200, "ExecutedVersion": "1" if qualifier else "$LATEST"}
    assert json.loads(output.read_text()) == {"a": 1}


def test_the_aws_cli_sends_events_and_tries_without_invoking(
    function_cloud: FunctionCloud, tmp_path: Path
) -> None:
    name = function_cloud.create_function()
    printed, output = aws(function_cloud, tmp_path, "--function-name", name, "--invocation-type", "DryRun")
    assert (printed, output.read_text()) == ({"StatusCode": 204}, "")
    printed, output = aws(
        function_cloud, tmp_path, "--function-name", name, "--invocation-type", "Event", "--payload", "{}"
    )
    assert (printed, output.read_text()) == ({"StatusCode": 202}, "")
    eventually(lambda: (function_cloud.functions_state(name)["event_queue"] or {}).get("done") or None)


def test_the_local_tasks_show_a_functions_log_and_state(function_cloud: FunctionCloud, function: str) -> None:
    function_cloud.invoke(function, {"do": "print", "text": "to be found"})
    lines = eventually(
        lambda: (
            [
                line
                for line in lifecycle.logs(function_cloud.directory, function=function)
                if "to be found" in line
            ]
            or None
        )
    )
    assert "[$LATEST]" in lines[0]
    state = function_cloud.functions_state(function)
    assert state["aliases"] == [{"name": "live", "version": "1", "weights": {}}]
    assert {environment["version"] for environment in state["environments"]} >= {"$LATEST"}
    with pytest.raises(lifecycle.LocalCloudError, match="an endpoint or a function"):
        lifecycle.logs(function_cloud.directory, endpoint="e", function=function)
