from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from lambda_control_parts import LambdaApi, lambda_api


@pytest.fixture
async def api() -> AsyncIterator[LambdaApi]:
    """A control plane without functions."""
    api, server = await lambda_api()
    yield api
    await server.stop()
    await api.control.close()


@pytest.fixture
async def detect(api: LambdaApi) -> LambdaApi:
    """A control plane with the function ``detect``: versions 1 and 2, ``live`` on 1."""
    await api.create()
    await api.publish(2)
    await api("CreateAlias", FunctionName="detect", Name="live", FunctionVersion="1")
    return api
