"""Asynchronous invocations of real functions, told to real queues, topics, buckets and buses."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloud_under_test import unique
from lambda_under_test import FunctionCloud, eventually

from local_cloud import lifecycle

REGION = {"LocationConstraint": "ap-northeast-2"}


def configure(cloud: FunctionCloud, name: str, **members: Any) -> None:
    cloud.client("lambda").put_function_event_invoke_config(FunctionName=name, **members)


def send(cloud: FunctionCloud, name: str, event: Any) -> str:
    """Sends an event; returns its request id."""
    answer = cloud.invoke(name, event, InvocationType="Event")
    assert (answer["StatusCode"], answer["Json"]) == (202, None)
    return str(answer["ResponseMetadata"]["RequestId"])


def test_a_failing_event_is_tried_three_times_and_told_to_both_queues(function_cloud: FunctionCloud) -> None:
    dead_arn, dead_url = function_cloud.create_queue()
    failed_arn, failed_url = function_cloud.create_queue()
    name = function_cloud.create_function(DeadLetterConfig={"TargetArn": dead_arn})
    configure(function_cloud, name, DestinationConfig={"OnFailure": {"Destination": failed_arn}})
    request_id = send(function_cloud, name, {"do": "raise", "note": "메모"})

    record = json.loads(function_cloud.receive(failed_url)["Body"])
    assert record["requestContext"] == {
        "requestId": request_id,
        "functionArn": f"arn:aws:lambda:ap-northeast-2:123456789012:function:{name}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["requestPayload"] == {"do": "raise", "note": "메모"}
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "InvalidInput"

    dead = function_cloud.receive(dead_url)
    assert json.loads(dead["Body"]) == {"do": "raise", "note": "메모"}
    attributes = {key: value["StringValue"] for key, value in dead["MessageAttributes"].items()}
    assert attributes == {
        "RequestID": request_id,
        "ErrorCode": "200",
        "ErrorMessage": "no such picture",
    }


def test_a_success_is_told_to_a_topic_and_to_a_bus(function_cloud: FunctionCloud) -> None:
    queue_arn, queue_url = function_cloud.create_queue()
    topic = function_cloud.client("sns").create_topic(Name=unique("topic"))["TopicArn"]
    function_cloud.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue_arn, Attributes={"RawMessageDelivery": "true"}
    )
    name = function_cloud.create_function()
    configure(function_cloud, name, DestinationConfig={"OnSuccess": {"Destination": topic}})
    send(function_cloud, name, {"a": 1})
    record = json.loads(function_cloud.receive(queue_url)["Body"])
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == {"a": 1}

    events = function_cloud.client("events")
    bus = events.create_event_bus(Name=unique("bus"))["EventBusArn"]
    rule = unique("rule")
    events.put_rule(Name=rule, EventBusName=bus, EventPattern='{"source": ["lambda"]}')
    events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "1", "Arn": queue_arn}])
    configure(function_cloud, name, DestinationConfig={"OnSuccess": {"Destination": bus}})
    send(function_cloud, name, {"b": 2})
    event = json.loads(function_cloud.receive(queue_url)["Body"])
    assert event["detail-type"] == "Lambda Function Invocation Result - Success"
    assert event["detail"]["requestPayload"] == {"b": 2}
    assert event["resources"][1].endswith(f":{name}:$LATEST")


def test_a_failure_is_told_to_a_bucket(function_cloud: FunctionCloud) -> None:
    s3 = function_cloud.client("s3")
    bucket = unique("bucket")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=REGION)
    name = function_cloud.create_function()
    configure(
        function_cloud,
        name,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}},
    )
    send(function_cloud, name, {"do": "raise"})
    [entry] = eventually(lambda: s3.list_objects_v2(Bucket=bucket).get("Contents"))
    assert entry["Key"].startswith(f"aws/lambda/async/{name}/{datetime.now(UTC):%Y/%m/}")
    record = json.loads(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
    assert record["requestContext"]["approximateInvokeCount"] == 1


def test_a_function_told_of_anothers_success_gets_the_record(function_cloud: FunctionCloud) -> None:
    queue_arn, queue_url = function_cloud.create_queue()
    first, second = function_cloud.create_function(), function_cloud.create_function()
    arn = f"arn:aws:lambda:ap-northeast-2:123456789012:function:{second}"
    configure(function_cloud, first, DestinationConfig={"OnSuccess": {"Destination": arn}})
    configure(function_cloud, second, DestinationConfig={"OnSuccess": {"Destination": queue_arn}})
    send(function_cloud, first, {"a": 1})
    record = json.loads(function_cloud.receive(queue_url)["Body"])
    assert record["requestPayload"]["requestPayload"] == {"a": 1}


def test_a_throttled_event_waits_for_room(function_cloud: FunctionCloud) -> None:
    queue_arn, queue_url = function_cloud.create_queue()
    name = function_cloud.create_function()
    configure(function_cloud, name, DestinationConfig={"OnSuccess": {"Destination": queue_arn}})
    functions = function_cloud.client("lambda")
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    for number in range(6):
        send(function_cloud, name, {"do": "sleep", "s": 0.2, "number": number})
    numbers = set()
    for _ in range(6):
        record = json.loads(function_cloud.receive(queue_url)["Body"])
        assert record["requestContext"]["approximateInvokeCount"] == 1
        numbers.add(record["requestPayload"]["number"])
    assert numbers == set(range(6))


def test_events_for_a_function_with_no_concurrency_are_dead_at_once(function_cloud: FunctionCloud) -> None:
    dead_arn, dead_url = function_cloud.create_queue()
    name = function_cloud.create_function(DeadLetterConfig={"TargetArn": dead_arn})
    function_cloud.client("lambda").put_function_concurrency(
        FunctionName=name, ReservedConcurrentExecutions=0
    )
    request_id = send(function_cloud, name, {"a": 1})
    dead = function_cloud.receive(dead_url)
    assert dead["MessageAttributes"]["RequestID"]["StringValue"] == request_id


def test_events_outlive_a_restart_of_hosting(function_cloud: FunctionCloud) -> None:
    queue_arn, queue_url = function_cloud.create_queue()
    name = function_cloud.create_function()
    configure(function_cloud, name, DestinationConfig={"OnSuccess": {"Destination": queue_arn}})
    function_cloud.invoke(name)
    functions = function_cloud.client("lambda")
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=2)
    sent = {send(function_cloud, name, {"do": "sleep", "s": 1}) for _ in range(8)}
    eventually(lambda: function_cloud.functions_state(name)["event_queue"]["in_process"] or None)
    before = {item["environment"] for item in function_cloud.functions_state(name)["environments"]}
    lifecycle.restart_hosting(function_cloud.directory)
    assert functions.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 2
    answered: set[str] = set()
    while answered != sent:
        record = json.loads(function_cloud.receive(queue_url)["Body"])
        answered.add(record["requestContext"]["requestId"])
    after = {item["environment"] for item in function_cloud.functions_state(name)["environments"]}
    assert before
    assert not before & after


@pytest.mark.parametrize(
    ("metric", "dimension"),
    [("AsyncEventsReceived", {}), ("AsyncEventAge", {}), ("AsyncEventsDropped", {"Resource": "name"})],
)
def test_events_are_counted_in_cloudwatch(
    function_cloud: FunctionCloud, dropped: str, metric: str, dimension: dict[str, str]
) -> None:
    cloudwatch = function_cloud.client("cloudwatch")
    dimensions = {"FunctionName": dropped} | dict.fromkeys(dimension, dropped)

    def datapoints() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=datetime.now(UTC) - timedelta(hours=1),
            EndTime=datetime.now(UTC) + timedelta(hours=1),
            Period=86_400,
            Statistics=["SampleCount", "Sum"],
        )["Datapoints"]
        return found or None

    [point] = eventually(datapoints)
    assert point["SampleCount"] == 1


@pytest.fixture(scope="module")
def dropped(function_cloud: FunctionCloud) -> str:
    """A function that has dropped one event after its first attempt."""
    name = function_cloud.create_function()
    configure(function_cloud, name, MaximumRetryAttempts=0)
    send(function_cloud, name, {"do": "raise"})
    deadline = time.monotonic() + 20
    while function_cloud.functions_state(name)["event_queue"]["failed"] != 1:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return name
