"""The shapes of drawn scenes: their classes, outlines and painted pixels; numpy and Pillow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from instance_segmentation.textures import Field, Random, fill

CLASSES = ("circle", "square", "triangle", "star", "cross", "heart")

_SUPERSAMPLING = 4
_LEAST_CONTRAST = 70.0  # distance in RGB


@dataclass(frozen=True)
class Shape:
    """A shape's class and place; `radius` in pixels, `angle` in radians, `aspect` is its width to height."""

    label: int
    x: float
    y: float
    radius: float
    angle: float
    aspect: float = 1.0


def outline(label: int, rng: Random) -> NDArray[np.float64]:
    """Corners of a shape within the unit circle, (n, 2); stars and crosses vary in how slim they are."""
    name = CLASSES[label]
    if name == "circle":
        turns = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        return np.stack([np.cos(turns), np.sin(turns)], 1)
    if name in ("square", "triangle"):
        corners = 4 if name == "square" else 3
        turns = np.arange(corners) * 2 * np.pi / corners + np.pi / 4
        return np.stack([np.cos(turns), np.sin(turns)], 1)
    if name == "star":
        turns = np.arange(10) * np.pi / 5
        radii = np.where(np.arange(10) % 2, rng.uniform(0.36, 0.5), 1.0)
        return np.stack([radii * np.cos(turns), radii * np.sin(turns)], 1)
    if name == "cross":
        arm = rng.uniform(0.22, 0.36)
        end = np.sqrt(1 - arm * arm)
        corner = [(arm, end), (arm, arm), (end, arm)]
        quarter = np.array([(0.0, -1.0), (1.0, 0.0)])
        turned = [np.array(corner) @ np.linalg.matrix_power(quarter, k) for k in range(4)]
        return np.concatenate(turned)
    t = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return np.stack([x, y - (y.max() + y.min()) / 2], 1) / 17


@dataclass(frozen=True)
class Painted:
    """A shape's pixels, ready to be laid on an image.

    Attributes:
        top, left: where the patch begins; may be negative.
        coverage: float32, (h, w), how much of each pixel the shape covers, 0 to 1.
        colours: float32, (h, w, 3).
    """

    top: int
    left: int
    coverage: Field
    colours: Field


def _coverage(corners: NDArray[np.float64], height: int, width: int, line: float) -> tuple[Field, Field]:
    """How much of each pixel a polygon covers, and how much the `line` pixels wide edge inside it does."""
    k = _SUPERSAMPLING
    points = [(float(x * k), float(y * k)) for x, y in corners]
    inside = Image.new("L", (width * k, height * k))
    ImageDraw.Draw(inside).polygon(points, fill=255)
    edge = Image.new("L", inside.size)
    if line > 0:
        thickness = max(1, int(2 * line * k))  # half of it falls outside and is cut off
        ImageDraw.Draw(edge).line([*points, *points[:2]], fill=255, width=thickness, joint="curve")
    covered, edged = (
        np.asarray(drawn.resize((width, height), Image.Resampling.BOX), np.float32) / np.float32(255)
        for drawn in (inside, edge)
    )
    edge_inside: Field = np.minimum(covered, edged)
    return covered, edge_inside


def paint(shape: Shape, colour: Field, rng: Random) -> Painted:
    """Paint a shape in `colour`, shape (3,): plain or textured, three in ten with a dark edge."""
    corners = outline(shape.label, rng) * [np.sqrt(shape.aspect), 1 / np.sqrt(shape.aspect)]
    cos, sin = np.cos(shape.angle), np.sin(shape.angle)
    corners = corners @ np.array([(cos, sin), (-sin, cos)]) * shape.radius + [shape.x, shape.y]
    left, top = (int(v) for v in np.floor(corners.min(axis=0)) - 1)
    width, height = (int(v) for v in np.ceil(corners.max(axis=0)) + 1 - [left, top])
    line = rng.uniform(0.03, 0.1) * shape.radius if rng.random() < 0.3 else 0.0
    covered, edged = _coverage(corners - [left, top], height, width, line)
    colours = fill(rng, height, width, colour)
    edge_colour = colour * np.float32(rng.uniform(0.1, 0.6))
    return Painted(top, left, covered, colours + edged[..., None] * (edge_colour - colours))


def contrasting(rng: Random, surroundings: Field) -> Field:
    """A colour that stands out from `surroundings`, shape (3,)."""
    colour = rng.uniform(0, 255, 3).astype(np.float32)
    for _ in range(20):
        if np.linalg.norm(colour - surroundings) >= _LEAST_CONTRAST:
            break
        colour = rng.uniform(0, 255, 3).astype(np.float32)
    return colour


def random_shape(rng: Random, height: int, width: int, radii: tuple[float, float]) -> Shape:
    """Any shape anywhere in an image, small ones as often as large ones; `radii` in pixels."""
    smallest, largest = np.log(radii[0]), np.log(radii[1])
    radius = float(np.exp(rng.uniform(smallest, largest)))
    margin = 0.6 * radius
    return Shape(
        label=int(rng.integers(len(CLASSES))),
        x=float(rng.uniform(min(margin, width / 2), max(width - margin, width / 2))),
        y=float(rng.uniform(min(margin, height / 2), max(height - margin, height / 2))),
        radius=radius,
        angle=float(rng.uniform(0, 2 * np.pi)),
        aspect=float(np.exp(rng.uniform(-0.25, 0.25))),
    )
