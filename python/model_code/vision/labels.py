"""Draws boxes and labels with scores into a picture; lines and letters are as large as the picture wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PIL import Image, ImageDraw, ImageFont

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
_SMALLEST_TEXT = 11  # pixels; fewer cannot be read


class Labelled(Protocol):
    """An object in a picture. kind: index of its class. box: xmin, ymin, xmax, ymax in pixels."""

    @property
    def kind(self) -> int: ...
    @property
    def label(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def box(self) -> tuple[float, float, float, float]: ...


def colour_of(kind: int) -> Colour:
    """The colour of a class, by its index."""
    return COLOURS[kind % len(COLOURS)]


def line_width(size: tuple[int, int]) -> int:
    """Pixels of a line in a picture of this (width, height)."""
    return max(1, round(min(size) / 240))


def draw_boxes(image: Image.Image, objects: Sequence[Labelled]) -> None:
    """Draws into `image` (RGB) the box and the label of each object; the first lies on top."""
    line = line_width(image.size)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(max(min(image.size) / 30, _SMALLEST_TEXT))
    for found in reversed(objects):
        left, top, right, bottom = found.box
        corners = (left, top, max(left, right - 1), max(top, bottom - 1))
        pen.rectangle(corners, outline=colour_of(found.kind), width=line)
    for found in reversed(objects):  # after all boxes, so that none crosses a label
        _write(pen, font, found, image.size)


def _write(
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    found: Labelled,
    size: tuple[int, int],
) -> None:
    """The label on a ground of the object's colour: above its box, or within it where there is no room."""
    text, colour = f"{found.label} {found.score:.2f}", colour_of(found.kind)
    _, upper, right, lower = pen.textbbox((0, 0), text, font=font)
    margin = max(2, (lower - upper) // 4)
    width, height = right + 2 * margin, lower - upper + 2 * margin
    x = max(0, min(found.box[0], size[0] - width))
    y = found.box[1] - height if found.box[1] >= height else found.box[1]
    y = max(0, min(y, size[1] - height))
    pen.rectangle((x, y, x + width - 1, y + height - 1), fill=colour)
    dark = sum(colour) < 330
    pen.text((x + margin, y + margin - upper), text, font=font, fill="white" if dark else "black")
