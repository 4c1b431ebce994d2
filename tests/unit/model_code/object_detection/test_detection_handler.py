"""A picture in, objects in its own pixels out, or the picture with them drawn into it; others are refused."""

from __future__ import annotations

import io
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from red_finder import scene, write_red_finder

from object_detection import handler
from object_detection.detector import Found
from object_detection.handler import DetectionModel, annotate
from serving_contracts import media_types
from serving_contracts.detection import Detection, DetectionOptions
from serving_contracts.errors import InvalidInput
from serving_contracts.media import MediaAnswer, MediaRequest
from vision.pictures import Picture

#: In a picture of 256 × 128 the network sees cells of 64 × 64 pixels, in two rows of four.
LEFT, RIGHT = (64, 0, 128, 64), (192, 64, 256, 128)
TYPES = {"JPEG": media_types.JPEG, "PNG": media_types.PNG, "WEBP": media_types.WEBP}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DetectionModel:
    folder = tmp_path_factory.mktemp("model")
    write_red_finder(folder / "weights")
    return handler.load(folder, 1)


def request(path: Path, *accepts: str, content_type: str = media_types.PNG, **options: Any) -> MediaRequest:
    chosen = DetectionOptions(**options)
    return MediaRequest(path, path.stat().st_size, content_type, accepts or (media_types.JSON,), chosen)


def saved(path: Path, image: Image.Image, kind: str = "PNG", **options: Any) -> Path:
    image.save(path, kind, **options)
    return path


def ask(model: DetectionModel, path: Path, **options: Any) -> Detection:
    (answer,) = model.predict([request(path, **options)])
    assert isinstance(answer, Detection)
    return answer


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_objects_are_found_in_the_pixels_of_the_picture(
    model: DetectionModel, tmp_path: Path, kind: str
) -> None:
    path = saved(tmp_path / "body", scene(red=LEFT, blue=RIGHT), kind, quality=95)
    answer = ask(model, path, content_type=TYPES[kind])
    assert (answer.width, answer.height, answer.picture) == (256, 128, None)
    found = {each.label: each.box for each in answer.objects}
    assert found == {"red": LEFT, "blue": RIGHT}


@pytest.mark.parametrize("scale", [1 / 8, 0.5, 3, 12])
def test_boxes_grow_with_the_picture(model: DetectionModel, tmp_path: Path, scale: float) -> None:
    width, height = round(256 * scale), round(128 * scale)
    image = scene(red=LEFT).resize((width, height), Image.Resampling.NEAREST)
    for kind in ("PNG", "JPEG"):
        answer = ask(model, saved(tmp_path / kind, image, kind, quality=95), score_threshold=0.9)
        assert (answer.width, answer.height) == (width, height)
        assert [each.box for each in answer.objects] == [pytest.approx([value * scale for value in LEFT])]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_seen_upright_and_its_boxes_are_of_the_upright_one(
    model: DetectionModel, tmp_path: Path, orientation: int
) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "body", scene(red=LEFT), "JPEG", exif=exif.tobytes(), quality=95)
    answer = ask(model, path)
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    assert (answer.width, answer.height) == upright.size
    ((left, top, right, bottom),) = (each.box for each in answer.objects)
    red = np.asarray(upright)[..., 0] > 200
    assert red[int(top) : int(bottom), int(left) : int(right)].mean() > 0.95
    assert red.sum() == pytest.approx((right - left) * (bottom - top), rel=0.1)


def test_less_certain_objects_are_left_out_on_request(model: DetectionModel, tmp_path: Path) -> None:
    half = (64, 0, 100, 64)  # of a cell
    path = saved(tmp_path / "body", scene(red=half, blue=RIGHT))
    scores = [each.score for each in ask(model, path, score_threshold=0.1).objects]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 2
    between = sum(scores) / 2
    assert [each.label for each in ask(model, path, score_threshold=between).objects] == ["blue"]
    assert [each.score for each in ask(model, path, score_threshold=1.0).objects] == []
    assert [each.label for each in ask(model, path, score_threshold=0.1, max_objects=1).objects] == ["blue"]


def test_a_picture_of_nothing_has_no_objects(model: DetectionModel, tmp_path: Path) -> None:
    assert ask(model, saved(tmp_path / "body", scene())).objects == ()


def test_the_picture_itself_is_answered_to_who_accepts_it(model: DetectionModel, tmp_path: Path) -> None:
    path = saved(tmp_path / "body", scene(red=LEFT))
    (answer,) = model.predict([request(path, media_types.JPEG, media_types.JSON)])
    assert isinstance(answer, MediaAnswer)
    assert answer.content_type == media_types.JPEG
    assert isinstance(answer.body, bytes)
    drawn = np.asarray(Image.open(io.BytesIO(answer.body)).convert("RGB"), np.int16)
    assert drawn.shape == (128, 256, 3)
    plain = np.asarray(scene(red=LEFT), np.int16)
    changed = np.abs(drawn - plain).max(axis=2) > 60
    assert changed[:64, 64:128].any()  # the box and its label
    assert not changed[70:, 140:].any()


def test_the_json_carries_the_picture_on_request(model: DetectionModel, tmp_path: Path) -> None:
    answer = ask(model, saved(tmp_path / "body", scene(red=LEFT)), annotated=True)
    assert answer.picture is not None
    with Image.open(io.BytesIO(answer.picture)) as drawn:
        assert (drawn.format, drawn.size) == ("JPEG", (256, 128))
    assert [each.label for each in answer.objects] == ["red"]


@pytest.mark.parametrize("body", [b"", b"no picture", b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", b"%PDF-1.4"])
def test_what_is_no_picture_is_refused(model: DetectionModel, tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "body"
    path.write_bytes(body)
    with pytest.raises(InvalidInput, match="no image that can be read") as caught:
        ask(model, path)
    assert "JPEG, PNG or WebP" in (caught.value.hint or "")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("annotated", [False, True])
def test_a_picture_that_is_cut_off_is_refused(
    model: DetectionModel, tmp_path: Path, kind: str, share: float, annotated: bool
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    path = saved(tmp_path / "body", Image.fromarray(noise), kind)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InvalidInput, match=r"truncated|damaged|no image"):
        ask(model, path, annotated=annotated)


def test_a_picture_of_too_many_pixels_is_refused_by_its_header(model: DetectionModel, tmp_path: Path) -> None:
    path = saved(tmp_path / "body", scene(), "JPEG")
    data = bytearray(path.read_bytes())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 20_000, 20_000)
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=r"20000 × 20000 pixels; at most 50,000,000"):
        ask(model, path)


def test_one_bad_picture_does_not_spoil_the_next(model: DetectionModel, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"\xff\xd8\xff and nothing")
    with pytest.raises(InvalidInput):
        ask(model, tmp_path / "bad")
    assert ask(model, saved(tmp_path / "good", scene(red=LEFT))).objects


def test_several_threads_get_the_answers_of_one(model: DetectionModel, tmp_path: Path) -> None:
    assert handler.THREAD_SAFE
    places = [(64 * at, 64 * row, 64 * at + 64, 64 * row + 64) for at in range(4) for row in range(2)]
    paths = [saved(tmp_path / f"{at}", scene(red=place)) for at, place in enumerate(places)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda path: ask(model, path), paths * 4))
    assert [[each.box for each in answer.objects] for answer in answers] == [[place] for place in places] * 4


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (40, 30), (900, 3)])
def test_pictures_of_a_few_pixels_are_answered_and_drawn_into(
    model: DetectionModel, tmp_path: Path, size: tuple[int, int]
) -> None:
    path = saved(tmp_path / "body", Image.new("RGB", size, (230, 20, 20)))
    answer = ask(model, path, annotated=True)
    assert (answer.width, answer.height) == size
    for each in answer.objects:
        left, top, right, bottom = each.box
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
    assert answer.picture is not None
    assert Image.open(io.BytesIO(answer.picture)).size == size


def label_height(width: int, height: int) -> int:
    """Rows of the ground of the label that is drawn into a black picture of this size."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG")
    found = [Found(0, "cup", 0.9, (0.3 * width, 0.5 * height, 0.9 * width, 0.9 * height))]
    with Image.open(io.BytesIO(annotate(Picture(buffer.getvalue(), media_types.PNG), found))) as drawn:
        column = np.asarray(drawn)[: height // 2, round(0.3 * width) + max(2, height // 300)]
    return int((column.max(axis=1) > 100).sum())


def test_labels_grow_with_the_picture() -> None:
    small, middle, large = (label_height(4 * side, 3 * side) for side in (80, 320, 1280))
    assert small >= 11
    assert middle / 960 == pytest.approx(large / 3840, rel=0.15)
    assert large > 3840 / 40


def test_a_drawn_picture_is_made_smaller_where_it_would_have_too_many_bytes() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 600, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    picture = Picture(buffer.getvalue(), media_types.PNG)
    whole = annotate(picture, [])
    for most in (len(whole) - 1, len(whole) // 3, len(whole) // 10):
        smaller = annotate(picture, [], most)
        assert len(smaller) <= most
        assert Image.open(io.BytesIO(smaller)).width in (600, 300, 150, 75)
