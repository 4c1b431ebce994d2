"""Pictures and a short video to ask a segmentation model about; drawn, so none lies in the repository."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from instance_segmentation.scenes import Scene

PICTURE_SIZE = (480, 360)
VIDEO_SIZE = (320, 240)
FRAMES_PER_SECOND = 12


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn picture as PNG, and what it shows: the class of each shape, back to front."""

    png: bytes
    labels: Sequence[str]


def draw_picture(seed: int, *, width: int = PICTURE_SIZE[0], height: int = PICTURE_SIZE[1]) -> Picture:
    """The picture of *seed*: always the same one. Sizes in pixels."""
    from PIL import Image

    from instance_segmentation.scenes import draw_scene

    scene = draw_scene(seed, height, width, shapes=(3, 6), radii=(0.12 * height, 0.3 * height))
    buffer = io.BytesIO()
    Image.fromarray(scene.image).save(buffer, format="PNG")
    return Picture(buffer.getvalue(), _labels(scene))


def draw_video(path: Path, seed: int, *, seconds: float = 2.0) -> list[Sequence[str]]:
    """Writes an MP4 of moving shapes to *path*; returns what each frame shows, in order."""
    import av

    shown: list[Sequence[str]] = []
    with av.open(str(path), "w", format="mp4") as container:
        stream: Any = container.add_stream(_codec(), rate=FRAMES_PER_SECOND)
        stream.width, stream.height = VIDEO_SIZE
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 2_000_000
        for number, scene in enumerate(_frames(seed, max(1, round(seconds * FRAMES_PER_SECOND)))):
            frame = av.VideoFrame.from_ndarray(scene.image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
            container.mux(stream.encode(frame))
            shown.append(_labels(scene))
        container.mux(stream.encode(None))
    return shown


def _codec() -> str:
    import av

    return "libx264" if "libx264" in av.codecs_available else "mpeg4"


def _frames(seed: int, count: int) -> Iterator[Scene]:
    from instance_segmentation.scenes import draw_video as draw

    width, height = VIDEO_SIZE
    return draw(seed, count, height, width)


def _labels(scene: Scene) -> tuple[str, ...]:
    from instance_segmentation.scenes import CLASSES

    return tuple(CLASSES[label] for label in scene.labels)
