"""Serverless endpoints as plain boto3 sees them, in a cloud whose minutes are seconds."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cloud_under_test import Cloud, push_toy_image, unique, without_metadata

from local_cloud import lifecycle
from serving_contracts.limits import MIB

SCALE = 60
SECONDS = 60.0


@pytest.fixture(scope="module")
def quick_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    root = tmp_path_factory.mktemp("serverless")
    directory = root / "cloud"
    info = lifecycle.up(directory, port=0, time_scale=SCALE)
    try:
        bare = Cloud(info, directory)
        yield dataclasses.replace(bare, image=push_toy_image(bare, root / "images"))
    finally:
        lifecycle.down(directory)


def config_of(cloud: Cloud, model: str | None = None, **serverless: int) -> str:
    name = unique("config")
    settings = {"MemorySizeInMB": 1024, "MaxConcurrency": 20, **serverless}
    variant = {
        "VariantName": "blue",
        "ModelName": model or cloud.create_model(cloud.container()),
        "ServerlessConfig": settings,
    }
    cloud.client("sagemaker").create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    return name


@pytest.fixture
def endpoint(quick_cloud: Cloud) -> Iterator[str]:
    name = quick_cloud.create_endpoint(config_of(quick_cloud))
    yield name
    quick_cloud.settle(name)
    quick_cloud.delete_endpoint(name)


def ask(cloud: Cloud, endpoint: str, body: str | bytes) -> str:
    answer = cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, ContentType="text/plain", Body=body
    )
    text: str = answer["Body"].read().decode()
    return text


def variant_of(cloud: Cloud, endpoint: str) -> dict[str, Any]:
    (variant,) = cloud.client("sagemaker").describe_endpoint(EndpointName=endpoint)["ProductionVariants"]
    return dict(variant)


def pool_of(cloud: Cloud, endpoint: str) -> dict[str, Any]:
    status = lifecycle.status(cloud.directory)
    assert status is not None
    (found,) = (each for each in status["endpoints"] if each["name"] == endpoint)
    pool: dict[str, Any] = found["variants"][0]["serverless"]
    return pool


def until(holds: Callable[[], bool], what: str) -> None:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < SECONDS, f"not within {SECONDS:.0f} s: {what}"
        time.sleep(0.1)


def metric(cloud: Cloud, endpoint: str, name: str, namespace: str = "AWS/SageMaker") -> dict[str, float]:
    """Sum, maximum and number of samples of the last hour."""
    now = datetime.now(UTC)
    points = cloud.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": "blue"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=7200,
        Statistics=["Sum", "Maximum", "SampleCount"],
    )["Datapoints"]
    return {
        "Sum": sum(point["Sum"] for point in points),
        "Maximum": max((point["Maximum"] for point in points), default=0.0),
        "SampleCount": sum(point["SampleCount"] for point in points),
    }


def test_a_configuration_comes_back_as_it_was_sent(quick_cloud: Cloud) -> None:
    model = quick_cloud.create_model(quick_cloud.container())
    name = config_of(quick_cloud, model, ProvisionedConcurrency=1)
    described = quick_cloud.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
    assert without_metadata(described, "EndpointConfigArn", "CreationTime") == {
        "EndpointConfigName": name,
        "ProductionVariants": [
            {
                "VariantName": "blue",
                "ModelName": model,
                "ServerlessConfig": {
                    "MemorySizeInMB": 1024,
                    "MaxConcurrency": 20,
                    "ProvisionedConcurrency": 1,
                },
            }
        ],
    }


def test_it_is_warm_at_first_goes_to_zero_when_idle_and_comes_back(quick_cloud: Cloud, endpoint: str) -> None:
    variant = variant_of(quick_cloud, endpoint)
    assert variant["CurrentServerlessConfig"] == {"MemorySizeInMB": 1024, "MaxConcurrency": 20}
    assert variant["CurrentInstanceCount"] == 0
    assert ask(quick_cloud, endpoint, "hello") == "toy(hello)"
    until(lambda: metric(quick_cloud, endpoint, "Invocations")["Sum"] == 1, "the invocation is counted")
    assert metric(quick_cloud, endpoint, "ModelSetupTime")["SampleCount"] == 0, "it was warm"
    until(lambda: not pool_of(quick_cloud, endpoint)["containers"], "idle containers go")
    assert ask(quick_cloud, endpoint, "again") == "toy(again)"
    until(lambda: metric(quick_cloud, endpoint, "ModelSetupTime")["SampleCount"] == 1, "a cold start")
    setup, overhead = (
        metric(quick_cloud, endpoint, name)["Maximum"] for name in ("ModelSetupTime", "OverheadLatency")
    )
    assert 10_000 < setup <= overhead, "in microseconds, and part of the overhead"
    for absent in ("InvocationsPerInstance", "InvocationModelErrors"):
        assert metric(quick_cloud, endpoint, absent)["SampleCount"] == 0


def test_200_requests_at_once_on_a_maximum_of_20(quick_cloud: Cloud, endpoint: str) -> None:
    runtime = quick_cloud.client("sagemaker-runtime", max_pool_connections=200)

    def call(number: int) -> tuple[str, Any]:
        try:
            answer = runtime.invoke_endpoint(
                EndpointName=endpoint, ContentType="text/plain", Body=f"work 2 {number}"
            )
        except ClientError as error:
            return "refused", error.response
        return "served", answer["Body"].read().decode() == f"toy(work 2 {number})"

    with ThreadPoolExecutor(200) as threads:
        results = list(threads.map(call, range(200)))
    served = [right for kind, right in results if kind == "served"]
    refused = [response for kind, response in results if kind == "refused"]
    assert len(served) >= 20
    assert all(served)
    assert len(refused) >= 100
    for response in refused:
        assert response["Error"]["Code"] == "ThrottlingException"
        assert response["Error"]["Message"] is None
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    until(
        lambda: metric(quick_cloud, endpoint, "ServerlessConcurrentExecutionsUtilization")["Maximum"] == 1.0,
        "all that may run ran",
    )
    assert len(pool_of(quick_cloud, endpoint)["containers"]) <= 20


def test_the_body_of_a_throttled_answer_is_awss(quick_cloud: Cloud) -> None:
    import http.client

    name = quick_cloud.create_endpoint(config_of(quick_cloud, MaxConcurrency=1))
    with ThreadPoolExecutor(1) as threads:
        busy = threads.submit(ask, quick_cloud, name, "sleep 2")
        until(lambda: pool_of(quick_cloud, name)["in_flight"] == 1, "a request is inside")
        connection = http.client.HTTPConnection("127.0.0.1", quick_cloud.info.port, timeout=10)
        connection.request("POST", f"/endpoints/{name}/invocations", b"x", {"Content-Type": "text/plain"})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (400, b'{"message":null}')
        assert answer.headers["x-amzn-ErrorType"] == "ThrottlingException"
        connection.close()
        assert busy.result() == "slept"
    quick_cloud.delete_endpoint(name)


def test_a_container_that_is_killed_or_takes_too_much_memory_is_a_model_error(
    quick_cloud: Cloud, endpoint: str
) -> None:
    with pytest.raises(ClientError) as caught:
        ask(quick_cloud, endpoint, "allocate 1500")
    response = caught.value.response
    assert (response["Error"]["Code"], response["OriginalStatusCode"]) == ("ModelError", 0)
    assert "more than the 1024 MB of its MemorySizeInMB" in response["OriginalMessage"]
    assert ask(quick_cloud, endpoint, "next") == "toy(next)"
    with ThreadPoolExecutor(1) as threads:
        pid = int(ask(quick_cloud, endpoint, "pid"))
        call = threads.submit(ask, quick_cloud, endpoint, "sleep 20")
        until(lambda: pool_of(quick_cloud, endpoint)["in_flight"] == 1, "the request is inside")
        time.sleep(0.2)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ClientError) as killed:
            call.result(10)
    assert killed.value.response["Error"]["Code"] == "ModelError"
    assert killed.value.response["LogStreamArn"].startswith("arn:aws:logs:")
    assert ask(quick_cloud, endpoint, "next") == "toy(next)"


def test_a_body_over_4_mb_is_refused_in_awss_words(quick_cloud: Cloud, endpoint: str) -> None:
    assert ask(quick_cloud, endpoint, b"env " + b"x" * (4 * MIB - 4)) == ""
    with pytest.raises(ClientError) as caught:
        ask(quick_cloud, endpoint, b"x" * (4 * MIB + 1))
    response = caught.value.response
    assert response["Error"]["Code"] == "ValidationError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert response["Error"]["Message"].startswith("Request ")
    assert "has oversize body" in response["Error"]["Message"]


def test_an_update_that_fails_leaves_the_old_one_serving_and_one_that_works_replaces_it(
    quick_cloud: Cloud, endpoint: str
) -> None:
    sagemaker = quick_cloud.client("sagemaker")
    bad = quick_cloud.create_model(quick_cloud.container(None, TOY="crash"))
    before = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config_of(quick_cloud, bad))
    assert ask(quick_cloud, endpoint, "meanwhile") == "toy(meanwhile)"
    description = quick_cloud.settle(endpoint)
    assert (description["EndpointStatus"], description["EndpointConfigName"]) == ("InService", before)
    assert "did not pass the ping health check" in description["FailureReason"]
    good = config_of(quick_cloud, MemorySizeInMB=2048, ProvisionedConcurrency=2)
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=good)
    description = quick_cloud.settle(endpoint)
    assert description["EndpointConfigName"] == good
    assert "FailureReason" not in description
    assert len(pool_of(quick_cloud, endpoint)["containers"]) == 2


def test_a_model_that_does_not_start_fails_the_endpoint_with_the_reason(quick_cloud: Cloud) -> None:
    bad = quick_cloud.create_model(quick_cloud.container(None, TOY="crash"))
    name = quick_cloud.create_endpoint(config_of(quick_cloud, bad))
    description = quick_cloud.client("sagemaker").describe_endpoint(EndpointName=name)
    assert description["EndpointStatus"] == "Failed"
    assert description["FailureReason"].startswith(
        "The primary container for production variant blue did not pass the ping health check."
    )
    assert "weights.bin is missing" in description["FailureReason"]
    quick_cloud.delete_endpoint(name)


def test_provisioned_concurrency_scales_out_under_load_and_in_without(quick_cloud: Cloud) -> None:
    name = quick_cloud.create_endpoint(config_of(quick_cloud, ProvisionedConcurrency=1))
    autoscaling = quick_cloud.client("application-autoscaling")
    target = {
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency",
        "ResourceId": f"endpoint/{name}/variant/blue",
    }
    autoscaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    (registered,) = autoscaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[target["ResourceId"]]
    )["ScalableTargets"]
    assert (registered["MinCapacity"], registered["MaxCapacity"]) == (1, 3)
    assert registered["ScalableDimension"] == target["ScalableDimension"]
    tracking = {
        "TargetValue": 0.7,
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "SageMakerVariantProvisionedConcurrencyUtilization"
        },
        "ScaleInCooldown": 60,
        "ScaleOutCooldown": 60,
    }
    alarms = autoscaling.put_scaling_policy(
        **target,
        PolicyName="utilization",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=tracking,
    )["Alarms"]
    (policy,) = autoscaling.describe_scaling_policies(**target)["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"] == tracking
    cloudwatch = quick_cloud.client("cloudwatch")
    described = cloudwatch.describe_alarms(AlarmNames=[alarm["AlarmName"] for alarm in alarms])
    assert {
        (alarm["MetricName"], alarm["Statistic"], alarm["EvaluationPeriods"], alarm["Threshold"])
        for alarm in described["MetricAlarms"]
    } == {
        ("ServerlessProvisionedConcurrencyUtilization", "Average", 3, 0.7),
        ("ServerlessProvisionedConcurrencyUtilization", "Average", 15, 0.63),
    }

    def provisioned() -> int:
        return int(variant_of(quick_cloud, name)["CurrentServerlessConfig"].get("ProvisionedConcurrency", 0))

    busy = True

    def load() -> None:
        while busy:
            ask(quick_cloud, name, "sleep 0.5")

    with ThreadPoolExecutor(3) as threads:
        callers = [threads.submit(load) for _ in range(3)]
        try:
            until(lambda: provisioned() == 3, "it has scaled out")
        finally:
            busy = False
        for caller in callers:
            caller.result(10)
    until(lambda: provisioned() == 1, "it has scaled in")
    assert metric(quick_cloud, name, "ServerlessProvisionedConcurrencySpilloverInvocations")["Sum"] > 0
    assert metric(quick_cloud, name, "ServerlessProvisionedConcurrencyInvocations")["Sum"] > 0
    activities = autoscaling.describe_scaling_activities(**target)["ScalingActivities"]
    until(
        lambda: all(
            each["StatusCode"] == "Successful"
            for each in autoscaling.describe_scaling_activities(**target)["ScalingActivities"]
        ),
        "every activity has ended",
    )
    assert activities[-1]["Description"].startswith("Setting desired provisioned concurrency to ")
    quick_cloud.delete_endpoint(name)
    gone = autoscaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[target["ResourceId"]]
    )
    assert gone["ScalableTargets"] == []


def test_a_target_and_a_policy_of_lambdas_provisioned_concurrency_come_back_as_they_were_sent(
    quick_cloud: Cloud,
) -> None:
    autoscaling = quick_cloud.client("application-autoscaling")
    target = {
        "ServiceNamespace": "lambda",
        "ScalableDimension": "lambda:function:ProvisionedConcurrency",
        "ResourceId": f"function:{unique('function')}:live",
    }
    autoscaling.register_scalable_target(**target, MinCapacity=0, MaxCapacity=4)
    tracking = {
        "TargetValue": 0.7,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"},
    }
    put = autoscaling.put_scaling_policy(
        **target,
        PolicyName="utilization",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=tracking,
    )
    assert [alarm["AlarmName"].rpartition("-Alarm")[0] for alarm in put["Alarms"]] == [
        f"TargetTracking-{target['ResourceId']}"
    ] * 2
    (policy,) = autoscaling.describe_scaling_policies(**target)["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"] == tracking
    assert policy["Alarms"] == put["Alarms"]
    (described,) = autoscaling.describe_scalable_targets(
        ServiceNamespace="lambda", ResourceIds=[target["ResourceId"]]
    )["ScalableTargets"]
    assert described["RoleARN"].endswith("AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency")
    autoscaling.deregister_scalable_target(**target)
    assert autoscaling.describe_scaling_policies(**target)["ScalingPolicies"] == []
    with pytest.raises(ClientError, match=r"is not function:"):
        autoscaling.register_scalable_target(
            **{**target, "ResourceId": "function:f:$LATEST"}, MinCapacity=1, MaxCapacity=2
        )


def test_it_is_there_again_after_a_restart_of_hosting(quick_cloud: Cloud, endpoint: str) -> None:
    sagemaker = quick_cloud.client("sagemaker")
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=endpoint,
        DesiredWeightsAndCapacities=[
            {
                "VariantName": "blue",
                "ServerlessUpdateConfig": {"MaxConcurrency": 7, "ProvisionedConcurrency": 2},
            }
        ],
    )
    quick_cloud.settle(endpoint)
    before = {each["containers"][0]["pid"] for each in pool_of(quick_cloud, endpoint)["containers"]}
    restarted = lifecycle.restart_hosting(quick_cloud.directory)["endpoints"]
    assert {each["status"] for each in restarted if each["name"] == endpoint} == {"InService"}
    after = {each["containers"][0]["pid"] for each in pool_of(quick_cloud, endpoint)["containers"]}
    assert len(after) == 2
    assert not before & after
    assert variant_of(quick_cloud, endpoint)["CurrentServerlessConfig"]["MaxConcurrency"] == 7
    assert ask(quick_cloud, endpoint, "back") == "toy(back)"


def test_its_containers_log_to_streams_of_their_own(quick_cloud: Cloud, endpoint: str) -> None:
    ask(quick_cloud, endpoint, "print a line of its own")
    logs = quick_cloud.client("logs")
    group = f"/aws/sagemaker/Endpoints/{endpoint}"

    def lines() -> list[str]:
        return [
            event["message"]
            for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]
            for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])[
                "events"
            ]
        ]

    until(lambda: "a line of its own" in lines(), "the line is in CloudWatch Logs")
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert all(stream["logStreamName"].startswith("blue/") for stream in streams)
