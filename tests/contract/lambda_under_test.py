"""Functions in a real local cloud: the toy runtime's image, functions of it, and the queues they tell."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cloud_under_test import Cloud, unique

from local_cloud.image_store import ImageStore

TOY_RUNTIME = (
    Path(__file__).resolve().parents[1] / "unit" / "local_cloud" / "functions" / "execution" / "toy_runtime"
)
ROLE = "arn:aws:iam::123456789012:role/function"

_T = TypeVar("_T")


@dataclass(frozen=True)
class FunctionCloud(Cloud):
    """A local cloud whose ``image`` is the toy runtime: the member ``do`` of an event says what it does."""

    def create_function(self, **changes: Any) -> str:
        name = unique("function")
        request = {
            "FunctionName": name,
            "PackageType": "Image",
            "Code": {"ImageUri": self.image},
            "Role": ROLE,
            "Timeout": 20,
            "MemorySize": 256,
            **changes,
        }
        functions = self.client("lambda")
        functions.create_function(**request)
        functions.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )
        return name

    def invoke(self, name: str, event: Any = None, **members: Any) -> Any:
        """The answer of Invoke, with the payload read: ``Json`` where it is JSON."""
        answer = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event or {}), **members)
        text = answer.pop("Payload").read()
        return {**answer, "Json": json.loads(text) if text else None}

    def create_queue(self) -> tuple[str, str]:
        """(ARN, URL) of a new queue."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        return attributes["QueueArn"], url

    def receive(self, url: str) -> dict[str, Any]:
        """The next message of a queue."""
        sqs = self.client("sqs")

        def one() -> dict[str, Any] | None:
            found = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=1).get(
                "Messages"
            )
            return found[0] if found else None

        return eventually(one)

    def functions_state(self, name: str) -> dict[str, Any]:
        """What ``/_local/status`` says of a function."""
        from local_cloud import lifecycle

        found = lifecycle.status(self.directory)
        assert found is not None
        return next(function for function in found["functions"] if function["name"] == name)


def eventually(look: Callable[[], _T | None], seconds: float = 30.0) -> _T:
    """What ``look`` finds, as soon as it finds something; fails at the deadline."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


def push_toy_runtime(cloud: Cloud, images: Path) -> str:
    """Builds the toy runtime's image and pushes it; returns its URI by digest."""
    images.mkdir(parents=True, exist_ok=True)
    requirements = images / "requirements.txt"
    requirements.write_text("# the toy runtime needs only Python\n", encoding="utf-8")
    image = ImageStore(images).create(
        sources={"toy_runtime": TOY_RUNTIME},
        requirements=requirements,
        command=["python", "-m", "toy_runtime"],
    )
    ecr = cloud.client("ecr")
    repository = ecr.create_repository(repositoryName="toy-runtime")["repository"]["repositoryUri"]
    ecr.put_image(repositoryName="toy-runtime", imageManifest=image.manifest, imageTag="1")
    return f"{repository}@{image.digest}"
