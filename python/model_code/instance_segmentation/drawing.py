"""Draws what was found into a picture: translucent masks with an outline, boxes, and labels with scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from instance_segmentation.masks import Patch
from vision.labels import Colour, colour_of, draw_boxes, line_width
from vision.pictures import Pixels

_COVER = 115  # of 256: how much of the colour is seen in a mask


@dataclass(frozen=True)
class Found:
    """An object in a picture. kind: index of its class. box: xmin, ymin, xmax, ymax in pixels."""

    kind: int
    label: str
    score: float
    box: tuple[float, float, float, float]
    patch: Patch


def draw(pixels: Pixels, objects: Sequence[Found]) -> Pixels:
    """A copy of the picture, (height, width, 3), with the objects drawn into it, the best on top."""
    drawn = pixels.copy()
    line = line_width((pixels.shape[1], pixels.shape[0]))
    for found in reversed(objects):
        _tint(drawn[found.patch.window], found.patch.pixels, colour_of(found.kind), line)
    image = Image.fromarray(drawn)
    draw_boxes(image, objects)
    return np.asarray(image)


def _tint(window: Pixels, mask: NDArray[np.bool_], colour: Colour, line: int) -> None:
    """Mixes the colour into the pixels of the mask, and draws its outline `line` pixels wide, in place."""
    inside = window[mask].astype(np.uint16)
    window[mask] = (inside * (256 - _COVER) + np.array(colour, np.uint16) * _COVER) >> 8
    inner = mask
    for _ in range(line):
        inner = _eroded(inner)
    window[mask & ~inner] = colour


def _eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(mask, 1)
    inner: NDArray[np.bool_] = (
        padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    )
    return inner
