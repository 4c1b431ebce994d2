"""A control plane behind a real HTTP server, called by botocore's client; the execution side is a fake."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import botocore.session
from aiohttp import web
from botocore.config import Config
from botocore.exceptions import ClientError

from local_cloud.clock import Clock
from local_cloud.functions.control.answers import Control
from local_cloud.functions.control.api import LambdaControl
from local_cloud.functions.specs import (
    FunctionVersion,
    ImageFacts,
    ImageRejected,
    InvocationRequest,
    InvocationResult,
    ProvisionedState,
)

REGION = "ap-northeast-2"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/execution"
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/detection"
IMAGE = f"{REPOSITORY}:1"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:detect"


class FakeExecution:
    """Remembers what it was told. Images of the tags 1 to 9 exist; ``looking`` holds a look at an image."""

    def __init__(self) -> None:
        self.reservations: dict[str, int] = {}
        self.kept: dict[tuple[str, str, str], int] = {}
        self.calls: list[tuple[str, str, int]] = []
        self.states: dict[str, ProvisionedState] = {}
        self.retired: list[tuple[str, str | None]] = []
        self.looking = asyncio.Event()
        self.looking.set()
        self.looked_at: asyncio.Queue[str] = asyncio.Queue()

    async def inspect_image(self, image_uri: str) -> ImageFacts:
        self.looked_at.put_nowait(image_uri)
        await self.looking.wait()
        tag = image_uri.rpartition(":")[2]
        if tag not in "123456789":
            raise ImageRejected("no such image in the store")
        return ImageFacts(f"{image_uri.rpartition(':')[0]}@sha256:{tag * 64}", tag * 64)

    async def invoke(self, version: FunctionVersion, request: InvocationRequest) -> InvocationResult:
        raise AssertionError("the control plane invokes nothing")

    def set_reserved(self, function_name: str, count: int | None) -> None:
        if count is None:
            self.reservations.pop(function_name, None)
        else:
            self.reservations[function_name] = count

    def reserved(self) -> Mapping[str, int]:
        return self.reservations

    def set_provisioned(self, version: FunctionVersion, qualifier: str, count: int) -> None:
        self.calls.append((version.version, qualifier, count))
        key = (version.function_name, version.version, qualifier)
        if count:
            self.kept[key] = count
        else:
            self.kept.pop(key, None)

    def provisioned(self, function_name: str, qualifier: str) -> ProvisionedState | None:
        return self.states.get(qualifier)

    async def retire(self, function_name: str, version: str | None = None) -> None:
        self.retired.append((function_name, version))

    def state(self) -> list[dict[str, object]]:
        return []

    async def close(self) -> None:
        pass


class GatedClock(Clock):
    """What AWS takes its time for ends when ``gate`` is open, which it is from the start."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()

    async def sleep(self, seconds: float) -> None:
        await self.gate.wait()


@dataclass
class LambdaApi:
    """``await api("GetFunction", FunctionName="f")``is what botocore's client returns, less metadata."""

    control: Control
    execution: FakeExecution
    clock: GatedClock
    url: str
    draws: list[float] = field(default_factory=list)
    client: Any = None

    async def __call__(self, operation: str, **request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = await asyncio.to_thread(self.client._make_api_call, operation, request)
        self.status = answer.pop("ResponseMetadata")["HTTPStatusCode"]
        return answer

    async def refusal(self, operation: str, **request: Any) -> tuple[str, str]:
        """The error's code and message."""
        try:
            answer = await self(operation, **request)
        except ClientError as error:
            found = error.response["Error"]
            return found["Code"], found["Message"]
        raise AssertionError(f"{operation} was not refused: {answer}")

    async def create(self, name: str = "detect", **members: Any) -> dict[str, Any]:
        """A function of IMAGE, Active when this returns."""
        return await self(
            "CreateFunction",
            **{
                "FunctionName": name,
                "Role": ROLE,
                "PackageType": "Image",
                "Code": {"ImageUri": IMAGE},
                **members,
            },
        )

    async def publish(self, times: int) -> None:
        """Publishes versions 1 … ``times`` of ``detect``, each of another image."""
        for number in range(1, times + 1):
            await self("UpdateFunctionCode", FunctionName="detect", ImageUri=f"{REPOSITORY}:{number}")
            published = await self("PublishVersion", FunctionName="detect")
            assert published["Version"] == str(number)


@dataclass
class Server:
    """An HTTP server on loopback that hands every request to a control plane."""

    control: Control

    async def start(self) -> str:
        self._runner = web.ServerRunner(web.Server(self._handle))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        path, _, query = request.raw_path.partition("?")
        if not self.control.matches(request.method, path):
            return web.Response(status=500, text="not for the control plane")
        body = await request.read()
        answer = await self.control.handle(request.method, path, query, request.headers, body)
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


@cache
def _session() -> botocore.session.Session:
    """One for all tests: it keeps the service models, which take long to load."""
    return botocore.session.Session()


async def lambda_api() -> tuple[LambdaApi, Server]:
    """A control plane and its server; stop the server and close the control plane at the end."""
    execution, clock, draws = FakeExecution(), GatedClock(), list[float]()
    control: Control = LambdaControl(
        execution,
        region=REGION,
        account=ACCOUNT,
        clock=clock,
        url="http://127.0.0.1:4566",
        rng=lambda: draws.pop(0),
    )
    server = Server(control)
    url = await server.start()
    client = _session().create_client(
        "lambda",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False, read_timeout=20),
    )
    return LambdaApi(control, execution, clock, url, draws, client), server
