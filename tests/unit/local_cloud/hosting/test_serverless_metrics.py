"""What a serverless variant tells CloudWatch, and what it never does."""

from __future__ import annotations

from typing import Any

import pytest
from toys import World

from local_cloud.hosting import ServerlessSpec
from local_cloud.hosting.serverless.fleet import usable_threads
from local_cloud.hosting.serverless.metrics import ConcurrencyReport, ServerlessMetrics


class Samples:
    """A hub that keeps every sample, by metric name."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[float]] = {}
        self.units: dict[str, str] = {}

    def series(self, namespace: str, name: str, dimensions: dict[str, str], unit: str) -> Any:
        assert dimensions == {"EndpointName": "e", "VariantName": "blue"}
        self.units[name] = unit
        by_name = self.by_name

        class Series:
            def add(self, value: float) -> None:
                by_name.setdefault(name, []).append(value)

        return Series()


@pytest.fixture
def samples() -> Samples:
    return Samples()


@pytest.fixture
def metrics(samples: Samples) -> ServerlessMetrics:
    return ServerlessMetrics(samples, "e", "blue")  # type: ignore[arg-type]


def test_utilization_is_a_share_and_that_of_the_provisioned_at_most_one(
    metrics: ServerlessMetrics, samples: Samples
) -> None:
    metrics.concurrency(6, ServerlessSpec(1024, max_concurrency=10, provisioned=4))
    assert samples.by_name == {
        "ServerlessConcurrentExecutionsUtilization": [0.6],
        "ServerlessProvisionedConcurrencyExecutions": [4],
        "ServerlessProvisionedConcurrencyUtilization": [1.0],
    }


def test_requests_beyond_the_provisioned_spill_over(metrics: ServerlessMetrics, samples: Samples) -> None:
    for in_flight in (1, 2, 3):
        metrics.admitted(in_flight, provisioned=2)
    metrics.admitted(1, provisioned=0)
    assert samples.by_name == {
        "ServerlessProvisionedConcurrencyInvocations": [1, 1],
        "ServerlessProvisionedConcurrencySpilloverInvocations": [1],
    }


def test_times_are_microseconds_and_no_answer_is_a_server_error(
    metrics: ServerlessMetrics, samples: Samples
) -> None:
    metrics.set_up(0.25)
    metrics.invoked(0, model_us=1000, overhead_us=250)
    metrics.invoked(404, model_us=1, overhead_us=1)
    assert samples.by_name["ModelSetupTime"] == [250_000]
    assert samples.by_name["Invocation5XXErrors"] == [1, 0]
    assert samples.by_name["Invocation4XXErrors"] == [0, 1]
    for name in ("ModelSetupTime", "ModelLatency", "OverheadLatency"):
        assert samples.units[name] == "Microseconds"


def test_only_what_is_provisioned_is_reported_while_idle_and_once_a_minute(
    metrics: ServerlessMetrics, samples: Samples
) -> None:
    on_demand, provisioned = ServerlessSpec(1024, 2), ServerlessSpec(1024, 2, 1)
    report = ConcurrencyReport(metrics)
    for turn in range(8):
        report.report(1 if turn == 1 else 0, on_demand, is_minute=turn % 6 == 0)
    assert samples.by_name["ServerlessConcurrentExecutionsUtilization"] == [0.5, 0.0]
    for turn in range(13):
        report.report(0, provisioned, is_minute=turn % 6 == 0)
    assert len(samples.by_name["ServerlessProvisionedConcurrencyUtilization"]) == 3


def test_memory_gives_threads_and_the_machine_bounds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_cloud.hosting.serverless.fleet.available_cpus", lambda: 3)
    assert [usable_threads(gb * 1024) for gb in range(1, 7)] == [1, 2, 2, 3, 3, 3]


async def test_memory_is_reported_as_a_share_of_its_own(world: World) -> None:
    from serverless_parts import pids, running, serverless, with_settings
    from toys import becomes

    hosting = with_settings(world)
    try:
        async with running(hosting, serverless(world)) as fleet:
            assert len(pids(fleet)) == 1
            (pooled,) = fleet._pool.containers()  # type: ignore[attr-defined]
            assert await becomes(lambda: pooled.memory_percent > 0)
            assert 0.1 < pooled.memory_percent < 20, "a Python process, of 1 GB"
    finally:
        await hosting.close()
