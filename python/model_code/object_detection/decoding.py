"""What gluoncv's YOLOV3 does after its last convolutions, in numpy: boxes, scores, suppression.

The same numbers in the same order: sigmoid and exp in float32, candidates class by class, a stable sort, the
overlap of ``contrib.box_nms``.  Cheaper, since cells in which hardly anything is seen are left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from object_detection.description import Head, Suppression

Floats = NDArray[np.float32]
_LEAST_SCORE = np.float32(0.01)  # what gluoncv's YOLOV3 gives box_nms as valid_thresh: lower ones are nothing
_BOX = 5  # numbers of a box: x, y, width, height, and how sure it is that something is there


@dataclass(frozen=True)
class Detections:
    """Objects in the network's input, the surest first.

    Attributes:
        ids: int64, (n,), index into the classes.
        scores: float32, (n,), 0 to 1.
        boxes: float32, (n, 4), xmin, ymin, xmax, ymax in pixels of the input.
    """

    ids: NDArray[np.int64]
    scores: Floats
    boxes: Floats

    def __len__(self) -> int:
        return len(self.ids)

    def chosen(self, rows: NDArray[np.intp]) -> Detections:
        """Some of them, by index."""
        return Detections(self.ids[rows], self.scores[rows], self.boxes[rows])


def detections(
    outputs: Sequence[Floats], heads: Sequence[Head], suppression: Suppression, threshold: float = 0.0
) -> Detections:
    """What the network's raw outputs, (1, anchors x (5 + classes), rows, columns) each, say is there.

    Objects that are less certain than `threshold` are left out before the suppression, not after it, which is
    the same: an object is only ever suppressed by a surer one.
    """
    found = [_candidates(output[0], head, threshold) for output, head in zip(outputs, heads, strict=True)]
    everything = Detections(
        np.concatenate([each.ids for each in found]),
        np.concatenate([each.scores for each in found]),
        np.concatenate([each.boxes for each in found]),
    )
    order = np.argsort(-everything.scores, kind="stable")[: suppression.candidates]
    return suppress(everything.chosen(order), suppression)


def _candidates(output: Floats, head: Head, threshold: float) -> Detections:
    """Every class of every cell that is certain enough: class by class, row by row, anchor by anchor."""
    anchors, columns = len(head.anchors), output.shape[2]
    raw = output.reshape(anchors, -1, output.shape[1] * columns)  # (anchors, 5 + classes, cells)
    sure = _sigmoid(raw[:, _BOX - 1].T)  # (cells, anchors)
    cell, anchor = np.nonzero(_enough(sure, threshold))
    values = raw[anchor, :, cell]  # (n, 5 + classes)
    scores = _sigmoid(values[:, _BOX:]) * sure[cell, anchor][:, None]
    kind, row = np.nonzero(_enough(scores.T, threshold))
    boxes = _boxes(values[:, :4], cell, np.array(head.anchors, np.float32)[anchor], columns, head.stride)
    return Detections(kind, scores[row, kind], boxes[row])


def _enough(scores: Floats, threshold: float) -> NDArray[np.bool_]:
    enough: NDArray[np.bool_] = (scores > _LEAST_SCORE) & (scores >= threshold)
    return enough


def _sigmoid(values: Floats) -> Floats:
    with np.errstate(over="ignore"):  # of very negative ones: 1 / inf is the 0 that is meant
        result: Floats = np.float32(1) / (np.float32(1) + np.exp(-values))
    return result


def _boxes(values: Floats, cell: NDArray[np.intp], anchors: Floats, columns: int, stride: int) -> Floats:
    places = np.stack([cell % columns, cell // columns], axis=1).astype(np.float32)
    centres = (_sigmoid(values[:, :2]) + places) * np.float32(stride)
    with np.errstate(over="ignore"):
        halves = np.exp(values[:, 2:4]) * anchors / np.float32(2)
    boxes: Floats = np.concatenate([centres - halves, centres + halves], axis=1)
    return boxes


def suppress(candidates: Detections, suppression: Suppression) -> Detections:
    """Of boxes of a class that overlap too much, the surest only. They come sorted, the surest first."""
    rivals = overlaps(candidates.boxes) > np.float32(suppression.overlap)
    rivals &= candidates.ids[:, None] == candidates.ids
    standing = np.ones(len(candidates), np.bool_)
    kept: list[int] = []
    for row in range(len(candidates)):
        if len(kept) == suppression.kept:
            break
        if standing[row]:
            kept.append(row)
            standing &= ~rivals[row]
    return candidates.chosen(np.array(kept, np.intp))


def overlaps(boxes: Floats) -> Floats:
    """Intersection over union of each box with each, (n, n); 0 where both are empty."""
    with np.errstate(all="ignore"):  # of boxes that are empty or without end
        sides = np.maximum(boxes[:, 2:] - boxes[:, :2], np.float32(0))
        areas = sides[:, 0] * sides[:, 1]
        upper = np.maximum(boxes[:, None, :2], boxes[:, :2])
        lower = np.minimum(boxes[:, None, 2:], boxes[:, 2:])
        shared_sides = np.maximum(lower - upper, np.float32(0))
        shared = shared_sides[..., 0] * shared_sides[..., 1]
        ratio: Floats = np.nan_to_num(shared / (areas[:, None] + areas - shared), nan=0.0)
    return ratio
