from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from scaling_fakes import DIMENSION, Account, FakeClock, FakeVariants

from local_cloud.scaling import ScalingEngine, hooks


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def variants() -> FakeVariants:
    return FakeVariants()


@pytest.fixture
async def engine(clock: FakeClock, variants: FakeVariants) -> AsyncIterator[ScalingEngine]:
    """Listens to moto; evaluates when the test says."""
    import asyncio

    engine = ScalingEngine({DIMENSION: variants}, clock)
    engine._loop = asyncio.get_running_loop()
    engine._publisher.start()
    hooks.listen(engine)
    yield engine
    await engine.stop()
