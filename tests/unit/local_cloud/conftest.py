from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fake_fleet import ROLE, FakeHosting, control_plane

from local_cloud.sagemaker.api import ControlPlane

Call = Callable[..., dict[str, Any]]


@pytest.fixture
def fake_hosting() -> FakeHosting:
    return FakeHosting()


@pytest.fixture
async def plane(fake_hosting: FakeHosting) -> AsyncIterator[ControlPlane]:
    plane = control_plane(fake_hosting)
    yield plane
    await plane.close()


@pytest.fixture
def call(plane: ControlPlane) -> Call:
    """``call("DescribeModel", ModelName="m")``: the control plane as the gateway calls it."""

    def call(operation: str, **request: Any) -> dict[str, Any]:
        return plane.call(operation, json.dumps(request).encode())

    return call


@pytest.fixture
def with_config(call: Call) -> Call:
    """Model ``m`` and the configurations ``c1`` and ``c2`` (two instances, weight 3) of variant ``blue``."""
    call("CreateModel", ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "image:1"})
    for name, count, weight in (("c1", 1, 1.0), ("c2", 2, 3.0)):
        variant = {
            "VariantName": "blue",
            "ModelName": "m",
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": count,
            "InitialVariantWeight": weight,
        }
        call("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[variant])
    return call
