"""Serves instance segmentation: a picture or a video in, the objects in it and their pixels out.

The answer is JSON, or on request (``Accept``) the picture or the video itself with the objects drawn into it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from instance_segmentation.drawing import Found, draw
from instance_segmentation.masks import encode, enlarge
from instance_segmentation.videos import Video, VideoWriter
from serving_contracts import media_types
from serving_contracts.errors import InvalidInput
from serving_contracts.media import MediaAnswer, MediaRequest
from serving_contracts.segmentation import (
    VIDEO_TYPES,
    Segmentation,
    SegmentationOptions,
    SegmentedFrame,
    SegmentedObject,
)
from vision.pictures import Picture, Pixels

if TYPE_CHECKING:
    from instance_segmentation.segmenter import Segmenter

MAX_BATCH = 1  # the network takes one picture at a time, and pictures are large

_JPEG_QUALITY = 90


class SegmentationModel:
    """Answers one request at a time. threads: for readers and writers of videos."""

    def __init__(self, segmenter: Segmenter, threads: int) -> None:
        self._segmenter = segmenter
        self._threads = threads

    def predict(self, requests: Sequence[MediaRequest]) -> list[Segmentation | MediaAnswer]:
        """An answer a request, in order. Raises InvalidInput for a file that cannot be read."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: MediaRequest) -> Segmentation | MediaAnswer:
        if request.content_type in VIDEO_TYPES:
            kind = _answer_type(request, "video", (media_types.JSON, media_types.MP4))
            return self._annotated_video(request) if kind == media_types.MP4 else self._video(request)
        kind = _answer_type(request, "picture", (media_types.JSON, media_types.JPEG, media_types.PNG))
        picture = Picture(request.path, request.content_type)
        height, width = picture.height, picture.width
        found = self._find(picture.sample(*self._input_size(height, width)), height, width, request.options)
        if kind == media_types.JSON:
            return Segmentation("image", width, height, (_frame(0, 0.0, found, height, width),))
        return MediaAnswer(kind, _image_file(draw(picture.pixels(), found), kind))

    def _video(self, request: MediaRequest) -> Segmentation:
        options = request.options
        with Video(request.path, self._threads) as video:
            height, width = video.height, video.width
            size = self._input_size(height, width)
            frames = []
            for frame in video.frames(options.every_nth_frame, options.max_frames, request.check):
                found = self._find(frame.sample(*size), height, width, options)
                frames.append(_frame(frame.index, frame.time_s, found, height, width))
            return Segmentation("video", width, height, tuple(frames), video.truncated)

    def _annotated_video(self, request: MediaRequest) -> MediaAnswer:
        """The frames that were looked at, each at its time."""
        options = request.options
        path = request.path.with_name("annotated.mp4")
        with Video(request.path, self._threads) as video:
            height, width = video.height, video.width
            size = self._input_size(height, width)
            rate = video.rate / options.every_nth_frame
            with VideoWriter(path, width, height, rate, self._threads) as writer:
                for frame in video.frames(options.every_nth_frame, options.max_frames, request.check):
                    found = self._find(frame.sample(*size), height, width, options)
                    writer.add(draw(frame.pixels(), found), frame.time_s)
        return MediaAnswer(media_types.MP4, path)

    def _input_size(self, height: int, width: int) -> tuple[int, int]:
        """What the network sees a picture of this size at."""
        return self._segmenter.preset.resized(height, width)

    def _find(self, sample: Pixels, height: int, width: int, options: SegmentationOptions) -> list[Found]:
        """The objects of a picture of `height` × `width` pixels, of which `sample` may be a smaller copy."""
        tensor = self._segmenter.preprocess(sample)
        seen_at = (tensor.shape[2], tensor.shape[3])
        instances = self._segmenter.infer(tensor).to_image(seen_at, (height, width))
        instances = instances.above(options.score_threshold)
        objects: list[Found] = []
        for kind, score, box, mask in zip(
            instances.ids, instances.scores, instances.boxes, instances.masks, strict=True
        ):
            if len(objects) == options.max_objects:
                break
            patch = enlarge(mask, box, height, width)
            if patch.pixels.any():  # else there is nothing to show for it
                left, top, right, bottom = (round(float(edge), 2) for edge in box)
                label = self._segmenter.classes[kind]
                place = (left, top, right, bottom)
                objects.append(Found(int(kind), label, round(float(score), 4), place, patch))
        return objects


def load(model_dir: Path, threads: int) -> SegmentationModel:
    """Load the network under `model_dir` and run it once, so that the first request finds it warm."""
    from instance_segmentation.segmenter import load as load_segmenter

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # their advice would be no lines of JSON in the log
            segmenter = load_segmenter(model_dir / "weights")
    except OSError as error:
        if "libgomp" not in str(error):
            raise
        raise OSError(
            f"{error}. MXNet needs the system's OpenMP library; install it (Debian, Ubuntu: libgomp1)"
        ) from error
    return SegmentationModel(segmenter, threads)


def _answer_type(request: MediaRequest, what: str, offered: Sequence[str]) -> str:
    for wanted in request.accepts:
        if wanted in offered:
            return wanted
    raise InvalidInput(
        f"a {what} cannot be answered as {' or '.join(request.accepts)}",
        field="Accept",
        hint=f"accept {' or '.join(offered)}",
    )


def _frame(index: int, time_s: float, found: Sequence[Found], height: int, width: int) -> SegmentedFrame:
    objects = [
        SegmentedObject(each.label, each.score, each.box, encode(each.patch, height, width)) for each in found
    ]
    return SegmentedFrame(index, round(time_s, 3), tuple(objects))


def _image_file(pixels: Pixels, content_type: str) -> bytes:
    buffer = io.BytesIO()
    if content_type == media_types.JPEG:
        Image.fromarray(pixels).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    else:
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
