"""The gaps of moto that this project's Terraform and clients would fall into."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cloud_under_test import Cloud, unique

TARGET = {
    "ServiceNamespace": "sagemaker",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


def test_scalable_targets_keep_their_tags(cloud: Cloud) -> None:
    autoscaling = cloud.client("application-autoscaling")
    resource = f"endpoint/{unique('endpoint')}/variant/blue"
    arn = autoscaling.register_scalable_target(
        **TARGET, ResourceId=resource, MinCapacity=1, MaxCapacity=4, Tags={"team": "모델"}
    )["ScalableTargetARN"]
    assert autoscaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"team": "모델"}
    autoscaling.tag_resource(ResourceARN=arn, Tags={"stage": "local"})
    autoscaling.untag_resource(ResourceARN=arn, TagKeys=["team"])
    autoscaling.register_scalable_target(**TARGET, ResourceId=resource, MaxCapacity=2)
    assert autoscaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"stage": "local"}
    autoscaling.deregister_scalable_target(**TARGET, ResourceId=resource)
    with pytest.raises(ClientError) as gone:
        autoscaling.list_tags_for_resource(ResourceARN=arn)
    assert gone.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_composite_alarms_come_back(cloud: Cloud) -> None:
    cloudwatch = cloud.client("cloudwatch")
    name = unique("alarm")
    alarm = {
        "AlarmName": name,
        "AlarmRule": 'ALARM("errors") OR ALARM("latency")',
        "AlarmDescription": "any",
        "AlarmActions": ["arn:aws:sns:ap-northeast-2:123456789012:alarms"],
        "ActionsEnabled": True,
    }
    cloudwatch.put_composite_alarm(**alarm, Tags=[{"Key": "a", "Value": "b"}])
    [found] = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert {key: found[key] for key in alarm} == alarm
    assert cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"] == [
        {"Key": "a", "Value": "b"}
    ]
    cloudwatch.delete_alarms(AlarmNames=[name])
    assert cloudwatch.describe_alarms(AlarmNames=[name])["CompositeAlarms"] == []


def test_a_metric_is_told_by_all_its_dimensions(cloud: Cloud) -> None:
    cloudwatch = cloud.client("cloudwatch")
    namespace, now = unique("Namespace"), datetime.now(UTC)
    variant = [{"Name": "VariantName", "Value": "blue"}, {"Name": "EndpointName", "Value": "e"}]
    container = [*variant, {"Name": "ContainerName", "Value": "first"}]
    for dimensions, values in ((variant, [1.0, 2.0]), (container, [10.0]), (variant[::-1], [4.0])):
        sample = {"MetricName": "Latency", "Dimensions": dimensions, "Timestamp": now, "Values": values}
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[sample])
    listed = cloudwatch.list_metrics(Namespace=namespace)["Metrics"]
    assert sorted(len(metric["Dimensions"]) for metric in listed) == [2, 3]

    window = {"StartTime": now - timedelta(minutes=5), "EndTime": now + timedelta(minutes=5)}

    def total(dimensions: list[dict[str, str]]) -> float:
        answer = cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName="Latency",
            Dimensions=dimensions,
            Period=3600,
            Statistics=["Sum"],
            **window,
        )
        return sum(point["Sum"] for point in answer["Datapoints"])

    assert (total(variant), total(variant[::-1]), total(container)) == (7.0, 7.0, 10.0)
    assert total(variant[:1]) == total([]) == 0.0
    metric = {"Namespace": namespace, "MetricName": "Latency", "Dimensions": variant}
    query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "Sum"}}
    [result] = cloudwatch.get_metric_data(MetricDataQueries=[query], **window)["MetricDataResults"]
    assert result["Values"] == [7.0]


def test_a_bucket_that_demands_tls_can_be_used_without_it_here(cloud: Cloud) -> None:
    s3, bucket = cloud.client("s3"), unique("bucket")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": cloud.info.region})
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    s3.put_object(Bucket=bucket, Key="a", Body=b"content")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"content"
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(policy)


def test_an_image_manifest_comes_back_by_its_digest(cloud: Cloud) -> None:
    ecr = cloud.client("ecr")
    repository = unique("repository")
    ecr.create_repository(repositoryName=repository, imageTagMutability="IMMUTABLE")
    manifest = oci_manifest("a")
    digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    put = ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag="v1")
    assert put["image"]["imageId"]["imageDigest"] == digest
    for image_id in ({"imageDigest": digest}, {"imageTag": "v1"}):
        [image] = ecr.batch_get_image(repositoryName=repository, imageIds=[image_id])["images"]
        assert image["imageManifest"] == manifest
        assert image["imageId"]["imageDigest"] == digest
    [detail] = ecr.describe_images(repositoryName=repository, imageIds=[{"imageDigest": digest}])[
        "imageDetails"
    ]
    assert detail["imageTags"] == ["v1"]
    absent = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageDigest": "sha256:" + "0" * 64}])
    assert absent["images"] == []
    [failure] = absent["failures"]
    assert failure["failureCode"] == "ImageNotFound"
    assert failure["imageId"] == {"imageDigest": "sha256:" + "0" * 64}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"imageTag": "v1", "content": "b"}, "ImageTagAlreadyExistsException"),
        ({"imageTag": "v1", "content": "a"}, "ImageAlreadyExistsException"),
        ({"content": "a"}, "ImageAlreadyExistsException"),
        ({"imageDigest": "sha256:" + "0" * 64, "content": "c"}, "ImageDigestDoesNotMatchException"),
        ({"repositoryName": "absent", "content": "c"}, "RepositoryNotFoundException"),
    ],
)
def test_a_push_that_would_change_what_is_there_is_refused(
    cloud: Cloud, request_: dict[str, str], code: str
) -> None:
    ecr = cloud.client("ecr")
    repository = unique("repository")
    ecr.create_repository(repositoryName=repository, imageTagMutability="IMMUTABLE")
    ecr.put_image(repositoryName=repository, imageManifest=oci_manifest("a"), imageTag="v1")
    push = {"repositoryName": repository, **request_}
    with pytest.raises(ClientError) as refused:
        ecr.put_image(imageManifest=oci_manifest(push.pop("content")), **push)
    assert refused.value.response["Error"]["Code"] == code


def oci_manifest(content: str) -> str:
    digest = "sha256:" + hashlib.sha256(content.encode()).hexdigest()
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest,
            "size": len(content),
        },
        "layers": [],
    }
    return json.dumps(manifest, indent=1)
