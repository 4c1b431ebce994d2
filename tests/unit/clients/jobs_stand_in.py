"""An asynchronous endpoint for tests of jobs: SageMaker's part by hand, S3 and SQS by moto.

A request is accepted and then waits for the test: ``finish`` writes its answer and its notice, ``fail`` the
failure.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import boto3
from runtime_stand_in import Call, Handler, Reply, Runtime, aws_error

from serving_contracts import Mask, Segmentation, SegmentedFrame, SegmentedObject
from serving_contracts.segmentation import dump_answer

NAME = "serving-local-image-segmentation"
REGION = "ap-northeast-2"
ACCOUNT = "123456789012"

ANSWER = Segmentation(
    media="image",
    width=4,
    height=3,
    frames=(
        SegmentedFrame(
            0, 0.0, (SegmentedObject("cup", 0.9, (1, 0, 3, 2), Mask.from_runs(3, 4, [3, 2, 1, 2, 4])),)
        ),
    ),
)
JPEG = b"\xff\xd8\xff\xe0" + b"not really a picture, but it begins like one"
PNG = b"\x89PNG\r\n\x1a\n" + b"the same"


@dataclass
class Request:
    """One that was accepted."""

    inference_id: str
    input: str
    output: str
    failure: str
    headers: dict[str, str] = field(default_factory=dict)


class Endpoint:
    """The endpoint, its bucket and its queue. requests: what was accepted, in order."""

    def __init__(self, runtime: Runtime, *, queue: bool = True) -> None:
        self.runtime = runtime
        self.bucket = f"data-{uuid.uuid4()}"
        self.prefix = f"async/{NAME}/"
        self.s3: Any = boto3.client("s3", endpoint_url=runtime.moto_url, region_name=REGION)
        self.sqs: Any = boto3.client("sqs", endpoint_url=runtime.url, region_name=REGION)
        where: Any = {"LocationConstraint": REGION}
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=where)
        self.queue_url: str | None = None
        if queue:
            url = self.sqs.create_queue(QueueName=self.bucket)["QueueUrl"]
            self.queue_url = f"{runtime.url}/{ACCOUNT}/{url.rpartition('/')[2]}"
        self.requests: list[Request] = []
        self.failure_objects = True
        runtime.answer = self.answer

    @property
    def catalog_entry(self) -> dict[str, Any]:
        """As Terraform publishes it."""
        base = f"s3://{self.bucket}/{self.prefix}"
        entry = {part: f"{base}{part}/" for part in ("input", "output", "failure")}
        if self.queue_url:
            entry["queue_url"] = self.queue_url
        return {
            "pattern": "async",
            "endpoint_name": NAME,
            "mode": "Single",
            "variants": ["blue"],
            "containers": {"main": {"task": "segmentation", "model": "instance_segmentation"}},
            "async": entry,
        }

    def answer(self, _handler: Handler, call: Call) -> Reply:
        """InvokeEndpointAsync: 202 at once."""
        if not call.path.endswith("/async-invocations"):
            return aws_error("ValidationError", 400, "asynchronous only")
        request = self.accept(call)
        headers = {
            "X-Amzn-SageMaker-OutputLocation": request.output,
            "X-Amzn-SageMaker-FailureLocation": request.failure,
            "Content-Type": "application/json",
        }
        return Reply(json.dumps({"InferenceId": request.inference_id}).encode(), 202, headers)

    def accept(self, call: Call) -> Request:
        """The request is in the queue now."""
        key = uuid.uuid4()
        base = f"s3://{self.bucket}/{self.prefix}"
        request = Request(
            inference_id=call.headers["x-amzn-sagemaker-inference-id"],
            input=call.headers["x-amzn-sagemaker-inputlocation"],
            output=f"{base}output/{key}.out",
            failure=f"{base}failure/{key}-error.out",
            headers=call.headers,
        )
        with self.runtime.lock:
            self.requests.append(request)
        return request

    def finish(self, request: Request, body: bytes | None = None, *, notices: int = 1) -> None:
        """It has been answered."""
        answer = json.dumps(dump_answer(ANSWER)).encode() if body is None else body
        self.write(request.output, answer)
        for _ in range(notices):
            self.notify(success_notice(request))

    def fail(self, request: Request, said: str, reason: str, *, notice: bool = True) -> None:
        """It has failed: *said* by the container, *reason* of the notice."""
        if self.failure_objects:
            self.write(request.failure, said.encode())
        if notice:
            self.notify(failure_notice(request, reason))

    def notify(self, notice: dict[str, Any], *, raw: bool = False) -> None:
        """The notice as SNS puts it into the queue."""
        if self.queue_url is None:
            return
        text = json.dumps(notice)
        if not raw:
            text = json.dumps({"Type": "Notification", "MessageId": str(uuid.uuid4()), "Message": text})
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=text)

    def write(self, location: str, body: bytes) -> None:
        place = urlsplit(location)
        self.s3.put_object(Bucket=place.netloc, Key=place.path[1:], Body=body)

    def read(self, location: str) -> bytes:
        place = urlsplit(location)
        return bytes(self.s3.get_object(Bucket=place.netloc, Key=place.path[1:])["Body"].read())

    @property
    def inputs(self) -> list[str]:
        """The keys of what was uploaded."""
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=f"{self.prefix}input/")
        return [entry["Key"] for entry in listed.get("Contents", [])]

    @property
    def uploads_left(self) -> int:
        """Multipart uploads that were begun, and neither completed nor aborted."""
        return len(self.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []))

    @property
    def notices_left(self) -> int:
        """Messages in the queue, visible or not."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=list(names))
        return sum(int(found["Attributes"][name]) for name in names)


def success_notice(request: Request) -> dict[str, Any]:
    """SageMaker's message about a request that was answered."""
    return _notice(request) | {
        "invocationStatus": "Completed",
        "responseParameters": {"contentType": "application/json", "outputLocation": request.output},
    }


def failure_notice(request: Request, reason: str) -> dict[str, Any]:
    """SageMaker's message about a request that failed."""
    return _notice(request) | {"invocationStatus": "Failed", "failureReason": reason}


def _notice(request: Request) -> dict[str, Any]:
    return {
        "awsRegion": REGION,
        "eventTime": "2026-11-20T10:00:00.000Z",
        "receivedTime": "2026-11-20T09:59:00.000Z",
        "requestParameters": {
            "accept": request.headers.get("x-amzn-sagemaker-accept", ""),
            "contentType": request.headers.get("x-amzn-sagemaker-content-type", ""),
            "endpointName": NAME,
            "inputLocation": request.input,
        },
        "inferenceId": request.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


SERVER_ERROR = (
    "ClientError: Received server error (500) from model. See the SageMaker Endpoint logs in your account "
    "for more information."
)
