"""The images of functions: what is locked into them, what they run, and what a Linux machine needs for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from delivery import images
from delivery.images import ImageFolder
from delivery.project import Project

ROOT = Path(__file__).resolve().parents[4]
RUNTIME_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")


def locked(path: Path) -> dict[str, set[str]]:
    """Package to the versions that are locked for one Python or another."""
    versions: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", path.read_text(), re.MULTILINE):
        versions.setdefault(name, set()).add(version)
    return versions


@pytest.fixture(params=["lambda_detection", "lambda_sentiment"])
def image(request: pytest.FixtureRequest) -> ImageFolder:
    """Either image."""
    return images.find_image(Project.here(), request.param)


def test_an_image_holds_its_model_and_runs_the_handler_under_lambdas_client(image: ImageFolder) -> None:
    model = {"lambda_detection": "object_detection", "lambda_sentiment": "sentiment"}[image.name]
    assert image.model == model
    assert image.command == ["python", "-m", "awslambdaric", "serving_lambda.app.handler"]
    assert set(image.sources) == {"serving", "serving_lambda", "serving_contracts"}
    assert image.system_libraries == {"libstdc++.so.6": "libstdc++6"}


def test_an_image_locks_its_runtime_and_nothing_of_servers_hubs_or_training(image: ImageFolder) -> None:
    reads = {"lambda_detection": "pillow", "lambda_sentiment": "tokenizers"}[image.name]
    assert set(locked(image.requirements)) == {"numpy", "onnxruntime", "orjson", reads, *RUNTIME_CLIENT}
    assert locked(image.requirements)["awslambdaric"] == {"4.2.2"}
    assert image.no_deps


def test_what_the_tests_run_with_too_has_the_version_that_they_ran_with(image: ImageFolder) -> None:
    tested = locked(ROOT / "requirements/dev.txt")
    shared = {name: versions for name, versions in locked(image.requirements).items() if name in tested}
    assert {"numpy", "onnxruntime", "orjson"} <= set(shared)
    assert shared == {name: tested[name] for name in shared}
