"""model.toml: what is read from it, and what is said about a faulty one."""

from __future__ import annotations

import pytest

from delivery.errors import DeliveryError
from delivery.model_folder import find_model, find_models, read_model
from delivery.project import Project


def test_a_model_is_read_with_its_smoke_cases_and_sources(project: Project) -> None:
    model = find_model(project, "mood")
    assert (model.task, model.image) == ("sentiment", "nlp_onnx")
    assert model.smoke_cases[0].expect["score"] == {"min": 0.5, "max": 1}
    assert model.sources["hub"]["id"] == "someone/some-model"
    assert [found.name for found in find_models(project)] == ["mood"]


def test_a_model_without_an_image_names_where_it_is_made(project: Project) -> None:
    path = project.model_code_dir / "mood" / "model.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('image = "nlp_onnx"', 'workbench = "gluoncv"'), encoding="utf-8")
    model = read_model(path.parent)
    assert (model.image, model.workbench) == ("", "gluoncv")
    path.write_text(text, encoding="utf-8")
    assert read_model(path.parent).workbench == "nlp_onnx"


def test_weights_may_come_from_a_source_unless_it_is_not_described(project: Project) -> None:
    path = project.model_code_dir / "mood" / "model.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('source = "repository"', 'source = "hub"'), encoding="utf-8")
    assert read_model(path.parent).source == "hub"
    path.write_text(text.replace('source = "repository"', 'source = "hob"'), encoding="utf-8")
    with pytest.raises(DeliveryError, match=r"\[weights\] source is 'hob'"):
        read_model(path.parent)


def test_an_unknown_model_is_answered_with_the_known_ones(project: Project) -> None:
    with pytest.raises(DeliveryError, match="no model 'moood'") as caught:
        find_model(project, "moood")
    assert "mood" in (caught.value.cause or "")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('task = "sentiment"', "task = 3", r"\[model\] task must be a non-empty string"),
        ("[model]", "[model", "cannot be read"),
        ('"handler.py", ', "", "names no handler.py"),
        ("../shared_text/*.py", "../nowhere/*.py", "matches no file"),
        ("../shared_text/*.py", "../../../etc/*", "may not name"),
        ('files = ["weights/model.bin"]', 'files = "weights"', "must be a list of file names"),
    ],
)
def test_a_fault_is_named_by_its_key(project: Project, old: str, new: str, message: str) -> None:
    path = project.model_code_dir / "mood" / "model.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(DeliveryError, match=message):
        read_model(path.parent)
