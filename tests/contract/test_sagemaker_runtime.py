"""Invocations as plain boto3 sends them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError
from cloud_under_test import Cloud


def invoke(cloud: Cloud, endpoint: str, body: bytes | str = "hello", **members: Any) -> dict[str, Any]:
    data = body.encode() if isinstance(body, str) else body
    target = {"TargetContainerHostname": "first", **members}
    given = {name: value for name, value in target.items() if value is not None}
    response: dict[str, Any] = cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, Body=data, **given
    )
    response["Body"] = response["Body"].read()
    return response


def refusal(cloud: Cloud, endpoint: str, body: bytes | str = "hello", **members: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as refused:
        invoke(cloud, endpoint, body, **members)
    return dict(refused.value.response)


@pytest.mark.parametrize("target", ["first", "second"])
def test_the_named_container_answers(cloud: Cloud, direct_endpoint: str, target: str) -> None:
    response = invoke(cloud, direct_endpoint, TargetContainerHostname=target)
    assert response["Body"].decode() == f"{target}(hello)"
    assert response["ContentType"] == f"text/{target}"
    assert response["InvokedProductionVariant"] == "blue"


def test_headers_reach_the_container_and_come_back(cloud: Cloud, direct_endpoint: str) -> None:
    response = invoke(
        cloud,
        direct_endpoint,
        "headers",
        ContentType="application/x-toy",
        Accept="text/plain",
        CustomAttributes="trace=1",
        InferenceId="id-1",
        TargetVariant="blue",
    )
    seen = response["Body"].decode().lower()
    assert "content-type: application/x-toy" in seen
    assert "accept: text/plain" in seen
    assert response["CustomAttributes"] == "seen trace=1"


def test_bytes_travel_untouched(cloud: Cloud, direct_endpoint: str) -> None:
    text = "한글 \u0000 %41 & + \r\n"
    assert invoke(cloud, direct_endpoint, text)["Body"].decode() == f"first({text})"
    assert invoke(cloud, direct_endpoint, b"")["Body"] == b"first()"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"TargetContainerHostname": "third"}, "third"),
        ({"TargetContainerHostname": None}, "TargetContainerHostname"),
        ({"TargetVariant": "green"}, "green"),
    ],
)
def test_a_target_that_does_not_exist_is_a_validation_error(
    cloud: Cloud, direct_endpoint: str, members: dict[str, Any], words: str
) -> None:
    error = refusal(cloud, direct_endpoint, **members)
    assert error["Error"]["Code"] == "ValidationError"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert words in error["Error"]["Message"]


def test_a_header_outside_its_pattern_is_a_validation_error(cloud: Cloud, direct_endpoint: str) -> None:
    error = refusal(cloud, direct_endpoint, TargetVariant="-blue")
    assert error["Error"]["Code"] == "ValidationError"
    assert "Value '-blue' at 'targetVariant' failed to satisfy constraint" in error["Error"]["Message"]


def test_an_unknown_endpoint_is_a_validation_error(cloud: Cloud) -> None:
    error = refusal(cloud, "no-such-endpoint")
    assert error["Error"]["Code"] == "ValidationError"
    assert error["Error"]["Message"] == "Endpoint no-such-endpoint of account 123456789012 not found."


@pytest.mark.parametrize("status", [400, 413, 500, 503])
def test_an_error_of_the_container_is_a_model_error(cloud: Cloud, direct_endpoint: str, status: int) -> None:
    error = refusal(cloud, direct_endpoint, f"status {status}")
    assert error["Error"]["Code"] == "ModelError"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert error["OriginalStatusCode"] == status
    assert error["OriginalMessage"] == "as you wish"
    assert f":log-group:/aws/sagemaker/Endpoints/{direct_endpoint}" in error["LogStreamArn"]
    assert "first" in error["Error"]["Message"]


def test_a_body_at_the_limit_is_served(cloud: Cloud, direct_endpoint: str) -> None:
    limit = 25 * 1024 * 1024
    seen = invoke(cloud, direct_endpoint, b"headers ".ljust(limit, b"x"))["Body"].decode().lower()
    assert f"content-length: {limit}" in seen


def test_a_large_answer_comes_back_whole(cloud: Cloud, direct_endpoint: str) -> None:
    body = b"x" * (20 * 1024 * 1024)
    assert invoke(cloud, direct_endpoint, body)["Body"] == b"first(" + body + b")"


def test_a_body_over_the_limit_is_refused_and_the_endpoint_serves_on(
    cloud: Cloud, direct_endpoint: str
) -> None:
    error = refusal(cloud, direct_endpoint, b"x" * (26 * 1024 * 1024))
    assert error["Error"]["Code"] == "ValidationError"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert "HTTP content length exceeded 26214400 bytes" in error["Error"]["Message"]
    assert invoke(cloud, direct_endpoint)["Body"] == b"first(hello)"


def stream(cloud: Cloud, endpoint: str, body: bytes, **members: str) -> dict[str, Any]:
    response: dict[str, Any] = cloud.client("sagemaker-runtime").invoke_endpoint_with_response_stream(
        EndpointName=endpoint, Body=body, **members
    )
    return response


def test_a_streamed_answer_arrives_in_parts(cloud: Cloud, direct_endpoint: str) -> None:
    response = stream(cloud, direct_endpoint, b"stream 50", TargetContainerHostname="second")
    assert response["ContentType"] == "text/plain"
    assert response["InvokedProductionVariant"] == "blue"
    parts = [event["PayloadPart"]["Bytes"] for event in response["Body"]]
    assert b"".join(parts).decode().splitlines() == [f"piece {number}" for number in range(50)]


def test_a_stream_that_breaks_off_ends_in_a_model_stream_error(cloud: Cloud) -> None:
    model = cloud.create_model(cloud.container(TOY="breaks-streams"))
    endpoint = cloud.create_endpoint(cloud.create_config(model))
    response = stream(cloud, endpoint, b"stream 3")
    pieces: list[bytes] = []
    with pytest.raises(EventStreamError, match="ModelStreamError"):
        for event in response["Body"]:
            pieces.append(event["PayloadPart"]["Bytes"])
    assert b"".join(pieces).startswith(b"piece 0")
    cloud.delete_endpoint(endpoint)


def test_a_stream_that_cannot_begin_is_an_ordinary_error(cloud: Cloud, direct_endpoint: str) -> None:
    with pytest.raises(ClientError) as refused:
        stream(cloud, direct_endpoint, b"status 400", TargetContainerHostname="first")
    assert refused.value.response["Error"]["Code"] == "ModelError"
    assert refused.value.response["OriginalStatusCode"] == 400


def test_an_asynchronous_invocation_of_a_real_time_endpoint_is_a_validation_error(
    cloud: Cloud, direct_endpoint: str
) -> None:
    with pytest.raises(ClientError, match=r"ValidationError.*is not asynchronous: it takes InvokeEndpoint"):
        cloud.client("sagemaker-runtime").invoke_endpoint_async(
            EndpointName=direct_endpoint, InputLocation="s3://bucket/input"
        )
