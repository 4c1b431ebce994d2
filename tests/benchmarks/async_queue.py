"""What the queue of an asynchronous endpoint costs: the same small requests through it and past it.

Past it: as many connections as the endpoint has places, each sending its next request when the answer is
there, straight to the container. Through it: every request is submitted to the gateway, its body lies in S3,
its answer goes to S3 and, unless told otherwise, a notice to SNS and SQS; the clock runs until the last has
ended.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

_TESTS = Path(__file__).resolve().parents[1]
sys.path.append(str(_TESTS / "contract"))

from cloud_under_test import Cloud, production_variant, push_toy_image, unique  # noqa: E402

from local_cloud import lifecycle  # noqa: E402

BUCKET = "async-benchmark"
SUBMITTERS = 2
DEADLINE_S = 300.0


@dataclass(frozen=True, slots=True)
class Overhead:
    """Requests a second, a figure a round; ``ratio`` is the queue's median by that of the direct way."""

    direct: list[float]
    queued: list[float]

    @property
    def ratio(self) -> float:
        return statistics.median(self.queued) / statistics.median(self.direct)


def measure(
    *, jobs: int = 500, concurrency: int = 4, work_s: float = 0.05, rounds: int = 3, notices: bool = True
) -> Overhead:
    """Rounds of both ways, taking turns, so that both see the same machine.

    Args:
        work_s: what the container takes for a request. It sleeps: the machine's cores are left to the queue.
        notices: whether a success topic with an SQS queue behind it is configured.
    """
    bodies = [f"work {work_s} {number}".encode() for number in range(jobs)]
    with _endpoint(concurrency, notices) as (cloud, endpoint):
        s3 = cloud.client("s3")
        for number, body in enumerate(bodies):
            s3.put_object(Bucket=BUCKET, Key=f"in/{number}", Body=body)
        overhead = Overhead([], [])
        for number in range(rounds + 1):
            direct = asyncio.run(_direct(_port(cloud), bodies, concurrency))
            queued = asyncio.run(_queued(cloud, endpoint, jobs, not_before_s=0.98 * direct))
            if number:  # the first round warms both up
                overhead.direct.append(jobs / direct)
                overhead.queued.append(jobs / queued)
        return overhead


@contextmanager
def _endpoint(concurrency: int, notices: bool) -> Iterator[tuple[Cloud, str]]:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder, "cloud")
        info = lifecycle.up(directory, port=0)
        try:
            bare = Cloud(info, directory)
            cloud = replace(bare, image=push_toy_image(bare, Path(folder, "images")))
            cloud.client("s3").create_bucket(
                Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": info.region}
            )
            output: dict[str, Any] = {"S3OutputPath": f"s3://{BUCKET}/out"}
            if notices:
                output["NotificationConfig"] = {"SuccessTopic": _topic(cloud)}
            config = unique("config")
            cloud.client("sagemaker").create_endpoint_config(
                EndpointConfigName=config,
                ProductionVariants=[production_variant(cloud.create_model(cloud.container()))],
                AsyncInferenceConfig={
                    "ClientConfig": {"MaxConcurrentInvocationsPerInstance": concurrency},
                    "OutputConfig": output,
                },
            )
            yield cloud, cloud.create_endpoint(config)
        finally:
            lifecycle.down(directory)


def _topic(cloud: Cloud) -> str:
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    topic: str = sns.create_topic(Name="done")["TopicArn"]
    queue = sqs.create_queue(QueueName="done")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=attributes["QueueArn"],
        Attributes={"RawMessageDelivery": "true"},
    )
    return topic


def _state(cloud: Cloud) -> dict[str, Any]:
    found = lifecycle.status(cloud.directory)
    assert found is not None
    endpoint: dict[str, Any] = found["endpoints"][0]
    return endpoint


def _port(cloud: Cloud) -> int:
    return int(_state(cloud)["variants"][0]["instances"][0]["containers"][0]["port"])


async def _direct(port: int, bodies: Sequence[bytes], connections: int) -> float:
    """Seconds until the last answer."""
    waiting = iter(bodies)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def send() -> None:
            for body in waiting:
                async with session.post(f"http://127.0.0.1:{port}/invocations", data=body) as answer:
                    answer.raise_for_status()
                    await answer.read()

        began = time.perf_counter()
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*(send() for _ in range(connections)))
        return time.perf_counter() - began


async def _queued(cloud: Cloud, endpoint: str, jobs: int, not_before_s: float = 0.0) -> float:
    """Seconds from the first submission until no request waits or is in process. ``not_before_s``: when to
    begin to ask; each answer costs the local cloud a millisecond or two."""
    before = _state(cloud)["async_queue"]
    numbers = iter(range(jobs))
    url = f"{cloud.info.url}/endpoints/{endpoint}/async-invocations"
    async with aiohttp.ClientSession() as session:

        async def submit() -> None:
            for number in numbers:
                headers = {"X-Amzn-SageMaker-InputLocation": f"s3://{BUCKET}/in/{number}"}
                async with session.post(url, headers=headers) as answer:
                    assert answer.status == 202, await answer.text()

        began = time.perf_counter()
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*(submit() for _ in range(SUBMITTERS)))
            await asyncio.sleep(max(0.0, began + not_before_s - time.perf_counter()))
            while True:
                async with session.get(f"{cloud.info.url}/_local/status") as answer:
                    state = (await answer.json())["endpoints"][0]["async_queue"]
                if state["done"] + state["failed"] == before["done"] + before["failed"] + jobs:
                    break
                await asyncio.sleep(0.02)
        seconds = time.perf_counter() - began
    if state["failed"] != before["failed"]:
        raise RuntimeError(f"{state['failed'] - before['failed']} of {jobs} requests failed")
    return seconds
