"""Videos are read a frame at a time, upright; a damaged one is refused, saying where."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from segmentation_files import HEIGHT, WIDTH, read_video, scene, turn_video, write_video

from instance_segmentation.videos import USUAL_RATE, Frame, Video, VideoWriter
from serving_contracts.errors import InvalidInput
from serving_contracts.media import NobodyWaits
from vision.pictures import Pixels


def no_check() -> None:
    return None


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Ten frames, a tenth of a second each; the red block moves right by four pixels a frame."""
    return write_video(tmp_path / "body", [scene(4 * number) for number in range(10)])


def frames_of(path: Path, every_nth: int = 1, most: int = 300) -> tuple[list[Frame], bool]:
    with Video(path, 1) as video:
        frames = list(video.frames(every_nth, most, no_check))
        return frames, video.truncated


def close(first: Pixels, second: Pixels) -> bool:
    return first.shape == second.shape and np.abs(first.astype(int) - second).mean() < 6


def test_frames_come_in_order_with_their_times(movie: Path) -> None:
    with Video(movie, 1) as video:
        assert (video.width, video.height, video.rate) == (WIDTH, HEIGHT, 10)
        for number, frame in enumerate(video.frames(1, 300, no_check)):
            assert (frame.index, frame.time_s) == (number, pytest.approx(number / 10))
            assert close(frame.pixels(), scene(4 * number))
            assert frame.sample(16, 24).shape == (16, 24, 3)
        assert number == 9
        assert not video.truncated


@pytest.mark.parametrize(
    ("every_nth", "most", "indices", "truncated"),
    [
        (1, 10, list(range(10)), False),
        (1, 9, list(range(9)), True),
        (3, 300, [0, 3, 6, 9], False),
        (3, 4, [0, 3, 6, 9], False),
        (3, 3, [0, 3, 6], True),
        (4, 3, [0, 4, 8], False),
        (100, 1, [0], False),
        (1, 1, [0], True),
    ],
)
def test_every_nth_frame_is_looked_at_and_no_more_than_wanted(
    movie: Path, every_nth: int, most: int, indices: list[int], truncated: bool
) -> None:
    frames, was_truncated = frames_of(movie, every_nth, most)
    assert ([frame.index for frame in frames], was_truncated) == (indices, truncated)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_video_is_turned_as_the_phone_was_held(movie: Path, degrees: int) -> None:
    (frame,), _ = frames_of(turn_video(movie, degrees), most=1)
    expected = np.rot90(scene(), -degrees // 90)
    assert close(frame.pixels(), expected)
    assert frame.sample(*expected.shape[:2]).shape == expected.shape
    with Video(movie, 1) as video:
        assert (video.height, video.width) == expected.shape[:2]


def test_a_frame_of_another_size_is_shown_at_the_size_of_the_first(tmp_path: Path) -> None:
    """JPEGs in a row, which may be of any sizes."""
    import av

    with av.open(str(tmp_path / "body"), "w", format="mp4") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuvj420p"
        stream.encode(av.VideoFrame.from_ndarray(scene(), format="rgb24"))
        for number, scale in enumerate((1, 3, 1)):
            jpeg = BytesIO()
            Image.fromarray(scene(scale=scale)).save(jpeg, "JPEG", quality=95)
            packet = av.Packet(jpeg.getvalue())
            packet.stream, packet.time_base = stream, Fraction(1, 10)
            packet.pts = packet.dts = number
            container.mux(packet)
    frames, _ = frames_of(tmp_path / "body")
    assert len(frames) == 3
    assert all(close(frame.pixels(), scene()) for frame in frames)


def test_work_that_nobody_waits_for_stops_at_the_next_frame(movie: Path) -> None:
    seen = 0

    def check() -> None:
        nonlocal seen
        seen += 1
        if seen > 3:
            raise NobodyWaits

    with Video(movie, 1) as video, pytest.raises(NobodyWaits):
        list(video.frames(10, 300, check))
    assert seen == 4


@pytest.mark.parametrize("missing", [1, 200, 2000])
def test_a_video_that_is_cut_off_is_refused_before_any_work(movie: Path, missing: int) -> None:
    data = movie.read_bytes()
    movie.write_bytes(data[:-missing])
    with pytest.raises(InvalidInput, match=f"cut off.*ends at {len(data) - missing:,}") as caught:
        Video(movie, 1)
    assert "uploaded whole" in (caught.value.hint or "")


def test_a_recording_without_its_index_is_refused(movie: Path) -> None:
    movie.write_bytes(movie.read_bytes().replace(b"moov", b"skip", 1))
    with pytest.raises(InvalidInput, match=r"index .* is missing"):
        Video(movie, 1)


def test_a_file_of_countless_tiny_parts_is_refused_soon(tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x08free" * 150_000)
    with pytest.raises(InvalidInput, match="more than 100,000 parts"):
        Video(path, 1)


def damage_after_half(path: Path) -> None:
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + 4
    middle = begin + (len(data) - begin) // 2
    data[middle:] = b"\xff" * (len(data) - middle)
    path.write_bytes(data)


def test_a_video_that_is_damaged_in_the_middle_is_refused_and_hears_where(movie: Path) -> None:
    damage_after_half(movie)
    with pytest.raises(InvalidInput, match=r"damaged after frame \d \(0\.\d\d s\)") as caught:
        frames_of(movie)
    assert "max_frames" in (caught.value.hint or "")


def test_what_comes_before_the_damage_can_be_had_by_asking_for_no_more(movie: Path) -> None:
    damage_after_half(movie)
    with pytest.raises(InvalidInput) as caught:
        frames_of(movie)
    whole = int(caught.value.message.split("after frame ")[1].split()[0]) + 1
    frames, truncated = frames_of(movie, most=whole)
    assert (len(frames), truncated) == (whole, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"short",
        b"no video at all, only text" * 10,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
        b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x08moov",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/hostname\n",
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "body"
    path.write_bytes(body)
    with pytest.raises(InvalidInput, match=r"no video that can be read|cut off"):
        Video(path, 1)


def test_a_sound_without_pictures_is_refused(tmp_path: Path) -> None:
    import av

    path = tmp_path / "body"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate = 48_000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    with pytest.raises(InvalidInput, match="no video track"):
        Video(path, 1)


def test_frames_of_too_many_pixels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "body", [scene()])
    monkeypatch.setattr("vision.pictures.MAX_PICTURE_PIXELS", WIDTH * HEIGHT - 1)
    with pytest.raises(InvalidInput, match=f"the video has {WIDTH} × {HEIGHT} pixels"):
        Video(path, 1)


def test_a_written_video_keeps_its_frames_and_their_times(tmp_path: Path) -> None:
    times = [0.0, 0.5, 1.5]
    with VideoWriter(tmp_path / "out", WIDTH, HEIGHT, USUAL_RATE, 1) as writer:
        for number, time_s in enumerate(times):
            writer.add(scene(10 * number), time_s)
    frames, _ = frames_of(tmp_path / "out")
    assert [frame.time_s for frame in frames] == pytest.approx(times)
    for number, pixels in enumerate(read_video(tmp_path / "out")):
        assert close(pixels, scene(10 * number))


@pytest.mark.parametrize("size", [(1, 1), (33, 57), (64, 31)])
def test_a_video_of_odd_sizes_loses_at_most_a_pixel_of_each(tmp_path: Path, size: tuple[int, int]) -> None:
    height, width = size
    with VideoWriter(tmp_path / "out", width, height, USUAL_RATE, 1) as writer:
        writer.add(np.full((height, width, 3), 90, np.uint8), 0.0)
    (pixels,) = read_video(tmp_path / "out")
    assert pixels.shape == (max(2, height // 2 * 2), max(2, width // 2 * 2), 3)


def test_a_video_whose_making_fails_leaves_the_error_as_it_was(tmp_path: Path) -> None:
    with (
        pytest.raises(LookupError, match="mine"),
        VideoWriter(tmp_path / "out", WIDTH, HEIGHT, USUAL_RATE, 1) as writer,
    ):
        writer.add(scene(), 0.0)
        raise LookupError("mine")
