"""boto3 as anyone would write it: the endpoint URL is all that tells this from AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from archives import ALWAYS_POSITIVE
from botocore.exceptions import ClientError
from deployed import ROLE, SENTENCES, Deployment, wait_until_settled

LABS_LINES = "".join(json.dumps({"text": [text]}, ensure_ascii=False) + "\n" for text in SENTENCES).encode()


def container(deployment: Deployment, model: str, hostname: str | None = None) -> dict[str, Any]:
    definition: dict[str, Any] = {
        "Image": deployment.image,
        "ModelDataUrl": deployed_archive(deployment, model),
    }
    if hostname:
        definition["ContainerHostname"] = hostname
    return definition


def deployed_archive(deployment: Deployment, model: str) -> str:
    objects = deployment.client("s3").list_objects_v2(Bucket=deployment.bucket, Prefix=f"models/{model}/")
    return f"s3://{deployment.bucket}/{objects['Contents'][0]['Key']}"


def test_the_labs_request_is_answered_line_by_line(deployment: Deployment) -> None:
    response = deployment.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=deployment.endpoint_name,
        TargetContainerHostname="sentiment",
        ContentType="application/jsonlines",
        Accept="application/jsonlines",
        Body=LABS_LINES,
    )
    answers = [json.loads(line) for line in response["Body"].read().splitlines()]
    assert response["ContentType"] == "application/jsonlines"
    assert response["InvokedProductionVariant"] == "blue"
    assert [answer["predicted_label"] for answer in answers] == ["Pos", "Neg"]


def test_answers_can_be_streamed(deployment: Deployment) -> None:
    response = deployment.client("sagemaker-runtime").invoke_endpoint_with_response_stream(
        EndpointName=deployment.endpoint_name,
        TargetContainerHostname="sentiment",
        ContentType="application/jsonlines",
        Accept="application/x-ndjson",
        Body=LABS_LINES,
    )
    streamed = b"".join(event["PayloadPart"]["Bytes"] for event in response["Body"])
    assert [json.loads(line)["predicted_label"] for line in streamed.splitlines()] == ["Pos", "Neg"]


def test_a_direct_endpoint_lives_from_create_to_delete(deployment: Deployment) -> None:
    sagemaker, runtime = deployment.client("sagemaker"), deployment.client("sagemaker-runtime")
    sagemaker.create_model(
        ModelName="boto3-direct",
        ExecutionRoleArn=ROLE,
        Containers=[container(deployment, "sentiment", "mood"), container(deployment, "similarity", "pairs")],
        InferenceExecutionConfig={"Mode": "Direct"},
    )
    for name in ("boto3-v1", "boto3-v2"):
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": "boto3-direct",
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                }
            ],
        )
    sagemaker.create_endpoint(EndpointName="boto3-direct", EndpointConfigName="boto3-v1")
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName="boto3-direct", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    mood = runtime.invoke_endpoint(
        EndpointName="boto3-direct",
        TargetContainerHostname="mood",
        ContentType="application/json",
        Body=json.dumps({"text": SENTENCES[0]}),
    )
    assert json.load(mood["Body"])["predicted_label"] == "Pos"

    sagemaker.update_endpoint(EndpointName="boto3-direct", EndpointConfigName="boto3-v2")
    answered_meanwhile = 0
    while sagemaker.describe_endpoint(EndpointName="boto3-direct")["EndpointStatus"] == "Updating":
        pair = runtime.invoke_endpoint(
            EndpointName="boto3-direct",
            TargetContainerHostname="pairs",
            ContentType="application/json",
            Body=json.dumps({"texts": ["아이가 말을 탄다.", "어린아이가 말을 타고 있다."]}),
        )
        assert json.load(pair["Body"])["score"] > 2.5
        answered_meanwhile += 1
    updated = sagemaker.describe_endpoint(EndpointName="boto3-direct")
    assert (updated["EndpointStatus"], updated["EndpointConfigName"]) == ("InService", "boto3-v2")
    assert answered_meanwhile > 0

    sagemaker.delete_endpoint(EndpointName="boto3-direct")
    sagemaker.get_waiter("endpoint_deleted").wait(
        EndpointName="boto3-direct", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    for name in ("boto3-v1", "boto3-v2"):
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_model(ModelName="boto3-direct")
    with pytest.raises(ClientError, match="Could not find"):
        sagemaker.describe_model(ModelName="boto3-direct")


def test_an_update_that_fails_rolls_back_and_the_old_instances_keep_serving(
    deployment: Deployment, temporary_endpoint: Any
) -> None:
    sagemaker, runtime = deployment.client("sagemaker"), deployment.client("sagemaker-runtime")
    good = {"Image": deployment.image, "ModelDataUrl": deployment.upload_model(ALWAYS_POSITIVE)}
    endpoint = temporary_endpoint([good])
    broken = {"Image": deployment.image, "ModelDataUrl": deployment.upload(b"this is not an archive")}
    sagemaker.create_model(ModelName=f"{endpoint}-broken", ExecutionRoleArn=ROLE, PrimaryContainer=broken)
    sagemaker.create_endpoint_config(
        EndpointConfigName=f"{endpoint}-broken",
        ProductionVariants=[
            {
                "VariantName": "blue",
                "ModelName": f"{endpoint}-broken",
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
            }
        ],
    )
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=f"{endpoint}-broken")
    description = wait_until_settled(sagemaker, endpoint)
    assert description["EndpointStatus"] == "InService"
    assert description["EndpointConfigName"] == endpoint
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="application/json", Body=b'{"text": "a"}'
    )
    assert json.load(answer["Body"])["predicted_label"] == "Pos"


def test_a_serial_endpoint_hands_each_answer_to_the_next_container(
    deployment: Deployment, temporary_endpoint: Any
) -> None:
    shout = ALWAYS_POSITIVE  # answers {"predicted_label": …}, which the second container must refuse by name
    stages = [
        {
            "Image": deployment.image,
            "ModelDataUrl": deployment.upload_model(shout),
            "ContainerHostname": stage,
        }
        for stage in ("first", "second")
    ]
    endpoint = temporary_endpoint(stages, "Serial")
    runtime = deployment.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as refusal:
        runtime.invoke_endpoint(EndpointName=endpoint, ContentType="application/json", Body=b'{"text": "a"}')
    assert refusal.value.response["OriginalStatusCode"] == 400
    assert "predicted_label" in refusal.value.response["OriginalMessage"]


def test_traffic_is_shared_by_weight_and_a_variant_can_be_named(deployment: Deployment) -> None:
    sagemaker, runtime = deployment.client("sagemaker"), deployment.client("sagemaker-runtime")
    archive = deployment.upload_model(ALWAYS_POSITIVE)
    sagemaker.create_model(
        ModelName="ab",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": deployment.image, "ModelDataUrl": archive},
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName="ab",
        ProductionVariants=[
            {
                "VariantName": name,
                "ModelName": "ab",
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
                "InitialVariantWeight": weight,
            }
            for name, weight in (("a", 1), ("b", 1))
        ],
    )
    sagemaker.create_endpoint(EndpointName="ab", EndpointConfigName="ab")
    try:
        wait_until_settled(sagemaker, "ab")

        def ask(**target: str) -> str:
            response = runtime.invoke_endpoint(
                EndpointName="ab", ContentType="application/json", Body=b'{"text": "a"}', **target
            )
            return str(response["InvokedProductionVariant"])

        assert {ask() for _ in range(60)} == {"a", "b"}
        assert ask(TargetVariant="b") == "b"
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName="ab",
            DesiredWeightsAndCapacities=[
                {"VariantName": "a", "DesiredWeight": 0},
                {"VariantName": "b", "DesiredInstanceCount": 2},
            ],
        )
        description = wait_until_settled(sagemaker, "ab")
        counts = {v["VariantName"]: v["CurrentInstanceCount"] for v in description["ProductionVariants"]}
        assert counts == {"a": 1, "b": 2}
        assert {ask() for _ in range(40)} == {"b"}
    finally:
        sagemaker.delete_endpoint(EndpointName="ab")
        sagemaker.delete_endpoint_config(EndpointConfigName="ab")
        sagemaker.delete_model(ModelName="ab")
