"""What the smoke test calls, and how it judges an answer."""

from __future__ import annotations

import pytest

from delivery.model_folder import find_models
from delivery.project import Project
from delivery.smoke import judge, readable_answer, readable_request, shorten, targets
from serving_contracts.catalog import CatalogEndpoint, ContainerEntry

ANSWER = {"predicted_label": "Pos", "score": 0.9, "sentences": [1, 2]}


@pytest.mark.parametrize(
    ("expect", "faults"),
    [
        ({}, []),
        ({"predicted_label": "Pos"}, []),
        ({"predicted_label": "Neg"}, ["predicted_label is 'Pos', expected 'Neg'"]),
        ({"score": {"min": 0.5, "max": 0.95}}, []),
        ({"score": {"min": 0.95}}, ["score is 0.9, expected at least 0.95"]),
        ({"score": {"max": 0.5}}, ["score is 0.9, expected at most 0.5"]),
        ({"sentences": {"min": 1, "max": 2}}, []),
        ({"label": "Pos"}, ["the answer has no field 'label'"]),
    ],
)
def test_an_answer_is_judged_field_by_field(expect: dict[str, object], faults: list[str]) -> None:
    assert list(judge(ANSWER, expect)) == faults


def endpoint(mode: str) -> CatalogEndpoint:
    containers = {name: ContainerEntry("sentiment", "mood") for name in ("first", "second")}
    return CatalogEndpoint("multi_container", "serving-local-x", mode, ("blue",), containers)  # type: ignore[arg-type]


def test_every_container_of_a_direct_endpoint_is_called_and_a_pipeline_once(project: Project) -> None:
    models = {model.name: model for model in find_models(project)}
    assert [target for target, _, _ in targets(endpoint("Direct"), models)] == ["first", "second"]
    assert [target for target, _, _ in targets(endpoint("Serial"), models)] == [None]


def test_a_model_of_another_checkout_is_left_out(project: Project) -> None:
    assert list(targets(endpoint("Direct"), {})) == []


def test_requests_and_answers_fit_in_a_table() -> None:
    assert readable_request({"texts": ["가", "나"]}) == "가 | 나"
    assert readable_answer({"predicted_label": "Pos", "score": 0.98765}) == "Pos, score 0.988"
    assert shorten("a\nb  c" + "x" * 100, 10) == "a b cxxxx…"
