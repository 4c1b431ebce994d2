"""Lambda behind a real gateway, with functions and a control plane that do as the test says."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aiohttp import ClientSession, ClientTimeout

from local_cloud.backing_services import BackingServices
from local_cloud.clock import Clock
from local_cloud.functions.control.answers import ControlAnswer, EventInvokeConfig, FunctionUrl, Resolved
from local_cloud.functions.control.errors import function_not_found
from local_cloud.functions.invocation.events import AsyncEvents
from local_cloud.functions.invocation.events.records import Delivery
from local_cloud.functions.invocation.events.targets import Targets
from local_cloud.functions.service import LambdaService
from local_cloud.functions.specs import (
    LATEST,
    FunctionVersion,
    ImageFacts,
    InvocationRequest,
    InvocationResult,
    ProvisionedState,
)
from local_cloud.gateway import Gateway, listen
from local_cloud.sagemaker.api import ControlPlane

ACCOUNT = "123456789012"
REGION = "ap-northeast-2"
PREFIX = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
FAST = Clock(time_scale=10_000)
"""A minute of waiting takes six milliseconds."""

Behaviour = Callable[[FunctionVersion, InvocationRequest], Awaitable[bytes | InvocationResult]]


async def echo(_: FunctionVersion, request: InvocationRequest) -> bytes:
    return request.payload


def failed(message: str = "no", version: str = LATEST) -> InvocationResult:
    """The function raised."""
    payload = json.dumps({"errorMessage": message, "errorType": "Error"}).encode()
    return InvocationResult(payload, "Unhandled", b"", version, cold=False)


class FakeExecution:
    """Every invocation is ``behave``'s; what was asked for is remembered."""

    def __init__(self, behave: Behaviour = echo) -> None:
        self.behave = behave
        self.requests: list[InvocationRequest] = []
        self.versions: list[FunctionVersion] = []
        self.inside = 0
        self.most_inside = 0
        self.told: list[tuple[object, ...]] = []
        self.closed = False
        self._reserved: dict[str, int] = {}

    async def inspect_image(self, image_uri: str) -> ImageFacts:
        return ImageFacts(image_uri, "0" * 64)

    async def invoke(self, version: FunctionVersion, request: InvocationRequest) -> InvocationResult:
        self.requests.append(request)
        self.versions.append(version)
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            answer = await self.behave(version, request)
        finally:
            self.inside -= 1
        if isinstance(answer, InvocationResult):
            return answer
        return InvocationResult(answer, None, b"REPORT a line\n", version.version, cold=False)

    def set_reserved(self, function_name: str, count: int | None) -> None:
        self.told.append(("reserved", function_name, count))
        if count is None:
            self._reserved.pop(function_name, None)
        else:
            self._reserved[function_name] = count

    def reserved(self) -> Mapping[str, int]:
        return self._reserved

    def set_provisioned(self, version: FunctionVersion, qualifier: str, count: int) -> None:
        self.told.append(("provisioned", version.version, qualifier, count))

    def provisioned(self, function_name: str, qualifier: str) -> ProvisionedState | None:
        return None

    async def retire(self, function_name: str, version: str | None = None) -> None:
        self.told.append(("retire", function_name, version))

    def state(self) -> list[dict[str, object]]:
        return [{"function": "echo", "status": "Idle"}]

    async def close(self) -> None:
        self.closed = True


@dataclass
class FakeFunction:
    version: str = LATEST
    events: EventInvokeConfig = field(default_factory=EventInvokeConfig)
    dead_letter_arn: str | None = None


class FakeControl:
    """``functions`` by name; a qualifier is any word."""

    def __init__(self) -> None:
        self.functions: dict[str, FakeFunction] = {"echo": FakeFunction()}
        self.urls: dict[str, FunctionUrl] = {}
        self.handled: list[tuple[str, str, str, bytes]] = []
        self.closed = False

    def matches(self, method: str, path: str) -> bool:
        return path.startswith("/2015-03-31/functions") and not path.endswith("invocations")

    async def handle(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> ControlAnswer:
        self.handled.append((method, path, query, body))
        return ControlAnswer(200, {"Content-Type": "application/json"}, b'{"by": "control"}')

    def resolve(self, function_name: str, qualifier: str | None = None) -> Resolved:
        name, _, given = function_name.removeprefix(PREFIX).partition(":")
        qualifier = qualifier or given or None
        arn = PREFIX + name + (f":{qualifier}" if qualifier else "")
        if name not in self.functions:
            raise function_not_found(arn)
        function = self.functions[name]
        version = FunctionVersion(
            name, function.version, arn, "image", "r", 128, 3, 512, f"/aws/lambda/{name}"
        )
        resource = f"{name}:{qualifier}" if qualifier else name
        return Resolved(version, qualifier, arn, resource, function.events, function.dead_letter_arn)

    def url_of(self, url_id: str) -> FunctionUrl | None:
        return self.urls.get(url_id)

    def add_url(self, url_id: str = "abc123", **changes: Any) -> str:
        """A URL of ``echo`` that everyone may call; returns its path."""
        url = FunctionUrl(url_id, f"/lambda-url/{url_id}/", "echo", PREFIX + "echo", None, "NONE", None,
                          "BUFFERED", public=True)  # fmt: skip
        self.urls[url_id] = replace(url, **changes)
        return url.url

    def provisioned(self, function_name: str, qualifier: str) -> ProvisionedState | None:
        return None

    def provision(self, function_name: str, qualifier: str, count: int) -> None:
        raise NotImplementedError

    def state(self) -> list[dict[str, Any]]:
        return [{"name": name} for name in self.functions]

    async def close(self) -> None:
        self.closed = True


class Counted:
    """A series that only adds up."""

    def __init__(self, sums: dict[tuple[str, str], list[float]], name: str, dimensions: Mapping[str, str]):
        self._values = sums.setdefault((name, ",".join(dimensions.values())), [])

    def add(self, value: float) -> None:
        self._values.append(value)


class FakeHub:
    """``values[name, "function,resource"]``: what was counted."""

    def __init__(self, *_: object) -> None:
        self.values: dict[tuple[str, str], list[float]] = {}

    async def close(self) -> None:
        return

    def series(self, namespace: str, name: str, dimensions: Mapping[str, str], unit: str) -> Counted:
        assert namespace == "AWS/Lambda"
        return Counted(self.values, name, dimensions)

    def count(self, name: str, dimensions: str = "echo") -> int:
        return len(self.values.get((name, dimensions), []))


@dataclass
class Bench:
    """The events of a folder; ``sent``: what their ends were told with, but to functions."""

    directory: Path
    sent: list[Delivery]
    execution: FakeExecution = field(default_factory=FakeExecution)
    control: FakeControl = field(default_factory=FakeControl)
    hub: FakeHub = field(default_factory=FakeHub)
    clock: Clock = FAST

    @asynccontextmanager
    async def running(self) -> AsyncIterator[AsyncEvents]:
        events = AsyncEvents(
            self.directory,
            self.control,
            self.execution,
            self.hub,  # type: ignore[arg-type]
            aws_url="http://127.0.0.1:9",
            region=REGION,
            account=ACCOUNT,
            clock=self.clock,
        )
        try:
            await events.start()
            yield events
        finally:
            await events.close()

    async def send(self, events: AsyncEvents, payload: bytes = b"{}", name: str = "echo") -> str:
        """An event; returns its request id."""
        request_id = str(uuid.uuid4())
        await events.accept(self.control.resolve(name), payload, request_id)
        return request_id

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(delivery.body) for delivery in self.sent if delivery.kind == "destination"]


def record_deliveries(monkeypatch: Any) -> list[Delivery]:
    """Messages to other services end in the returned list; those to functions go their way."""
    sent: list[Delivery] = []
    real = Targets.send

    async def send(self: Targets, delivery: Delivery) -> None:
        if ":lambda:" in delivery.target:
            await real(self, delivery)
        sent.append(delivery)

    monkeypatch.setattr(Targets, "send", send)
    return sent


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Waits until ``condition`` holds; fails the test when it does not."""
    assert await FAST.deadline(seconds).until(condition, every=0.002), "it did not happen in time"


@dataclass
class Door:
    """A gateway, and what is behind it."""

    url: str
    http: ClientSession
    service: LambdaService
    execution: FakeExecution
    control: FakeControl

    async def call(
        self, path: str, body: bytes = b"", method: str = "POST", **headers: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        """A request as it is told, header names with _ for -; (status, headers, body) of its answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.request(method, self.url + path, data=body, headers=named) as answer:
            return answer.status, answer.headers, await answer.read()

    async def invoke(self, body: bytes = b"", *, name: str = "echo", **headers: Any) -> Any:
        return await self.call(f"/2015-03-31/functions/{name}/invocations", body, **headers)


@asynccontextmanager
async def door(plane: ControlPlane, directory: Path, behave: Behaviour = echo) -> AsyncIterator[Door]:
    """Lambda and a gateway; moto is not there."""
    execution, control = FakeExecution(behave), FakeControl()
    with patch("local_cloud.functions.service.MetricHub", FakeHub):  # there is no CloudWatch
        service = LambdaService(
            directory,
            lambda: execution,
            lambda _: control,
            aws_url="http://127.0.0.1:9",
            region=REGION,
            account=ACCOUNT,
            clock=FAST,
        )
    await service.start()
    gateway = Gateway(plane, _NoMoto(), service, account=ACCOUNT)
    listener = listen(0)
    await gateway.start(listener)
    async with ClientSession(timeout=ClientTimeout(total=20)) as http:
        try:
            port = listener.getsockname()[1]
            yield Door(f"http://127.0.0.1:{port}", http, service, execution, control)
        finally:
            await gateway.stop()
            await service.close()


class _NoMoto(BackingServices):
    @property
    def url(self) -> str:
        return "http://127.0.0.1:9"
