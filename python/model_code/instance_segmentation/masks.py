"""From the network's small masks to pixels of the picture, and from pixels to COCO's run-length encoding.

A picture of 50 million pixels with 30 objects would have 1.5 GB of full-size masks, so a mask is never larger
than its box here; its runs over the whole picture follow from where the box lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving_contracts.masks import Mask

THRESHOLD = 0.5


@dataclass(frozen=True)
class Patch:
    """The pixels of an object within its box: bool, (rows, columns), from row `top` and column `left` on."""

    top: int
    left: int
    pixels: NDArray[np.bool_]

    @property
    def window(self) -> tuple[slice, slice]:
        """Where the patch lies in the picture."""
        rows, columns = self.pixels.shape
        return slice(self.top, self.top + rows), slice(self.left, self.left + columns)


def enlarge(mask: NDArray[np.float32], box: NDArray[np.float32], height: int, width: int) -> Patch:
    """A mask (m, m) of probabilities, stretched over its box (xmin, ymin, xmax, ymax) in a picture.

    Bilinear between the centres of the mask's cells; pixels whose centre gets at least `THRESHOLD` belong to
    the object.
    """
    left, top, right, bottom = (float(edge) for edge in box)
    first_row, last_row = max(0, int(np.floor(top))), min(height, int(np.ceil(bottom)))
    first_column, last_column = max(0, int(np.floor(left))), min(width, int(np.ceil(right)))
    rows = _weights(first_row, last_row, top, bottom, len(mask))
    columns = _weights(first_column, last_column, left, right, len(mask))
    return Patch(first_row, first_column, rows @ mask @ columns.T >= THRESHOLD)


def _weights(first: int, last: int, low: float, high: float, cells: int) -> NDArray[np.float32]:
    """(pixels, cells): how much each cell from `low` to `high` counts for the pixels `first` to `last`."""
    centres = np.arange(first, max(first, last), dtype=np.float32) + np.float32(0.5)
    position = np.clip((centres - low) / max(high - low, 1e-6) * cells - 0.5, 0, cells - 1)
    distance = np.abs(position[:, None] - np.arange(cells))
    weights: NDArray[np.float32] = np.maximum(0, 1 - distance).astype(np.float32)
    return weights


def encode(patch: Patch, height: int, width: int) -> Mask:
    """The mask of a whole picture of this size that shows the object's patch and nothing else."""
    return Mask.from_runs(height, width, runs(patch, height, width).tolist())


def runs(patch: Patch, height: int, width: int) -> NDArray[np.int64]:
    """Lengths of background and object in turn, column by column, beginning with background."""
    rows, columns = patch.pixels.shape
    # One pixel of background after each column: no run of the patch crosses from one into the next.
    padded = np.zeros((columns, rows + 1), np.bool_)
    padded[:, :rows] = patch.pixels.T
    flat = padded.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat.size and flat[0]:
        changes = np.concatenate(([0], changes))
    column, row = np.divmod(changes, rows + 1)
    edges = (patch.left + column) * height + patch.top + row
    # Where an object fills two columns from top to bottom, one run goes on where the other ended.
    joins = np.flatnonzero(edges[1:-1:2] == edges[2::2]) * 2 + 1
    edges = np.delete(edges, np.concatenate((joins, joins + 1)))
    lengths: NDArray[np.int64] = np.diff(np.concatenate(([0], edges, [height * width])))
    return lengths[:-1] if lengths[-1] == 0 else lengths
