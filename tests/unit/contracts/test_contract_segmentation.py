"""Pictures and videos in, objects with masks out: options, answers and COCO's run-length encoding."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
from typing import Any

import numpy as np
import pytest

from serving_contracts import (
    MEDIA_TASKS,
    InvalidInput,
    Mask,
    Segmentation,
    SegmentationOptions,
    SegmentedFrame,
    SegmentedObject,
)
from serving_contracts.segmentation import parse_options
from serving_contracts.tasks import TASK_NAMES, find_media_task

TASK = MEDIA_TASKS["segmentation"]
STAR = SegmentedObject("star", 0.875, (1.0, 0.5, 3.0, 4.0), Mask.from_runs(4, 5, [5, 3, 12]))
ANSWER = Segmentation("video", 5, 4, (SegmentedFrame(0, 0.0, (STAR,)), SegmentedFrame(5, 0.2, ())), True)

#: Masks and the text that pycocotools 2.0 makes of them: an outside word on the encoding.
COCO = [
    ((3, 3), [[0, 0, 0], [0, 1, 0], [0, 0, 0]], "414"),
    ((2, 3), [[1, 1, 1], [1, 1, 1]], "06"),
    ((2, 3), [[0, 0, 0], [0, 0, 0]], "6"),
    ((3, 4), [[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 1]], "013001NO"),
]


def mask_of(pixels: np.ndarray[Any, Any]) -> Mask:
    flat = pixels.T.reshape(-1)
    changes = np.flatnonzero(np.diff(flat)) + 1
    edges = np.concatenate([[0], changes, [flat.size]])
    runs = np.diff(edges).tolist()
    return Mask.from_runs(*pixels.shape, runs if flat[0] == 0 else [0, *runs])


def pixels_of(mask: Mask) -> np.ndarray[Any, Any]:
    return np.frombuffer(mask.columns(), np.uint8).reshape(mask.width, mask.height).T


@pytest.mark.parametrize(("size", "pixels", "counts"), COCO)
def test_a_mask_is_written_as_coco_writes_it(
    size: tuple[int, int], pixels: list[list[int]], counts: str
) -> None:
    mask = mask_of(np.array(pixels, np.uint8))
    assert mask.to_dict() == {"size": list(size), "counts": counts}
    assert (pixels_of(mask) == np.array(pixels)).all()


def test_any_mask_survives_being_packed_and_unpacked() -> None:
    generator = np.random.default_rng(5)
    for height, width, density in ((1, 1, 0.5), (480, 640, 0.001), (97, 3, 0.5), (300, 200, 0.999)):
        pixels = (generator.random((height, width)) < density).astype(np.uint8)
        mask = Mask.parse(json.loads(json.dumps(mask_of(pixels).to_dict())))
        assert (pixels_of(mask) == pixels).all()
        assert mask.area == int(pixels.sum())


def test_runs_that_do_not_fill_the_mask_are_refused() -> None:
    for runs in ([5], [4, 3], [-1, 7], []):
        with pytest.raises(InvalidInput, match="not the 2 × 3"):
            Mask.from_runs(2, 3, runs)


@pytest.mark.parametrize("counts", ["", "4", "41", "P", "é", "414\x7f", "o" * 50, "4?4"])
def test_a_damaged_mask_is_refused_and_never_unpacked_wrongly(counts: str) -> None:
    with pytest.raises(InvalidInput):
        Mask(3, 3, counts).runs()


def test_random_text_is_a_mask_or_refused() -> None:
    dice = random.Random(3)
    for _ in range(2000):
        text = "".join(chr(dice.randrange(48, 112)) for _ in range(dice.randrange(12)))
        with contextlib.suppress(InvalidInput):
            assert sum(Mask(3, 3, text).runs()) == 9


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (None, "mask"),
        ({"counts": "414"}, "mask.size"),
        ({"size": [3], "counts": "414"}, "mask.size"),
        ({"size": [0, 3], "counts": "414"}, "mask.size[0]"),
        ({"size": [3, True], "counts": "414"}, "mask.size[1]"),
        ({"size": [3, 3]}, "mask.counts"),
    ],
)
def test_what_is_no_mask_is_refused_by_field(value: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        Mask.parse(value)
    assert refusal.value.field == field


def test_an_answer_survives_the_wire() -> None:
    assert TASK.parse_answer(json.loads(json.dumps(TASK.dump_answer(ANSWER)))) == ANSWER
    assert ANSWER.objects == (STAR,)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (["frames"], None, "frames"),
        (["media"], "sound", "media"),
        (["width"], 0, "width"),
        (["truncated"], "no", "truncated"),
        (["frames", 0], 5, "frames[0]"),
        (["frames", 0, "index"], -1, "frames[0].index"),
        (["frames", 0, "objects", 0, "score"], "high", "frames[0].objects[0].score"),
        (["frames", 0, "objects", 0, "box"], [1, 2, 3], "frames[0].objects[0].box"),
        (["frames", 0, "objects", 0, "mask"], "414", "frames[0].objects[0].mask"),
        (["frames", 0, "objects", 0, "mask", "size"], [4], "frames[0].objects[0].mask.size"),
    ],
)
def test_what_is_no_answer_is_refused_by_field(path: list[Any], value: Any, field: str) -> None:
    document = TASK.dump_answer(ANSWER)
    inner: Any = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(InvalidInput) as refusal:
        TASK.parse_answer(document)
    assert refusal.value.field == field


def test_options_travel_as_custom_attributes() -> None:
    chosen = SegmentationOptions(score_threshold=0.25, every_nth_frame=10, max_frames=50, max_objects=3)
    assert parse_options(chosen.to_attributes()) == chosen
    assert SegmentationOptions().to_attributes() == ""
    assert parse_options(None) == parse_options("") == parse_options(" ; ") == SegmentationOptions()
    assert parse_options(" score_threshold = 1 ; max_frames=2 ") == SegmentationOptions(1.0, max_frames=2)


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ("threshold=0.5", "CustomAttributes"),
        ("score_threshold", "score_threshold"),
        ("score_threshold=", "score_threshold"),
        ("score_threshold=nan", "score_threshold"),
        ("score_threshold=1.5", "score_threshold"),
        ("every_nth_frame=0", "every_nth_frame"),
        ("max_frames=1e3", "max_frames"),
        ("max_objects=101", "max_objects"),
        ("max_frames=1;max_frames=2", "CustomAttributes"),
        ("x" * 2000, "CustomAttributes"),
    ],
)
def test_options_that_mean_nothing_are_refused_by_name(attributes: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_options(attributes)
    assert refusal.value.field == field


def test_answers_are_frozen_and_hashable() -> None:
    assert hash(ANSWER) == hash(dataclasses.replace(ANSWER))
    with pytest.raises(dataclasses.FrozenInstanceError):
        ANSWER.width = 1  # type: ignore[misc]


def test_a_media_task_is_found_by_name() -> None:
    assert find_media_task("segmentation") is TASK
    assert "segmentation" in TASK_NAMES
    with pytest.raises(InvalidInput, match="segmentation"):
        find_media_task("detecting")
