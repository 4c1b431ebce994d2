"""What is drawn into a picture: the mask translucent, its outline and box, a label that can be read."""

from __future__ import annotations

import numpy as np
import pytest

from instance_segmentation.drawing import Found, draw
from instance_segmentation.masks import Patch
from vision.labels import COLOURS

GREY = np.full((240, 320, 3), 100, np.uint8)


def found(left: int, top: int, right: int, bottom: int, *, kind: int = 0, label: str = "heart") -> Found:
    mask = np.ones((bottom - top, right - left), np.bool_)
    return Found(kind, label, 0.87, (left, top, right, bottom), Patch(top, left, mask))


def test_the_mask_is_translucent_and_the_rest_is_untouched() -> None:
    drawn = draw(GREY, [found(100, 100, 200, 200)])
    inside = drawn[150, 150].astype(int)
    colour = np.array(COLOURS[0])
    assert (np.minimum(colour, 100) <= inside).all()
    assert (inside <= np.maximum(colour, 100)).all()
    assert tuple(inside) not in {(100, 100, 100), COLOURS[0]}
    assert (drawn[220:] == 100).all()
    assert (GREY == 100).all()


def test_the_outline_has_the_full_colour() -> None:
    drawn = draw(GREY, [found(100, 100, 200, 200)])
    assert tuple(drawn[150, 100]) == tuple(drawn[199, 150]) == COLOURS[0]


def test_a_label_lies_above_its_box_on_its_colour() -> None:
    above = draw(GREY, [found(100, 100, 200, 200, kind=4)])[80:99, 100:160].reshape(-1, 3)
    shades = {tuple(pixel) for pixel in above.tolist()}
    assert COLOURS[4] in shades
    assert max(above.sum(axis=1)) > 700  # white letters on dark blue


@pytest.mark.parametrize("box", [(0, 0, 40, 40), (300, 0, 320, 20), (280, 220, 320, 240), (0, 0, 320, 240)])
def test_a_label_stays_in_the_picture_wherever_its_object_is(box: tuple[int, int, int, int]) -> None:
    plain, labelled = (draw(GREY, [found(*box, label=label)]) for label in ("", "heart"))
    assert (plain != labelled).any()


def test_the_best_object_is_on_top() -> None:
    drawn = draw(GREY, [found(100, 100, 200, 200, kind=1), found(100, 100, 200, 200, kind=2)])
    assert tuple(drawn[150, 100]) == COLOURS[1]


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2)])
def test_pictures_of_a_few_pixels_can_be_drawn_into(size: tuple[int, int]) -> None:
    height, width = size
    pixels = np.zeros((height, width, 3), np.uint8)
    assert draw(pixels, [found(0, 0, width, height), found(0, 0, 0, 0)]).shape == pixels.shape


def test_without_objects_the_picture_stays_as_it_is() -> None:
    assert np.array_equal(draw(GREY, []), GREY)
