"""Looking at what was found: masks as arrays, and the picture with the objects drawn into it.

Needs NumPy and Pillow: ``pip install "serving-clients[images]"``. Both are imported with the first call.
"""

from __future__ import annotations

import colorsys
import hashlib
import io
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from serving_clients.errors import InvalidRequest
from serving_contracts.detection import DetectedObject, Detection
from serving_contracts.errors import InvalidInput
from serving_contracts.masks import Mask
from serving_contracts.segmentation import Segmentation, SegmentedObject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture

EXTRA: Final = "images"
MAX_PIXELS: Final = 178_956_970
"""Where Pillow begins to suspect a decompression bomb."""

_MODES_OF_PNG: Final = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
"""Pillow's modes that a PNG keeps as they are."""

Found = SegmentedObject | DetectedObject


def mask_array(mask: Mask) -> NDArray[np.bool_]:
    """The mask as an array of ``(height, width)``, True where the object is.

    Raises InvalidRequest where it is damaged, ImportError without the extra ``images``.
    """
    numpy, _ = _libraries("mask_array")
    try:
        columns = mask.columns()
    except InvalidInput as error:
        raise InvalidRequest(f"the mask is damaged: {error}") from None
    array: NDArray[np.bool_] = numpy.frombuffer(columns, numpy.bool_).reshape(mask.width, mask.height).T
    return array


def overlay(
    image: str | os.PathLike[str] | bytes | Picture,
    result: Segmentation | Detection,
    *,
    frame: int = 0,
    alpha: float = 0.45,
    labels: bool = True,
    font: str | os.PathLike[str] | None = None,
) -> Picture:
    """The picture with each object's mask (of a segmentation), box and label drawn into it, as a new Pillow
    image (RGB).

    image: a path, the file's bytes or a Pillow image, of the size that was looked at; of a video the frame
    itself. frame: which of ``result.frames``, from 0. alpha: how much the masks cover, 0 to 1. labels:
    whether class names and scores are written. font: a TrueType file for them, where class names are not in
    Latin letters. A class has the same colour in every picture.
    Raises InvalidRequest, and ImportError without the extra ``images``.
    """
    numpy, pillow = _libraries("overlay")
    if not isinstance(result, Segmentation | Detection):
        raise InvalidRequest(
            f"must be a Segmentation or a Detection, not {type(result).__name__}", field="result"
        )
    frames = len(result.frames) if isinstance(result, Segmentation) else 1
    if not 0 <= frame < frames:
        raise InvalidRequest(f"there are {frames} frames, from 0", field="frame")
    if not 0.0 <= alpha <= 1.0:
        raise InvalidRequest("must be 0 to 1", field="alpha")
    picture = _open(pillow, image)
    if picture.size != (result.width, result.height):
        raise InvalidRequest(
            f"is {picture.width} × {picture.height}, but what was looked at {result.width} × {result.height}",
            field="image",
        )
    if isinstance(result, Segmentation):
        masked = sorted(result.frames[frame].objects, key=_small_on_top)
        drawn = _tinted(numpy, pillow, picture, masked, alpha)
        _draw_boxes(pillow, drawn, masked, labels, font)
    else:
        drawn = picture.copy()
        _draw_boxes(pillow, drawn, sorted(result.objects, key=_small_on_top), labels, font)
    result_picture: Picture = drawn
    return result_picture


def as_png(image: Any) -> bytes:
    """A Pillow image, or an array of ``(height, width, 3)`` (RGB) or ``(height, width)`` (grey), as a file.

    Nothing is lost, transparency and 16 bits of grey neither. Raises InvalidRequest, and ImportError without
    the extra ``images``.
    """
    numpy, pillow = _libraries("a picture that is no file")
    if not isinstance(image, pillow.Image.Image):
        shape = image.shape
        if image.dtype != numpy.uint8 or len(shape) not in (2, 3) or shape[2:] not in ((), (1,), (3,), (4,)):
            raise InvalidRequest(
                f"an array must be (height, width, 3) of uint8, not {shape} of {image.dtype}",
                field="image",
                hint="RGB, 0 to 255; several pictures are a list of arrays",
            )
        if 0 in shape:
            raise InvalidRequest(f"an array of {shape} is no picture", field="image")
        image = pillow.Image.fromarray(image[:, :, 0] if shape[2:] == (1,) else image)
    file = io.BytesIO()
    try:
        if image.mode not in _MODES_OF_PNG:
            image = image.convert("RGB")
        # Profiles and EXIF of the file that it was opened from say nothing of these pixels.
        image.save(file, "PNG", compress_level=1, icc_profile=None, exif=b"")
    except (OSError, ValueError, SyntaxError) as error:
        raise InvalidRequest(
            f"the Pillow image cannot be read: {error}",
            field="image",
            hint="is its file whole, and still open?",
        ) from error
    return file.getvalue()


def colour(label: str) -> tuple[int, int, int]:
    """The colour of a class, as red, green and blue: the same everywhere, and bright enough to be seen."""
    digest = hashlib.sha256(label.encode()).digest()
    hue = int.from_bytes(digest[:4], "big") / 2**32
    lightness, saturation = 0.5 + 0.1 * (digest[4] / 255), 0.75 + 0.25 * (digest[5] / 255)
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
    return round(255 * red), round(255 * green), round(255 * blue)


def _open(pillow: Any, image: Any) -> Any:
    if isinstance(image, pillow.Image.Image):
        return image.convert("RGB")
    source = io.BytesIO(image) if isinstance(image, bytes | bytearray | memoryview) else image
    try:
        with pillow.Image.open(source) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise InvalidRequest(f"has {opened.width} × {opened.height} pixels", field="image")
            return pillow.ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, TypeError, AttributeError, pillow.Image.DecompressionBombError) as error:
        raise InvalidRequest(
            f"is no picture that can be read: {error}", field="image", hint="a path, bytes or a Pillow image"
        ) from error


def _tinted(numpy: Any, pillow: Any, picture: Any, objects: Iterable[SegmentedObject], alpha: float) -> Any:
    """The picture with the masks in their colours, and their edges."""
    pixels = numpy.asarray(picture, dtype=numpy.float32).copy()
    for found in objects:
        inside = mask_array(found.mask)
        if inside.shape != pixels.shape[:2]:
            raise InvalidRequest("a mask is not of the picture's size", field="result")
        pixels[inside] += alpha * (numpy.asarray(colour(found.label), numpy.float32) - pixels[inside])
        pixels[_edge(numpy, inside)] = colour(found.label)
    return pillow.Image.fromarray(numpy.rint(pixels).clip(0, 255).astype(numpy.uint8), "RGB")


def _edge(numpy: Any, inside: Any) -> Any:
    """The pixels of a mask that touch what is not in it."""
    framed = numpy.pad(inside, 1)
    around = framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
    return inside & ~around


def _draw_boxes(pillow: Any, picture: Any, objects: Sequence[Found], labels: bool, font: Any) -> None:
    draw = pillow.ImageDraw.Draw(picture)
    shorter = min(picture.size)
    line = max(1, round(shorter / 300))
    letters = max(11, round(shorter / 32))
    for found in objects:
        left, top, right, bottom = _inside(found.box, picture.size)
        draw.rectangle((left, top, right, bottom), outline=colour(found.label), width=line)
    if labels:
        written = _font(pillow, font, letters)
        for found in objects:
            _draw_label(draw, written, picture.size, found, line)


def _font(pillow: Any, font: Any, size: int) -> Any:
    if font is None:
        return pillow.ImageFont.load_default(size=size)
    try:
        return pillow.ImageFont.truetype(font, size)
    except (OSError, TypeError, ValueError) as error:
        raise InvalidRequest(f"is no font that can be read: {error}", field="font") from error


def _draw_label(draw: Any, font: Any, size: tuple[int, int], found: Found, line: int) -> None:
    """The label over its box; below its upper edge where there is no room above."""
    text = f"{found.label} {found.score:.2f}"
    left, top, _, _ = _inside(found.box, size)
    margin = 2 * line
    bounds = draw.textbbox((0, 0), text, font=font)
    width, height = bounds[2] - bounds[0] + 2 * margin, bounds[3] - bounds[1] + 2 * margin
    x = max(0, min(left, size[0] - width))
    y = top - height if top >= height else top
    background = colour(found.label)
    draw.rectangle((x, y, x + width, y + height), fill=background)
    draw.text(
        (x + margin - bounds[0], y + margin - bounds[1]), text, fill=_readable_on(background), font=font
    )


def _readable_on(background: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever stands out more (relative luminance, WCAG 2)."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in background)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (0, 0, 0) if luminance > 0.179 else (255, 255, 255)


def _inside(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box in whole pixels that the picture has, its corners in order."""
    x = sorted(round(min(max(value, 0.0), size[0] - 1.0)) for value in (box[0], box[2]))
    y = sorted(round(min(max(value, 0.0), size[1] - 1.0)) for value in (box[1], box[3]))
    return x[0], y[0], x[1], y[1]


def _small_on_top(found: Found) -> float:
    """The order of drawing: the largest first."""
    return -abs((found.box[2] - found.box[0]) * (found.box[3] - found.box[1]))


def _libraries(who: str) -> tuple[Any, Any]:
    """NumPy and Pillow; raises ImportError that says how to get them."""
    try:
        import numpy
        import PIL.Image
        import PIL.ImageDraw
        import PIL.ImageFont
        import PIL.ImageOps
    except ImportError as error:
        raise ImportError(
            f'{who} needs NumPy and Pillow ({error}): pip install "serving-clients[{EXTRA}]"', name=error.name
        ) from error
    return numpy, PIL
