"""An asynchronous endpoint made by a test with plain boto3, and what goes in and comes out of it."""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from archives import ALWAYS_POSITIVE
from botocore.exceptions import ClientError
from deployed import ROLE, Deployment, wait_until_settled

SCORES_ITS_TEXT = ALWAYS_POSITIVE.replace(
    """        answer = TASKS["sentiment"].parse_answer({"predicted_label": "Pos", "score": 0.5})
        return [answer for _ in requests]
""",
    """        import os, time

        time.sleep(float(os.environ.get("SECONDS_A_REQUEST", "0")))
        parse = TASKS["sentiment"].parse_answer
        return [parse({"predicted_label": "Pos", "score": int(r.text) / 1000}) for r in requests]
""",
)
"""Answers with the number that it was sent, so that a wrong answer shows. A text that is no number fails."""


@dataclass(frozen=True)
class Submitted:
    """A request that was accepted, and where its end will be told."""

    inference_id: str
    input: str
    output: str
    failure: str


@dataclass(frozen=True)
class AsyncEndpoint:
    """An endpoint that is InService, with topics whose notices arrive in a queue.

    inputs: the s3:// prefix, with its slash, that requests are put under.
    """

    deployment: Deployment
    name: str
    inputs: str
    queue_url: str
    success_topic: str
    error_topic: str

    def put(self, body: bytes) -> str:
        """Store an input; returns its s3:// URL."""
        place = urlsplit(self.inputs + str(uuid.uuid4()))
        self.deployment.client("s3").put_object(Bucket=place.netloc, Key=place.path[1:], Body=body)
        return place.geturl()

    def submit(self, location: str, content_type: str = "application/json", **more: Any) -> Submitted:
        answer = self.deployment.client("sagemaker-runtime").invoke_endpoint_async(
            EndpointName=self.name, InputLocation=location, ContentType=content_type, **more
        )
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
        return Submitted(answer["InferenceId"], location, answer["OutputLocation"], answer["FailureLocation"])

    def ask(self, text: str, **more: Any) -> Submitted:
        return self.submit(self.put(json.dumps({"text": text}).encode()), **more)

    def read(self, location: str) -> bytes | None:
        """The object at an s3:// URL, None while there is none."""
        place = urlsplit(location)
        try:
            answer = self.deployment.client("s3").get_object(Bucket=place.netloc, Key=place.path[1:])
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        return bytes(answer["Body"].read())

    def outcome(self, submitted: Submitted, *, within_s: float = 60) -> tuple[str, bytes]:
        """("output" or "failure", the object), as soon as it is there."""

        def look() -> tuple[str, bytes] | None:
            for kind in ("output", "failure"):
                found = self.read(getattr(submitted, kind))
                if found is not None:
                    return kind, found
            return None

        return wait_for(look, within_s, f"the outcome of {submitted.inference_id}")

    def notices(self, *, within_s: float) -> list[Mapping[str, Any]]:
        """The notices that have come; waits up to that long for the first of them."""
        sqs, found = self.deployment.client("sqs"), []
        deadline = time.monotonic() + within_s
        while True:
            patience = min(5, max(0, int(deadline - time.monotonic()))) if not found else 0
            messages = sqs.receive_message(
                QueueUrl=self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=patience
            ).get("Messages", [])
            for message in messages:
                found.append(json.loads(json.loads(message["Body"])["Message"]))
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
            if not messages and (found or time.monotonic() >= deadline):
                return found

    def notice_of(self, submitted: Submitted, *, within_s: float = 30) -> Mapping[str, Any]:
        """The notice of one request."""

        def look() -> Mapping[str, Any] | None:
            found = self.notices(within_s=2)
            return next((n for n in found if n["inferenceId"] == submitted.inference_id), None)

        return wait_for(look, within_s, f"the notice of {submitted.inference_id}")

    def state(self) -> Mapping[str, Any]:
        """What the local cloud says of this endpoint."""
        with urllib.request.urlopen(self.deployment.url + "/_local/status", timeout=20) as answer:
            endpoints = json.load(answer)["endpoints"]
        return next(dict(endpoint) for endpoint in endpoints if endpoint["name"] == self.name)

    def containers(self) -> list[Mapping[str, Any]]:
        return [
            container
            for variant in self.state()["variants"]
            for instance in variant["instances"]
            for container in instance["containers"]
        ]

    def set_instances(self, count: int) -> None:
        sagemaker = self.deployment.client("sagemaker")
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=self.name,
            DesiredWeightsAndCapacities=[{"VariantName": "blue", "DesiredInstanceCount": count}],
        )


def wait_for(look: Callable[[], Any], seconds: float, what: str) -> Any:
    """What *look* returns once it is neither None nor false; fails the test after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come within {seconds:.0f} s")
        time.sleep(0.1)


def make_async_endpoint(
    deployment: Deployment,
    handler: str,
    *,
    task: str = "sentiment",
    image: str | None = None,
    instances: int = 1,
    concurrency: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncEndpoint:
    """Model, topics, queue, configuration and endpoint, by the calls that anybody's code would make."""
    name = f"e2e-async-{uuid.uuid4().hex[:10]}"
    sagemaker, sns, sqs = (deployment.client(service) for service in ("sagemaker", "sns", "sqs"))
    topics = [sns.create_topic(Name=f"{name}-{kind}")["TopicArn"] for kind in ("success", "error")]
    queue_url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    for topic in topics:
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    container = {
        "Image": image or deployment.image,
        "ModelDataUrl": deployment.upload_model(handler, task=task),
        "Environment": dict(environment or {}),
    }
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    client_config = {"MaxConcurrentInvocationsPerInstance": concurrency} if concurrency else None
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "blue",
                "ModelName": name,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": instances,
            }
        ],
        AsyncInferenceConfig={
            **({"ClientConfig": client_config} if client_config else {}),
            "OutputConfig": {
                "S3OutputPath": f"s3://{deployment.bucket}/{name}/output",
                "S3FailurePath": f"s3://{deployment.bucket}/{name}/failure",
                "NotificationConfig": {"SuccessTopic": topics[0], "ErrorTopic": topics[1]},
            },
        },
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    description = wait_until_settled(sagemaker, name)
    assert description["EndpointStatus"] == "InService", description.get("FailureReason")
    inputs = f"s3://{deployment.bucket}/{name}/input/"
    return AsyncEndpoint(deployment, name, inputs, queue_url, topics[0], topics[1])


def deployed_async_endpoint(deployment: Deployment, key: str) -> AsyncEndpoint:
    """The endpoint that Terraform made, as the catalog describes it."""
    parameter = deployment.client("ssm").get_parameter(Name="/serving/local/catalog")["Parameter"]["Value"]
    entry = json.loads(parameter)["endpoints"][key]
    about = entry["async"]
    return AsyncEndpoint(
        deployment,
        entry["endpoint_name"],
        about["input"],
        about["queue_url"],
        about["success_topic_arn"],
        about["error_topic_arn"],
    )


def remove_async_endpoint(endpoint: AsyncEndpoint) -> None:
    sagemaker = endpoint.deployment.client("sagemaker")
    wait_until_settled(sagemaker, endpoint.name)
    sagemaker.delete_endpoint(EndpointName=endpoint.name)
    sagemaker.delete_endpoint_config(EndpointConfigName=endpoint.name)
    sagemaker.delete_model(ModelName=endpoint.name)
