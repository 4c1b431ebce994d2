from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from toys import REGION, World, request, wait_until

from local_cloud.clock import Clock
from local_cloud.hosting import Hosting, ModelError
from local_cloud.hosting.aws import Aws as HostingAws
from local_cloud.hosting.telemetry.logs import MAX_PENDING_EVENTS, LogShipper, LogStream
from local_cloud.hosting.telemetry.metrics import MAX_VALUES, MetricHub
from local_cloud.hosting.telemetry.usage import parse_cpu_time, read_usage


def messages(world: World, group: str, ending: str) -> list[str]:
    """The newest 10,000 lines of the streams whose name ends so."""
    logs = world.aws.client("logs")
    try:
        streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [
        event["message"]
        for stream in streams
        if stream["logStreamName"].endswith(ending)
        for event in logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=False
        )["events"]
    ]


def statistic(world: World, stat: str, namespace: str, metric: str, **dimensions: str) -> float:
    """Over the last hour, for exactly these dimensions; 0 where there is no sample."""
    query = {
        "Id": "q",
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            },
            "Period": 7200,
            "Stat": stat,
        },
    }
    now = datetime.now(UTC)
    answer = world.aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=[query], StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1)
    )
    return sum(float(value) for value in answer["MetricDataResults"][0]["Values"])


async def test_the_lines_of_a_container_arrive_in_its_own_stream(world: World, hosting: Hosting) -> None:
    fleet = hosting.fleet(
        "logged", [world.variant(world.container("a"), world.container("b"), mode="Direct")]
    )
    await fleet.start()
    group = "/aws/sagemaker/Endpoints/logged"
    groups = world.aws.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [found["logGroupName"] for found in groups] == [group]
    await fleet.invoke(request("print 안녕하세요", target_container="b"))
    assert await asyncio.to_thread(wait_until, lambda: "안녕하세요" in messages(world, group, "/b"))
    instance = fleet.describe()[0].instances[0]
    assert instance.containers[1].log_stream == f"blue/{instance.instance_id}/b"
    await fleet.stop()
    assert (await asyncio.to_thread(messages, world, group, "/b"))[1:] == [
        "ready",
        "안녕하세요",
        "asked to stop",
    ]


async def test_a_container_that_floods_its_log_is_not_held_up(world: World, hosting: Hosting) -> None:
    fleet = hosting.fleet("flooded", [world.variant()])
    await fleet.start()
    async with asyncio.timeout(20):
        await fleet.invoke(request("flood 100000"))
    await fleet.stop()
    lines = await asyncio.to_thread(messages, world, "/aws/sagemaker/Endpoints/flooded", "/container-1")
    assert lines[-1] == "asked to stop"


def test_a_full_log_drops_the_oldest_lines_and_says_how_many() -> None:
    stream = LogStream("group", "name", asyncio.Event())
    for number in range(MAX_PENDING_EVENTS + 5):
        stream.write(f"line {number}")
    first, second, *_ = stream.take_batch()
    assert "5 lines were dropped" in first[1]
    assert second[1] == "line 5"


def test_batches_keep_within_the_limits_of_put_log_events() -> None:
    stream = LogStream("group", "name", asyncio.Event())
    for _ in range(12):
        stream.write("x" * 60_000)
    sizes = []
    while stream.has_pending:
        sizes.append(sum(len(line) + 26 for _, line, _ in stream.take_batch()))
    assert len(sizes) > 1
    assert max(sizes) <= 1_048_576


async def test_logs_and_metrics_wait_for_a_backing_service_that_is_down(world: World) -> None:
    nowhere = HostingAws("http://127.0.0.1:9", REGION)
    shipper, hub = LogShipper(nowhere, Clock(100)), MetricHub(nowhere, Clock(100))
    stream = shipper.stream("late", "stream")
    stream.write("kept")
    hub.series("Late", "Count", {}, "None").add(3)
    assert await shipper.flush() is False
    await hub.flush()
    back = HostingAws(world.aws.url, REGION)
    shipper._aws = hub._aws = back
    await shipper.close()
    await hub.close()
    assert await asyncio.to_thread(messages, world, "late", "stream") == ["kept"]
    assert statistic(world, "Sum", "Late", "Count") == 3
    nowhere.close()
    back.close()


async def test_a_stream_that_is_refused_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = HostingAws(world.aws.url, REGION)
    shipper = LogShipper(aws, Clock(100))
    put = shipper._put

    def refuses(stream: LogStream, batch: list[tuple[int, str, int]]) -> None:
        if stream.group == "refused":
            raise ClientError({"Error": {"Code": "InvalidParameterException"}}, "PutLogEvents")
        put(stream, batch)

    monkeypatch.setattr(shipper, "_put", refuses)
    refused = shipper.stream("refused", "stream")
    other = shipper.stream("good", "stream")
    refused.write("never")
    other.write("at once")
    assert await shipper.flush() is False
    assert (refused.has_pending, other.has_pending) == (True, False)
    assert await asyncio.to_thread(messages, world, "good", "stream") == ["at once"]
    await shipper.close()
    aws.close()


async def test_many_samples_cost_one_statistic_set(world: World) -> None:
    aws = HostingAws(world.aws.url, REGION)
    hub = MetricHub(aws, Clock(1000))
    series = hub.series("Many", "Latency", {"Name": "x"}, "Microseconds")
    for number in range(MAX_VALUES * 10):
        series.add(float(number))
    await hub.close()
    for stat, expected in (("Sum", sum(range(1500))), ("SampleCount", 1500), ("Maximum", 1499)):
        assert statistic(world, stat, "Many", "Latency", Name="x") == expected
    aws.close()


async def test_invocations_are_counted_under_aws_names(world: World, hosting: Hosting) -> None:
    fleet = hosting.fleet(
        "counted", [world.variant(world.container("a"), world.container("b"), mode="Direct")]
    )
    await fleet.start()
    for word in ("x", "y", "status 400", "status 500", "die"):
        try:
            await fleet.invoke(request(word, target_container="a"))
        except ModelError:
            continue
    await fleet.stop()
    await hosting.close()
    variant = {"EndpointName": "counted", "VariantName": "blue"}

    def total(metric: str, **more: str) -> float:
        return statistic(world, "Sum", "AWS/SageMaker", metric, **variant, **more)

    assert total("Invocations") == 5
    assert total("InvocationsPerInstance") == 5
    assert total("Invocation4XXErrors") == 1
    assert total("Invocation5XXErrors") == 2
    assert total("InvocationModelErrors") == 3
    assert total("ModelLatency") > 0
    assert total("OverheadLatency") > 0
    assert total("Invocations", ContainerName="a") == 5
    assert total("ContainerLatency", ContainerName="a") > 0
    assert total("Invocations", ContainerName="b") == 0


async def test_cpu_and_memory_of_the_containers_are_reported(world: World) -> None:
    hosting = Hosting(replace(world.settings, clock=Clock(200)))
    fleet = hosting.fleet("measured", [world.variant()])
    await fleet.start()
    dimensions = {"EndpointName": "measured", "VariantName": "blue"}

    def memory() -> float:
        return statistic(world, "Maximum", "/aws/sagemaker/Endpoints", "MemoryUtilization", **dimensions)

    assert await asyncio.to_thread(wait_until, lambda: memory() > 0)
    await hosting.close()


def test_usage_of_the_own_process_group_can_be_read() -> None:
    usage = read_usage([os.getpgid(0), 999_999_999])
    assert set(usage) == {os.getpgid(0)}
    assert usage[os.getpgid(0)].memory_bytes > 1_000_000


@pytest.mark.parametrize(("text", "seconds"), [("0:01.50", 1.5), ("01:02:03", 3723), ("2-00:00:01", 172_801)])
def test_the_time_of_ps_is_understood(text: str, seconds: float) -> None:
    assert parse_cpu_time(text) == seconds
