"""Tools nobody here wrote, with only AWS_ENDPOINT_URL set: the AWS CLI and the SageMaker SDK."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from deployed import SENTENCES, Deployment


def aws(deployment: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "awscli", *arguments],
        env=dict(deployment.environment),
        text=True,
        capture_output=True,
        timeout=60,
    )


def test_the_aws_cli_describes_and_invokes_the_endpoint(deployment: Deployment, tmp_path: Path) -> None:
    described = aws(deployment, "sagemaker", "describe-endpoint", "--endpoint-name", deployment.endpoint_name)
    assert json.loads(described.stdout)["EndpointStatus"] == "InService"
    request, answer = tmp_path / "request.json", tmp_path / "answer.json"
    request.write_text(json.dumps({"text": SENTENCES[1]}, ensure_ascii=False))
    invoked = aws(
        deployment,
        "sagemaker-runtime",
        "invoke-endpoint",
        *("--endpoint-name", deployment.endpoint_name),
        *("--target-container-hostname", "sentiment"),
        *("--content-type", "application/json"),
        *("--body", f"fileb://{request}"),
        str(answer),
    )
    assert invoked.returncode == 0, invoked.stderr
    assert json.loads(answer.read_text())["predicted_label"] == "Neg"


def test_the_aws_cli_prints_an_error_as_aws_words_it(deployment: Deployment) -> None:
    missing = aws(deployment, "sagemaker", "describe-endpoint", "--endpoint-name", "no-such-endpoint")
    assert missing.returncode != 0
    assert "ValidationException" in missing.stderr
    assert "Could not find endpoint" in missing.stderr


@pytest.fixture
def only_the_endpoint_url(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in deployment.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("only_the_endpoint_url")
def test_the_sagemaker_sdks_predictor_gets_answers(deployment: Deployment) -> None:
    import sagemaker
    from sagemaker.deserializers import JSONDeserializer
    from sagemaker.predictor import Predictor
    from sagemaker.serializers import JSONSerializer

    predictor = Predictor(
        endpoint_name=deployment.endpoint_name,
        sagemaker_session=sagemaker.Session(boto3.Session(region_name="ap-northeast-2")),
        serializer=JSONSerializer(),
        deserializer=JSONDeserializer(),
    )
    answer: Any = predictor.predict(
        {"text": SENTENCES[0]}, initial_args={"TargetContainerHostname": "sentiment"}
    )
    assert answer["predicted_label"] == "Pos"
