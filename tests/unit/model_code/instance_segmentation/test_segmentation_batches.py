"""Training batches and the targets of the region proposals."""

from __future__ import annotations

import numpy as np

from instance_segmentation.batches import MOST_SHAPES, anchor_targets, assemble, batches, make_batch, overlaps
from instance_segmentation.scenes import draw_scene

SIDE = 64


def grid_of_anchors() -> np.ndarray:
    corners = np.stack(np.meshgrid(np.arange(0, SIDE, 8), np.arange(0, SIDE, 8)), -1).reshape(-1, 2)
    return np.concatenate([corners - 12, corners + 12], axis=1).astype(np.float32)


def test_overlap_is_the_shared_part_of_both_boxes() -> None:
    boxes = np.array([(0, 0, 10, 10), (5, 0, 15, 10), (20, 20, 30, 30)], np.float32)
    assert np.allclose(overlaps(boxes[:1], boxes), [[1.0, 1 / 3, 0.0]])


def test_an_anchor_on_a_shape_is_positive_and_its_offsets_lead_to_the_box() -> None:
    anchors = grid_of_anchors()
    boxes = np.array([(10.0, 14.0, 38.0, 34.0)], np.float32)
    classes, offsets, weights = anchor_targets(anchors, boxes, np.random.default_rng(0))
    positive = np.flatnonzero(classes == 1)
    assert len(positive)
    assert np.array_equal(np.flatnonzero(weights.any(axis=1)), positive)
    size = anchors[positive, 2:] - anchors[positive, :2]
    centre = anchors[positive, :2] + size / 2 + offsets[positive, :2] * size
    reached = size * np.exp(offsets[positive, 2:])
    assert np.allclose(np.concatenate([centre - reached / 2, centre + reached / 2], 1), boxes, atol=1e-3)


def test_a_shape_that_no_anchor_fits_still_gets_its_best_one() -> None:
    boxes = np.array([(2.0, 2.0, 6.0, 60.0)], np.float32)
    classes, _, _ = anchor_targets(grid_of_anchors(), boxes, np.random.default_rng(0))
    best = overlaps(grid_of_anchors(), boxes)[:, 0]
    assert best.max() < 0.6
    assert np.array_equal(classes == 1, best == best.max())


def test_anchors_past_the_image_are_used() -> None:
    boxes = np.array([(0.0, 0.0, 12.0, 12.0)], np.float32)
    classes, _, _ = anchor_targets(grid_of_anchors(), boxes, np.random.default_rng(0))
    assert (grid_of_anchors()[classes == 1] < 0).any()


def test_without_shapes_all_sampled_anchors_are_background() -> None:
    classes, offsets, weights = anchor_targets(
        grid_of_anchors(), np.zeros((0, 4), np.float32), np.random.default_rng(0)
    )
    assert set(np.unique(classes)) <= {-1.0, 0.0}
    assert not offsets.any()
    assert not weights.any()


def test_a_batch_holds_what_its_scenes_show() -> None:
    scenes = [draw_scene(seed, SIDE, SIDE, shapes=(2, 4), radii=(8, 20)) for seed in (1, 2)]
    batch = assemble(scenes, grid_of_anchors(), np.random.default_rng(0))
    assert batch.images.shape == (2, 3, SIDE, SIDE)
    assert 0 <= batch.images.min() <= batch.images.max() <= 1
    for index, scene in enumerate(scenes):
        count = len(scene.labels)
        assert np.array_equal(batch.labels[index, :count, 4], scene.labels)
        assert np.array_equal(batch.labels[index, :count, :4], scene.boxes - 0.5)
        assert (batch.labels[index, count:] == -1).all()
        assert np.array_equal(batch.masks[index, :count], scene.masks)
    assert batch.labels.shape[1] == MOST_SHAPES


def test_batches_come_in_the_order_of_their_seeds_from_a_second_process() -> None:
    anchors = grid_of_anchors()
    stream = batches(100, 1, SIDE, anchors)
    try:
        drawn = [next(stream) for _ in range(3)]
    finally:
        stream.close()
    for seed, batch in zip((100, 101, 102), drawn, strict=True):
        expected = make_batch(seed, 1, SIDE, anchors)
        assert np.array_equal(batch.images, expected.images)
        assert np.array_equal(batch.anchor_classes, expected.anchor_classes)
