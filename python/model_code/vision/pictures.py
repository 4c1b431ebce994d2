"""Pictures from files or bytes: JPEG, PNG, WebP, and NumPy arrays; by their header refused if too large.

A picture is upright here: what a camera notes about how it was held (EXIF) has been applied. Transparency is
laid on white, and of an animation only the first frame is looked at.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from serving_contracts import media_types
from serving_contracts.errors import InvalidInput
from serving_contracts.limits import MAX_PICTURE_BYTES, MAX_PICTURE_PIXELS

Pixels = NDArray[np.uint8]
Source = Path | bytes
"""A picture's file: where it lies, or what is in it."""

# Pillow's own limit is laxer than ours, and its error does not say how large the picture is.
Image.MAX_IMAGE_PIXELS = None

_MARKS = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n", "WEBP": b"RIFF"}
_READERS = {
    "JPEG": "PIL.JpegImagePlugin",
    "PNG": "PIL.PngImagePlugin",
    "WEBP": "PIL.WebPImagePlugin",
}
_HEAD_BYTES = 30
_ORIENTATION = 0x0112  # EXIF
_EXIF_IN_PNG = {"exif", "Raw profile type exif"}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)


def check_size(width: int, height: int, what: str = "picture") -> None:
    """Raises InvalidInput where so many pixels are none, or more than one may unpack."""
    if width < 1 or height < 1:
        raise InvalidInput(f"the {what} is empty: {width} × {height} pixels")
    if width * height > MAX_PICTURE_PIXELS:
        raise InvalidInput(
            f"the {what} has {width} × {height} pixels; at most {MAX_PICTURE_PIXELS:,} are unpacked",
            hint="make it smaller: the model looks at no more than a few hundred thousand of them",
        )


def _check_bytes(source: Source) -> None:
    """Raises InvalidInput for a file that Pillow, which holds some formats whole, should not be given."""
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > MAX_PICTURE_BYTES:
        raise InvalidInput(
            f"the picture's file has {size:,} bytes; at most {MAX_PICTURE_BYTES:,} are read",
            hint="an array (application/x-npy) or a video may be larger",
        )


class Picture:
    """A picture of `width` × `height` pixels; of `content_type` only an array's (npy) matters.

    Raises InvalidInput where it is none, or too large.
    """

    def __init__(self, source: Source, content_type: str) -> None:
        self._source = source
        self._is_array = content_type == media_types.NPY
        self._orientation = 1
        if self._is_array:
            self.height, self.width = _open_array(source).shape[:2]
        else:
            _check_bytes(source)
            with _opened(source) as image:
                self._orientation = _orientation(image)
                self.width, self.height = image.size[::-1] if self._is_sideways else image.size

    def image(self) -> Image.Image:
        """RGB, of its own size. Raises InvalidInput where the file is damaged."""
        return self._rgb(self.height, self.width)

    def small_image(self, height: int, width: int) -> Image.Image:
        """The same smaller, yet at least of this size where the picture is.

        Cheaper than :meth:`image`: a JPEG is not even unpacked in full.
        """
        return self._rgb(height, width)

    def pixels(self) -> Pixels:
        """:meth:`image` as an array, (height, width, 3)."""
        return np.asarray(self.image())

    def sample(self, height: int, width: int) -> Pixels:
        """:meth:`small_image` as an array, (rows, columns, 3)."""
        return np.asarray(self.small_image(height, width))

    @property
    def _is_sideways(self) -> bool:
        return self._orientation in _SIDEWAYS

    def _rgb(self, height: int, width: int) -> Image.Image:
        if self._is_array:
            return _shrunk(_array_image(_open_array(self._source)), height, width)
        with _opened(self._source) as image, _damage_explained():
            height, width = (width, height) if self._is_sideways else (height, width)
            image.draft("RGB", (width, height))
            shrunk = _shrunk(image, height, width)
            shrunk.load()  # while the file is open
            turn = _TURNS.get(self._orientation)
            return shrunk if turn is None else shrunk.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """1 to 8, as EXIF counts them; 1, upright, where the file does not say."""
    if image.format == "PNG" and not image.info.keys() & _EXIF_IN_PNG:
        return 1  # Pillow would unpack the whole picture to look behind it
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF; the picture itself may be whole
        return 1


def _shrunk(image: Image.Image, height: int, width: int) -> Image.Image:
    """RGB, coarsely reduced to no less than the size that is wanted."""
    factor = min(image.height // height, image.width // width)
    converted = _to_rgb(image)
    return converted.reduce(factor) if factor > 1 else converted


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of grey; Pillow would cut them off at 255
        grey = np.asarray(image, np.int32) // 257
        return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        see_through = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(see_through, mask=see_through.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


@contextmanager
def _opened(source: Source) -> Iterator[Image.Image]:
    """The picture with its header read and its size checked; nothing is unpacked yet."""
    with _file(source) as file:
        head = file.read(_HEAD_BYTES)
        file.seek(0)
        # Pillow makes room for all of a WebP when it opens it.
        if (webp_size := _webp_size(head)) is not None:
            check_size(*webp_size)
        with _image(file, _format(head)) as image:
            check_size(*image.size)
            yield image


def _file(source: Source) -> IO[bytes]:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _format(head: bytes) -> str:
    """Pillow's name of the format of a file that begins so. Raises InvalidInput where it is none of ours.

    Pillow alone would import all of its readers to find out.
    """
    for name, mark in _MARKS.items():
        if head.startswith(mark) and (name != "WEBP" or head[8:12] == b"WEBP"):
            return name
    raise InvalidInput(
        "the file is no image that can be read",
        hint="send a whole JPEG, PNG or WebP file, or an array in NumPy's npy format",
    )


def _image(file: IO[bytes], name: str) -> Image.Image:
    import_module(_READERS[name])  # what Pillow opens without looking for more
    try:
        return Image.open(file, formats=(name,))
    except MemoryError:
        raise
    except UnidentifiedImageError:
        raise _damaged("its header cannot be read") from None
    except Exception as error:  # Pillow's readers raise what the damage happens to lead to
        raise _damaged(error) from None


@contextmanager
def _damage_explained() -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # see above
        raise _damaged(error) from None


def _damaged(error: object) -> InvalidInput:
    return InvalidInput(
        f"the picture is truncated or damaged: {error}",
        hint="was it uploaded whole? open and save it again, or send another",
    )


def _webp_size(head: bytes) -> tuple[int, int] | None:
    """(width, height) from the first 30 bytes of a WebP file (RFC 9649); None for any other file."""
    if len(head) < _HEAD_BYTES or head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return None
    kind = head[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        bits = struct.unpack_from("<I", head, 21)[0]
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", head, 26))
    else:
        return None
    return width, height


def _open_array(source: Source) -> NDArray[Any]:
    """The array of an npy file; in a file, it is left there until it is touched."""
    try:
        if isinstance(source, bytes):
            array = np.load(io.BytesIO(source), allow_pickle=False)
        else:
            array = np.load(source, mmap_mode="r", allow_pickle=False)
    except MemoryError:
        raise
    except Exception as error:  # numpy also tries archives and pickles, and raises what they lead to
        raise InvalidInput(
            f"the file is no array in NumPy's npy format: {error}",
            hint="write it with numpy.save(file, array, allow_pickle=False)",
        ) from None
    if not isinstance(array, np.ndarray):
        raise InvalidInput("the file is an archive of arrays (npz)", hint="send a single array (npy)")
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
    if array.dtype != np.uint8 or not fits:
        raise InvalidInput(
            f"the array is {array.dtype} of shape {array.shape}",
            hint="send uint8 of shape (height, width, 3), as RGB, or (height, width), as grey",
        )
    check_size(array.shape[1], array.shape[0], "array")
    return array


def _array_image(array: NDArray[Any]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(array))
