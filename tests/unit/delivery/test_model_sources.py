"""Weights from another source than the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.console import Reporter
from delivery.errors import DeliveryError
from delivery.model_folder import find_model
from delivery.model_sources import SourceChoice, parse_sources, with_sources, with_weights_from
from delivery.packaging import content_digest
from delivery.project import Project


def test_the_archive_holds_the_fetched_weights(project: Project, fetcher: Path, reporter: Reporter) -> None:
    model = find_model(project, "mood")
    fetched = with_weights_from("hub", model, project, reporter)
    assert fetched.files["weights/model.bin"].read_text() == "someone/some-model@0123abc"
    assert content_digest(fetched) != content_digest(model)


def test_what_was_fetched_is_not_fetched_again(project: Project, fetcher: Path, reporter: Reporter) -> None:
    model = find_model(project, "mood")
    first = with_weights_from("hub", model, project, reporter).files["weights/model.bin"]
    stamp = first.stat().st_mtime_ns
    second = with_weights_from("hub", model, project, reporter).files["weights/model.bin"]
    assert (second, second.stat().st_mtime_ns) == (first, stamp)


def test_it_is_fetched_again_when_the_code_that_fetches_was_changed(
    project: Project, fetcher: Path, reporter: Reporter
) -> None:
    module = project.model_code_dir / "fetching" / "hub.py"
    module.parent.mkdir()
    module.write_text("from fetching.parts import main\n", encoding="utf-8")
    parts = module.with_name("parts.py")
    parts.write_text("from fetcher_of_the_test import main\n", encoding="utf-8")
    text = fetcher.read_text(encoding="utf-8").replace("fetcher_of_the_test", "fetching.hub")
    fetcher.write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(project.model_code_dir))
        model = find_model(project, "mood")
        first = with_weights_from("hub", model, project, reporter).weights
        assert with_weights_from("hub", model, project, reporter).weights == first
        parts.write_text("from fetcher_of_the_test import main  # mended\n", encoding="utf-8")
        assert with_weights_from("hub", model, project, reporter).weights != first


def test_a_fetch_that_fails_leaves_nothing_that_looks_whole(
    project: Project, fetcher: Path, reporter: Reporter
) -> None:
    fetcher.write_text(fetcher.read_text(encoding="utf-8").replace("0123abc", "main"), encoding="utf-8")
    with pytest.raises(DeliveryError, match="could not be fetched"):
        with_weights_from("hub", find_model(project, "mood"), project, reporter)
    assert [path.suffix for path in project.sources_dir.iterdir()] == [".unfinished"]


def test_an_unknown_source_is_answered_with_the_known_ones(project: Project, reporter: Reporter) -> None:
    model = find_model(project, "mood")
    with pytest.raises(DeliveryError, match="no source 'attic'") as caught:
        with_weights_from("attic", model, project, reporter)
    assert "repository, hub" in (caught.value.cause or "")
    with pytest.raises(DeliveryError, match="does not say how it is fetched"):
        with_weights_from("hub", model, project, reporter)


COMMIT = "a" * 40


def test_sources_are_read_as_they_are_written() -> None:
    assert parse_sources(["mood=hub", f"other=hub@{COMMIT}", "third=repository"]) == {
        "mood": SourceChoice("hub"),
        "other": SourceChoice("hub", COMMIT),
        "third": SourceChoice("repository"),
    }


@pytest.mark.parametrize(
    "text",
    ["hub", "=hub", "mood=", "mood=hub@main", f"mood=hub@{COMMIT}0", "mood=hub@", f"mood=hub@{COMMIT[1:]}"],
)
def test_a_source_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(DeliveryError, match="is not understood") as caught:
        parse_sources([text])
    assert "MODEL=SOURCE" in (caught.value.next_step or "")


def test_a_model_has_one_source() -> None:
    with pytest.raises(DeliveryError, match="'mood' twice"):
        parse_sources(["mood=hub", "mood=repository"])


def test_a_source_for_a_model_that_is_not_there_is_refused(project: Project, reporter: Reporter) -> None:
    models = [find_model(project, "mood")]
    with pytest.raises(DeliveryError, match="names 'moood'") as caught:
        with_sources(parse_sources(["moood=hub"]), models, project, reporter)
    assert "mood" in (caught.value.cause or "")
    with pytest.raises(DeliveryError, match="takes no revision"):
        with_sources(parse_sources([f"mood=repository@{COMMIT}"]), models, project, reporter)
    assert with_sources({}, models, project, reporter) == models


def test_weights_come_from_the_source_that_the_model_names(
    project: Project, fetcher: Path, reporter: Reporter
) -> None:
    text = fetcher.read_text(encoding="utf-8")
    fetcher.write_text(text.replace('source = "repository"', 'source = "hub"'), encoding="utf-8")
    models = [find_model(project, "mood")]
    (fetched,) = with_sources({}, models, project, reporter)
    assert fetched.files["weights/model.bin"].read_text() == "someone/some-model@0123abc"
    with pytest.raises(DeliveryError, match="holds no weights of the model 'mood'"):
        with_sources(parse_sources(["mood=repository"]), models, project, reporter)


def test_an_empty_revision_is_refused_unless_the_command_line_names_one(
    project: Project, fetcher: Path, reporter: Reporter
) -> None:
    fetcher.write_text(fetcher.read_text(encoding="utf-8").replace("0123abc", ""), encoding="utf-8")
    models = [find_model(project, "mood")]
    with pytest.raises(DeliveryError, match="not pinned to a revision") as caught:
        with_sources(parse_sources(["mood=hub"]), models, project, reporter)
    assert "--source mood=hub@" in (caught.value.next_step or "")
    (fetched,) = with_sources(parse_sources([f"mood=hub@{COMMIT}"]), models, project, reporter)
    assert fetched.files["weights/model.bin"].read_text() == f"someone/some-model@{COMMIT}"


def test_a_source_without_revisions_takes_none(project: Project, fetcher: Path, reporter: Reporter) -> None:
    fetcher.write_text(
        fetcher.read_text(encoding="utf-8").replace('revision = "0123abc"\n', ""), encoding="utf-8"
    )
    with pytest.raises(DeliveryError, match="takes no revision"):
        with_weights_from("hub", find_model(project, "mood"), project, reporter, revision=COMMIT)
