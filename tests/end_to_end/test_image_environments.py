"""Tests that need packages which this Python cannot have beside its own, run by the Python that has them."""

from __future__ import annotations

import os
import subprocess

import pytest
from deployed import REPOSITORY

from delivery.images import find_images, workbench_python
from delivery.project import Project

TESTS = {
    "gluoncv": (
        "tests/unit/model_code/instance_segmentation",
        "tests/unit/model_code/object_detection",
    )
}
DEADLINE_S = 600


@pytest.mark.timeout(DEADLINE_S + 1200)
@pytest.mark.parametrize("image", TESTS)
def test_the_tests_of_an_images_models_pass_in_its_environment(image: str) -> None:
    project = Project(REPOSITORY, REPOSITORY / ".local" / "test")
    (folder,) = (found for found in find_images(project) if found.name == image)
    python = workbench_python(project, folder, print)
    assert python is not None
    paths = ("python", "python/contracts", "python/model_code", "tests/unit/model_code/serving")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(REPOSITORY / path) for path in paths)}
    # The project's pytest settings name plugins that this environment does without.
    words = [python, "-m", "pytest", "-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider", "-q"]
    done = subprocess.run(
        [*words, *TESTS[image]],
        cwd=REPOSITORY,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout.splitlines()[-1], done.stdout[-2000:]
