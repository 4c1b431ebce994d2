"""What the tests of Lambda functions share."""

from __future__ import annotations

from pathlib import Path

import pytest
from function_models import ECHO, OBEDIENT, PICTURES, load_function, write_model

from delivery import images
from delivery.project import Project
from local_cloud.image_store import ImageStore
from serving_lambda.function import Function


@pytest.fixture
def sentiment(tmp_path: Path) -> Function:
    """A function around the obedient model."""
    return load_function(write_model(tmp_path / "model", OBEDIENT))


@pytest.fixture
def summarization(tmp_path: Path) -> Function:
    """A function whose summaries are as long as their texts."""
    return load_function(write_model(tmp_path / "model", ECHO, "summarization"))


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Function:
    """A function of a media task, whose files lie below ``temporary``."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return load_function(write_model(tmp_path / "model", PICTURES, "detection"))


@pytest.fixture(scope="session")
def function_python() -> Path:
    """The Python of the image ``lambda_sentiment``, with its packages; made where it is not there."""
    project = Project.here()
    image = images.find_image(project, "lambda_sentiment")
    return ImageStore(project.images_dir).environment(
        image.requirements, python=image.python, no_deps=image.no_deps, progress=lambda _: None
    )
