"""Serverless fleets of the toy image, and what tests ask of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from toys import World, request

from local_cloud.hosting import (
    HostedFleet,
    Hosting,
    InvocationError,
    InvokeResponse,
    ServerlessSpec,
    ServerlessState,
    VariantSpec,
)


def serverless(
    world: World, *, max_concurrency: int = 5, provisioned: int = 0, memory_mb: int = 1024, **options: Any
) -> VariantSpec:
    """A variant of one toy container. ``options``: of ``World.container``."""
    spec = ServerlessSpec(memory_mb, max_concurrency, provisioned)
    container = world.container(**options)
    return world.variant(container, serverless=spec, instance_type="", instance_count=0)


@asynccontextmanager
async def running(hosting: Hosting, spec: VariantSpec, name: str = "endpoint") -> AsyncIterator[HostedFleet]:
    fleet = hosting.fleet(name, [spec])
    await fleet.start()
    try:
        yield fleet
    finally:
        await fleet.stop(drain_s=0)


def with_settings(world: World, **changes: Any) -> Hosting:
    return Hosting(replace(world.settings, **changes))


def pool(fleet: HostedFleet) -> ServerlessState:
    (state,) = fleet.describe()
    assert state.serverless is not None
    return state.serverless


def pids(fleet: HostedFleet) -> set[int]:
    """Of the warm containers."""
    found = [container.pid for each in pool(fleet).containers for container in each.containers]
    return {pid for pid in found if pid is not None}


async def ask(fleet: HostedFleet, body: str, **options: Any) -> str:
    """The answer as text."""
    answer = await fleet.invoke(request(body, **options))
    return text(answer)


def text(answer: InvokeResponse) -> str:
    assert isinstance(answer.body, bytes)
    return answer.body.decode()


async def ask_all(fleet: HostedFleet, *bodies: str) -> list[str | InvocationError]:
    """All at once; an answer or an error each, in order."""
    results = await asyncio.gather(*(ask(fleet, body) for body in bodies), return_exceptions=True)
    for result in results:
        assert isinstance(result, str | InvocationError), result
    return results  # type: ignore[return-value]
