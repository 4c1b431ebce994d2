"""`invoke deploy --env local`: the whole way, and that nothing is done twice."""

from __future__ import annotations

import json

from deployed import Deployment


def test_the_endpoint_is_in_service_with_every_container(deployment: Deployment) -> None:
    sagemaker = deployment.client("sagemaker")
    description = sagemaker.describe_endpoint(EndpointName=deployment.endpoint_name)
    assert description["EndpointStatus"] == "InService"
    model_name = sagemaker.describe_endpoint_config(EndpointConfigName=description["EndpointConfigName"])[
        "ProductionVariants"
    ][0]["ModelName"]
    model = sagemaker.describe_model(ModelName=model_name)
    assert model["InferenceExecutionConfig"] == {"Mode": "Direct"}
    hostnames = {container["ContainerHostname"] for container in model["Containers"]}
    assert hostnames == {"sentiment", "similarity", "summarization"}
    assert all("@sha256:" in container["Image"] for container in model["Containers"])


def test_the_catalog_tells_clients_what_was_deployed(deployment: Deployment) -> None:
    parameter = deployment.client("ssm").get_parameter(Name="/serving/local/catalog")
    endpoint = json.loads(parameter["Parameter"]["Value"])["endpoints"]["korean-nlp"]
    assert endpoint["endpoint_name"] == deployment.endpoint_name
    assert {entry["task"] for entry in endpoint["containers"].values()} == {
        "sentiment",
        "similarity",
        "summarization",
    }


def test_a_second_deploy_uploads_nothing_builds_nothing_and_plans_nothing(deployment: Deployment) -> None:
    s3, ecr, sagemaker = (deployment.client(service) for service in ("s3", "ecr", "sagemaker"))

    def footprint() -> tuple[object, ...]:
        objects = s3.list_objects_v2(Bucket=deployment.bucket, Prefix="models/")["Contents"]
        images = ecr.describe_images(repositoryName=deployment.image.split("/", 1)[1].split("@")[0])[
            "imageDetails"
        ]
        endpoint = sagemaker.describe_endpoint(EndpointName=deployment.endpoint_name)
        return (
            sorted((item["Key"], item["LastModified"]) for item in objects),
            sorted((item["imageDigest"], item["imagePushedAt"]) for item in images),
            endpoint["EndpointConfigName"],
            endpoint["LastModifiedTime"],
        )

    before = footprint()
    second = deployment.invoke_task("deploy", "--env", "local")
    assert second.returncode == 0, second.stdout[-4000:]
    assert footprint() == before
    assert "no changes" in second.stdout.lower()


def test_smoke_calls_every_container_and_checks_the_answers(deployment: Deployment) -> None:
    smoke = deployment.invoke_task("smoke", "--env", "local")
    assert smoke.returncode == 0, smoke.stdout[-4000:]
    for container in ("sentiment", "similarity", "summarization"):
        assert container in smoke.stdout
