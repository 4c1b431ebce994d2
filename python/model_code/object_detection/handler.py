"""Serves object detection: a picture in, the objects in it out.

The answer is JSON, or on request (``Accept``) the picture itself as a JPEG with the objects drawn into it;
with the option ``annotated`` the JSON carries that JPEG too.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from serving_contracts import media_types
from serving_contracts.detection import DetectedObject, Detection
from serving_contracts.limits import ANNOTATED_PICTURE_BYTES
from serving_contracts.media import MediaAnswer, MediaRequest
from vision.pictures import Picture

if TYPE_CHECKING:
    from object_detection.detector import Detector, Found

THREAD_SAFE = True  # a session of ONNX Runtime is
MAX_BATCH = 1  # the network takes one picture at a time

# How a picture is written, best first, until it is small enough: part of its size, quality of the JPEG.
_SAVINGS = ((1, 90), (1, 75), (2, 85), (4, 85), (8, 75))


class DetectionModel:
    """Answers requests of the task ``detection``."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def predict(self, requests: Sequence[MediaRequest]) -> list[Detection | MediaAnswer]:
        """An answer a request, in order. Raises InvalidInput for what is no picture, or a damaged one."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: MediaRequest) -> Detection | MediaAnswer:
        picture = Picture(request.path, request.content_type)
        options = request.options
        found = self._detector.find(picture, options.score_threshold, options.max_objects)
        if request.accepts[0] == media_types.JPEG:
            return MediaAnswer(media_types.JPEG, annotate(picture, found))
        objects = tuple(DetectedObject(each.label, each.score, each.box) for each in found)
        drawn = annotate(picture, found) if options.annotated else None
        return Detection(picture.width, picture.height, objects, drawn)


def annotate(picture: Picture, found: Sequence[Found], most_bytes: int = ANNOTATED_PICTURE_BYTES) -> bytes:
    """The picture as a JPEG with the objects drawn into it; smaller where it would have too many bytes."""
    from vision.labels import draw_boxes

    image = picture.image()
    draw_boxes(image, found)
    data = b""
    for divisor, quality in _SAVINGS:
        buffer = io.BytesIO()
        (image.reduce(divisor) if divisor > 1 else image).save(buffer, "JPEG", quality=quality)
        data = buffer.getvalue()
        if len(data) <= most_bytes:
            break
    return data


def load(model_dir: Path, threads: int) -> DetectionModel:
    """Load the network under `model_dir`; `threads` are those of one run."""
    from object_detection.detector import Detector

    return DetectionModel(Detector(model_dir / "weights", threads))
