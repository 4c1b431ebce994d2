"""Which of these tests run where, and the weights as they are shipped.

The project's own environment runs what needs no MXNet; the environment of the gluoncv image runs everything
but what needs moto (tests/end_to_end/test_image_environments.py calls it).
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[4]
NEED_MXNET = ("test_detection_export.py", "test_detection_parity.py", "test_detection_zoo.py")
NEED_MOTO = ("test_detection_s3.py",)

collect_ignore = [
    *(NEED_MXNET if find_spec("mxnet") is None else ()),
    *(NEED_MOTO if find_spec("moto") is None else ()),
]


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights folder of the source ``coco_tiny``, exported by the environment that has MXNet."""
    folder = tmp_path_factory.mktemp("shipped")
    paths = os.pathsep.join(str(REPOSITORY / "python" / name) for name in ("model_code", "contracts"))
    words = [_workbench(), "-m", "object_detection.sources", "coco_tiny", "--output", str(folder)]
    done = subprocess.run(
        words,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": paths},
        text=True,
        capture_output=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return folder


def _workbench() -> str:
    """The Python that has MXNet: this one, else that of the image, made if need be."""
    if find_spec("mxnet") is not None:
        return sys.executable
    from delivery.images import find_image, workbench_python
    from delivery.project import Project

    project = Project(REPOSITORY, REPOSITORY / ".local" / "test")
    return str(workbench_python(project, find_image(project, "gluoncv"), print))
