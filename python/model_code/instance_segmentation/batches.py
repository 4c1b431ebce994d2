"""Training batches: drawn scenes with the targets of the region proposals, made in a process of their own."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_segmentation.scenes import Scene, draw_scene
from instance_segmentation.segmenter import PIXEL_CENTRE

Floats = NDArray[np.float32]

MOST_SHAPES = 9
_RADII = (9.0, 105.0)  # of a shape, in pixels of the network's input
_IMAGES_AHEAD = 4
_ANCHORS_SAMPLED, _POSITIVE_SHARE = 128, 0.5
_POSITIVE_OVERLAP, _NEGATIVE_OVERLAP = 0.6, 0.3


@dataclass(frozen=True)
class Batch:
    """Arrays of one training step; B images of S pixels a side, up to M shapes, A anchors.

    Attributes:
        images: float32, (B, 3, S, S), 0 to 1.
        labels: float32, (B, M, 5), xmin, ymin, xmax, ymax, class; rows of -1 where there are fewer shapes.
        masks: uint8, (B, M, S, S).
        anchor_classes: float32, (B, A): 1 object, 0 background, -1 not used.
        anchor_offsets, anchor_weights: float32, (B, A, 4); weights are 0 but for objects.
    """

    images: Floats
    labels: Floats
    masks: NDArray[np.uint8]
    anchor_classes: Floats
    anchor_offsets: Floats
    anchor_weights: Floats


def overlaps(first: Floats, second: Floats) -> Floats:
    """Intersection over union of boxes, (n, 4) and (m, 4) → (n, m)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    ratio: Floats = shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-6)
    return ratio


def anchor_targets(anchors: Floats, boxes: Floats, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Which anchors shall propose an object and how each is moved onto it, as Faster R-CNN does it.

    An anchor is positive if it overlaps a box by at least 0.6, or as much as any anchor does; negative if it
    overlaps none by 0.3.  Unlike gluoncv's generator this keeps anchors that reach past the image: without
    them large shapes in small images have none.

    Returns:
        classes (a,), offsets (a, 4) and weights (a, 4), see :class:`Batch`.
    """
    classes = np.full(len(anchors), -1, np.float32)
    offsets = np.zeros((len(anchors), 4), np.float32)
    if not len(boxes):
        negative = rng.permutation(len(anchors))[:_ANCHORS_SAMPLED]
        classes[negative] = 0
        return classes, offsets, np.zeros_like(offsets)
    ratio = overlaps(anchors, boxes)
    best, matched = ratio.max(axis=1), ratio.argmax(axis=1)
    is_positive = (best >= _POSITIVE_OVERLAP) | (ratio >= np.maximum(ratio.max(axis=0), 1e-3)).any(axis=1)
    positive = rng.permutation(np.flatnonzero(is_positive))[: int(_ANCHORS_SAMPLED * _POSITIVE_SHARE)]
    negative = np.flatnonzero((best < _NEGATIVE_OVERLAP) & ~is_positive)
    negative = rng.permutation(negative)[: _ANCHORS_SAMPLED - len(positive)]
    classes[positive], classes[negative] = 1, 0
    from_centre, from_size = _centre_and_size(anchors[positive])
    to_centre, to_size = _centre_and_size(boxes[matched[positive]])
    offsets[positive, :2] = (to_centre - from_centre) / from_size
    offsets[positive, 2:] = np.log(to_size / from_size)
    weights = np.repeat((classes == 1).astype(np.float32)[:, None], 4, axis=1)
    return classes, offsets, weights


def _centre_and_size(boxes: Floats) -> tuple[Floats, Floats]:
    size: Floats = boxes[:, 2:] - boxes[:, :2]
    return boxes[:, :2] + size / np.float32(2), size


def assemble(scenes: list[Scene], anchors: Floats, rng: np.random.Generator) -> Batch:
    """The arrays for scenes of one size; `anchors` (A, 4) are those of that size."""
    side = scenes[0].image.shape[0]
    images = np.stack([scene.image for scene in scenes]).astype(np.float32).transpose(0, 3, 1, 2) / 255
    labels = np.full((len(scenes), MOST_SHAPES, 5), -1, np.float32)
    masks = np.zeros((len(scenes), MOST_SHAPES, side, side), np.uint8)
    targets = []
    for index, scene in enumerate(scenes):
        count = len(scene.labels)
        labels[index, :count, :4] = scene.boxes - PIXEL_CENTRE
        labels[index, :count, 4] = scene.labels
        masks[index, :count] = scene.masks
        targets.append(anchor_targets(anchors, labels[index, :count, :4], rng))
    classes, offsets, weights = (np.stack(part) for part in zip(*targets, strict=True))
    return Batch(np.ascontiguousarray(images), labels, masks, classes, offsets, weights)


def make_batch(seed: int, size: int, side: int, anchors: Floats) -> Batch:
    """The batch of `seed`: `size` scenes of `side` pixels that hold at least one shape each."""
    rng = np.random.default_rng(seed)
    scenes: list[Scene] = []
    while len(scenes) < size:
        scene = draw_scene(
            int(rng.integers(2**62)),
            side,
            side,
            shapes=(2, MOST_SHAPES),
            radii=_RADII,
            photos_of="training",
        )
        if len(scene.labels):
            scenes.append(scene)
    return assemble(scenes, anchors, rng)


_anchors: Floats | None = None


def _start_worker(anchors: Floats, niceness: int) -> None:
    global _anchors  # sent once rather than with every batch
    _anchors = anchors
    os.nice(niceness)


def _work(seed: int, size: int, side: int) -> Batch:
    assert _anchors is not None
    return make_batch(seed, size, side, _anchors)


def batches(
    first_seed: int, size: int, side: int, anchors: Floats, niceness: int = 5
) -> Generator[Batch, None, None]:
    """Batches of the seeds from `first_seed` on, in order, drawn ahead in a second process."""
    pool = ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"), initializer=_start_worker, initargs=(anchors, niceness)
    )
    waiting: deque[Future[Batch]] = deque()
    seed = first_seed
    try:
        while True:
            while len(waiting) < _IMAGES_AHEAD:
                waiting.append(pool.submit(_work, seed, size, side))
                seed += 1
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
