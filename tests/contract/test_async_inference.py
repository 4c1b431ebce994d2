"""Asynchronous inference as plain boto3 uses it, with real containers that are killed meanwhile."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cloud_under_test import Cloud, production_variant, push_toy_image, unique

from local_cloud import lifecycle

WITHIN_S = 60.0


@dataclass(frozen=True)
class Asynchronous:
    """An asynchronous endpoint with an SQS queue that hears of every request's end."""

    cloud: Cloud
    endpoint: str
    bucket: str
    queue: str
    topic: str

    def submit(self, body: bytes | str, **members: Any) -> dict[str, Any]:
        """Puts the body into S3 and invokes the endpoint with it."""
        key = f"in/{unique('x')}"
        data = body.encode() if isinstance(body, str) else body
        self.cloud.client("s3").put_object(Bucket=self.bucket, Key=key, Body=data)
        return self.invoke(InputLocation=f"s3://{self.bucket}/{key}", **members)

    def invoke(self, **members: Any) -> dict[str, Any]:
        runtime = self.cloud.client("sagemaker-runtime")
        answer: dict[str, Any] = runtime.invoke_endpoint_async(EndpointName=self.endpoint, **members)
        return answer

    def get(self, location: str) -> bytes:
        bucket, _, key = location.removeprefix("s3://").partition("/")
        body: bytes = self.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def notices(self, count: int, within_s: float = WITHIN_S) -> list[dict[str, Any]]:
        """The next ``count`` notices; fewer at the deadline."""
        sqs, found = self.cloud.client("sqs"), []
        deadline = time.monotonic() + within_s
        while len(found) < count and time.monotonic() < deadline:
            answer = sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def notice(self) -> dict[str, Any]:
        [notice] = self.notices(1)
        return notice

    def state(self) -> dict[str, Any]:
        found = lifecycle.status(self.cloud.directory)
        assert found is not None
        [endpoint] = [entry for entry in found["endpoints"] if entry["name"] == self.endpoint]
        return endpoint

    def containers(self) -> list[dict[str, Any]]:
        return [
            container
            for variant in self.state()["variants"]
            for instance in variant["instances"]
            for container in instance["containers"]
        ]

    def resize(self, count: int) -> None:
        self.cloud.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=self.endpoint,
            DesiredWeightsAndCapacities=[{"VariantName": "blue", "DesiredInstanceCount": count}],
        )


def eventually(condition: Callable[[], bool], within_s: float = WITHIN_S) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def make_endpoint(
    cloud: Cloud, *, per_instance: int = 4, instances: int = 1, **environment: str
) -> Asynchronous:
    s3, sns, sqs = cloud.client("s3"), cloud.client("sns"), cloud.client("sqs")
    bucket = unique("data")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": cloud.info.region})
    topic = sns.create_topic(Name=unique("ends"))["TopicArn"]
    queue = sqs.create_queue(QueueName=unique("ends"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    config = unique("config")
    model = cloud.create_model(cloud.container(**environment))
    cloud.client("sagemaker").create_endpoint_config(
        EndpointConfigName=config,
        ProductionVariants=[production_variant(model, InitialInstanceCount=instances)],
        AsyncInferenceConfig={
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": per_instance},
            "OutputConfig": {
                "S3OutputPath": f"s3://{bucket}/out/",
                "S3FailurePath": f"s3://{bucket}/failed/",
                "NotificationConfig": {"SuccessTopic": topic, "ErrorTopic": topic},
            },
        },
    )
    return Asynchronous(cloud, cloud.create_endpoint(config), bucket, queue, topic)


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud for this module, whose hosting may be restarted, with a clock that runs fast."""
    root = tmp_path_factory.mktemp("async")
    directory = root / "cloud"
    info = lifecycle.up(directory, port=0, time_scale=30)
    try:
        bare = Cloud(info, directory)
        yield replace(bare, image=push_toy_image(bare, root / "images"))
    finally:
        lifecycle.down(directory)


@pytest.fixture(scope="module")
def shared(own_cloud: Cloud) -> Asynchronous:
    """One endpoint for tests that leave it as it was."""
    return make_endpoint(own_cloud)


@pytest.fixture
def healthy(shared: Asynchronous) -> Iterator[Asynchronous]:
    """The shared endpoint; whatever a test did to it, it serves on afterwards with the same process."""
    before = [container["pid"] for container in shared.containers()]
    yield shared
    answer = shared.submit("still there?")
    assert shared.notice()["invocationStatus"] == "Completed"
    assert shared.get(answer["OutputLocation"]) == b"toy(still there?)"
    assert [container["pid"] for container in shared.containers()] == before
    assert {container["status"] for container in shared.containers()} == {"Healthy"}
    assert shared.state()["async_queue"]["queued"] == shared.state()["async_queue"]["in_process"] == 0


def test_a_request_is_accepted_at_once_and_its_answer_lies_where_the_caller_was_told(
    healthy: Asynchronous,
) -> None:
    answer = healthy.submit("hello", ContentType="text/plain", InferenceId="my-id")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == "my-id"
    assert answer["OutputLocation"].startswith(f"s3://{healthy.bucket}/out/")
    assert answer["OutputLocation"].endswith(".out")
    assert answer["FailureLocation"].startswith(f"s3://{healthy.bucket}/failed/")
    assert answer["FailureLocation"].endswith("-error.out")
    notice = healthy.notice()
    assert (notice["invocationStatus"], notice["inferenceId"]) == ("Completed", "my-id")
    assert notice["responseParameters"]["outputLocation"] == answer["OutputLocation"]
    assert healthy.get(answer["OutputLocation"]) == b"toy(hello)"


def test_the_container_gets_the_headers_of_sagemaker(healthy: Asynchronous) -> None:
    answer = healthy.submit(
        "headers",
        ContentType="application/x-toy",
        Accept="text/plain",
        CustomAttributes="trace=1",
        InferenceId="id-1",
    )
    healthy.notice()
    seen = dict(line.split(": ", 1) for line in healthy.get(answer["OutputLocation"]).decode().split("\n"))
    assert seen["Content-Type"] == "application/x-toy"
    assert seen["Accept"] == "text/plain"
    assert seen["X-Amzn-SageMaker-Custom-Attributes"] == "trace=1"
    assert seen["X-Amzn-SageMaker-Inference-Id"] == "id-1"
    assert seen["Content-Length"] == str(len("headers"))


def test_a_body_may_come_inline(healthy: Asynchronous) -> None:
    answer = healthy.invoke(Body=b"inline", ContentType="text/plain")
    healthy.notice()
    assert healthy.get(answer["OutputLocation"]) == b"toy(inline)"


@pytest.mark.parametrize("size", [100_000, 3_000_000, 40_000_000])
def test_bodies_and_answers_of_any_size_arrive_whole(healthy: Asynchronous, size: int) -> None:
    answer = healthy.submit(b"x" * size)
    assert healthy.notice()["invocationStatus"] == "Completed"
    assert healthy.get(answer["OutputLocation"]) == b"toy(" + b"x" * size + b")"


def failure(healthy: Asynchronous, answer: dict[str, Any]) -> tuple[str, str]:
    """The reason in the notice, and the failure object's text."""
    notice = healthy.notice()
    assert notice["invocationStatus"] == "Failed"
    with pytest.raises(ClientError, match="NoSuchKey"):
        healthy.get(answer["OutputLocation"])
    return notice["failureReason"], healthy.get(answer["FailureLocation"]).decode()


@pytest.mark.parametrize(("status", "side"), [(400, "client"), (500, "server"), (502, "server")])
def test_an_error_of_the_container(healthy: Asynchronous, status: int, side: str) -> None:
    reason, text = failure(healthy, healthy.submit(f"status {status}"))
    assert f"ClientError: Received {side} error ({status}) from model." in reason
    assert "as you wish" in reason
    assert text == "as you wish"


def test_an_input_that_does_not_exist(healthy: Asynchronous) -> None:
    location = f"s3://{healthy.bucket}/nothing"
    reason, text = failure(healthy, healthy.invoke(InputLocation=location))
    assert "NoSuchKey" in reason
    assert location in reason
    assert json.loads(text) == {"failureReason": reason}


def test_an_input_that_the_bucket_policy_denies(healthy: Asynchronous) -> None:
    s3 = healthy.cloud.client("s3")
    s3.put_object(Bucket=healthy.bucket, Key="secret/x", Body=b"x")
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{healthy.bucket}/secret/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    s3.put_bucket_policy(Bucket=healthy.bucket, Policy=policy)
    try:
        reason, _ = failure(healthy, healthy.invoke(InputLocation=f"s3://{healthy.bucket}/secret/x"))
    finally:
        s3.delete_bucket_policy(Bucket=healthy.bucket)
    assert "AccessDenied" in reason


def test_an_invocation_that_takes_too_long(healthy: Asynchronous) -> None:
    began = time.monotonic()
    reason, _ = failure(healthy, healthy.submit("sleep 30", InvocationTimeoutSeconds=1))
    assert "did not answer within 1 seconds (InvocationTimeoutSeconds)" in reason
    assert time.monotonic() - began >= 1, "real seconds, however fast the clock runs"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("stream 3", "did not specify the required Content-Length header"),
        ("half", "not valid HTTP or incomplete"),
    ],
)
def test_an_answer_that_is_none(healthy: Asynchronous, body: str, words: str) -> None:
    reason, text = failure(healthy, healthy.submit(body))
    assert words in reason
    assert words in text


def test_a_large_answer_is_streamed_to_s3(healthy: Asynchronous) -> None:
    answer = healthy.submit("large 60000000")
    assert healthy.notice()["responseParameters"]["contentType"] == "application/x-large"
    assert len(healthy.get(answer["OutputLocation"])) == 60_000_000


def test_an_output_bucket_that_is_gone_and_a_topic_that_is_gone(own_cloud: Cloud) -> None:
    endpoint = make_endpoint(own_cloud)
    own_cloud.client("s3").delete_bucket(Bucket=endpoint.bucket)
    endpoint.invoke(Body=b"x")
    notice = endpoint.notice()
    assert "Could not write" in notice["failureReason"]
    assert "NoSuchBucket" in notice["failureReason"]
    own_cloud.client("sns").delete_topic(TopicArn=endpoint.topic)
    endpoint.invoke(Body=b"x")
    assert eventually(lambda: endpoint.state()["async_queue"]["failed"] == 2)
    assert endpoint.notices(1, within_s=1) == []
    assert {container["status"] for container in endpoint.containers()} == {"Healthy"}
    own_cloud.delete_endpoint(endpoint.endpoint)


def test_a_request_that_kills_its_container_fails_alone_in_the_end(own_cloud: Cloud) -> None:
    endpoint = make_endpoint(own_cloud)
    others = [endpoint.submit(f"work 0.5 {number}") for number in range(3)]
    poison = endpoint.submit("kill")
    notices = {notice["inferenceId"]: notice for notice in endpoint.notices(4)}
    assert notices[poison["InferenceId"]]["invocationStatus"] == "Failed"
    assert "The container ended 5 times" in notices[poison["InferenceId"]]["failureReason"]
    assert "signal SIGKILL" in notices[poison["InferenceId"]]["failureReason"]
    for number, answer in enumerate(others):
        assert notices[answer["InferenceId"]]["invocationStatus"] == "Completed"
        assert endpoint.get(answer["OutputLocation"]) == f"toy(work 0.5 {number})".encode()
    own_cloud.delete_endpoint(endpoint.endpoint)


def test_nothing_is_lost_or_done_twice_while_containers_are_killed_and_an_instance_is_removed(
    own_cloud: Cloud,
) -> None:
    endpoint = make_endpoint(own_cloud, instances=2, per_instance=2)
    jobs = 100
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: endpoint.submit(f"work 0.1 {number}"), range(jobs)))
    for kill in range(4):
        if kill == 2:
            endpoint.resize(1)
        assert eventually(lambda: any(entry["status"] == "Healthy" for entry in endpoint.containers()))
        victim = next(entry for entry in endpoint.containers() if entry["status"] == "Healthy")
        os.kill(victim["pid"], signal.SIGKILL)
        assert eventually(
            lambda victim=victim: all(  # type: ignore[misc]
                entry["pid"] != victim["pid"] for entry in endpoint.containers()
            )
        )
    notices = endpoint.notices(jobs)
    assert sorted(notice["inferenceId"] for notice in notices) == sorted(
        answer["InferenceId"] for answer in answers
    )
    for number, answer in enumerate(answers):
        assert endpoint.get(answer["OutputLocation"]) == f"toy(work 0.1 {number})".encode()
    assert endpoint.notices(1, within_s=1) == [], "no notice comes twice"
    queue = endpoint.state()["async_queue"]
    assert (queue["queued"], queue["in_process"], queue["done"], queue["failed"]) == (0, 0, jobs, 0)
    own_cloud.delete_endpoint(endpoint.endpoint)


def test_a_restart_of_hosting_in_the_middle_loses_nothing_and_repeats_nothing(own_cloud: Cloud) -> None:
    endpoint = make_endpoint(own_cloud, per_instance=2)
    jobs = 40
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: endpoint.submit(f"work 0.1 {number}"), range(jobs)))
    before = endpoint.containers()
    restarted = lifecycle.restart_hosting(own_cloud.directory)
    assert endpoint.endpoint in [entry["name"] for entry in restarted["endpoints"]]
    assert {entry["status"] for entry in restarted["endpoints"]} == {"InService"}
    assert {entry["pid"] for entry in before}.isdisjoint(entry["pid"] for entry in endpoint.containers())
    notices = endpoint.notices(jobs)
    assert len({notice["inferenceId"] for notice in notices}) == len(notices) == jobs
    for number, answer in enumerate(answers):
        assert endpoint.get(answer["OutputLocation"]) == f"toy(work 0.1 {number})".encode()
    assert endpoint.notices(1, within_s=1) == []
    assert endpoint.state()["async_queue"]["done"] == jobs
    own_cloud.delete_endpoint(endpoint.endpoint)


def test_a_restart_needs_the_header_that_no_web_page_can_send(own_cloud: Cloud) -> None:
    request = urllib.request.Request(own_cloud.info.url + "/_local/hosting/restart", method="POST")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=10)


def test_an_asynchronous_endpoint_takes_no_real_time_invocation(healthy: Asynchronous) -> None:
    with pytest.raises(ClientError, match=r"ValidationError.*takes InvokeEndpointAsync only"):
        healthy.cloud.client("sagemaker-runtime").invoke_endpoint(EndpointName=healthy.endpoint, Body=b"x")


def test_the_metrics_are_those_of_an_asynchronous_endpoint(healthy: Asynchronous) -> None:
    healthy.submit("status 500")
    healthy.notice()
    cloudwatch = healthy.cloud.client("cloudwatch")

    def names() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for page in cloudwatch.get_paginator("list_metrics").paginate(
            Namespace="AWS/SageMaker",
            Dimensions=[{"Name": "EndpointName", "Value": healthy.endpoint}],
        ):
            for metric in page["Metrics"]:
                found[metric["MetricName"]] = sorted(entry["Name"] for entry in metric["Dimensions"])
        return found

    by_endpoint = {
        "ApproximateBacklogSize",
        "ApproximateBacklogSizePerInstance",
        "ApproximateAgeOfOldestRequest",
        "HasBacklogWithoutCapacity",
    }
    by_variant = {
        "ExpiredRequests",
        "Invocation4XXErrors",
        "Invocation5XXErrors",
        "InvocationFailures",
        "InvocationsProcessed",
        "ModelLatency",
        "NotificationFailures",
        "RequestDownloadFailures",
        "RequestDownloadLatency",
        "ResponseUploadFailures",
        "ResponseUploadLatency",
        "TimeInBacklog",
        "TotalProcessingTime",
    }
    assert eventually(lambda: by_endpoint | by_variant <= set(names()))
    found = names()
    assert set(found) == by_endpoint | by_variant, "Invocations and OverheadLatency are not published"
    assert all(found[name] == ["EndpointName"] for name in by_endpoint)
    assert all(found[name] == ["EndpointName", "VariantName"] for name in by_variant)


def test_a_body_of_a_gigabyte_passes_without_being_held(own_cloud: Cloud) -> None:
    endpoint = make_endpoint(own_cloud, TOY="counts-bytes")
    size = 1024 * 1024 * 1024
    s3 = own_cloud.client("s3")
    part = b"x" * (64 * 1024 * 1024)
    upload = s3.create_multipart_upload(Bucket=endpoint.bucket, Key="big")["UploadId"]
    named = {"Bucket": endpoint.bucket, "Key": "big", "UploadId": upload}
    parts = []
    before = resident(own_cloud)
    for number in range(1, size // len(part) + 1):
        etag = s3.upload_part(**named, PartNumber=number, Body=part)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    answer = endpoint.invoke(InputLocation=f"s3://{endpoint.bucket}/big")
    highest = 0
    deadline = time.monotonic() + 100
    while endpoint.state()["async_queue"]["done"] == 0 and time.monotonic() < deadline:
        highest = max(highest, resident(own_cloud))
        time.sleep(0.05)
    assert endpoint.get(answer["OutputLocation"]) == str(size).encode()
    assert highest - before < 100 * 1024 * 1024
    s3.delete_object(Bucket=endpoint.bucket, Key="big")
    own_cloud.delete_endpoint(endpoint.endpoint)


def resident(cloud: Cloud) -> int:
    """Bytes of memory that the local cloud's process holds."""
    pages = int(Path(f"/proc/{cloud.info.pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
