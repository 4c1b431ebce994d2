"""What bad input gets: AWS's own error code, a message that helps, and a server that lives on."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from archives import ALWAYS_POSITIVE, CANNOT_LOAD, HANGS, RAISES
from botocore.exceptions import ClientError
from deployed import ROLE, SENTENCES, Deployment, wait_until_settled

LOADS_WHEN_TOLD = ALWAYS_POSITIVE.replace(
    "    return Model()",
    """
    import os, pathlib, time

    give_up = time.monotonic() + 60
    while not pathlib.Path(os.environ["MAY_LOAD"]).exists():
        if time.monotonic() > give_up:
            raise TimeoutError("nobody said that the model may load")
        time.sleep(0.05)
    return Model()
""",
)
"""A model that loads once the file named by MAY_LOAD is there."""

GOOD = json.dumps({"text": SENTENCES[0]}).encode()


def invoke(deployment: Deployment, body: bytes = GOOD, **changes: Any) -> Any:
    """Invoke the sentiment container of the deployed endpoint, with arguments changed (None: left out)."""
    arguments = {
        "EndpointName": deployment.endpoint_name,
        "TargetContainerHostname": "sentiment",
        "ContentType": "application/json",
        "Body": body,
        **changes,
    }
    runtime = deployment.client("sagemaker-runtime")
    return runtime.invoke_endpoint(**{name: value for name, value in arguments.items() if value is not None})


def refusal_of(deployment: Deployment, body: bytes = GOOD, **changes: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as refusal:
        invoke(deployment, body, **changes)
    answer = json.load(invoke(deployment)["Body"])
    assert answer["predicted_label"] == "Pos", "the container must answer the next good request"
    return dict(refusal.value.response)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "words"),
    [
        pytest.param(b'{"text": "\xff\xfe"}', "application/json", 400, ["UTF-8"], id="not UTF-8"),
        pytest.param(b'{"text": ', "application/json", 400, ["JSON"], id="not JSON"),
        pytest.param(b'{"texto": "a"}', "application/json", 400, ["text"], id="a missing field"),
        pytest.param(b'{"text": 7}', "application/json", 400, ["text", "string"], id="a wrong type"),
        pytest.param(b"[]", "application/json", 400, ["EmptyBatch"], id="an empty batch"),
        pytest.param(b"", "application/json", 400, ["empty"], id="an empty body"),
        pytest.param(
            b'{"text": "a"}\n{"text": 1}\n', "application/jsonlines", 400, ['"line":2'], id="a bad line"
        ),
        pytest.param(
            json.dumps({"text": "a" * 2**20}).encode(), "application/json", 400, ["100"], id="1 MB of text"
        ),
        pytest.param(GOOD, "application/xml", 415, ["application/jsonlines"], id="an unknown content type"),
    ],
)
def test_the_container_refuses_and_says_what_was_wrong(
    deployment: Deployment, body: bytes, content_type: str, status: int, words: list[str]
) -> None:
    error = refusal_of(deployment, body, ContentType=content_type)
    assert error["Error"]["Code"] == "ModelError"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert error["OriginalStatusCode"] == status
    assert "/aws/sagemaker/Endpoints/" in error["LogStreamArn"]
    for word in words:
        assert word.lower() in error["OriginalMessage"].lower().replace('": ', '":')


def test_a_body_of_26_mb_is_over_the_limit(deployment: Deployment) -> None:
    error = refusal_of(deployment, b"x" * (26 * 1024 * 1024))
    assert error["Error"]["Code"] == "ValidationError"
    assert "25" in error["Error"]["Message"] or "26214400" in error["Error"]["Message"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"TargetContainerHostname": "nobody"}, ["nobody", "sentiment"], id="unknown container"),
        pytest.param({"TargetContainerHostname": None}, ["TargetContainerHostname"], id="no container named"),
        pytest.param(
            {"EndpointName": "no-such-endpoint"}, ["no-such-endpoint", "not found"], id="unknown endpoint"
        ),
        pytest.param({"TargetVariant": "green"}, ["green"], id="unknown variant"),
    ],
)
def test_a_request_that_reaches_no_container_is_a_validation_error(
    deployment: Deployment, changes: dict[str, Any], words: list[str]
) -> None:
    error = refusal_of(deployment, **changes)
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == ("ValidationError", 400)
    for word in words:
        assert word in error["Error"]["Message"]


def test_a_single_container_takes_no_target(deployment: Deployment, temporary_endpoint: Any) -> None:
    archive = deployment.upload_model(ALWAYS_POSITIVE)
    endpoint = temporary_endpoint([{"Image": deployment.image, "ModelDataUrl": archive}])
    error = refusal_of(deployment, EndpointName=endpoint)
    assert error["Error"]["Code"] == "ValidationError"


def test_an_endpoint_that_is_still_creating_says_so(
    deployment: Deployment, temporary_endpoint: Any, tmp_path: Path
) -> None:
    gate = tmp_path / "the-test-has-asked"
    container = {
        "Image": deployment.image,
        "ModelDataUrl": deployment.upload_model(LOADS_WHEN_TOLD),
        "Environment": {"MAY_LOAD": str(gate)},  # a container of the local environment is a process of ours
    }
    endpoint = temporary_endpoint([container], wait=False)
    target = {"EndpointName": endpoint, "TargetContainerHostname": None}
    try:
        error = refusal_of(deployment, **target)
    finally:
        gate.touch()
    assert error["Error"]["Code"] == "ValidationError"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert re.search(f"Endpoint {endpoint} of account .* not found.*Creating", error["Error"]["Message"])
    description = wait_until_settled(deployment.client("sagemaker"), endpoint)
    assert description["EndpointStatus"] == "InService", description.get("FailureReason")
    assert json.load(invoke(deployment, **target)["Body"])["predicted_label"] == "Pos"


def test_a_handler_that_raises_fails_only_the_request_that_made_it(
    deployment: Deployment, temporary_endpoint: Any
) -> None:
    container = {"Image": deployment.image, "ModelDataUrl": deployment.upload_model(RAISES)}
    target = {"EndpointName": temporary_endpoint([container]), "TargetContainerHostname": None}
    error = refusal_of(deployment, b'{"text": "please raise"}', **target)
    assert error["Error"]["Code"] == "ModelError"
    assert error["OriginalStatusCode"] == 500
    assert "haunted" not in error["OriginalMessage"], "the trace belongs in the log"
    assert "Traceback" not in error["OriginalMessage"]
    assert json.load(invoke(deployment, **target)["Body"])["predicted_label"] == "Pos"
    assert "haunted" in logged(deployment, target["EndpointName"], until="haunted")


def test_a_handler_that_hangs_ends_in_a_time_out(deployment: Deployment, temporary_endpoint: Any) -> None:
    container = {
        "Image": deployment.image,
        "ModelDataUrl": deployment.upload_model(HANGS),
        "Environment": {"SERVING_TIMEOUT_SECONDS": "2"},
    }
    target = {"EndpointName": temporary_endpoint([container]), "TargetContainerHostname": None}
    started = time.monotonic()
    error = refusal_of(deployment, **target)
    assert time.monotonic() - started < 60
    assert error["Error"]["Code"] == "ModelError"
    assert error["OriginalStatusCode"] == 504


def test_a_broken_model_archive_fails_the_endpoint_with_the_reason(
    deployment: Deployment, temporary_endpoint: Any
) -> None:
    container = {"Image": deployment.image, "ModelDataUrl": deployment.upload(b"this is not an archive")}
    reason = failure_of(deployment, temporary_endpoint([container]))
    assert "model data" in reason.lower()


def test_model_data_that_is_not_there_fails_the_endpoint_with_the_reason(
    deployment: Deployment, temporary_endpoint: Any
) -> None:
    container = {
        "Image": deployment.image,
        "ModelDataUrl": f"s3://{deployment.bucket}/nothing/here/model.tar.gz",
    }
    reason = failure_of(deployment, temporary_endpoint([container]))
    assert "Could not find model data" in reason
    assert "nothing/here" in reason


def test_a_model_that_cannot_be_loaded_fails_the_endpoint_and_names_the_container(
    deployment: Deployment, temporary_endpoint: Any
) -> None:
    containers = [
        {
            "Image": deployment.image,
            "ModelDataUrl": deployment.upload_model(handler),
            "ContainerHostname": hostname,
        }
        for hostname, handler in (("fine", ALWAYS_POSITIVE), ("broken", CANNOT_LOAD))
    ]
    reason = failure_of(deployment, temporary_endpoint(containers, "Direct"))
    assert "ping" in reason
    assert "broken" in reason
    assert "truncated" in reason


def test_an_image_that_the_registry_does_not_have_fails_the_endpoint_with_awss_reason(
    deployment: Deployment, temporary_endpoint: Any
) -> None:
    absent = deployment.image.split("@")[0] + "@sha256:" + "0" * 64
    archive = deployment.upload_model(ALWAYS_POSITIVE)
    reason = failure_of(deployment, temporary_endpoint([{"Image": absent, "ModelDataUrl": archive}]))
    assert "make sure all images included in the model" in reason
    assert absent.split("/", 1)[1] in reason


def test_a_configuration_cannot_name_a_model_that_does_not_exist(deployment: Deployment) -> None:
    with pytest.raises(ClientError, match="Could not find model") as refusal:
        deployment.client("sagemaker").create_endpoint_config(
            EndpointConfigName="dangling",
            ProductionVariants=[
                {
                    "VariantName": "blue",
                    "ModelName": "no-such-model",
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                }
            ],
        )
    assert refusal.value.response["Error"]["Code"] == "ValidationException"


def test_a_bad_name_is_refused_in_the_words_of_the_service_model(deployment: Deployment) -> None:
    with pytest.raises(ClientError, match="failed to satisfy constraint") as refusal:
        deployment.client("sagemaker").create_model(
            ModelName="spaces are bad", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": deployment.image}
        )
    assert refusal.value.response["Error"]["Code"] == "ValidationException"


def failure_of(deployment: Deployment, endpoint: str) -> str:
    description = wait_until_settled(deployment.client("sagemaker"), endpoint)
    assert description["EndpointStatus"] == "Failed"
    return str(description["FailureReason"])


def logged(deployment: Deployment, endpoint: str, *, until: str, deadline_s: float = 30) -> str:
    """The endpoint's log in CloudWatch Logs, once it holds a text or the deadline has passed."""
    logs = deployment.client("logs")
    give_up = time.monotonic() + deadline_s
    text = ""
    while time.monotonic() < give_up and until not in text:
        time.sleep(0.2)  # CloudWatch Logs has nothing to wait on, here or on AWS
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{endpoint}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            continue  # the group is made with the first event
        text = "\n".join(event["message"] for event in events)
    return text
