"""The local environment, deployed once for every end-to-end test by the same task that users run.

The cloud listens on a free port and keeps its state under ``.local/test`` so that a demo that is
running on the same machine is neither used nor disturbed. Image environments stay there between
runs, which makes a second run quick; everything else is made anew.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from deployed import REPOSITORY, ROLE, Deployment, free_port, wait_until_settled


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """`invoke deploy --env local`, run for real: Terraform, the AWS provider, models, smoke calls."""
    directory = REPOSITORY / ".local" / "test"
    port = free_port()
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith("AWS_") or name == "AWS_CA_BUNDLE"
        },
        "SERVING_LOCAL_DIR": str(directory),
        "SERVING_LOCAL_PORT": str(port),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "ap-northeast-2",
        "AWS_REGION": "ap-northeast-2",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    blank = Deployment("", environment, directory, "", "", "", "")
    blank.invoke_task("local.down")
    try:
        deployed = blank.invoke_task("deploy", "--env", "local")
        assert deployed.returncode == 0, f"invoke deploy --env local failed:\n{deployed.stdout[-6000:]}"
        release = json.loads((REPOSITORY / "terraform/envs/local/release.auto.tfvars.json").read_text())[
            "release"
        ]
        archive = release["models"]["sentiment"]["archive"]
        yield Deployment(
            url=environment["AWS_ENDPOINT_URL"],
            environment=environment,
            directory=directory,
            endpoint_name="serving-local-korean-nlp",
            image=release["images"]["nlp_onnx"],
            bucket=archive.removeprefix("s3://").split("/", 1)[0],
            deploy_output=deployed.stdout,
        )
    finally:
        blank.invoke_task("local.down")


@pytest.fixture
def temporary_endpoint(deployment: Deployment) -> Iterator[Any]:
    """A function that makes an endpoint from container definitions and removes it after the test.

    ``make(containers, mode=None, wait=True)`` returns the endpoint's name; with ``wait`` it has ended
    InService or Failed.
    """
    sagemaker = deployment.client("sagemaker")
    made: list[str] = []

    def make(
        containers: list[dict[str, Any]], mode: str | None = None, *, wait: bool = True, **variant: Any
    ) -> str:
        name = f"e2e-{uuid.uuid4().hex[:12]}"
        model: dict[str, Any] = {"ModelName": name, "ExecutionRoleArn": ROLE}
        if len(containers) == 1 and mode is None:
            model["PrimaryContainer"] = containers[0]
        else:
            model["Containers"] = containers
        if mode:
            model["InferenceExecutionConfig"] = {"Mode": mode}
        sagemaker.create_model(**model)
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "blue",
                    "ModelName": name,
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                    "InitialVariantWeight": 1,
                    **variant,
                }
            ],
        )
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        made.append(name)
        if wait:
            wait_until_settled(sagemaker, name)
        return name

    yield make
    for name in made:
        wait_until_settled(sagemaker, name)
        sagemaker.delete_endpoint(EndpointName=name)
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
        sagemaker.delete_model(ModelName=name)
