"""A release whose model cannot be served: the apply fails with the reason and the old one goes on serving."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deployed import SENTENCES, Deployment


@pytest.fixture
def release_file(deployment: Deployment) -> Iterator[Path]:
    """The local environment's release file, brought back and deployed again after the test."""
    written = deployment.release_file.read_bytes()
    yield deployment.release_file
    deployment.release_file.write_bytes(written)
    repaired = deployment.invoke_task("deploy", "--env", "local")
    assert repaired.returncode == 0, repaired.stdout[-4000:]


@pytest.mark.timeout(400)
def test_a_broken_release_fails_the_apply_and_the_endpoint_keeps_its_configuration(
    deployment: Deployment, release_file: Path
) -> None:
    sagemaker, runtime = deployment.client("sagemaker"), deployment.client("sagemaker-runtime")
    before = sagemaker.describe_endpoint(EndpointName=deployment.endpoint_name)["EndpointConfigName"]
    release = json.loads(release_file.read_text())
    release["release"]["models"]["sentiment"]["archive"] = deployment.upload(b"this is not an archive")
    release_file.write_text(json.dumps(release))

    planned = deployment.invoke_task("plan", "--env", "local")
    assert planned.returncode == 0, planned.stdout[-4000:]
    applied = deployment.invoke_task("apply", "--env", "local")

    assert applied.returncode != 0
    assert "rolled" in applied.stdout.lower(), applied.stdout[-4000:]
    description = sagemaker.describe_endpoint(EndpointName=deployment.endpoint_name)
    assert (description["EndpointStatus"], description["EndpointConfigName"]) == ("InService", before)
    assert sagemaker.describe_endpoint_config(EndpointConfigName=before)["EndpointConfigName"] == before
    answer: Any = runtime.invoke_endpoint(
        EndpointName=deployment.endpoint_name,
        TargetContainerHostname="sentiment",
        ContentType="application/json",
        Body=json.dumps({"text": SENTENCES[0]}),
    )
    assert json.load(answer["Body"])["predicted_label"] == "Pos"
