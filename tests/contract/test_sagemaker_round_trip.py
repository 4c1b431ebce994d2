"""What is sent to the control plane is what comes back, whatever the operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cloud_under_test import ROLE, Cloud, production_variant, unique, without_metadata

TAGS = [{"Key": "team", "Value": "모델"}, {"Key": "environment", "Value": "local"}]


def full_model(image: str) -> dict[str, Any]:
    return {
        "ModelName": unique("full"),
        "ExecutionRoleArn": ROLE,
        "Containers": [
            {
                "ContainerHostname": "sentiment",
                "Image": image,
                "ImageConfig": {"RepositoryAccessMode": "Platform"},
                "Mode": "SingleModel",
                "ModelDataUrl": "s3://bucket/models/sentiment/model.tar.gz",
                "Environment": {"SERVING_MAX_BATCH": "16", "EMPTY": ""},
            },
            {
                "ContainerHostname": "similarity",
                "Image": image,
                "ModelDataSource": {
                    "S3DataSource": {
                        "S3Uri": "s3://bucket/models/similarity/model.tar.gz",
                        "S3DataType": "S3Object",
                        "CompressionType": "Gzip",
                    }
                },
            },
        ],
        "InferenceExecutionConfig": {"Mode": "Direct"},
        "VpcConfig": {"SecurityGroupIds": ["sg-12345678"], "Subnets": ["subnet-12345678"]},
        "EnableNetworkIsolation": False,
    }


def full_config(model: str) -> dict[str, Any]:
    return {
        "EndpointConfigName": unique("full"),
        "ProductionVariants": [
            production_variant(
                model,
                InitialVariantWeight=0.25,
                VolumeSizeInGB=30,
                ModelDataDownloadTimeoutInSeconds=600,
                ContainerStartupHealthCheckTimeoutInSeconds=300,
                EnableSSMAccess=False,
                RoutingConfig={"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
                ManagedInstanceScaling={"Status": "DISABLED", "MinInstanceCount": 0},
            ),
            production_variant(model, VariantName="green"),
        ],
        "DataCaptureConfig": {
            "EnableCapture": True,
            "InitialSamplingPercentage": 0,
            "DestinationS3Uri": "s3://bucket/capture",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
        },
        "KmsKeyId": "alias/serving",
    }


def asynchronous_config(model: str) -> dict[str, Any]:
    return {
        "EndpointConfigName": unique("asynchronous"),
        "ProductionVariants": [production_variant(model)],
        "AsyncInferenceConfig": {
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 3},
            "OutputConfig": {
                "KmsKeyId": "alias/serving",
                "S3OutputPath": "s3://bucket/out/",
                "S3FailurePath": "s3://bucket/failed/",
                "NotificationConfig": {
                    "SuccessTopic": "arn:aws:sns:ap-northeast-2:123456789012:done",
                    "ErrorTopic": "arn:aws:sns:ap-northeast-2:123456789012:failed",
                    "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"],
                },
            },
        },
    }


def test_a_model_comes_back_as_it_was_sent_and_nothing_else(cloud: Cloud) -> None:
    sagemaker = cloud.client("sagemaker")
    model = full_model(cloud.image)
    arn = sagemaker.create_model(**model, Tags=TAGS)["ModelArn"]
    assert arn == f"arn:aws:sagemaker:ap-northeast-2:123456789012:model/{model['ModelName']}"
    described = without_metadata(sagemaker.describe_model(ModelName=model["ModelName"]), "CreationTime")
    assert described == {**model, "ModelArn": arn}
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == TAGS


@pytest.mark.parametrize("make", [full_config, asynchronous_config])
def test_a_configuration_comes_back_as_it_was_sent_and_nothing_else(
    cloud: Cloud, make: Callable[[str], dict[str, Any]]
) -> None:
    sagemaker = cloud.client("sagemaker")
    config = make(cloud.create_model(cloud.container()))
    arn = sagemaker.create_endpoint_config(**config, Tags=TAGS)["EndpointConfigArn"]
    described = sagemaker.describe_endpoint_config(EndpointConfigName=config["EndpointConfigName"])
    assert without_metadata(described, "CreationTime") == {**config, "EndpointConfigArn": arn}
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == TAGS


def test_tags_can_be_added_replaced_and_removed(cloud: Cloud) -> None:
    sagemaker = cloud.client("sagemaker")
    name = cloud.create_model(cloud.container())
    arn = sagemaker.describe_model(ModelName=name)["ModelArn"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == []
    answer = sagemaker.add_tags(ResourceArn=arn, Tags=TAGS)
    assert answer["Tags"] == TAGS
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "new"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["environment", "never-there"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "new"}]
    sagemaker.delete_model(ModelName=name)
    with pytest.raises(ClientError, match="Could not find"):
        sagemaker.list_tags(ResourceArn=arn)


def test_a_list_is_read_page_by_page(cloud: Cloud) -> None:
    sagemaker = cloud.client("sagemaker")
    prefix = unique("paged")
    for number in range(5):
        sagemaker.create_model(
            ModelName=f"{prefix}-{number}", ExecutionRoleArn=ROLE, PrimaryContainer=cloud.container()
        )
    pages = list(
        sagemaker.get_paginator("list_models").paginate(
            NameContains=prefix, SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
        )
    )
    assert [len(page["Models"]) for page in pages] == [2, 2, 1]
    names = [model["ModelName"] for page in pages for model in page["Models"]]
    assert names == [f"{prefix}-{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        ("describe_model", {"ModelName": "absent"}, 'Could not find model "arn:aws:sagemaker:'),
        ("delete_model", {"ModelName": "absent"}, 'Could not find model "arn:aws:sagemaker:'),
        (
            "describe_endpoint_config",
            {"EndpointConfigName": "absent"},
            'Could not find endpoint configuration "arn:aws:sagemaker:',
        ),
        ("delete_endpoint_config", {"EndpointConfigName": "absent"}, "Could not find endpoint configuration"),
        ("describe_endpoint", {"EndpointName": "absent"}, 'Could not find endpoint "arn:aws:sagemaker:'),
        ("delete_endpoint", {"EndpointName": "absent"}, "Could not find endpoint "),
        (
            "create_endpoint",
            {"EndpointName": "e", "EndpointConfigName": "absent"},
            "Could not find endpoint configuration",
        ),
        (
            "update_endpoint",
            {"EndpointName": "absent", "EndpointConfigName": "absent"},
            "Could not find endpoint ",
        ),
        (
            "create_endpoint_config",
            {"EndpointConfigName": "c", "ProductionVariants": [production_variant("absent")]},
            'Could not find model "arn:aws:sagemaker:ap-northeast-2:123456789012:model/absent".',
        ),
        (
            "create_model",
            {"ModelName": "a_b", "PrimaryContainer": {"Image": "i"}},
            "regular expression pattern",
        ),
    ],
)
def test_what_is_refused_is_a_validation_exception_in_awss_words(
    cloud: Cloud, operation: str, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError) as refusal:
        getattr(cloud.client("sagemaker"), operation)(**request_)
    error = refusal.value.response
    assert error["Error"]["Code"] == "ValidationException"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert error["ResponseMetadata"]["RequestId"]
    assert message in error["Error"]["Message"]


@pytest.mark.parametrize("kind", ["model", "endpoint configuration"])
def test_a_name_can_be_used_once(cloud: Cloud, kind: str) -> None:
    sagemaker = cloud.client("sagemaker")
    model = cloud.create_model(cloud.container())
    config = cloud.create_config(model)
    with pytest.raises(ClientError, match=f"Cannot create already existing {kind} "):
        if kind == "model":
            sagemaker.create_model(ModelName=model, PrimaryContainer=cloud.container())
        else:
            sagemaker.create_endpoint_config(
                EndpointConfigName=config, ProductionVariants=[production_variant(model)]
            )


def test_an_operation_that_is_not_offered_is_refused_at_once_and_named(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="ListTrainingJobs") as refusal:
        cloud.client("sagemaker").list_training_jobs()
    assert refusal.value.response["Error"]["Code"] == "UnknownOperationException"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
