"""New versions of a function through Terraform: a tenth of the traffic first, and a bad one is never live."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deployed import SENTENCES, Deployment
from functions import push_function_image

pytestmark = pytest.mark.timeout(400)

FUNCTION = "serving-local-sentiment-function"
CALLS = 300

ANSWERS_ITS_VERSION = """
def handler(event, context):
    if event.get("probe"):
        return {"ready": True}
    return {"predicted_label": "Pos", "score": 0.5, "version": context.function_version}
"""
CANNOT_LOAD = """
raise OSError("the weights file is truncated")
"""


@pytest.fixture
def release_file(deployment: Deployment) -> Iterator[Path]:
    """The local environment's release file, brought back and deployed again after the test."""
    written = deployment.release_file.read_bytes()
    yield deployment.release_file
    deployment.release_file.write_bytes(written)
    repaired = deployment.invoke_task("deploy", "--env", "local")
    assert repaired.returncode == 0, repaired.stdout[-4000:]


def release(path: Path, image: str, **function: Any) -> None:
    """Writes another image for the function into the release file, and how its alias is to be routed."""
    document = json.loads(path.read_text())
    document["release"]["images"]["lambda_sentiment"] = image
    document["functions"] = {
        "object-detection": {"model": "object_detection"},
        "sentiment-function": {"model": "sentiment", **function},
    }
    path.write_text(json.dumps(document))


def live(deployment: Deployment) -> tuple[str, dict[str, float]]:
    """The version behind the alias ``live``, and the weights beside it."""
    alias = deployment.client("lambda").get_alias(FunctionName=FUNCTION, Name="live")
    return alias["FunctionVersion"], alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})


def answering_versions(deployment: Deployment) -> Counter[str]:
    """Which versions answer how many of CALLS invocations of the alias."""
    client = deployment.client("lambda")
    event = json.dumps({"text": SENTENCES[0]}).encode()
    versions: Counter[str] = Counter()
    for _ in range(CALLS):
        answer = client.invoke(FunctionName=FUNCTION, Qualifier="live", Payload=event)
        assert "FunctionError" not in answer, answer["Payload"].read()
        assert json.load(answer["Payload"])["predicted_label"] == "Pos"
        versions[answer["ExecutedVersion"]] += 1
    return versions


def test_a_canary_gets_its_share_and_a_broken_version_never_becomes_live(
    deployment: Deployment, release_file: Path
) -> None:
    stable, _ = live(deployment)

    # Ten per cent.
    new_image = push_function_image(deployment, ANSWERS_ITS_VERSION)
    release(release_file, new_image, canary={"stable_version": stable, "weight": 0.1})
    _apply(deployment)
    version, weights = live(deployment)
    assert version == stable
    (canary,) = weights
    assert weights == {canary: pytest.approx(0.1)}
    versions = answering_versions(deployment)
    print(versions)
    assert set(versions) == {stable, canary}
    assert 10 <= versions[canary] <= 60  # 30 of 300 expected; outside this less than once in ten thousand

    # All of it.
    release(release_file, new_image)
    _apply(deployment)
    assert live(deployment) == (canary, {})

    # A version that cannot start: the apply fails with the reason, and the alias stays.
    release(release_file, push_function_image(deployment, CANNOT_LOAD))
    planned = deployment.invoke_task("plan", "--env", "local")
    assert planned.returncode == 0, planned.stdout[-4000:]
    applied = deployment.invoke_task("apply", "--env", "local")
    assert applied.returncode != 0
    assert "the weights file is truncated" in applied.stdout, applied.stdout[-4000:]
    assert live(deployment) == (canary, {})
    assert set(answering_versions(deployment)) == {canary}


def _apply(deployment: Deployment) -> None:
    planned = deployment.invoke_task("plan", "--env", "local")
    assert planned.returncode == 0, planned.stdout[-4000:]
    applied = deployment.invoke_task("apply", "--env", "local")
    assert applied.returncode == 0, applied.stdout[-4000:]
