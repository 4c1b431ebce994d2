"""Weights from another source than the repository."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from delivery.console import Reporter
from delivery.errors import DeliveryError
from delivery.model_folder import find_model
from delivery.model_sources import with_weights_from
from delivery.packaging import content_digest
from delivery.project import Project

FETCHER = """
import argparse, pathlib
def main(arguments):
    parser = argparse.ArgumentParser()
    for name in ("--id", "--revision", "--output"):
        parser.add_argument(name, required=True)
    given = parser.parse_args(arguments)
    if given.revision != "0123abc":
        parser.exit(1, "no such revision")
    (pathlib.Path(given.output) / "model.bin").write_text(given.id)
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


def test_the_archive_holds_the_fetched_weights(
    project: Project, fetcher: Path, reporter: Reporter, tmp_path: Path
) -> None:
    model = find_model(project, "mood")
    fetched = with_weights_from("hub", model, tmp_path / "cache", reporter)
    assert fetched.files["weights/model.bin"].read_text() == "someone/some-model"
    assert content_digest(fetched) != content_digest(model)


def test_what_was_fetched_is_not_fetched_again(
    project: Project, fetcher: Path, reporter: Reporter, tmp_path: Path
) -> None:
    model = find_model(project, "mood")
    first = with_weights_from("hub", model, tmp_path / "cache", reporter).files["weights/model.bin"]
    stamp = first.stat().st_mtime_ns
    second = with_weights_from("hub", model, tmp_path / "cache", reporter).files["weights/model.bin"]
    assert (second, second.stat().st_mtime_ns) == (first, stamp)


def test_a_fetch_that_fails_leaves_nothing_that_looks_whole(
    project: Project, fetcher: Path, reporter: Reporter, tmp_path: Path
) -> None:
    fetcher.write_text(fetcher.read_text(encoding="utf-8").replace("0123abc", "main"), encoding="utf-8")
    with pytest.raises(DeliveryError, match="could not be fetched"):
        with_weights_from("hub", find_model(project, "mood"), tmp_path / "cache", reporter)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".unfinished"]


def test_an_unknown_source_is_answered_with_the_known_ones(
    project: Project, reporter: Reporter, tmp_path: Path
) -> None:
    model = find_model(project, "mood")
    with pytest.raises(DeliveryError, match="no source 'attic'") as caught:
        with_weights_from("attic", model, tmp_path, reporter)
    assert "repository, hub" in (caught.value.cause or "")
    with pytest.raises(DeliveryError, match="does not say how it is fetched"):
        with_weights_from("hub", model, tmp_path, reporter)
