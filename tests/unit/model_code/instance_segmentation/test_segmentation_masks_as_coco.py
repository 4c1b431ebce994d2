"""What we write as COCO's run-length encoding is, byte for byte, what COCO's own code writes."""

from __future__ import annotations

import numpy as np
import pycocotools.mask as coco

from instance_segmentation.masks import Patch, encode


def test_pycocotools_reads_and_writes_the_same() -> None:
    random = np.random.default_rng(1)
    for _ in range(300):
        height, width = (int(value) for value in random.integers(1, 90, 2))
        top, left = int(random.integers(height)), int(random.integers(width))
        shape = int(random.integers(1, height - top + 1)), int(random.integers(1, width - left + 1))
        patch = Patch(top, left, random.random(shape) < random.choice([0.1, 0.5, 0.95, 1.0]))
        full = np.zeros((height, width), np.uint8, order="F")
        full[patch.window] = patch.pixels
        mask = encode(patch, height, width)
        assert mask.counts == coco.encode(full)["counts"].decode()
        assert np.array_equal(coco.decode(mask.to_dict()), full)
        assert mask.area == coco.area(mask.to_dict())
