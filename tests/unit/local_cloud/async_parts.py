"""A fleet whose containers do as the test says, S3 and SNS without HTTP, and a clock that stands still."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from local_cloud.asynchronous import AsyncConfig, AsyncEndpoint, AsyncInference, Submission
from local_cloud.asynchronous.locations import Location, parse
from local_cloud.clock import Clock
from local_cloud.hosting import InvokeRequest, InvokeResponse, VariantState
from local_cloud.hosting.errors import ContainerDied, InvocationTimedOut, ModelError
from local_cloud.s3 import ObjectStore, S3Objects
from local_cloud.settings import ACCOUNT

REGION = "ap-northeast-2"
Behaviour = Callable[[InvokeRequest], Awaitable[bytes]]


class StoppedClock(Clock):
    """Its wall time moves when the test says so; what merely waits passes at once."""

    def __init__(self) -> None:
        super().__init__(time_scale=1000)
        self.seconds = 1_800_000_000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


class Pieces:
    """An answer of one piece."""

    def __init__(self, content: bytes) -> None:
        self._rest = [content] if content else []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._rest:
            raise StopAsyncIteration
        return self._rest.pop()

    async def aclose(self) -> None:
        self._rest.clear()


@dataclass
class FakeInstance:
    name: str
    inside: int = 0
    most_inside: int = 0
    retiring: bool = False
    for_one: bool = False


class FakePlace:
    def __init__(self, fleet: Containers, instance: FakeInstance, alone: bool) -> None:
        self.instance_id = instance.name
        self._fleet, self._instance, self._released = fleet, instance, False
        instance.inside += 1
        instance.most_inside = max(instance.most_inside, instance.inside)
        instance.for_one = alone

    @property
    def retiring(self) -> bool:
        return self._instance.retiring

    async def invoke(self, request: InvokeRequest) -> InvokeResponse:
        self._fleet.requests.append(request)
        self._fleet.company.append(self._instance.inside)
        content = await self._fleet.behave(request)
        length = len(content) if self._fleet.declares_length else None
        return InvokeResponse(200, Pieces(content), "text/x-answer", "blue", content_length=length)

    def release(self) -> None:
        if not self._released:
            self._released = True
            self._instance.inside -= 1
            self._instance.for_one = False
            self._fleet.changed()


class Containers:
    """A fleet. ``behave`` is what its containers do; ``company``: requests inside, a figure an attempt."""

    def __init__(self, instances: int = 1, behave: Behaviour | None = None) -> None:
        self.endpoint_name = "e"
        self.instances = [FakeInstance(f"i-{number}") for number in range(instances)]
        self.behave: Behaviour = behave or echo
        self.declares_length = True
        self.requests: list[InvokeRequest] = []
        self.company: list[int] = []
        self._callback: Callable[[], None] = lambda: None

    def reserve(self, per_instance: int, *, alone: bool = False) -> FakePlace | None:
        most = 1 if alone else per_instance
        for instance in self.instances:
            if instance.inside < most and not instance.for_one and not instance.retiring:
                return FakePlace(self, instance, alone)
        return None

    def on_capacity(self, callback: Callable[[], None]) -> None:
        self._callback = callback

    def changed(self) -> None:
        self._callback()

    def add_instance(self) -> None:
        self.instances.append(FakeInstance(f"i-{len(self.instances)}"))
        self.changed()

    def describe(self) -> list[VariantState]:
        count = len(self.instances)
        return [VariantState("blue", 1.0, 1.0, count, count, (), ())]

    async def start(self) -> None: ...

    async def stop(self, drain_s: float = 30) -> None: ...

    async def set_capacity(self, variant: str, **wish: Any) -> None: ...

    async def invoke(self, request: InvokeRequest) -> InvokeResponse:
        raise AssertionError("asynchronous requests go to places")


async def echo(request: InvokeRequest) -> bytes:
    assert isinstance(request.body, bytes)
    return b"answer to " + request.body


def died(message: str = "connection reset") -> ContainerDied:
    return ContainerDied("died", original_status=0, original_message=message, log_stream_arn="arn")


def timed_out() -> InvocationTimedOut:
    return InvocationTimedOut("slow", original_status=0, original_message="slow", log_stream_arn="arn")


def answered(status: int, body: bytes) -> ModelError:
    return ModelError(
        "error",
        original_status=status,
        original_message=body.decode(),
        log_stream_arn="arn",
        body=body,
        content_type="text/x-error",
    )


@dataclass
class Bench:
    """One endpoint ``e`` with its queue on disk. ``metrics``: samples by name."""

    directory: Path
    s3: S3Objects
    bucket: str
    config: AsyncConfig
    clock: StoppedClock = field(default_factory=StoppedClock)
    metrics: dict[str, list[float]] = field(default_factory=dict)

    @asynccontextmanager
    async def hosting(self, fleet: Containers | None = None) -> AsyncIterator[AsyncEndpoint]:
        """One life of hosting on the same folder."""
        service = AsyncInference(
            self.directory, self.s3, "http://127.0.0.1:9", region=REGION, account=ACCOUNT, clock=self.clock
        )
        service._hub = Recorder(self.metrics)  # type: ignore[assignment]
        await service.start()
        endpoint = await service.open("e", "blue", self.config)
        if fleet is not None:
            endpoint.attach(fleet, "blue", self.config)
        try:
            yield endpoint
        finally:
            await service.close()

    def put(self, key: str, body: bytes) -> str:
        self.s3.put_object(self.bucket, key, [body])
        return f"s3://{self.bucket}/{key}"

    def get(self, location: str) -> bytes:
        place = parse(location)
        return self.s3.open_object(place.bucket, place.key).content.read()

    def content_type(self, location: str) -> str:
        place = parse(location)
        return self.s3.open_object(place.bucket, place.key).content_type

    def exists(self, location: str) -> bool:
        try:
            self.get(location)
        except LookupError:
            return False
        return True


class Recorder:
    """A metric hub that keeps every sample."""

    def __init__(self, samples: dict[str, list[float]]) -> None:
        self._samples = samples

    def series(self, namespace: str, name: str, dimensions: Any, unit: str) -> Any:
        assert namespace == "AWS/SageMaker"
        return _Series(self._samples.setdefault(name, []))

    async def flush(self) -> None: ...

    async def close(self) -> None: ...


class _Series:
    def __init__(self, samples: list[float]) -> None:
        self.add = samples.append


def topic(name: str) -> tuple[str, list[dict[str, Any]]]:
    """A new topic's ARN, and a list that fills with what is published to it."""
    from moto.sns.models import sns_backends

    made = sns_backends[ACCOUNT][REGION].create_topic(name)
    made.sent_notifications = sent = Sent()
    return made.arn, sent


class Sent(list[Any]):
    """moto's list of a topic's messages, as the JSON in them."""

    def append(self, notification: Any) -> None:
        super().append(json.loads(notification[1]))


def make_bench(root: Path) -> Bench:
    """With an empty bucket of its own."""
    store = ObjectStore(root / "objects")
    store.open()
    s3 = S3Objects(store, ACCOUNT)
    bucket = f"async-{uuid.uuid4().hex}"
    s3._backend().create_bucket(bucket, REGION)
    config = AsyncConfig(per_instance=2, output=Location(bucket, "out"), failure=Location(bucket, "failed"))
    return Bench(root / "asynchronous", s3, bucket, config)


def inline(text: str, **members: Any) -> Submission:
    return Submission(body=text.encode(), **members)


async def until(condition: Callable[[], bool], within_s: float = 10) -> None:
    """Waits until the condition holds; fails at the deadline."""
    assert await Clock().deadline(within_s).until(condition, every=0.002)
