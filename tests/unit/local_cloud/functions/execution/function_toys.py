"""What the execution tests are made of: a real image around the toy runtime, real moto, real processes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3

from local_cloud.clock import Clock
from local_cloud.functions.execution import Execution, ExecutionSettings
from local_cloud.functions.specs import FunctionVersion, InvocationRequest, InvocationResult
from local_cloud.image_store import ImageStore

ACCOUNT = "123456789012"
REGION = "ap-northeast-2"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
TIME_SCALE = 60


def client(url: str, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def build_image(
    store: Path, url: str, repository: str, source: Path, requirements: str, command: list[str]
) -> str:
    """Build an image of one source folder, push it; returns its URI."""
    store.mkdir(parents=True, exist_ok=True)
    locked = store / f"{repository}.txt"
    locked.write_text(requirements)
    image = ImageStore(store).create(
        sources={source.name: source}, requirements=locked, command=command, environment={"COLOUR": "red"}
    )
    ecr = client(url, "ecr")
    ecr.create_repository(repositoryName=repository)
    ecr.put_image(
        repositoryName=repository, imageManifest=image.manifest, imageDigest=image.digest, imageTag="1"
    )
    return f"{REGISTRY}/{repository}@{image.digest}"


@dataclass
class Lab:
    """An Execution, and short ways to use it."""

    url: str
    image: str
    settings: ExecutionSettings
    execution: Execution

    def version(self, name: str | None = None, **options: Any) -> FunctionVersion:
        """A version of a function of its own, so that no test finds another's metrics or logs."""
        name = name or f"toy-{uuid.uuid4().hex[:12]}"
        number = options.pop("version", "1")
        version = FunctionVersion(
            function_name=name,
            version=number,
            arn=f"{ARN}{name}:{number}",
            image_uri=self.image,
            revision=options.pop("revision", "r1"),
            memory_mb=512,
            timeout_s=10,
            tmp_mb=512,
            log_group=f"/aws/lambda/{name}",
        )
        return replace(version, **options)

    async def call(
        self, version: FunctionVersion, event: Any = None, qualifier: str = "", **options: Any
    ) -> InvocationResult:
        return await self.execution.invoke(version, request(version, event, qualifier, **options))

    async def answer(self, version: FunctionVersion, event: Any = None, qualifier: str = "") -> Any:
        """The function's answer; fails where it is an error."""
        result = await self.call(version, event, qualifier)
        assert result.function_error is None, result.payload
        return json.loads(result.payload)

    def states(self, version: FunctionVersion) -> list[dict[str, object]]:
        return [state for state in self.execution.state() if state["function"] == version.function_name]

    def pids(self, version: FunctionVersion) -> set[int]:
        return {int(str(state["pid"])) for state in self.states(version) if state["pid"] is not None}

    async def stored_log(self, version: FunctionVersion) -> list[str]:
        """What CloudWatch Logs has of the function, oldest first."""
        await self.execution._parts.logs.flush()
        logs = client(self.url, "logs")
        answer = await asyncio.to_thread(logs.filter_log_events, logGroupName=version.log_group)
        return [event["message"] for event in answer["events"]]

    async def metric(self, name: str, **dimensions: str) -> list[dict[str, Any]]:
        """Sum, maximum and count of a metric as CloudWatch has it."""
        self.execution._metrics._tell()
        await self.execution._hub.flush()
        answer = await asyncio.to_thread(
            client(self.url, "cloudwatch").get_metric_statistics,
            Namespace="AWS/Lambda",
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=time.time() - 3600,
            EndTime=time.time() + 3600,
            Period=86_400,
            Statistics=["Sum", "Maximum", "SampleCount"],
        )
        return list(answer["Datapoints"])


def request(
    version: FunctionVersion, event: Any = None, qualifier: str = "", **options: Any
) -> InvocationRequest:
    resource = f"{version.function_name}:{qualifier}" if qualifier else version.function_name
    values = {
        "request_id": str(uuid.uuid4()),
        "payload": json.dumps({} if event is None else event).encode(),
        "invoked_arn": ARN + resource,
        "resource": resource,
        "received_at": time.perf_counter(),
        **options,
    }
    return InvocationRequest(**values)


def make_settings(url: str, images: Path, root: Path, **options: Any) -> ExecutionSettings:
    return ExecutionSettings(
        work_dir=root / "functions",
        images_dir=images,
        aws_url=url,
        region=REGION,
        account=ACCOUNT,
        clock=Clock(TIME_SCALE),
        **{"parallel_inits": 4, **options},
    )


def tail_lines(result: InvocationResult) -> list[str]:
    return result.log_tail.decode().splitlines()


def report(result: InvocationResult) -> str:
    """The REPORT line of a result."""
    return next(line for line in tail_lines(result) if line.startswith("REPORT"))


def figure(line: str, name: str) -> float:
    """``figure("…\\tBilled Duration: 12 ms", "Billed Duration")``."""
    found = re.search(rf"(?:^|\t){re.escape(name)}: ([0-9.]+) ", line)
    assert found is not None, line
    return float(found[1])


def is_running(pid: int) -> bool:
    """Whether the process exists and is not merely waiting for its parent to collect it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


async def becomes(condition: Callable[[], bool], within_s: float = 15) -> bool:
    """Wait, without blocking the event loop, until the condition holds. False at the deadline."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True
