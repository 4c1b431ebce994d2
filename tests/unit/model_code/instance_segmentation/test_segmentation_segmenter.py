"""What surrounds the network: sizes, coordinates, masks at full size, the weights folder's description."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from instance_segmentation.segmenter import (
    DEMO_PRESET,
    ZOO_PRESET,
    Description,
    Instances,
    Preset,
    Segmenter,
    load,
    paste_masks,
)


def instances(*scores: float) -> Instances:
    count = len(scores)
    return Instances(
        np.arange(count),
        np.array(scores, np.float32),
        np.tile(np.array([10, 20, 30, 60], np.float32), (count, 1)),
        np.ones((count, 4, 4), np.float32),
    )


@pytest.mark.parametrize(
    ("size", "resized"),
    [((480, 640), (320, 427)), ((640, 480), (427, 320)), ((100, 100), (320, 320)), ((200, 2000), (51, 512))],
)
def test_the_short_side_decides_unless_the_long_one_would_grow_too_long(
    size: tuple[int, int], resized: tuple[int, int]
) -> None:
    assert DEMO_PRESET.resized(*size) == resized


def test_no_image_shrinks_to_nothing() -> None:
    assert DEMO_PRESET.resized(1, 100_000) == (1, 512)


def test_an_image_becomes_a_normalised_tensor() -> None:
    segmenter = Segmenter(None, ["a"], Preset(8, 16, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)))
    image = np.zeros((16, 16, 3), np.uint8)
    image[..., 0] = 255
    tensor = segmenter.preprocess(image)
    assert tensor.shape == (1, 3, 8, 8)
    assert tensor.dtype == np.float32
    assert np.allclose(tensor[0, 0], 2)
    assert np.allclose(tensor[0, 1:], -2)


def test_boxes_are_scaled_to_the_original_and_cut_at_its_edges() -> None:
    found = instances(0.9).to_image((50, 100), (100, 400))
    assert np.array_equal(found.boxes, [[40, 40, 120, 100]])


def test_low_scores_are_left_out() -> None:
    assert list(instances(0.9, 0.5, 0.49).above(0.5).ids) == [0, 1]


def test_a_full_mask_covers_exactly_its_box() -> None:
    full = paste_masks(np.ones((1, 14, 14), np.float32), np.array([[2, 3, 7, 9]], np.float32), 12, 10)
    expected = np.zeros((12, 10), np.bool_)
    expected[3:9, 2:7] = True
    assert np.array_equal(full[0], expected)


def test_a_half_mask_covers_half_of_its_box() -> None:
    mask = np.zeros((1, 28, 28), np.float32)
    mask[0, :, :14] = 1
    full = paste_masks(mask, np.array([[10, 10, 50, 30]], np.float32), 40, 60)[0]
    assert full[10:30, 10:30].all()
    assert full.sum() == 20 * 20


def test_masks_are_cut_at_the_edges_of_the_image_and_may_lie_outside() -> None:
    boxes = np.array([[-5, -5, 5, 5], [20, 20, 30, 30], [4, 4, 4, 4]], np.float32)
    full = paste_masks(np.ones((3, 7, 7), np.float32), boxes, 10, 10)
    assert [int(mask.sum()) for mask in full] == [25, 0, 0]


def test_a_coarse_mask_of_a_circle_gives_the_circle_back() -> None:
    rows, columns = np.mgrid[:28, :28] + 0.5
    coarse = ((rows - 14) ** 2 + (columns - 14) ** 2 <= 14**2).astype(np.float32)
    full = paste_masks(coarse[None], np.array([[20, 30, 120, 130]], np.float32), 150, 150)[0]
    rows, columns = np.mgrid[:150, :150] + 0.5
    circle = (rows - 80) ** 2 + (columns - 70) ** 2 <= 50**2
    assert (full & circle).sum() / (full | circle).sum() > 0.97


def test_no_masks_are_no_masks() -> None:
    empty = paste_masks(np.zeros((0, 28, 28), np.float32), np.zeros((0, 4), np.float32), 5, 6)
    assert empty.shape == (0, 5, 6)


def test_a_description_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = Description("mask_rcnn_fpn_resnet18_v1b_coco", ("person", "car"), ZOO_PRESET)
    written.write(tmp_path / "network.json")
    assert Description.read(tmp_path / "network.json") == written


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        json.dumps({"network": "demo", "classes": ["a"], "preset": {"short": 1}}),
        '{"network": 1',
    ],
)
def test_a_description_that_lacks_something_is_refused_by_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "network.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"network\.json is not understood .* It holds an object with"):
        Description.read(file)


def test_a_folder_without_description_is_no_weights_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path)
