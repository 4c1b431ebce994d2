"""The network in ONNX Runtime: from a picture to the objects in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from object_detection.decoding import Detections, Floats, detections
from object_detection.description import DESCRIPTION_FILE, NETWORK_FILE, Description
from object_detection.letterbox import Letterbox, Tensor
from vision.pictures import Picture


@dataclass(frozen=True)
class Found:
    """An object in a picture. kind: index of its class. box: xmin, ymin, xmax, ymax in pixels."""

    kind: int
    label: str
    score: float
    box: tuple[float, float, float, float]


class Detector:
    """A network and its description, out of a weights folder. May be used by several threads at once.

    threads: of one run.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.description = Description.read(folder / DESCRIPTION_FILE)
        self._session = onnxruntime.InferenceSession(
            str(folder / NETWORK_FILE), _session_options(threads), providers=["CPUExecutionProvider"]
        )

    def find(self, picture: Picture, threshold: float, most: int) -> list[Found]:
        """The surest `most` objects with at least this score, the surest first.

        Raises InvalidInput where the picture is damaged.
        """
        box = Letterbox(picture.width, picture.height, self.description.size)
        width, height = box.inner
        tensor = box.tensor(picture.small_image(height, width), self.description)
        seen = self.detect(tensor, threshold)
        objects: list[Found] = []
        for kind, score, place in zip(seen.ids, seen.scores, box.to_picture(seen.boxes), strict=True):
            if len(objects) == most:
                break
            left, top, right, bottom = (round(float(edge), 2) for edge in place)
            if left < right and top < bottom:  # else it lies outside of the picture
                label = self.description.classes[kind]
                objects.append(Found(int(kind), label, round(float(score), 4), (left, top, right, bottom)))
        return objects

    def detect(self, tensor: Tensor, threshold: float = 0.0) -> Detections:
        """The objects in an input of the network, (1, 3, size, size)."""
        return detections(self.run(tensor), self.description.heads, self.description.suppression, threshold)

    def run(self, tensor: Tensor) -> list[Floats]:
        """The network's raw outputs, one a head."""
        outputs: list[Floats] = self._session.run(None, {"image": tensor})
        return outputs


def _session_options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # A spinning thread would take a core from others, also while nothing is asked.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options
