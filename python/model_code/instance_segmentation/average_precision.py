"""Average precision of segmented scenes, by COCO's own evaluation code."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instance_segmentation.scenes import Scene
from instance_segmentation.segmenter import Segmenter, paste_masks


@dataclass(frozen=True)
class Precision:
    """Average precision over recall (101 points), 0 to 1.

    Attributes:
        ap50: at masks that overlap by at least 0.5, mean over the classes.
        ap75: at 0.75.
        ap: mean over the overlaps 0.50, 0.55 … 0.95.
        by_class: ap50 and ap of each class.
        by_size: ap50 of small, medium and large instances (below 32² pixels, below 96², above).
    """

    ap50: float
    ap75: float
    ap: float
    by_class: dict[str, tuple[float, float]]
    by_size: dict[str, float]


@dataclass(frozen=True)
class Found:
    """A segmenter's answer for one image, masks at full size: ids (n,), scores (n,), masks (n, h, w) bool."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    masks: NDArray[np.bool_]


def find(segmenter: Segmenter, image: NDArray[np.uint8]) -> Found:
    """All instances, at any score, with masks at the image's own size."""
    found = segmenter.segment(image)
    masks = paste_masks(found.masks, found.boxes, *image.shape[:2])
    return Found(found.ids, found.scores, masks)


def measure(pairs: Iterable[tuple[Scene, Found]], classes: Sequence[str]) -> Precision:
    """Compare answers with what the scenes show.

    ``pycocotools`` counts the pixels of masks, not boxes, at the scenes' full size.
    """
    from pycocotools import mask as run_lengths
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    images: list[dict[str, Any]] = []
    truth: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for image_id, (scene, found) in enumerate(pairs, start=1):
        height, width = scene.image.shape[:2]
        images.append({"id": image_id, "height": height, "width": width})
        for label, mask in zip(scene.labels, scene.masks, strict=True):
            encoded = run_lengths.encode(np.asfortranarray(mask.astype(np.uint8)))
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": image_id,
                    "category_id": int(label) + 1,
                    "segmentation": encoded,
                    "area": int(mask.sum()),
                    "iscrowd": 0,
                }
            )
        for label, score, mask in zip(found.ids, found.scores, found.masks, strict=True):
            encoded = run_lengths.encode(np.asfortranarray(mask.astype(np.uint8)))
            answers.append(
                {
                    "image_id": image_id,
                    "category_id": int(label) + 1,
                    "segmentation": encoded,
                    "score": float(score),
                }
            )
    if not truth:
        raise ValueError("The scenes show no instance, so there is nothing to measure.")
    if not answers:
        return Precision(0.0, 0.0, 0.0, dict.fromkeys(classes, (0.0, 0.0)), {})
    with contextlib.redirect_stdout(io.StringIO()):
        expected = COCO()
        expected.dataset = {
            "info": {},
            "images": images,
            "annotations": truth,
            "categories": [{"id": index, "name": name} for index, name in enumerate(classes, start=1)],
        }
        expected.createIndex()
        run = COCOeval(expected, expected.loadRes(answers), "segm")
        run.evaluate()
        run.accumulate()
    # precision: (overlap, recall, class, area, most detections); -1 where a class does not occur.
    precision = run.eval["precision"][..., -1]
    whole = precision[..., 0]
    return Precision(
        ap50=_mean(whole[0]),
        ap75=_mean(whole[5]),
        ap=_mean(whole),
        by_class={
            name: (_mean(whole[0, :, index]), _mean(whole[:, :, index])) for index, name in enumerate(classes)
        },
        by_size={
            name: _mean(precision[0, :, :, area])
            for name, area in (("small", 1), ("medium", 2), ("large", 3))
        },
    )


def _mean(values: NDArray[Any]) -> float:
    present = values[values > -1]
    return float(present.mean()) if present.size else 0.0
