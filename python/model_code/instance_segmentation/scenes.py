"""Drawn scenes: shapes on a background, with the class, box and visible pixels of each; numpy and Pillow.

A scene follows from its seed alone (and from the versions of numpy and Pillow).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from instance_segmentation.photos import Split, photo_background, photos
from instance_segmentation.shapes import CLASSES, Painted, contrasting, paint, random_shape
from instance_segmentation.textures import Field, Random, background

__all__ = ["CLASSES", "Scene", "boxes_of", "draw_scene", "draw_video"]

_LEAST_VISIBLE = 0.35
_LEAST_PIXELS = 60


@dataclass(frozen=True)
class Scene:
    """An image and what it shows.

    Attributes:
        image: uint8, (height, width, 3), RGB.
        labels: int64, (n,), index into :data:`CLASSES`.
        boxes: float32, (n, 4), xmin, ymin, xmax, ymax of the visible pixels; the maxima are exclusive.
        masks: bool, (n, height, width), the visible pixels of each shape.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.int64]
    boxes: NDArray[np.float32]
    masks: NDArray[np.bool_]


def _window(painted: Painted, height: int, width: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Rows and columns of the image that the patch reaches, and those of the patch that lie on it."""
    tall, wide = painted.coverage.shape
    rows = slice(min(max(0, painted.top), height), max(0, min(height, painted.top + tall)))
    columns = slice(min(max(0, painted.left), width), max(0, min(width, painted.left + wide)))
    of_patch = (
        slice(rows.start - painted.top, rows.stop - painted.top),
        slice(columns.start - painted.left, columns.stop - painted.left),
    )
    return (rows, columns), of_patch


class _Canvas:
    """An image on which shapes are laid one over the other, with a map of which shape each pixel shows."""

    def __init__(self, image: Field) -> None:
        self.image = image.copy()
        self.owner = np.full(image.shape[:2], -1, np.int64)
        self.labels: list[int] = []
        self._areas: list[int] = []

    def lay(self, label: int, painted: Painted, *, always: bool = False) -> bool:
        """Lay a shape on top unless it, or one below, would be hardly visible; `always` lays it anyway."""
        on_image, of_patch = _window(painted, *self.image.shape[:2])
        coverage = painted.coverage[of_patch]
        covered = coverage >= 0.5
        whole = int((painted.coverage >= 0.5).sum())
        if not always:
            if covered.sum() < max(_LEAST_PIXELS, 0.6 * whole):
                return False
            left = self.owner.copy()
            left[on_image][covered] = -1
            visible = np.bincount(left[left >= 0], minlength=len(self.labels))
            if any(seen < _LEAST_VISIBLE * area for seen, area in zip(visible, self._areas, strict=True)):
                return False
        below = self.image[on_image]
        self.image[on_image] = below + coverage[..., None] * (painted.colours[of_patch] - below)
        self.owner[on_image][covered] = len(self.labels)
        self.labels.append(label)
        self._areas.append(whole)
        return True

    def scene(self, image: NDArray[np.uint8]) -> Scene:
        """What is visible; shapes with fewer than `_LEAST_PIXELS` visible pixels are left out."""
        masks = self.owner[None] == np.arange(len(self.labels))[:, None, None]
        kept = masks.sum(axis=(1, 2)) >= _LEAST_PIXELS
        masks = masks[kept]
        return Scene(image, np.array(self.labels, np.int64)[kept], boxes_of(masks), masks)


def boxes_of(masks: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The box of each mask, (n, height, width) → (n, 4); the maxima are exclusive, no mask may be empty."""
    boxes = np.zeros((len(masks), 4), np.float32)
    for box, mask in zip(boxes, masks, strict=True):
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        box[:] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return boxes


def _background(rng: Random, height: int, width: int, split: Split | None, share: float) -> Field:
    if split is not None and rng.random() < share and photos(split):
        return photo_background(rng, height, width, split).astype(np.float32)
    return background(rng, height, width)


def _finish(rng: Random, image: Field) -> NDArray[np.uint8]:
    """What a camera and a file format do to it: sometimes blur, sensor noise, the traces of JPEG."""
    if rng.random() < 0.2:
        height, width = image.shape[:2]
        part = rng.uniform(0.45, 0.9)
        small = (max(1, int(width * part)), max(1, int(height * part)))
        shrunk = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).resize(small, Image.Resampling.BOX)
        image = np.asarray(shrunk.resize((width, height), Image.Resampling.BILINEAR), np.float32)
    if rng.random() < 0.5:
        image = image + rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(1, 9))
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=int(rng.integers(35, 95)))
        with Image.open(file) as decoded:
            pixels = np.asarray(decoded.convert("RGB"))
    return pixels


def draw_scene(
    seed: int,
    height: int = 480,
    width: int = 640,
    *,
    shapes: tuple[int, int] = (2, 9),
    radii: tuple[float, float] | None = None,
    photos_of: Split | None = None,
    photo_share: float = 0.5,
) -> Scene:
    """Draw the scene of `seed`.

    Args:
        shapes: fewest and most shapes to try; one that would hide another is left away.
        radii: smallest and largest radius in pixels; without it, 4 % to 32 % of the short side.
        photos_of: the split whose photographs may be backgrounds; without it, textures only.
        photo_share: how many of the scenes then have a photograph, 0 to 1.
    """
    rng = np.random.default_rng(seed)
    short = min(height, width)
    canvas = _Canvas(_background(rng, height, width, photos_of, photo_share))
    for _ in range(int(rng.integers(shapes[0], shapes[1] + 1))):
        shape = random_shape(rng, height, width, radii or (0.04 * short, 0.32 * short))
        y, x = (min(max(0, int(v)), limit - 1) for v, limit in ((shape.y, height), (shape.x, width)))
        reach = max(1, int(shape.radius))
        around = canvas.image[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        painted = paint(shape, contrasting(rng, around.mean(axis=(0, 1))), rng)
        canvas.lay(shape.label, painted)
    return canvas.scene(_finish(rng, canvas.image))


def draw_video(
    seed: int, frames: int = 24, height: int = 240, width: int = 320, *, shapes: int = 5
) -> Iterator[Scene]:
    """The frames of a short video: shapes drift, turn and bounce off the edges before a still background."""
    rng = np.random.default_rng(seed)
    short = min(height, width)
    backdrop = background(rng, height, width)
    actors = []
    for index in range(shapes):
        shape = random_shape(rng, height, width, (0.1 * short, 0.24 * short))
        label = (int(rng.integers(len(CLASSES))) + index) % len(CLASSES)
        colour = contrasting(rng, backdrop.mean(axis=(0, 1)))
        speed, turn = rng.uniform(-0.025, 0.025, 2) * short, rng.uniform(-0.12, 0.12)
        actors.append((replace(shape, label=label), colour, speed, float(turn), int(rng.integers(2**31))))
    for frame in range(frames):
        canvas = _Canvas(backdrop)
        for shape, colour, speed, turn, paint_seed in actors:
            moved = replace(
                shape,
                x=_bounce(shape.x + frame * float(speed[0]), shape.radius, width),
                y=_bounce(shape.y + frame * float(speed[1]), shape.radius, height),
                angle=shape.angle + frame * turn,
            )
            # The same seed in every frame keeps a shape's proportions and texture.
            canvas.lay(moved.label, paint(moved, colour, np.random.default_rng(paint_seed)), always=True)
        yield canvas.scene(np.clip(canvas.image, 0, 255).astype(np.uint8))


def _bounce(position: float, radius: float, limit: int) -> float:
    """`position` reflected into radius…limit - radius."""
    span = max(limit - 2 * radius, 1e-6)
    folded = (position - radius) % (2 * span)
    return radius + (folded if folded <= span else 2 * span - folded)
