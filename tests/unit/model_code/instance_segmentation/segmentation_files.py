"""Files to ask about, and a network that finds what is red: the tests know what it must answer."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from instance_segmentation.segmenter import Instances, Preset
from serving_contracts.media import MediaRequest
from serving_contracts.segmentation import SegmentationOptions
from vision.pictures import Pixels

RED = (230, 20, 20)
#: (left, top, right, bottom) of the red block in :func:`scene`, in pixels of a 96 × 64 picture.
BLOCK = (16, 8, 48, 24)
WIDTH, HEIGHT = 96, 64


def scene(shift: int = 0, scale: int = 1) -> Pixels:
    """Grey with one red block, which lies ``shift`` pixels further to the right."""
    pixels = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    left, top, right, bottom = BLOCK
    pixels[top:bottom, left + shift : right + shift] = RED
    return np.kron(pixels, np.ones((scale, scale, 1), np.uint8))


class RedFinder:
    """A segmenter whose network is a threshold: one object, the box around all that is red."""

    classes = ("red", "blue")
    preset = Preset(32, 48, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def preprocess(self, image: Pixels) -> NDArray[np.float32]:
        height, width = self.preset.resized(*image.shape[:2])
        rows, columns = (
            np.arange(n) * of // n for n, of in ((height, image.shape[0]), (width, image.shape[1]))
        )
        return image[rows][:, columns].astype(np.float32).transpose(2, 0, 1)[None] / 255

    def infer(self, tensor: NDArray[np.float32]) -> Instances:
        self.seen.append(tensor.shape)
        red = (tensor[0, 0] > 0.7) & (tensor[0, 1] < 0.3)
        if not red.any():
            empty = np.zeros
            return Instances(empty(0, np.int64), empty(0, "f4"), empty((0, 4), "f4"), empty((0, 4, 4), "f4"))
        rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
        box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
        # The same place a second time, less sure.
        masks = np.stack([np.ones((4, 4)), np.eye(4)]).astype(np.float32)
        return Instances(np.array([0, 1]), np.array([0.9, 0.6], np.float32), np.stack([box, box]), masks)


def request(
    path: Path, content_type: str, *accepts: str, check: Any = lambda: True, **options: Any
) -> MediaRequest:
    """A request about a file, for JSON unless it accepts something else."""
    chosen = SegmentationOptions(**options)
    size = path.stat().st_size
    return MediaRequest(path, size, content_type, accepts or ("application/json",), chosen, check)


def write_video(path: Path, frames: list[Pixels], *, rate: int = 10, codec: str = "libx264") -> Path:
    """An MP4 with its index at the front, a key frame in every three."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream: Any = container.add_stream(codec, rate=rate, options={"g": "3", "crf": "12", "bf": "0"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def turn_video(path: Path, degrees: int) -> Path:
    """Write into the file that a player must turn it clockwise (the matrix in its ``tkhd`` box)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    one = 0x10000
    a, b, c, d = {90: (0, one, -one, 0), 180: (-one, 0, 0, -one), 270: (0, -one, one, 0)}[degrees]
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(data)
    return path


def read_video(path: Path) -> list[Pixels]:
    """All frames of a video."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
