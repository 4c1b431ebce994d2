"""Pictures of every kind come out upright, in RGB; what is none, or too large, is refused by its header."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from serving_contracts import media_types
from serving_contracts.errors import InvalidInput
from serving_contracts.limits import MAX_PICTURE_BYTES
from vision.pictures import Picture, Pixels

RED = (230, 20, 20)
WIDTH, HEIGHT = 96, 64
TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def scene(scale: int = 1) -> Pixels:
    """Grey with one red block."""
    pixels = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    pixels[8:24, 16:48] = RED
    return np.kron(pixels, np.ones((scale, scale, 1), np.uint8))


def saved(path: Path, image: Image.Image, kind: str = "PNG", **options: Any) -> Picture:
    image.save(path, kind, **options)
    return Picture(path, TYPES[kind])


def array_file(path: Path, array: Any) -> Path:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
    return path


def close(first: Any, second: Any, within: int = 12) -> bool:
    return bool(np.abs(np.asarray(first, np.int16) - np.asarray(second, np.int16)).mean() < within)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("WEBP", {"quality": 95}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_a_picture_comes_out_as_it_was_saved(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    picture = saved(tmp_path / "body", Image.fromarray(scene()), kind, **options)
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert close(picture.pixels(), scene())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_file_and_its_bytes_are_the_same_picture(tmp_path: Path, kind: str) -> None:
    file = saved(tmp_path / "body", Image.fromarray(scene(scale=4)), kind)
    held = Picture((tmp_path / "body").read_bytes(), TYPES[kind])
    assert (held.width, held.height) == (file.width, file.height)
    assert np.array_equal(held.pixels(), file.pixels())
    assert np.array_equal(held.sample(40, 60), file.sample(40, 60))


def test_an_array_may_be_in_memory_too(tmp_path: Path) -> None:
    held = Picture(array_file(tmp_path / "body", scene()).read_bytes(), "application/x-npy")
    assert np.array_equal(held.pixels(), scene())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_turned_as_the_camera_was_held(tmp_path: Path, kind: str, orientation: int) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = saved(tmp_path / "body", Image.fromarray(scene()), kind, exif=exif.tobytes())
    with Image.open(tmp_path / "body") as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    assert (picture.width, picture.height) == upright.size
    assert np.array_equal(picture.pixels(), np.asarray(upright))
    sample = picture.sample(picture.height // 4, picture.width // 4)
    assert close(sample, upright.resize(sample.shape[1::-1]), within=20)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "LA", "RGBA", "I;16"])
def test_colours_of_every_kind_become_rgb(tmp_path: Path, mode: str) -> None:
    grey = np.full((8, 10), 51, np.uint8)
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    else:
        image = Image.fromarray(grey if mode != "1" else grey * 5).convert(mode)
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    pixels = saved(tmp_path / "body", image, kind).pixels()
    assert pixels.shape == (8, 10, 3)
    assert close(pixels, 255 if mode == "1" else 51, within=3)


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[0, 0] = (*RED, 255)
    seen = saved(tmp_path / "body", Image.fromarray(pixels)).pixels()
    assert seen[0, 0].tolist() == list(RED)
    assert seen[1:].min() == 255


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_sample_is_smaller_but_never_smaller_than_wanted(tmp_path: Path, kind: str) -> None:
    picture = saved(tmp_path / "body", Image.fromarray(scene(scale=10)), kind)
    for height, width in ((HEIGHT, WIDTH), (60, 100), (1, 1), (5000, 5000)):
        sample = picture.sample(height, width)
        assert sample.shape[0] >= min(height, picture.height)
        assert sample.shape[1] >= min(width, picture.width)
    assert picture.sample(60, 100).shape[0] < 200
    sample = picture.sample(HEIGHT, WIDTH)
    assert close(sample, Image.fromarray(scene()).resize(sample.shape[1::-1]))


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(scene(), id="colour"),
        pytest.param(np.asfortranarray(scene()), id="another order"),
        pytest.param(scene()[..., 0], id="grey"),
    ],
)
def test_an_array_is_a_picture(tmp_path: Path, array: Any) -> None:
    picture = Picture(array_file(tmp_path / "body", array), "application/x-npy")
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    expected = array if array.ndim == 3 else np.repeat(array[..., None], 3, axis=2)
    assert np.array_equal(picture.pixels(), expected)
    assert picture.sample(8, 12).shape == (8, 12, 3)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 4, 3), np.float32), "float32 of shape"),
        (np.zeros((4, 4, 4), np.uint8), "(4, 4, 4)"),
        (np.zeros(4, np.uint8), "(4,)"),
        (np.zeros((0, 4, 3), np.uint8), ""),
    ],
)
def test_an_array_that_is_no_picture_is_refused_with_what_it_is(
    tmp_path: Path, array: Any, words: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        Picture(array_file(tmp_path / "body", array), "application/x-npy")
    assert words in str(caught.value)


def test_an_array_of_objects_and_an_archive_of_arrays_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "objects").open("wb") as file:
        np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "archive.npz", scene())
    for name in ("objects", "archive.npz"):
        with pytest.raises(InvalidInput, match="np"):
            Picture(tmp_path / name, "application/x-npy")


def array_header(shape: str) -> bytes:
    """What an npy file of this shape begins with."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"PK\x03\x04 no archive either", id="an archive that is none"),
        pytest.param(b"PK\x05\x06", id="the end of an archive"),
        pytest.param(array_header(f"({10**30}, 3)"), id="more rows than a number holds"),
        pytest.param(array_header("(-1, 3)"), id="fewer rows than none"),
        pytest.param(array_header("(" * 60), id="brackets that never close"),
        pytest.param(b"\x80\x04K\x01.", id="a pickle"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_no_array_is_the_callers_fault(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "body").write_bytes(body)
    with pytest.raises(InvalidInput, match="npy format"):
        Picture(tmp_path / "body", "application/x-npy")


def test_a_truncated_array_is_refused(tmp_path: Path) -> None:
    path = array_file(tmp_path / "body", scene())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InvalidInput, match="npy format"):
        Picture(path, "application/x-npy")


def test_an_array_of_too_many_pixels_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "body"
    np.lib.format.open_memmap(
        path, mode="w+", dtype=np.uint8, shape=(20_000, 20_000)
    ).flush()  # a hole on disk
    with pytest.raises(InvalidInput, match=r"20000 × 20000 pixels; at most 50,000,000"):
        Picture(path, "application/x-npy")


def png_of(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG that says it has this size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg_of(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(scene()).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def webp_of(width: int, height: int) -> bytes:
    def vp8x() -> bytes:
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        return b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + size

    body = b"WEBP" + vp8x()
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("make", [png_of, jpeg_of, webp_of])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "body"
    path.write_bytes(make(20_000, 20_000))
    with pytest.raises(InvalidInput, match=r"20000 × 20000 pixels; at most 50,000,000") as caught:
        Picture(path, "image/png")
    assert caught.value.hint


def test_a_picture_without_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(png_of(0, 5))
    with pytest.raises(InvalidInput):
        Picture(path, "image/png").pixels()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_picture_that_is_cut_off_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / "body"
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path, kind)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InvalidInput, match=r"truncated|damaged|no image"):
        Picture(path, TYPES[kind]).pixels()


@pytest.mark.parametrize("body", [b"", b"no picture", b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", b"%PDF-1.4"])
def test_what_is_no_picture_is_refused_with_what_to_send(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "body"
    path.write_bytes(body)
    with pytest.raises(InvalidInput, match="no image that can be read") as caught:
        Picture(path, "image/png")
    assert "JPEG, PNG or WebP" in (caught.value.hint or "")


def test_damaged_camera_notes_do_not_spoil_a_picture(tmp_path: Path) -> None:
    image = Image.fromarray(scene())
    picture = saved(tmp_path / "body", image, "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    assert close(picture.pixels(), scene())


def test_the_same_file_gives_the_same_pixels(tmp_path: Path) -> None:
    picture = saved(tmp_path / "body", Image.fromarray(scene(scale=8)), "JPEG")
    assert np.array_equal(picture.sample(40, 60), picture.sample(40, 60))


def test_a_file_that_is_too_large_for_a_picture_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(MAX_PICTURE_BYTES + 1)
    with pytest.raises(InvalidInput, match="268,435,457 bytes"):
        Picture(path, media_types.PNG)
