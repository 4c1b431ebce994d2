"""Draws what was found into a picture: translucent masks with an outline, boxes, and labels with scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from instance_segmentation.masks import Patch
from instance_segmentation.pictures import Pixels

Colour = tuple[int, int, int]

#: Told apart at a glance, also by people who do not see red and green apart (Okabe and Ito, 2008).
COLOURS: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
_COVER = 115  # of 256: how much of the colour is seen in a mask
_SMALLEST_TEXT, _LARGEST_TEXT = 11, 64


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
    side = min(pixels.shape[:2])
    line = max(1, round(side / 240))
    for found in reversed(objects):
        _tint(drawn[found.patch.window], found.patch.pixels, COLOURS[found.kind % len(COLOURS)], line)
    image = Image.fromarray(drawn)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(min(max(side / 30, _SMALLEST_TEXT), _LARGEST_TEXT))
    for found in reversed(objects):
        colour = COLOURS[found.kind % len(COLOURS)]
        left, top, right, bottom = found.box
        pen.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=colour, width=line)
    for found in reversed(objects):  # after all boxes, so that none crosses a label
        _write(pen, font, found, COLOURS[found.kind % len(COLOURS)], image.size)
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


def _write(
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    found: Found,
    colour: Colour,
    size: tuple[int, int],
) -> None:
    """The label on a ground of the object's colour: above its box, or within it where there is no room."""
    text = f"{found.label} {found.score:.2f}"
    _, upper, right, lower = pen.textbbox((0, 0), text, font=font)
    margin = max(2, (lower - upper) // 4)
    width, height = right + 2 * margin, lower - upper + 2 * margin
    x = max(0, min(found.box[0], size[0] - width))
    y = found.box[1] - height if found.box[1] >= height else found.box[1]
    y = max(0, min(y, size[1] - height))
    pen.rectangle((x, y, x + width - 1, y + height - 1), fill=colour)
    dark = sum(colour) < 330
    pen.text((x + margin, y + margin - upper), text, font=font, fill="white" if dark else "black")
