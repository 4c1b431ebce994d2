"""The handler from file to answer: coordinates of the original, options, files with the objects drawn in.

The network is a threshold on red here, so that every answer is known; the real one is in
``test_segmentation_served.py``.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from segmentation_files import (
    BLOCK,
    HEIGHT,
    WIDTH,
    RedFinder,
    read_video,
    request,
    scene,
    turn_video,
    write_video,
)

from instance_segmentation.handler import MAX_BATCH, SegmentationModel
from serving_contracts.errors import InvalidInput
from serving_contracts.media import MediaAnswer, MediaRequest, NobodyWaits
from serving_contracts.segmentation import Segmentation, SegmentedObject, dump_answer, parse_answer


@pytest.fixture
def model() -> SegmentationModel:
    return SegmentationModel(RedFinder(), threads=1)  # type: ignore[arg-type]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(scene(scale=3)).save(tmp_path / "body", "PNG")
    return tmp_path / "body"


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    return write_video(tmp_path / "body", [scene(4 * number) for number in range(10)])


def segmentation(model: SegmentationModel, asked: MediaRequest) -> Segmentation:
    (answer,) = model.predict([asked])
    assert isinstance(answer, Segmentation)
    return answer


def file(model: SegmentationModel, asked: MediaRequest) -> MediaAnswer:
    (answer,) = model.predict([asked])
    assert isinstance(answer, MediaAnswer)
    return answer


def pixels_of(found: SegmentedObject) -> np.ndarray:  # type: ignore[type-arg]
    mask = found.mask
    return np.frombuffer(mask.columns(), np.uint8).reshape(mask.width, mask.height).T.astype(bool)


def test_boxes_and_masks_are_in_pixels_of_the_original(model: SegmentationModel, picture: Path) -> None:
    answer = segmentation(model, request(picture, "image/png"))
    assert (answer.media, answer.width, answer.height) == ("image", 3 * WIDTH, 3 * HEIGHT)
    best, second = answer.objects
    assert (best.label, best.score, second.label, second.score) == ("red", 0.9, "blue", 0.6)
    assert best.box == pytest.approx([3 * edge for edge in BLOCK])
    red = (scene(scale=3)[..., 0] > 200) & (scene(scale=3)[..., 1] < 50)
    assert np.array_equal(pixels_of(best), red)
    assert 0 < second.mask.area < best.mask.area


def test_the_network_sees_pictures_at_its_own_size(picture: Path) -> None:
    finder = RedFinder()
    SegmentationModel(finder, threads=1).predict([request(picture, "image/png")])  # type: ignore[arg-type]
    assert finder.seen == [(1, 3, 32, 48)]


def test_a_picture_that_lies_on_its_side_is_answered_upright(
    model: SegmentationModel, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned to the right: turn the picture clockwise
    Image.fromarray(scene(scale=3)).save(tmp_path / "body", "JPEG", quality=95, exif=exif.tobytes())
    answer = segmentation(model, request(tmp_path / "body", "image/jpeg"))
    left, top, right, bottom = BLOCK
    upright = [HEIGHT - bottom, left, HEIGHT - top, right]
    assert (answer.width, answer.height) == (3 * HEIGHT, 3 * WIDTH)
    assert answer.objects[0].box == pytest.approx([3 * edge for edge in upright], abs=6)
    assert pixels_of(answer.objects[0]).shape == (3 * WIDTH, 3 * HEIGHT)


def test_an_array_is_answered_as_a_picture_is(
    model: SegmentationModel, picture: Path, tmp_path: Path
) -> None:
    with (tmp_path / "array").open("wb") as target:
        np.save(target, scene(scale=3))
    asked = request(tmp_path / "array", "application/x-npy")
    assert segmentation(model, asked) == segmentation(model, request(picture, "image/png"))


def test_a_picture_without_objects_has_an_empty_answer(model: SegmentationModel, tmp_path: Path) -> None:
    Image.new("RGB", (50, 40)).save(tmp_path / "body", "PNG")
    assert segmentation(model, request(tmp_path / "body", "image/png")).objects == ()
    assert file(model, request(tmp_path / "body", "image/png", "image/png")).content_type == "image/png"


def test_options_choose_what_is_told(model: SegmentationModel, picture: Path) -> None:
    for options, scores in (
        ({"score_threshold": 0.7}, [0.9]),
        ({"score_threshold": 0.95}, []),
        ({"max_objects": 1}, [0.9]),
        ({"score_threshold": 0.0}, [0.9, 0.6]),
    ):
        asked = request(picture, "image/png", **options)
        assert [found.score for found in segmentation(model, asked).objects] == scores


def test_the_same_file_gets_the_same_answer_to_the_last_digit(
    model: SegmentationModel, picture: Path
) -> None:
    answers = {str(dump_answer(segmentation(model, request(picture, "image/png")))) for _ in range(3)}
    assert len(answers) == 1
    answer = segmentation(model, request(picture, "image/png"))
    assert parse_answer(dump_answer(answer)) == answer


@pytest.mark.parametrize(("accept", "kind"), [("image/png", "PNG"), ("image/jpeg", "JPEG")])
def test_the_annotated_picture_has_the_original_size_and_the_objects_in_it(
    model: SegmentationModel, picture: Path, accept: str, kind: str
) -> None:
    answer = file(model, request(picture, "image/png", accept))
    assert answer.content_type == accept
    assert isinstance(answer.body, bytes)
    with Image.open(io.BytesIO(answer.body)) as image:
        assert (image.format, image.size) == (kind, (3 * WIDTH, 3 * HEIGHT))
        drawn = np.asarray(image).astype(int)
    difference = np.abs(drawn - scene(scale=3)).sum(axis=2)
    assert difference[100, 250] < 20  # grey, far away from all objects
    assert difference[50, 100] > 60  # in the middle of the block


def test_a_video_is_answered_frame_by_frame(model: SegmentationModel, movie: Path) -> None:
    answer = segmentation(model, request(movie, "video/mp4"))
    assert (answer.media, answer.width, answer.height, answer.truncated) == ("video", WIDTH, HEIGHT, False)
    assert [(frame.index, frame.time_s) for frame in answer.frames] == [(n, n / 10) for n in range(10)]
    for frame in answer.frames:
        left, top, right, bottom = BLOCK
        moved = [left + 4 * frame.index, top, right + 4 * frame.index, bottom]
        assert frame.objects[0].box == pytest.approx(moved, abs=2)


def test_options_choose_the_frames_of_a_video(model: SegmentationModel, movie: Path) -> None:
    answer = segmentation(model, request(movie, "video/mp4", every_nth_frame=3, max_frames=2))
    assert ([frame.index for frame in answer.frames], answer.truncated) == ([0, 3], True)


def test_a_video_from_a_phone_is_answered_upright(model: SegmentationModel, movie: Path) -> None:
    answer = segmentation(model, request(turn_video(movie, 90), "video/mp4", max_frames=1))
    left, top, right, bottom = BLOCK
    assert (answer.width, answer.height) == (HEIGHT, WIDTH)
    assert answer.objects[0].box == pytest.approx([HEIGHT - bottom, left, HEIGHT - top, right], abs=2)


def test_the_annotated_video_shows_the_frames_that_were_looked_at(
    model: SegmentationModel, movie: Path
) -> None:
    answer = file(model, request(movie, "video/mp4", "video/mp4", every_nth_frame=4))
    assert isinstance(answer.body, Path)
    assert answer.body.parent == movie.parent
    frames = read_video(answer.body)
    assert [frame.shape for frame in frames] == [(HEIGHT, WIDTH, 3)] * 3
    for number, frame in enumerate(frames):
        original = scene(16 * number).astype(int)
        centre = (16, 32 + 16 * number)
        assert np.abs(frame[centre] - original[centre]).sum() > 40
        assert np.abs(frame[-4:].astype(int) - original[-4:]).mean() < 8


@pytest.mark.parametrize(
    ("accepts", "chosen"),
    [
        (("video/mp4", "image/png"), "image/png"),
        (("image/jpeg", "application/json"), "image/jpeg"),
    ],
)
def test_of_the_answers_that_would_do_the_first_that_fits_the_file_is_given(
    model: SegmentationModel, picture: Path, accepts: tuple[str, ...], chosen: str
) -> None:
    assert file(model, request(picture, "image/png", *accepts)).content_type == chosen


@pytest.mark.parametrize(
    ("content_type", "accept", "words"),
    [
        ("image/png", "video/mp4", "a picture cannot be answered as video/mp4"),
        ("video/mp4", "image/jpeg", "a video cannot be answered as image/jpeg"),
    ],
)
def test_an_answer_that_does_not_fit_the_file_is_refused(
    model: SegmentationModel, picture: Path, content_type: str, accept: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        model.predict([request(picture, content_type, accept)])
    assert caught.value.field == "Accept"


@pytest.mark.parametrize(
    "content_type", ["image/png", "image/jpeg", "image/webp", "application/x-npy", "video/mp4"]
)
def test_a_file_that_is_not_what_it_says_is_refused(
    model: SegmentationModel, tmp_path: Path, content_type: str
) -> None:
    (tmp_path / "body").write_bytes(b"neither a picture nor a video, whatever it says")
    with pytest.raises(InvalidInput) as caught:
        model.predict([request(tmp_path / "body", content_type)])
    assert caught.value.hint


@pytest.mark.parametrize("accept", ["application/json", "video/mp4"])
def test_work_on_a_video_stops_when_nobody_waits_any_more(
    model: SegmentationModel, movie: Path, accept: str
) -> None:
    asked = request(movie, "video/mp4", accept, check=lambda: False)
    with pytest.raises(NobodyWaits):
        model.predict([asked])


def test_one_picture_at_a_time() -> None:
    assert MAX_BATCH == 1
