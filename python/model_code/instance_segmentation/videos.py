"""Videos from MP4 files, a frame at a time, and to them.

A video that is cut off is refused before its first frame is unpacked, one that is damaged in the middle when
its decoder gives up: half an answer that looks like a whole one would be worse than none. What a decoder can
repair by itself counts as whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from serving_contracts.errors import InvalidInput
from serving_contracts.limits import MAX_PICTURE_PIXELS
from vision.pictures import Pixels, check_size

_TIME_BASE = Fraction(1, 90_000)
_MAX_BOXES = 100_000  # two for each second of a day's recording in fragments are more than a file holds
USUAL_RATE = Fraction(25)
_CODECS = {
    # No look-ahead: it would hold dozens of frames in memory, which may be large ones.
    "libx264": {"preset": "veryfast", "crf": "20", "tune": "zerolatency"},
    "mpeg4": {"qscale": "3"},
}


@dataclass(frozen=True)
class Frame:
    """A frame of a video: its 0-based index, and seconds from the start.

    A frame that is of another size than the first one is shown at the size of that.
    """

    index: int
    time_s: float
    _frame: Any
    _size: tuple[int, int]  # width, height, before it is turned
    _quarter_turns: int

    def pixels(self) -> Pixels:
        """RGB, upright, (height, width, 3)."""
        width, height = self._size
        return self._upright(self._frame.to_ndarray(format="rgb24", width=width, height=height))

    def sample(self, height: int, width: int) -> Pixels:
        """RGB, upright, made to this size, (height, width, 3)."""
        if self._quarter_turns % 2:
            height, width = width, height
        return self._upright(
            self._frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA")
        )

    def _upright(self, pixels: NDArray[np.uint8]) -> Pixels:
        return np.ascontiguousarray(np.rot90(pixels, self._quarter_turns))


class Video:
    """The first video track of a file, of `width` × `height` pixels when upright; for a ``with`` block.

    Raises InvalidInput where there is none, where it is too large, or where the file is cut off. `rate`:
    frames a second. `truncated`: :meth:`frames` gave as many as it should, and would have gone on.
    """

    def __init__(self, path: Path, threads: int) -> None:
        _check_boxes(path)
        self.truncated = False
        try:
            # The demuxer is named, or a playlist in disguise could make FFmpeg open other files.
            self._container = av.open(str(path), format="mp4", options={"protocol_whitelist": "file"})
        except (av.FFmpegError, ValueError) as error:
            raise _not_a_video(str(error)) from None
        try:
            if not self._container.streams.video:
                raise _not_a_video("it has no video track")
            self._stream = self._container.streams.video[0]
            context = self._stream.codec_context
            check_size(context.width, context.height, "video")
            context.options = {"max_pixels": str(MAX_PICTURE_PIXELS)}
            context.thread_count = threads
            self.rate = self._stream.average_rate or USUAL_RATE
            self._decoded = self._decode()
            self._first = next(self._decoded, None)
            if self._first is None:
                raise _not_a_video("it has no frame")
        except BaseException:
            self._container.close()
            raise
        # The matrix turns counter-clockwise, as NumPy does.
        self._quarter_turns = round(self._first.rotation / 90) % 4
        self._size = (self._first.width, self._first.height)
        self.width, self.height = self._size[::-1] if self._quarter_turns % 2 else self._size

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def frames(self, every_nth: int, most: int, check: Callable[[], None]) -> Iterator[Frame]:
        """Frames 0, n, 2n, … but at most so many; `check` is called for each that is unpacked, and may raise.

        To be called once. Raises InvalidInput where the video is damaged before its last frame that counts.
        """
        given = 0
        for index, frame in enumerate(chain([self._first], self._decoded)):
            check()
            if index % every_nth:
                continue
            yield Frame(index, self._time_of(frame, index), frame, self._size, self._quarter_turns)
            given += 1
            if given == most:
                self.truncated = self._goes_on_for(every_nth, check)
                return

    def _goes_on_for(self, frames: int, check: Callable[[], None]) -> bool:
        try:
            for _ in range(frames):
                check()
                if next(self._decoded, None) is None:
                    return False
        except InvalidInput:  # it does, though nobody will see what it shows
            return True
        return True

    def _time_of(self, frame: Any, index: int) -> float:
        if frame.pts is None or frame.time_base is None:
            return float(index / self.rate)
        return float((frame.pts - (self._stream.start_time or 0)) * frame.time_base)

    def _decode(self) -> Iterator[Any]:
        count, last_s = 0, 0.0
        try:
            for frame in self._container.decode(self._stream):
                yield frame
                last_s = self._time_of(frame, count)
                count += 1
        except av.FFmpegError as error:
            if not count:
                raise _not_a_video(f"its first frame is damaged: {error.strerror}") from None
            raise InvalidInput(
                f"the video is damaged after frame {count - 1} ({last_s:.2f} s): {error.strerror}",
                hint="encode it again, or set max_frames so that no later frame is looked at",
            ) from None


class VideoWriter:
    """Writes an MP4 of frames of one size, H.264 or, where FFmpeg lacks it, MPEG-4; for a ``with`` block."""

    def __init__(self, path: Path, width: int, height: int, rate: Fraction, threads: int) -> None:
        name = next(codec for codec in _CODECS if codec in av.codecs_available)
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        rate = rate.limit_denominator(1001)
        self._stream = cast(VideoStream, self._container.add_stream(name, rate=rate, options=_CODECS[name]))
        # Colour has half the resolution, so both must be even.
        self._stream.width, self._stream.height = max(2, width // 2 * 2), max(2, height // 2 * 2)
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = _TIME_BASE
        self._stream.codec_context.thread_count = threads

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()

    def add(self, pixels: Pixels, time_s: float) -> None:
        """A frame, RGB, shown from `time_s` seconds on."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame.pts, frame.time_base = round(time_s / _TIME_BASE), _TIME_BASE
        self._container.mux(self._stream.encode(frame))


def _not_a_video(reason: str) -> InvalidInput:
    return InvalidInput(
        f"the file is no video that can be read: {reason}", hint="send a whole MP4 file with a video track"
    )


def _check_boxes(path: Path) -> None:
    """Raises InvalidInput for what is no MP4 file, or not a whole one.

    It is a row of boxes, each beginning with its size (ISO/IEC 14496-12, 4.2); the last one must end where
    the file does, and one of them, ``moov``, describes the rest.
    """
    total = path.stat().st_size
    count, at, indexed = 0, 0, False
    with path.open("rb") as file:
        while at + 8 <= total:
            file.seek(at)
            head = file.read(16)
            size, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            elif size == 0:  # to the end of the file
                size = total - at
            if not count and kind != b"ftyp" and not kind.isalnum():
                raise _not_a_video("it does not begin as an MP4 file does")
            count += 1
            indexed = indexed or kind == b"moov"
            if count > _MAX_BOXES:
                raise _not_a_video(f"it is cut into more than {_MAX_BOXES:,} parts")
            if size < 8 or at + size > total:
                raise InvalidInput(
                    f"the video is cut off: its part {kind.decode('latin-1')!r} would end at byte "
                    f"{at + size:,}, the file ends at {total:,}",
                    hint="was it uploaded whole? export or upload it again",
                )
            at += size
    if not indexed:
        raise _not_a_video("its index ('moov') is missing, as when a recording was cut off")
