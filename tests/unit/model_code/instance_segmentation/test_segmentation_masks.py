"""From a network's small mask to the pixels of a picture and their run-length encoding."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from instance_segmentation.masks import Patch, encode, enlarge, runs


def box(*edges: float) -> NDArray[np.float32]:
    return np.array(edges, np.float32)


def whole(patch: Patch, height: int, width: int) -> NDArray[np.bool_]:
    full = np.zeros((height, width), np.bool_)
    full[patch.window] = patch.pixels
    return full


def between_cells(mask: NDArray[np.float32], place: NDArray[np.float32], x: int, y: int) -> float:
    """The mask's value at a pixel's centre: bilinear between the centres of cells, flat outside of them."""
    left, top, right, bottom = place
    cells = len(mask)
    column = (x + 0.5 - left) / (right - left) * cells - 0.5
    row = (y + 0.5 - top) / (bottom - top) * cells - 0.5
    along = [np.interp(column, range(cells), line) for line in mask]
    return float(np.interp(row, range(cells), along))


def decoded(patch: Patch, height: int, width: int) -> NDArray[np.bool_]:
    mask = encode(patch, height, width)
    return np.frombuffer(mask.columns(), np.uint8).reshape(width, height).T.astype(np.bool_)


def test_a_full_mask_fills_its_box_and_nothing_else() -> None:
    patch = enlarge(np.ones((14, 14), np.float32), box(2, 3, 7, 5), 10, 20)
    assert (patch.top, patch.left, patch.pixels.shape) == (3, 2, (2, 5))
    assert patch.pixels.all()


def test_half_a_mask_fills_half_of_its_box() -> None:
    mask = np.zeros((2, 2), np.float32)
    mask[:, 0] = 1
    assert enlarge(mask, box(0, 0, 8, 1), 10, 20).pixels.tolist() == [[True] * 4 + [False] * 4]


def test_a_box_between_pixels_covers_those_that_it_touches() -> None:
    patch = enlarge(np.ones((4, 4), np.float32), box(1.6, 2.4, 3.2, 3.1), 10, 20)
    assert (patch.top, patch.left, patch.pixels.shape) == (2, 1, (2, 3))


@pytest.mark.parametrize("edges", [(5, 5, 5, 5), (0, 0, 0, 9), (3, 8, 7, 8)])
def test_an_empty_box_has_no_pixels(edges: tuple[float, ...]) -> None:
    patch = enlarge(np.ones((4, 4), np.float32), box(*edges), 10, 20)
    assert patch.pixels.size == 0
    assert encode(patch, 10, 20).area == 0


def test_any_mask_in_any_box_is_interpolated_and_survives_its_encoding() -> None:
    random = np.random.default_rng(0)
    for _ in range(60):
        height, width, cells = (int(value) for value in random.integers(1, 30, 3))
        mask = random.random((cells, cells), np.float32)
        left, right = np.sort(random.uniform(0, width, 2))
        top, bottom = np.sort(random.uniform(0, height, 2))
        place = box(left, top, right, bottom)
        patch = enlarge(mask, place, height, width)
        for y, x in np.ndindex(patch.pixels.shape):
            value = between_cells(mask, place, patch.left + x, patch.top + y)
            assert patch.pixels[y, x] == (value >= 0.5) or abs(value - 0.5) < 1e-4
        assert np.array_equal(whole(patch, height, width), decoded(patch, height, width))


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        pytest.param(Patch(0, 0, np.ones((4, 3), np.bool_)), [0, 12], id="all of it"),
        pytest.param(Patch(0, 1, np.ones((4, 1), np.bool_)), [4, 4, 4], id="a whole column"),
        pytest.param(Patch(0, 1, np.ones((4, 2), np.bool_)), [4, 8], id="whole columns to the end"),
        pytest.param(Patch(3, 2, np.ones((1, 1), np.bool_)), [11, 1], id="the last pixel"),
        pytest.param(Patch(0, 0, np.ones((1, 1), np.bool_)), [0, 1, 11], id="the first pixel"),
        pytest.param(Patch(1, 0, np.zeros((2, 2), np.bool_)), [12], id="nothing"),
        pytest.param(Patch(2, 0, np.ones((2, 2), np.bool_)), [2, 2, 2, 2, 4], id="two columns' ends"),
    ],
)
def test_runs_go_down_the_columns_and_begin_with_background(patch: Patch, expected: list[int]) -> None:
    assert runs(patch, 4, 3).tolist() == expected
