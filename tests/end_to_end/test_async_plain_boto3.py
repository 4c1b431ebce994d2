"""Others' code for asynchronous endpoints, boto3 and the SageMaker SDK, with AWS_ENDPOINT_URL alone."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pytest
from asynchronous import (
    SCORES_ITS_TEXT,
    AsyncEndpoint,
    make_async_endpoint,
    remove_async_endpoint,
    wait_for,
)
from botocore.exceptions import ClientError
from deployed import Deployment


@pytest.fixture(scope="module")
def endpoint(deployment: Deployment) -> Iterator[AsyncEndpoint]:
    made = make_async_endpoint(deployment, SCORES_ITS_TEXT, concurrency=2)
    yield made
    remove_async_endpoint(made)


def test_invoke_endpoint_async_answers_where_the_result_will_be(endpoint: AsyncEndpoint) -> None:
    submitted = endpoint.ask("123", InferenceId="mine-1")
    assert submitted.inference_id == "mine-1"
    assert submitted.output.endswith(".out")
    assert submitted.failure.endswith("-error.out")
    kind, body = endpoint.outcome(submitted)
    assert (kind, json.loads(body)) == ("output", {"predicted_label": "Pos", "score": 0.123})


def test_the_notice_has_the_form_that_aws_documents(endpoint: AsyncEndpoint) -> None:
    submitted = endpoint.ask("4", Accept="application/json", InferenceId="noticed")
    notice = endpoint.notice_of(submitted)
    assert notice["awsRegion"] == endpoint.deployment.environment["AWS_REGION"]
    assert notice["eventSource"] == "aws:sagemaker"
    assert notice["eventName"] == "InferenceResult"
    assert notice["eventVersion"] == "1.0"
    assert notice["inferenceId"] == "noticed"
    assert notice["requestParameters"]["endpointName"] == endpoint.name
    assert notice["requestParameters"]["contentType"] == "application/json"
    assert notice["responseParameters"]["outputLocation"] == submitted.output
    assert notice["responseParameters"]["contentType"].startswith("application/json")


def test_an_asynchronous_endpoint_refuses_to_answer_at_once(endpoint: AsyncEndpoint) -> None:
    runtime = endpoint.deployment.client("sagemaker-runtime")
    with pytest.raises(ClientError) as refusal:
        runtime.invoke_endpoint(EndpointName=endpoint.name, Body=b"{}", ContentType="application/json")
    assert refusal.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError) as refusal:
        runtime.invoke_endpoint_async(
            EndpointName=endpoint.deployment.endpoint_name, InputLocation="s3://bucket/key"
        )
    assert refusal.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    "wrong",
    [
        {"InputLocation": "/no/uri"},
        {"RequestTTLSeconds": 59},
        {"InvocationTimeoutSeconds": 3601},
        {"CustomAttributes": "x" * 1025},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_request_that_aws_would_refuse_is_refused(
    endpoint: AsyncEndpoint, wrong: dict[str, object]
) -> None:
    runtime = boto3.client(
        "sagemaker-runtime",
        endpoint_url=endpoint.deployment.url,
        region_name="ap-northeast-2",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=boto3.session.Config(parameter_validation=False),
    )
    arguments = {"EndpointName": endpoint.name, "InputLocation": "s3://bucket/key", **wrong}
    with pytest.raises(ClientError) as refusal:
        runtime.invoke_endpoint_async(**arguments)
    assert refusal.value.response["Error"]["Code"] in ("ValidationError", "ValidationException")
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.timeout(180)
def test_application_auto_scaling_takes_it_to_zero_and_back(deployment: Deployment) -> None:
    """The policies of AWS's own guide, put by boto3: nothing else ever sets the number of instances."""
    endpoint = make_async_endpoint(deployment, SCORES_ITS_TEXT)
    scaling, cloudwatch = (
        deployment.client(service) for service in ("application-autoscaling", "cloudwatch")
    )
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint.name}/variant/blue",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    dimensions = [{"Name": "EndpointName", "Value": endpoint.name}]
    try:
        scaling.register_scalable_target(**target, MinCapacity=0, MaxCapacity=2)
        scaling.put_scaling_policy(
            **target,
            PolicyName="backlog",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 5.0,
                "CustomizedMetricSpecification": {
                    "MetricName": "ApproximateBacklogSizePerInstance",
                    "Namespace": "AWS/SageMaker",
                    "Dimensions": dimensions,
                    "Statistic": "Average",
                },
                "ScaleInCooldown": 300,
                "ScaleOutCooldown": 300,
            },
        )
        step = scaling.put_scaling_policy(
            **target,
            PolicyName="out-of-zero",
            PolicyType="StepScaling",
            StepScalingPolicyConfiguration={
                "AdjustmentType": "ChangeInCapacity",
                "MetricAggregationType": "Average",
                "Cooldown": 300,
                "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
            },
        )
        cloudwatch.put_metric_alarm(
            AlarmName=f"{endpoint.name}-backlog-without-capacity",
            MetricName="HasBacklogWithoutCapacity",
            Namespace="AWS/SageMaker",
            Statistic="Average",
            EvaluationPeriods=2,
            DatapointsToAlarm=2,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="missing",
            Dimensions=dimensions,
            Period=60,
            AlarmActions=[step["PolicyARN"]],
        )
        wait_for(lambda: not endpoint.containers(), 60, "zero instances")
        submitted = endpoint.ask("77")
        kind, body = endpoint.outcome(submitted, within_s=60)
        assert (kind, json.loads(body)["score"]) == ("output", 0.077)
        wait_for(lambda: not endpoint.containers(), 60, "zero instances again")
        activities = scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"]
        causes = [a["Cause"] for a in activities if a["ResourceId"] == target["ResourceId"]]
        assert any("out-of-zero" in cause for cause in causes)
        assert any("TargetTracking" in cause for cause in causes)
    finally:
        scaling.deregister_scalable_target(**target)
        remove_async_endpoint(endpoint)


def test_the_sagemaker_sdks_async_predictor_works(
    endpoint: AsyncEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in endpoint.deployment.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    from sagemaker import Session
    from sagemaker.async_inference import WaiterConfig
    from sagemaker.deserializers import JSONDeserializer
    from sagemaker.predictor import Predictor
    from sagemaker.predictor_async import AsyncPredictor
    from sagemaker.serializers import JSONSerializer

    session = Session(
        boto_session=boto3.Session(region_name="ap-northeast-2"), default_bucket=endpoint.deployment.bucket
    )
    predictor = AsyncPredictor(
        Predictor(
            endpoint.name,
            sagemaker_session=session,
            serializer=JSONSerializer(),
            deserializer=JSONDeserializer(),
        )
    )
    answer = predictor.predict(data={"text": "42"}, waiter_config=WaiterConfig(max_attempts=60, delay=1))
    assert answer == {"predicted_label": "Pos", "score": 0.042}
