"""Drawn scenes: what they say they show is what their pixels show."""

from __future__ import annotations

import numpy as np
import pytest

from instance_segmentation import photos as photos_module
from instance_segmentation import scenes as scenes_module
from instance_segmentation.photos import photo_background
from instance_segmentation.scenes import CLASSES, boxes_of, draw_scene, draw_video
from instance_segmentation.shapes import Shape, outline, paint

MANY = range(40)


def test_a_seed_always_draws_the_same_scene() -> None:
    first, second = draw_scene(7, 120, 160), draw_scene(7, 120, 160)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.masks, second.masks)
    assert not np.array_equal(first.image, draw_scene(8, 120, 160).image)


def test_no_pixel_belongs_to_two_shapes_and_boxes_enclose_masks_tightly() -> None:
    for seed in MANY:
        scene = draw_scene(seed, 150, 200)
        assert scene.image.shape == (150, 200, 3)
        assert scene.image.dtype == np.uint8
        assert scene.masks.sum(axis=0).max(initial=0) <= 1
        for mask, (left, top, right, bottom) in zip(scene.masks, scene.boxes, strict=True):
            inside = mask[int(top) : int(bottom), int(left) : int(right)]
            assert inside.sum() == mask.sum() > 0
            assert inside[0].any()
            assert inside[-1].any()
            assert inside[:, 0].any()
            assert inside[:, -1].any()


def test_every_class_is_drawn_and_shapes_hide_parts_of_others() -> None:
    drawn = [draw_scene(seed, 150, 200, shapes=(6, 9)) for seed in MANY]
    assert {int(label) for scene in drawn for label in scene.labels} == set(range(len(CLASSES)))
    filled = [
        mask.sum() / ((right - left) * (bottom - top))
        for scene in drawn
        for mask, (left, top, right, bottom) in zip(scene.masks, scene.boxes, strict=True)
    ]
    assert min(filled) < 0.4 < 0.9 < max(filled)


def test_as_many_shapes_as_asked_for_at_most() -> None:
    assert all(len(draw_scene(seed, 150, 200, shapes=(1, 2)).labels) <= 2 for seed in MANY)


@pytest.mark.parametrize("label", range(len(CLASSES)), ids=CLASSES)
def test_a_shape_fills_exactly_the_area_within_its_outline(label: int) -> None:
    shape = Shape(label, x=100.0, y=100.0, radius=60.0, angle=0.3)
    x, y = outline(label, np.random.default_rng(5)).T
    within = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2 * shape.radius**2
    painted = paint(shape, np.full(3, 200, np.float32), np.random.default_rng(5))
    assert painted.coverage.sum() == pytest.approx(within, rel=0.02)
    assert max(painted.coverage.shape) <= 2 * shape.radius + 4


def test_scenes_need_no_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes_module, "photos", lambda split: ())
    assert len(draw_scene(1, 120, 160, photos_of="training", photo_share=1.0).labels)


def test_training_and_evaluation_share_no_photograph() -> None:
    splits = photos_module._PHOTOS
    assert not set(splits["training"]) & set(splits["unseen"])


def test_a_missing_split_of_photographs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos_module, "photos", lambda split: ())
    with pytest.raises(LookupError, match="unseen split is installed: install scikit-image"):
        photo_background(np.random.default_rng(0), 10, 10, "unseen")


def test_a_part_of_a_photograph_has_the_size_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (90, 70, 3)).astype(np.uint8)
    monkeypatch.setattr(photos_module, "photos", lambda split: (picture,))
    for seed in MANY:
        part = photo_background(np.random.default_rng(seed), 64, 100, "training")
        assert part.shape == (64, 100, 3)
        assert part.dtype == np.uint8


def test_a_video_shows_the_same_shapes_moving_before_a_still_background() -> None:
    frames = list(draw_video(3, frames=6, height=90, width=120, shapes=3))
    assert len(frames) == 6
    assert all(frame.image.shape == (90, 120, 3) for frame in frames)
    assert all(1 <= len(frame.labels) <= 3 for frame in frames)
    uncovered = ~(frames[0].masks.any(axis=0) | frames[-1].masks.any(axis=0))
    still = (frames[0].image == frames[-1].image).all(axis=2)[uncovered]
    assert still.mean() > 0.9  # anti-aliased edges reach a pixel past the masks
    assert not np.array_equal(frames[0].boxes, frames[-1].boxes)


def test_boxes_of_no_masks_are_no_boxes() -> None:
    assert boxes_of(np.zeros((0, 4, 4), np.bool_)).shape == (0, 4)
