"""Average precision: known answers get known figures."""

from __future__ import annotations

import numpy as np
import pytest

from instance_segmentation.average_precision import Found, measure
from instance_segmentation.scenes import CLASSES, Scene, draw_scene

SCENES = [draw_scene(seed, 150, 200, shapes=(3, 6)) for seed in range(12)]


def answer(scene: Scene, *, ids: np.ndarray | None = None, masks: np.ndarray | None = None) -> Found:
    labels = scene.labels if ids is None else ids
    shown = scene.masks if masks is None else masks
    return Found(labels, np.linspace(1, 0.5, len(labels), dtype=np.float32), shown)


def test_perfect_answers_get_one() -> None:
    quality = measure([(scene, answer(scene)) for scene in SCENES], CLASSES)
    assert quality.ap50 == quality.ap75 == quality.ap == pytest.approx(1.0)
    assert set(quality.by_class) == set(CLASSES)


def test_wrong_classes_get_nothing() -> None:
    wrong = [(scene, answer(scene, ids=(scene.labels + 1) % len(CLASSES))) for scene in SCENES]
    assert measure(wrong, CLASSES).ap50 < 0.1


def test_no_answers_get_nothing() -> None:
    empty = Found(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros((0, 150, 200), np.bool_))
    assert measure([(scene, empty) for scene in SCENES], CLASSES).ap50 == 0


def test_an_overlap_of_six_tenths_counts_at_a_half_but_not_at_three_quarters() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    mask = np.zeros((1, 40, 40), np.bool_)
    mask[0, 10:20, 10:20] = True
    part = mask.copy()
    part[0, 16:] = False  # 60 of 100 pixels
    scene = Scene(image, np.array([0]), np.array([[10, 10, 20, 20]], np.float32), mask)
    quality = measure([(scene, answer(scene, masks=part))], CLASSES)
    assert quality.ap50 == pytest.approx(1.0)
    assert quality.ap75 == 0
    assert quality.ap == pytest.approx(0.3)  # 0.50, 0.55, 0.60 of ten thresholds


def test_finding_half_of_the_instances_gets_about_a_half() -> None:
    scene = SCENES[0]
    twice = [(scene, answer(scene)), (scene, Found(np.zeros(0, np.int64), np.zeros(0), scene.masks[:0]))]
    assert measure(twice, CLASSES).ap50 == pytest.approx(0.5, abs=0.01)


def test_scenes_without_instances_cannot_be_measured() -> None:
    bare = Scene(
        np.zeros((9, 9, 3), np.uint8),
        np.zeros(0, np.int64),
        np.zeros((0, 4), np.float32),
        np.zeros((0, 9, 9), np.bool_),
    )
    with pytest.raises(ValueError, match="show no instance"):
        measure([(bare, answer(bare))], CLASSES)
