"""The task `detection`: options, answers, and what is refused."""

from __future__ import annotations

import json

import pytest

from serving_contracts.detection import (
    DetectedObject,
    Detection,
    DetectionOptions,
    dump_answer,
    parse_answer,
    parse_options,
)
from serving_contracts.errors import InvalidInput
from serving_contracts.limits import CUSTOM_ATTRIBUTES_CHARACTERS

CAT = DetectedObject("cat", 0.87, (1.0, 2.5, 30.0, 40.0))


@pytest.mark.parametrize(
    "options",
    [
        DetectionOptions(),
        DetectionOptions(score_threshold=0.25),
        DetectionOptions(max_objects=7, annotated=True),
        DetectionOptions(0.0, 1, True),
    ],
)
def test_options_survive_the_way_to_the_model(options: DetectionOptions) -> None:
    assert parse_options(options.to_attributes()) == options


def test_nothing_said_is_the_default() -> None:
    assert parse_options(None) == parse_options(" ; ") == DetectionOptions()
    assert DetectionOptions().to_attributes() == ""


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ("score_threshold=1.5", "score_threshold"),
        ("score_threshold=high", "score_threshold"),
        ("score_threshold=nan", "score_threshold"),
        ("max_objects=0", "max_objects"),
        ("max_objects=2.5", "max_objects"),
        ("annotated=yes", "annotated"),
        ("annotate=true", "CustomAttributes"),
        ("annotated=true;annotated=true", "CustomAttributes"),
        ("x" * (CUSTOM_ATTRIBUTES_CHARACTERS + 1), "CustomAttributes"),
    ],
)
def test_a_wrong_option_is_named(attributes: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_options(attributes)
    assert caught.value.field == field


@pytest.mark.parametrize("picture", [None, b"\xff\xd8\xff\xe0 a picture"])
def test_an_answer_survives_json(picture: bytes | None) -> None:
    answer = Detection(640, 480, (CAT,), picture)
    assert parse_answer(json.loads(json.dumps(dump_answer(answer)))) == answer
    assert ("picture" in dump_answer(answer)) == (picture is not None)


def test_fields_of_a_later_release_are_ignored() -> None:
    answer = dump_answer(Detection(640, 480, (CAT,))) | {"model": "yolo"}
    assert parse_answer(answer).objects == (CAT,)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"width": 0}, "width"),
        ({"objects": {}}, "objects"),
        ({"objects": [7]}, "objects[0]"),
        ({"objects": [{"label": "cat", "score": 0.5}]}, "objects[0].box"),
        ({"objects": [{"label": "cat", "score": "high", "box": [1, 2, 3, 4]}]}, "objects[0].score"),
        ({"objects": [{"label": 7, "score": 0.5, "box": [1, 2, 3, 4]}]}, "objects[0].label"),
        ({"objects": [{"label": "cat", "score": 0.5, "box": [1, 2, 3]}]}, "objects[0].box"),
        ({"picture": "%"}, "picture"),
        ({"picture": 7}, "picture"),
    ],
)
def test_a_broken_answer_is_placed(change: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_answer(dump_answer(Detection(640, 480, (CAT,))) | change)
    assert caught.value.field == field
