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
from pathlib import Path
from typing import Any

import pytest
from deployed import REPOSITORY, ROLE, Deployment, free_port, wait_until_settled

ENDPOINT = "serving-local-korean-nlp"


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
        if deployed.returncode != 0:
            log = _keep_logs(blank, deployed.stdout)
            pytest.fail(
                f"invoke deploy --env local failed; all of it and the logs of the local cloud: {log}\n"
                f"It ended with:\n{deployed.stdout[-6000:]}",
                pytrace=False,
            )
        release = json.loads(blank.release_file.read_text())["release"]
        archive = release["models"]["sentiment"]["archive"]
        yield Deployment(
            url=environment["AWS_ENDPOINT_URL"],
            environment=environment,
            directory=directory,
            endpoint_name=ENDPOINT,
            image=release["images"]["nlp_onnx"],
            bucket=archive.removeprefix("s3://").split("/", 1)[0],
            deploy_output=deployed.stdout,
        )
    finally:
        blank.invoke_task("local.down")


def _keep_logs(failed: Deployment, output: str) -> Path:
    """Writes what a failed deployment said to a file, before the local cloud takes its logs along."""
    parts = {"invoke deploy": output}
    for arguments in ([], ["--endpoint", ENDPOINT]):
        told = failed.invoke_task("local.logs", "--lines", "1000", *arguments, deadline_s=60)
        parts[" ".join(["invoke local.logs", *arguments])] = told.stdout
    path = failed.directory / "failed-deploy.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"===== {title}\n{text}\n" for title, text in parts.items()), encoding="utf-8")
    return path


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
