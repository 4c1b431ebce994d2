"""Endpoints that scale by the policies and alarms that plain boto3 has made, in a cloud whose minutes are
half seconds."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cloud_under_test import Cloud, production_variant, push_toy_image, unique

from local_cloud import lifecycle

VARIANT = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
SCALE = 120
MINUTE = 60 / SCALE
"""Real seconds of a minute of the cloud's time."""

SECONDS = 60.0
"""Until an endpoint must have scaled: the slowest alarm here needs fifteen of its minutes."""


@pytest.fixture(scope="module")
def fast_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    root = tmp_path_factory.mktemp("fast")
    directory = root / "cloud"
    info = lifecycle.up(directory, port=0, time_scale=SCALE)
    try:
        bare = Cloud(info, directory)
        yield dataclasses.replace(bare, image=push_toy_image(bare, root / "images"))
    finally:
        lifecycle.down(directory)


@dataclasses.dataclass
class Scaled:
    """An endpoint with a scalable target, and metrics that say what the test wants them to say."""

    cloud: Cloud
    name: str

    def __post_init__(self) -> None:
        self.autoscaling = self.cloud.client("application-autoscaling")
        self.cloudwatch = self.cloud.client("cloudwatch")
        self.sagemaker = self.cloud.client("sagemaker")
        self.target = {**VARIANT, "ResourceId": f"endpoint/{self.name}/variant/blue"}
        self.dimensions = [{"Name": "EndpointName", "Value": self.name}]
        self.metrics: dict[str, float] = {}

    @property
    def count(self) -> int:
        (variant,) = self.sagemaker.describe_endpoint(EndpointName=self.name)["ProductionVariants"]
        current: int = variant["CurrentInstanceCount"]
        return current if current == variant["DesiredInstanceCount"] else -1

    def becomes(self, count: int) -> float:
        """Waits until it has ``count`` instances; returns how long that took, in seconds."""
        return _until(lambda: self.count == count, f"{self.name} has {count} instances")

    def track(self, target: float) -> dict[str, Any]:
        answer: dict[str, Any] = self.autoscaling.put_scaling_policy(
            **self.target,
            PolicyName="backlog",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": target,
                "CustomizedMetricSpecification": {
                    "Namespace": "Test",
                    "MetricName": "Backlog",
                    "Dimensions": self.dimensions,
                    "Statistic": "Average",
                },
                "ScaleInCooldown": 60,
                "ScaleOutCooldown": 60,
            },
        )
        return answer

    def step(self) -> str:
        """A policy that adds an instance; returns its ARN."""
        arn: str = self.autoscaling.put_scaling_policy(
            **self.target,
            PolicyName="step",
            PolicyType="StepScaling",
            StepScalingPolicyConfiguration={
                "AdjustmentType": "ChangeInCapacity",
                "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
                "Cooldown": 300,
            },
        )["PolicyARN"]
        return arn

    def wake_alarm(self, *actions: str) -> str:
        """The alarm on a backlog without capacity that AWS's guide shows; returns its name."""
        name = unique("alarm")
        self.cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="Test",
            MetricName="HasBacklogWithoutCapacity",
            Dimensions=self.dimensions,
            Statistic="Average",
            Period=60,
            EvaluationPeriods=2,
            Threshold=1.0,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="missing",
            AlarmActions=list(actions),
        )
        return name

    @property
    def activities(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.autoscaling.describe_scaling_activities(**self.target)[
            "ScalingActivities"
        ]
        return found

    @contextmanager
    def reporting(self) -> Iterator[dict[str, float]]:
        """Puts ``metrics`` twice a minute of the cloud's time."""
        ended = threading.Event()

        def report() -> None:
            client = self.cloud.client("cloudwatch")
            while not ended.wait(MINUTE / 2):
                data = [
                    {"MetricName": name, "Dimensions": self.dimensions, "Value": value}
                    for name, value in list(self.metrics.items())
                ]
                if data:
                    client.put_metric_data(Namespace="Test", MetricData=data)

        reporter = threading.Thread(target=report, daemon=True)
        reporter.start()
        try:
            yield self.metrics
        finally:
            ended.set()
            reporter.join(10)


@pytest.fixture
def scaled(fast_cloud: Cloud) -> Iterator[Scaled]:
    model = fast_cloud.create_model(fast_cloud.container())
    scaled = Scaled(fast_cloud, fast_cloud.create_endpoint(fast_cloud.create_config(model)))
    yield scaled
    fast_cloud.settle(scaled.name)
    fast_cloud.delete_endpoint(scaled.name)


def test_a_real_time_endpoint_follows_its_target_out_and_in(scaled: Scaled) -> None:
    scaled.autoscaling.register_scalable_target(**scaled.target, MinCapacity=1, MaxCapacity=2)
    alarms = scaled.track(5.0)["Alarms"]
    names = [alarm["AlarmName"] for alarm in alarms]
    assert [name[: name.rindex("-Alarm") + 10].rstrip("-") for name in names] == [
        f"TargetTracking-{scaled.target['ResourceId']}-AlarmHigh",
        f"TargetTracking-{scaled.target['ResourceId']}-AlarmLow",
    ]
    [policy] = scaled.autoscaling.describe_scaling_policies(**scaled.target)["ScalingPolicies"]
    assert policy["Alarms"] == alarms
    with scaled.reporting() as metrics:
        metrics["Backlog"] = 9.0
        took = scaled.becomes(2)
        assert took >= 2 * MINUTE, "the alarm asks for three minutes above the target"
        metrics["Backlog"] = 0.0
        took = scaled.becomes(1)
        assert took >= 13 * MINUTE, "the alarm asks for fifteen minutes below it"
    back, out = scaled.activities
    assert out["Cause"] == f"monitor alarm {names[0]} in state ALARM triggered policy backlog"
    assert back["Cause"] == f"monitor alarm {names[1]} in state ALARM triggered policy backlog"
    assert out["StatusCode"] == back["StatusCode"] == "Successful"
    history = scaled.cloudwatch.describe_alarm_history(AlarmName=names[0], HistoryItemType="StateUpdate")
    summaries = [item["HistorySummary"] for item in history["AlarmHistoryItems"]]
    assert summaries[-1] == "Alarm updated from INSUFFICIENT_DATA to ALARM"
    _answers(scaled)


def test_an_asynchronous_endpoint_leaves_zero_grows_and_goes_back_to_zero(fast_cloud: Cloud) -> None:
    scaled = Scaled(fast_cloud, _asynchronous_endpoint(fast_cloud))
    scaled.autoscaling.register_scalable_target(**scaled.target, MinCapacity=0, MaxCapacity=2)
    scaled.track(5.0)
    wake = scaled.step()
    scaled.wake_alarm(wake)
    with scaled.reporting() as metrics:
        metrics |= {"Backlog": 0.0, "HasBacklogWithoutCapacity": 0.0}
        scaled.becomes(0)
        assert scaled.sagemaker.describe_endpoint(EndpointName=scaled.name)["EndpointStatus"] == "InService"
        metrics |= {"Backlog": 3.0, "HasBacklogWithoutCapacity": 1.0}
        assert scaled.becomes(1) >= MINUTE, "the alarm asks for two minutes"
        metrics |= {"Backlog": 9.0, "HasBacklogWithoutCapacity": 0.0}
        scaled.becomes(2)
        metrics |= {"Backlog": 0.0}
        scaled.becomes(0)
    _until(lambda: all(each["StatusCode"] == "Successful" for each in scaled.activities), "all is done")
    described = [(each["Description"], each["Cause"].rpartition(" ")[2]) for each in scaled.activities]
    assert described == [
        ("Setting desired instance count to 0.", "backlog"),
        ("Setting desired instance count to 2.", "backlog"),
        ("Setting desired instance count to 1.", "step"),
        ("Setting desired instance count to 0.", "backlog"),
    ]
    fast_cloud.delete_endpoint(scaled.name)


def test_a_real_time_endpoint_does_not_go_to_zero(scaled: Scaled) -> None:
    scaled.autoscaling.register_scalable_target(**scaled.target, MinCapacity=0, MaxCapacity=2)
    scaled.track(5.0)
    with scaled.reporting() as metrics:
        metrics["Backlog"] = 0.0
        _until(lambda: bool(scaled.activities), "scaling was tried")
        _until(lambda: scaled.activities[-1]["StatusCode"] == "Failed", "scaling has failed")
    assert scaled.activities[-1]["StatusMessage"].startswith(
        "Failed to set desired instance count to 0. Reason: "
    )
    assert scaled.count == 1
    with pytest.raises(ClientError, match="must be at least 1"):
        scaled.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=scaled.name,
            DesiredWeightsAndCapacities=[{"VariantName": "blue", "DesiredInstanceCount": 0}],
        )
    _answers(scaled)


def test_registering_a_target_brings_the_count_within_its_limits(scaled: Scaled) -> None:
    scaled.autoscaling.register_scalable_target(**scaled.target, MinCapacity=2, MaxCapacity=3)
    scaled.becomes(2)
    _until(lambda: scaled.activities[0]["StatusCode"] == "Successful", "the activity has ended")
    assert scaled.activities[0]["Cause"] == "minimum capacity was set to 2"


def test_an_alarm_notifies_and_can_be_set_by_hand(scaled: Scaled) -> None:
    scaled.autoscaling.register_scalable_target(**scaled.target, MinCapacity=1, MaxCapacity=2)
    policy = scaled.step()
    sns, sqs = scaled.cloud.client("sns"), scaled.cloud.client("sqs")
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    queue = sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    name = scaled.wake_alarm(policy, topic)
    [described] = scaled.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert (described["StateValue"], described["StateReason"]) == (
        "INSUFFICIENT_DATA",
        "Unchecked: Initial alarm creation",
    )
    [step] = scaled.autoscaling.describe_scaling_policies(**scaled.target, PolicyNames=["step"])[
        "ScalingPolicies"
    ]
    assert [alarm["AlarmName"] for alarm in step["Alarms"]] == [name]
    assert scaled.step() == policy, "putting it again changes neither its ARN nor the alarm"

    scaled.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by hand")
    scaled.becomes(2)
    assert scaled.activities[0]["Cause"] == f"monitor alarm {name} in state ALARM triggered policy step"
    received = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    message = json.loads(received[0]["Body"])
    assert message["AlarmName"] == name
    assert message["NewStateReason"] == "by hand"
    assert message["Trigger"]["MetricName"] == "HasBacklogWithoutCapacity"
    # The next evaluation says what is so: there are no data.
    _until(lambda: _state(scaled, name) == "INSUFFICIENT_DATA", "the alarm is evaluated again")


def test_a_target_ends_with_its_endpoint(fast_cloud: Cloud) -> None:
    model = fast_cloud.create_model(fast_cloud.container())
    scaled = Scaled(fast_cloud, fast_cloud.create_endpoint(fast_cloud.create_config(model)))
    scaled.autoscaling.register_scalable_target(**scaled.target, MinCapacity=1, MaxCapacity=2)
    alarms = [alarm["AlarmName"] for alarm in scaled.track(5.0)["Alarms"]]
    fast_cloud.delete_endpoint(scaled.name)
    ids = [scaled.target["ResourceId"]]
    found = scaled.autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=ids)
    assert found["ScalableTargets"] == []
    assert scaled.autoscaling.describe_scaling_policies(**scaled.target)["ScalingPolicies"] == []
    assert scaled.cloudwatch.describe_alarms(AlarmNames=alarms)["MetricAlarms"] == []


def _asynchronous_endpoint(cloud: Cloud) -> str:
    bucket = unique("bucket")
    cloud.client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": cloud.info.region}
    )
    name = unique("config")
    cloud.client("sagemaker").create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[production_variant(cloud.create_model(cloud.container()))],
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": f"s3://{bucket}/output"}},
    )
    return cloud.create_endpoint(name)


def _state(scaled: Scaled, alarm: str) -> str:
    [found] = scaled.cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    state: str = found["StateValue"]
    return state


def _answers(scaled: Scaled) -> None:
    runtime = scaled.cloud.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName=scaled.name, ContentType="text/plain", Body=b"echo hello")
    assert answer["Body"].read()


def _until(holds: Callable[[], bool], what: str) -> float:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < SECONDS, f"not within {SECONDS:.0f} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - began
