"""A picture lies whole and undistorted in the middle of a square, and boxes find their way back."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from red_finder import description

from object_detection.letterbox import Letterbox


@pytest.mark.parametrize(
    ("size", "inner", "corner"),
    [
        ((640, 480), (320, 240), (0, 40)),
        ((480, 640), (240, 320), (40, 0)),
        ((320, 320), (320, 320), (0, 0)),
        ((32, 16), (320, 160), (0, 80)),  # a small picture is made larger
        ((451, 300), (320, 213), (0, 53)),
        ((10_000, 3), (320, 1), (0, 159)),
        ((1, 1), (320, 320), (0, 0)),
    ],
)
def test_a_picture_keeps_its_shape_and_lies_in_the_middle(
    size: tuple[int, int], inner: tuple[int, int], corner: tuple[int, int]
) -> None:
    box = Letterbox(*size, 320)
    assert (box.inner, box.corner) == (inner, corner)


def test_the_tensor_is_the_picture_from_0_to_1_with_grey_around_it() -> None:
    image = Image.new("RGB", (64, 32), (255, 0, 51))
    tensor = Letterbox(64, 32, 128).tensor(image, description())
    assert tensor.shape == (1, 3, 128, 128)
    assert tensor.dtype == np.float32
    inside = tensor[0, :, 32:96]
    assert np.allclose(inside, np.array([1, 0, 0.2])[:, None, None])
    assert (tensor[0, :, :32] == 0.5).all()
    assert (tensor[0, :, 96:] == 0.5).all()


def test_mean_and_std_are_applied_to_the_picture_and_to_what_is_around_it() -> None:
    means, spreads = (0.1, 0.2, 0.3), (0.5, 0.25, 2.0)
    given = description(mean=means, std=spreads, fill=0.2)
    tensor = Letterbox(64, 32, 128).tensor(Image.new("RGB", (64, 32), (255, 0, 51)), given)
    for channel, value in enumerate((1.0, 0.0, 0.2)):
        mean, std = means[channel], spreads[channel]
        assert np.allclose(tensor[0, channel, 64, 64], (value - mean) / std)
        assert np.allclose(tensor[0, channel, 0, 0], (0.2 - mean) / std)


def test_a_smaller_copy_gives_nearly_the_same_tensor() -> None:
    ramp = np.linspace(0, 255, 800, dtype=np.uint8)
    image = Image.fromarray(np.stack([np.tile(ramp, (600, 1))] * 3, axis=2))
    box = Letterbox(800, 600, 128)
    whole, half = (box.tensor(given, description()) for given in (image, image.reduce(2)))
    assert np.abs(whole - half).max() < 0.02


def test_boxes_come_back_to_where_they_were_and_end_at_the_edges() -> None:
    box = Letterbox(1000, 500, 100)  # a tenth, 25 pixels from the top
    found = np.array([[10, 30, 20, 45], [-5, 0, 200, 90], [0, 0, 100, 20]], np.float32)
    assert box.to_picture(found).tolist() == [[100, 50, 200, 200], [0, 0, 1000, 500], [0, 0, 1000, 0]]
