"""A fleet that does as the test says, so that the control plane's own behaviour can be seen alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace

from local_cloud.asynchronous import AsyncInference
from local_cloud.clock import Clock
from local_cloud.hosting import (
    DeploymentFailed,
    InvocationError,
    InvokeRequest,
    InvokeResponse,
    ServerlessState,
    VariantSpec,
    VariantState,
)
from local_cloud.sagemaker.api import ControlPlane

ROLE = "arn:aws:iam::123456789012:role/serving"


class FakeFleet:
    """Starts when ``may_start`` is set; fails then if ``fails_with`` says why."""

    def __init__(self, endpoint_name: str, variants: Sequence[VariantSpec]) -> None:
        self.endpoint_name = endpoint_name
        self.variants = list(variants)
        self.capacity = {spec.name: (spec.instance_count, spec.weight) for spec in variants}
        self.serverless = {spec.name: spec.serverless for spec in variants if spec.serverless is not None}
        self.may_start = asyncio.Event()
        self.may_resize = asyncio.Event()
        self.may_stop = asyncio.Event()
        for event in (self.may_start, self.may_resize, self.may_stop):
            event.set()
        self.fails_with: str | None = None
        self.resize_fails_with: str | None = None
        self.stopped = False
        self.answer: bytes | list[bytes | Exception] | InvocationError = b""
        self.requests: list[InvokeRequest] = []

    async def start(self) -> None:
        await self.may_start.wait()
        if self.fails_with is not None:
            raise DeploymentFailed(self.fails_with)

    async def stop(self, drain_s: float = 30) -> None:
        await self.may_stop.wait()
        self.stopped = True

    async def set_capacity(self, variant: str, *, instance_count: int | None, weight: float | None) -> None:
        await self.may_resize.wait()
        if self.resize_fails_with is not None and (instance_count or 0) > 1:
            raise DeploymentFailed(self.resize_fails_with)
        count, now = self.capacity[variant]
        self.capacity[variant] = (
            count if instance_count is None else instance_count,
            now if weight is None else weight,
        )

    async def set_concurrency(
        self, variant: str, *, max_concurrency: int | None, provisioned: int | None
    ) -> None:
        await self.may_resize.wait()
        if self.resize_fails_with is not None and (provisioned or 0) > 1:
            raise DeploymentFailed(self.resize_fails_with)
        now = self.serverless[variant]
        self.serverless[variant] = replace(
            now,
            max_concurrency=now.max_concurrency if max_concurrency is None else max_concurrency,
            provisioned=now.provisioned if provisioned is None else provisioned,
        )

    def describe(self) -> list[VariantState]:
        return [
            VariantState(name, weight, weight, count, count, (), (), self._pool(name))
            for name, (count, weight) in self.capacity.items()
        ]

    def _pool(self, variant: str) -> ServerlessState | None:
        spec = self.serverless.get(variant)
        return None if spec is None else ServerlessState(spec, spec, 0, 0, 0, ())

    async def invoke(self, request: InvokeRequest) -> InvokeResponse:
        self.requests.append(request)
        if isinstance(self.answer, InvocationError):
            raise self.answer
        body = self.answer if isinstance(self.answer, bytes) else _pieces(self.answer)
        return InvokeResponse(200, body, "text/plain", self.variants[0].name)

    def reserve(self, per_instance: int, *, alone: bool = False) -> None:
        """No room, ever: what is queued stays queued."""

    def on_capacity(self, callback: Callable[[], None]) -> None:
        return


async def _pieces(pieces: Sequence[bytes | Exception]) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        yield piece


@dataclass
class FakeHosting:
    """Makes fleets and keeps them; ``prepare`` may be set to change the next ones before they start."""

    def __post_init__(self) -> None:
        self.fleets: list[FakeFleet] = []
        self.hold_start = False
        self.fail_with: str | None = None

    def fleet(self, endpoint_name: str, variants: Sequence[VariantSpec]) -> FakeFleet:
        fleet = FakeFleet(endpoint_name, variants)
        fleet.fails_with = self.fail_with
        if self.hold_start:
            fleet.may_start.clear()
        self.fleets.append(fleet)
        return fleet

    async def close(self) -> None:
        return


def control_plane(hosting: FakeHosting, asynchronous: AsyncInference | None = None) -> ControlPlane:
    return ControlPlane(
        hosting.fleet,
        region="ap-northeast-2",
        account="123456789012",
        clock=Clock(),
        asynchronous=asynchronous,
    )
