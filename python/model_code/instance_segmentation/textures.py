"""Colour fields that fill shapes and backgrounds of drawn scenes; numpy and Pillow only.

Every function returns float32 of shape (height, width, 3) with values 0 to 255.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Field = NDArray[np.float32]
Random = np.random.Generator


def _colour(rng: Random) -> Field:
    return rng.uniform(0, 255, 3).astype(np.float32)


def _near(rng: Random, colour: Field, distance: float) -> Field:
    """Another colour within `distance` of `colour` in each channel."""
    near: Field = np.clip(colour + rng.uniform(-distance, distance, 3), 0, 255).astype(np.float32)
    return near


def _ramp(rng: Random, height: int, width: int) -> Field:
    """Values of a plane in a random direction, in pixels from the centre, shape (height, width)."""
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.ogrid[:height, :width]
    ramp: Field = (
        (columns - width / 2) * np.float32(np.cos(angle)) + (rows - height / 2) * np.float32(np.sin(angle))
    ).astype(np.float32)
    return ramp


def _mix(weight: Field, first: Field, second: Field) -> Field:
    return first + weight[..., None] * (second - first)


def plain(rng: Random, height: int, width: int, base: Field, spread: float) -> Field:
    """One colour."""
    return np.broadcast_to(base, (height, width, 3)).astype(np.float32)


def gradient(rng: Random, height: int, width: int, base: Field, spread: float) -> Field:
    """From one colour to another, across the field."""
    ramp = _ramp(rng, height, width)
    weight = (ramp - ramp.min()) / max(float(np.ptp(ramp)), 1e-3)
    return _mix(weight, base, _near(rng, base, spread))


def stripes(rng: Random, height: int, width: int, base: Field, spread: float) -> Field:
    """Soft-edged parallel stripes of two colours."""
    period = rng.uniform(5, 40)
    wave = np.sin(_ramp(rng, height, width) * np.float32(2 * np.pi / period))
    weight = np.clip(wave * rng.uniform(1, 6) + 0.5, 0, 1)
    return _mix(weight, base, _near(rng, base, spread))


def checks(rng: Random, height: int, width: int, base: Field, spread: float) -> Field:
    """A checkerboard, turned by any angle."""
    side = rng.uniform(5, 30)
    angle = rng.uniform(0, np.pi / 2)
    rows, columns = np.ogrid[:height, :width]
    across = np.floor((columns * np.cos(angle) + rows * np.sin(angle)) / side)
    down = np.floor((rows * np.cos(angle) - columns * np.sin(angle)) / side)
    weight = ((across + down) % 2).astype(np.float32)
    return _mix(weight, base, _near(rng, base, spread))


def clouds(rng: Random, height: int, width: int, base: Field, spread: float) -> Field:
    """Smooth blotches: a small random grid, enlarged."""
    cells = int(rng.integers(2, 24))
    grid = np.clip(base + rng.uniform(-spread, spread, (cells, cells, 3)), 0, 255).astype(np.uint8)
    enlarged = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(enlarged, np.float32)


def grain(rng: Random, height: int, width: int, base: Field, spread: float) -> Field:
    """Fine noise of every pixel."""
    noise = rng.standard_normal((height, width, 1), np.float32) * np.float32(spread * rng.uniform(0.1, 0.35))
    grains: Field = np.clip(base + noise, 0, 255)
    return grains


_FIELDS: tuple[Callable[[Random, int, int, Field, float], Field], ...] = (
    plain,
    gradient,
    stripes,
    checks,
    clouds,
    grain,
)


def fill(rng: Random, height: int, width: int, base: Field) -> Field:
    """The inside of a shape: half of the time plain, else a texture around the colour `base`, shape (3,)."""
    field = plain if rng.random() < 0.5 else _FIELDS[rng.integers(1, len(_FIELDS))]
    return field(rng, height, width, base, rng.uniform(25, 90))


def clutter(rng: Random, image: Field) -> Field:
    """Lines, arcs and polylines that enclose nothing, drawn over `image`: no object of any class."""
    height, width = image.shape[:2]
    canvas = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(1, 14))):
        colour = tuple(int(value) for value in _colour(rng))
        thickness = int(rng.integers(1, 5))
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        kind = rng.random()
        if kind < 0.5:
            draw.line((x, y, rng.uniform(0, width), rng.uniform(0, height)), fill=colour, width=thickness)
        elif kind < 0.75:
            radius = rng.uniform(8, 90)
            start = rng.uniform(0, 360)
            box = (x - radius, y - radius, x + radius, y + radius)
            draw.arc(box, start, start + rng.uniform(30, 150), fill=colour, width=thickness)
        else:
            steps = rng.uniform(-30, 30, (int(rng.integers(3, 9)), 2)).cumsum(axis=0)
            draw.line([(x + dx, y + dy) for dx, dy in steps], fill=colour, width=thickness)
    return np.asarray(canvas, np.float32)


def background(rng: Random, height: int, width: int) -> Field:
    """A background without objects: a texture, sometimes two mixed, sometimes with clutter on it."""
    image = _FIELDS[rng.integers(len(_FIELDS))](rng, height, width, _colour(rng), rng.uniform(20, 160))
    if rng.random() < 0.35:
        other = _FIELDS[rng.integers(len(_FIELDS))](rng, height, width, _colour(rng), rng.uniform(20, 160))
        image = image + np.float32(rng.uniform(0.2, 0.6)) * (other - image)
    return clutter(rng, image) if rng.random() < 0.5 else image
