"""A picture in the middle of the network's square input, whole and undistorted, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from object_detection.description import Description

Tensor = NDArray[np.float32]


@dataclass(frozen=True)
class Letterbox:
    """Where a picture of `width` × `height` pixels lies in a square of `side` pixels."""

    width: int
    height: int
    side: int

    @property
    def inner(self) -> tuple[int, int]:
        """Width and height of the picture in the square."""
        scale = self.side / max(self.width, self.height)
        return max(1, round(self.width * scale)), max(1, round(self.height * scale))

    @property
    def corner(self) -> tuple[int, int]:
        """Left and top of the picture in the square."""
        width, height = self.inner
        return (self.side - width) // 2, (self.side - height) // 2

    def tensor(self, image: Image.Image, description: Description) -> Tensor:
        """The network's input, (1, 3, side, side), of the picture or a smaller copy of it, in RGB."""
        width, height = self.inner
        left, top = self.corner
        if image.size != (width, height):
            # As sharp as the plain bilinear sampling that YOLOv3 was trained with, but without its aliasing.
            image = image.resize((width, height), Image.Resampling.HAMMING)
        std, mean = (np.array(values, np.float32) for values in (description.std, description.mean))
        square = np.empty((1, 3, self.side, self.side), np.float32)
        square[:] = ((np.float32(description.fill) - mean) / std)[:, None, None]
        place = square[0, :, top : top + height, left : left + width]
        np.multiply(np.asarray(image).transpose(2, 0, 1), (1 / (255 * std))[:, None, None], out=place)
        if mean.any():
            place -= (mean / std)[:, None, None]
        return square

    def to_picture(self, boxes: Tensor) -> Tensor:
        """Boxes in pixels of the square, (n, 4), as pixels of the picture, cut off at its edges."""
        width, height = self.inner
        scale = np.array([self.width / width, self.height / height] * 2, np.float32)
        moved = (boxes - np.array(self.corner * 2, np.float32)) * scale
        edges = np.array([self.width, self.height] * 2, np.float32)
        clipped: Tensor = np.minimum(np.maximum(moved, np.float32(0)), edges)
        return clipped
