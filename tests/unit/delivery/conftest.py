"""A small project on disk, a quiet reporter and a fake terraform: what the tests of delivery share."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from delivery.console import Reporter
from delivery.project import Project

MODEL_TOML = """
[model]
name = "{name}"
task = "sentiment"
image = "nlp_onnx"
description = "a model of the tests"
[weights]
source = "repository"
files = ["weights/model.bin"]
[code]
files = ["handler.py", "../shared_text/*.py"]
[sources.hub]
id = "someone/some-model"
revision = "0123abc"
[[smoke.cases]]
request = {{ text = "좋아요" }}
expect = {{ predicted_label = "Pos", score = {{ min = 0.5, max = 1 }} }}
"""


@pytest.fixture(autouse=True)
def shell_of_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on where the shell that runs it sends calls to AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
        monkeypatch.delenv(name)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A checkout with one model called ``mood``."""
    project = Project(tmp_path / "checkout", tmp_path / "checkout" / ".local")
    write_model(project, "mood")
    return project


def write_model(project: Project, name: str) -> Path:
    """A model's folder that can be packaged."""
    folder = project.model_code_dir / name
    (folder / "weights").mkdir(parents=True)
    (folder / "model.toml").write_text(MODEL_TOML.format(name=name), encoding="utf-8")
    (folder / "handler.py").write_text("def load(model_dir, threads): ...\n", encoding="utf-8")
    (folder / "weights" / "model.bin").write_bytes(bytes(range(256)) * 64)
    shared = project.model_code_dir / "shared_text"
    shared.mkdir(exist_ok=True)
    (shared / "__init__.py").write_text("", encoding="utf-8")
    (shared / "clean.py").write_text("def clean(text): return text.strip()\n", encoding="utf-8")
    return folder


@pytest.fixture
def other_model(project: Project) -> Path:
    """The folder of a second model of the checkout, called ``other``."""
    return write_model(project, "other")


@pytest.fixture
def printed() -> io.StringIO:
    """What the reporter printed."""
    return io.StringIO()


@pytest.fixture
def reporter(printed: io.StringIO) -> Reporter:
    return Reporter(Console(file=printed, width=200, highlight=False, soft_wrap=True))


@pytest.fixture
def executable(tmp_path: Path) -> Callable[[str, str], Path]:
    """A function that writes a Python script as an executable file and returns its path."""

    def write(name: str, source: str) -> Path:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return write


FETCHER = """
import argparse, pathlib
def main(arguments):
    parser = argparse.ArgumentParser()
    for name in ("--id", "--revision", "--output"):
        parser.add_argument(name, required=True)
    given = parser.parse_args(arguments)
    if given.revision not in ("0123abc", "a" * 40):
        parser.exit(1, "no such revision")
    (pathlib.Path(given.output) / "model.bin").write_text(given.id + "@" + given.revision)
    return 0
"""


@pytest.fixture
def fetcher(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model whose source is fetched by a module of the test's."""
    module = tmp_path / "modules" / "fetcher_of_the_test.py"
    module.parent.mkdir()
    module.write_text(FETCHER)
    monkeypatch.syspath_prepend(str(module.parent))
    monkeypatch.delitem(sys.modules, "fetcher_of_the_test", raising=False)
    toml = project.model_code_dir / "mood" / "model.toml"
    text = toml.read_text(encoding="utf-8")
    toml.write_text(text.replace("[[smoke", 'entry = "fetcher_of_the_test:main"\n[[smoke'), encoding="utf-8")
    return toml
