"""Endpoints as plain boto3 makes, changes and removes them, with real containers behind them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from cloud_under_test import WAIT, Cloud, unique


def answer(cloud: Cloud, endpoint: str, body: str = "hello", **members: str) -> str:
    response = cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, Body=body.encode(), **members
    )
    return str(response["Body"].read().decode())


def test_an_endpoint_lives_from_create_over_update_to_delete(cloud: Cloud) -> None:
    sagemaker = cloud.client("sagemaker")
    first = cloud.create_config(cloud.create_model(cloud.container("one"), cloud.container("two")))
    second = cloud.create_config(cloud.create_model(cloud.container(TOY_NAME="new")), VariantName="green")
    endpoint = cloud.create_endpoint(first)
    description = sagemaker.describe_endpoint(EndpointName=endpoint)
    assert description["EndpointStatus"] == "InService"
    [variant] = description["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == variant["DesiredInstanceCount"] == 1
    assert [image["SpecifiedImage"] for image in variant["DeployedImages"]] == [cloud.image] * 2
    assert all("@sha256:" in image["ResolvedImage"] for image in variant["DeployedImages"])
    assert answer(cloud, endpoint) == "two(one(hello))"

    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=second)
    answers = set()
    while sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Updating":
        answers.add(answer(cloud, endpoint))
    assert answers <= {"two(one(hello))", "new(hello)"}
    assert answers
    description = sagemaker.describe_endpoint(EndpointName=endpoint)
    assert (description["EndpointStatus"], description["EndpointConfigName"]) == ("InService", second)
    assert answer(cloud, endpoint) == "new(hello)"

    with pytest.raises(ClientError, match="Cannot create already existing endpoint"):
        sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=first)
    listed = sagemaker.list_endpoints(NameContains=endpoint, StatusEquals="InService")["Endpoints"]
    assert [entry["EndpointName"] for entry in listed] == [endpoint]
    sagemaker.delete_endpoint(EndpointName=endpoint)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=endpoint, WaiterConfig=WAIT)
    with pytest.raises(ClientError, match="not found"):
        answer(cloud, endpoint)


def test_a_container_that_does_not_answer_ping_fails_the_endpoint_by_name(cloud: Cloud) -> None:
    model = cloud.create_model(cloud.container("fine"), cloud.container("broken", TOY="crash"), mode="Direct")
    endpoint = cloud.create_endpoint(cloud.create_config(model))
    description = cloud.client("sagemaker").describe_endpoint(EndpointName=endpoint)
    assert description["EndpointStatus"] == "Failed"
    assert "broken" in description["FailureReason"]
    assert "ping" in description["FailureReason"]
    with pytest.raises(ClientError, match="Its status is Failed"):
        answer(cloud, endpoint)
    cloud.delete_endpoint(endpoint)


def test_an_image_that_the_registry_lacks_fails_the_endpoint(cloud: Cloud) -> None:
    container = cloud.container() | {"Image": cloud.image.split("@")[0] + "@sha256:" + "0" * 64}
    endpoint = cloud.create_endpoint(cloud.create_config(cloud.create_model(container)))
    description = cloud.client("sagemaker").describe_endpoint(EndpointName=endpoint)
    assert description["EndpointStatus"] == "Failed"
    assert "0" * 64 in description["FailureReason"]
    cloud.delete_endpoint(endpoint)


def test_an_update_that_fails_leaves_the_old_configuration_in_service(cloud: Cloud) -> None:
    sagemaker = cloud.client("sagemaker")
    good = cloud.create_config(cloud.create_model(cloud.container()))
    endpoint = cloud.create_endpoint(good)
    broken = cloud.create_config(cloud.create_model(cloud.container(TOY="crash")))
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=broken)
    description = cloud.settle(endpoint)
    assert (description["EndpointStatus"], description["EndpointConfigName"]) == ("InService", good)
    assert "ping" in description["FailureReason"]
    assert answer(cloud, endpoint) == "toy(hello)"
    cloud.delete_endpoint(endpoint)


def test_weights_and_instance_counts_can_be_changed_in_service(cloud: Cloud) -> None:
    sagemaker = cloud.client("sagemaker")
    endpoint = cloud.create_endpoint(cloud.create_config(cloud.create_model(cloud.container())))
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=endpoint,
        DesiredWeightsAndCapacities=[
            {"VariantName": "blue", "DesiredInstanceCount": 2, "DesiredWeight": 0.5}
        ],
    )
    assert sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Updating"
    [variant] = cloud.settle(endpoint)["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (2, 0.5)
    assert answer(cloud, endpoint) == "toy(hello)"
    cloud.delete_endpoint(endpoint)


def test_an_endpoint_in_creation_neither_serves_nor_changes(cloud: Cloud) -> None:
    sagemaker = cloud.client("sagemaker")
    config = cloud.create_config(
        cloud.create_model(cloud.container(TOY="never-ready")),
        ContainerStartupHealthCheckTimeoutInSeconds=60,
    )
    endpoint = cloud.create_endpoint(config, wait=False)
    assert sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Creating"
    with pytest.raises(ClientError, match="Its status is Creating") as refusal:
        answer(cloud, endpoint)
    assert refusal.value.response["Error"]["Code"] == "ValidationError"
    for change in (
        lambda: sagemaker.delete_endpoint(EndpointName=endpoint),
        lambda: sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config),
    ):
        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
            change()
    # It stays in creation for a minute: the cloud's end must end it too, and the fixture will see to that.


def test_the_terraform_way_of_asking_for_what_is_not_there_is_understood(cloud: Cloud) -> None:
    """The provider knows a resource is gone by ``ValidationException`` and ``Could not find``."""
    with pytest.raises(ClientError) as gone:
        cloud.client("sagemaker").describe_endpoint(EndpointName=unique("gone"))
    assert gone.value.response["Error"]["Code"] == "ValidationException"
    assert gone.value.response["Error"]["Message"].startswith("Could not find endpoint")
