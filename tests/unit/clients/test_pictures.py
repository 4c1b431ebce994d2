"""Masks as arrays, and pictures with what was found drawn into them."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from serving_clients import (
    DetectedObject,
    Detection,
    InvalidRequest,
    Mask,
    Segmentation,
    SegmentedFrame,
    SegmentedObject,
    mask_array,
    overlay,
)
from serving_clients.pictures import colour

GREY = (120, 120, 120)


def mask_of(array: np.ndarray[Any, np.dtype[np.bool_]]) -> Mask:
    """Run-length encoded column by column, by hand."""
    runs, value = [0], False
    for pixel in array.T.reshape(-1):
        if pixel != value:
            runs.append(0)
            value = not value
        runs[-1] += 1
    height, width = array.shape
    return Mask.from_runs(height, width, runs)


def ellipse(
    width: int, height: int, box: tuple[float, float, float, float]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    y, x = np.mgrid[:height, :width]
    left, top, right, bottom = box
    across, down = (
        (x - (left + right) / 2) / ((right - left) / 2),
        (y - (top + bottom) / 2) / ((bottom - top) / 2),
    )
    inside: np.ndarray[Any, np.dtype[np.bool_]] = across**2 + down**2 <= 1
    return inside


def found(
    label: str, box: tuple[float, float, float, float], size: tuple[int, int] = (320, 240)
) -> SegmentedObject:
    return SegmentedObject(label, 0.87, box, mask_of(ellipse(*size, box)))


def scene(*objects: SegmentedObject, size: tuple[int, int] = (320, 240)) -> Segmentation:
    return Segmentation("image", *size, (SegmentedFrame(0, 0.0, objects),))


def file_of(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


PLAIN = Image.new("RGB", (320, 240), GREY)
CUP = found("cup", (60.0, 80.0, 160.0, 200.0))


def test_a_mask_becomes_an_array_of_rows() -> None:
    array = np.zeros((3, 5), bool)
    array[0, 1:4] = array[2, 4] = True
    assert mask_array(mask_of(array)).tolist() == array.tolist()
    assert mask_array(mask_of(array)).dtype == np.bool_


def test_a_damaged_mask_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="the mask is damaged"):
        mask_array(Mask(3, 5, "zz"))


def test_an_object_is_tinted_edged_and_boxed() -> None:
    drawn = np.asarray(overlay(PLAIN, scene(CUP), labels=False, alpha=0.5))
    tint = tuple((np.array(colour("cup")) + GREY) / 2)
    assert np.allclose(drawn[140, 110], tint, atol=1)
    assert tuple(drawn[140, 60]) == colour("cup")  # box and edge
    assert tuple(drawn[80, 62]) == colour("cup")  # the box's corner
    assert tuple(drawn[20, 20]) == GREY
    assert tuple(np.asarray(PLAIN)[140, 110]) == GREY  # what was given stays as it is


def test_labels_stay_inside_the_picture() -> None:
    corners = [
        (0.0, 0.0, 40.0, 30.0),
        (290.0, 0.0, 330.0, 40.0),
        (300.0, 230.0, 400.0, 260.0),
        (-20.0, 215.0, 9.0, 240.0),
    ]
    result = scene(*(found(f"thing {number}", box) for number, box in enumerate(corners)))
    plain = np.asarray(overlay(PLAIN, result, labels=False)).astype(int)
    drawn = np.asarray(overlay(PLAIN, result)).astype(int)
    changed = np.abs(drawn - plain).sum(axis=2) > 0
    for rows, columns in (
        (slice(0, 30), slice(0, 100)),
        (slice(0, 30), slice(220, 320)),
        (slice(200, 240), slice(220, 320)),
    ):
        assert changed[rows, columns].sum() > 200  # each has its label where it can be read


def test_small_objects_are_drawn_over_large_ones() -> None:
    large, small = found("table", (10.0, 10.0, 310.0, 230.0)), found("cup", (140.0, 100.0, 180.0, 140.0))
    both = [
        np.asarray(overlay(PLAIN, scene(*order), labels=False, alpha=1.0))
        for order in ((large, small), (small, large))
    ]
    assert (both[0] == both[1]).all()
    assert tuple(both[0][120, 160]) == colour("cup")


def test_a_class_has_its_colour_everywhere() -> None:
    names = ["person", "cup", "car", "dog", "chair", "triangle", "circle", "star", "square", "고양이"]
    assert len({colour(name) for name in names}) == len(names)
    assert colour("cup") == (174, 59, 238)  # so that a picture of tomorrow can be laid beside it
    assert all(max(colour(name)) - min(colour(name)) > 90 for name in names)  # never grey


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "CMYK", "1", "I;16"])
def test_every_kind_of_picture_is_taken(mode: str) -> None:
    assert overlay(PLAIN.convert("L" if mode == "I;16" else mode), scene(CUP)).mode == "RGB"


def test_paths_and_bytes_are_taken(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(file_of(PLAIN))
    pictures = [
        overlay(image, scene(CUP))
        for image in (PLAIN, file_of(PLAIN), tmp_path / "a.png", str(tmp_path / "a.png"))
    ]
    assert len({picture.tobytes() for picture in pictures}) == 1


def test_a_picture_is_turned_upright_as_the_model_turns_it() -> None:
    lying = Image.new("RGB", (240, 320), GREY)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees to look at it
    assert overlay(file_of(lying, "JPEG", exif=exif), scene(CUP)).size == (320, 240)


def test_a_frame_of_a_video_can_be_picked() -> None:
    frames = (SegmentedFrame(0, 0.0, ()), SegmentedFrame(5, 0.2, (CUP,)))
    video = Segmentation("video", 320, 240, frames)
    assert overlay(PLAIN, video).tobytes() == PLAIN.tobytes()
    assert overlay(PLAIN, video, frame=1).tobytes() == overlay(PLAIN, scene(CUP)).tobytes()


def test_a_detection_is_drawn_as_boxes_with_labels() -> None:
    cat = DetectedObject("cat", 0.9, (60.0, 80.0, 160.0, 200.0))
    mouse = DetectedObject("mouse", 0.6, (100.0, 120.0, 120.0, 140.0))
    seen = Detection(320, 240, (mouse, cat))
    drawn = np.asarray(overlay(PLAIN, seen, labels=False))
    assert tuple(drawn[80, 62]) == colour("cat")
    assert tuple(drawn[120, 110]) == colour("mouse")
    assert tuple(drawn[140, 140]) == GREY  # nothing is tinted
    assert tuple(np.asarray(PLAIN)[80, 62]) == GREY  # what was given stays as it is
    labelled = np.asarray(overlay(file_of(PLAIN), seen)).astype(int)
    assert (np.abs(labelled - drawn).sum(axis=2) > 0)[60:80, 60:120].sum() > 200
    assert overlay(PLAIN, Detection(320, 240, ())).tobytes() == PLAIN.tobytes()


REFUSED: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "another size": (Image.new("RGB", (10, 10)), scene(CUP), {}, "image"),
    "no picture": (b"hello", scene(CUP), {}, "image"),
    "a number": (5, scene(CUP), {}, "image"),
    "a missing file": ("missing.png", scene(CUP), {}, "image"),
    "no result": (PLAIN, {"frames": []}, {}, "result"),
    "a frame too far": (PLAIN, scene(CUP), {"frame": 1}, "frame"),
    "a frame of a detection": (PLAIN, Detection(320, 240, ()), {"frame": 1}, "frame"),
    "a detection of another size": (PLAIN, Detection(10, 10, ()), {}, "image"),
    "a frame before": (PLAIN, scene(CUP), {"frame": -1}, "frame"),
    "too much": (PLAIN, scene(CUP), {"alpha": 1.5}, "alpha"),
    "no font": (PLAIN, scene(CUP), {"font": "missing.ttf"}, "font"),
    "a mask of another size": (PLAIN, scene(found("cup", (1.0, 1.0, 5.0, 5.0), (10, 10))), {}, "result"),
}


@pytest.mark.parametrize(("image", "result", "options", "field"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_named(image: Any, result: Any, options: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        overlay(image, result, **options)
    assert caught.value.field == field


def test_without_the_libraries_one_is_told_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    for call in (lambda: overlay(b"", scene()), lambda: mask_array(Mask(1, 1, "1"))):
        with pytest.raises(
            ImportError, match=r'needs NumPy and Pillow.*pip install "serving-clients\[images\]"'
        ):
            call()
