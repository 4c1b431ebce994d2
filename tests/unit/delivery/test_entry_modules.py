"""Which files a command of a model is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.entry_modules import files_behind
from delivery.project import Project

MODULES = {
    "net/__init__.py": "",
    "net/sources.py": "import json\nfrom net import export\n\ndef main():\n    import shared.fetching\n",
    "net/export.py": "from . import layers\nfrom .heads.boxes import decode as _decode\n",
    "net/layers.py": "import numpy.random, shared.one.two\n",
    "net/heads/boxes.py": "from ..sources import main\n",
    "net/handler.py": "from net.layers import nothing\n",
    "shared/__init__.py": "",
    "shared/fetching.py": "def fetch(): ...\n",
    "shared/one/__init__.py": "",
    "shared/one/two.py": "this is no Python\n",
    "shared/aside.py": "",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in MODULES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_a_module_stands_on_whatever_it_imports_and_on_nothing_else(root: Path) -> None:
    behind = {path.relative_to(root).as_posix() for path in files_behind(root, "net.sources")}
    assert behind == MODULES.keys() - {"net/handler.py", "shared/aside.py"}


def test_a_module_from_elsewhere_has_no_files_here(root: Path) -> None:
    assert files_behind(root, "json") == []
    assert files_behind(root, "net.missing") == [root / "net" / "__init__.py"]


def test_the_export_stands_behind_the_weights_of_detection() -> None:
    project = Project.here()
    behind = {
        path.relative_to(project.model_code_dir).as_posix()
        for path in files_behind(project.model_code_dir, "object_detection.sources")
    }
    assert {"object_detection/export.py", "object_detection/network.py", "vision/yolov3_tiny.py"} < behind
    assert "object_detection/handler.py" not in behind
