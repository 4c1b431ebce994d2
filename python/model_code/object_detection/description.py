"""``weights/network.json``: all that the runtime has to know of the network in ``weights/network.onnx``.

::

    {"network": "yolov3_tiny_coco", "classes": ["person", …], "size": 320, "fill": 0.5,
     "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0],
     "heads": [{"stride": 32, "anchors": [[81.0, 82.0], …]}, …],
     "suppression": {"overlap": 0.45, "candidates": 400, "kept": 100}}
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

DESCRIPTION_FILE, NETWORK_FILE = "network.json", "network.onnx"


@dataclass(frozen=True)
class Head:
    """One of the network's outputs, (1, anchors x (5 + classes), size / stride, size / stride).

    Attributes:
        stride: pixels that a cell stands for.
        anchors: width and height in pixels of the boxes that a cell starts from.
    """

    stride: int
    anchors: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Suppression:
    """How gluoncv's YOLOV3 thins out what it found.

    Attributes:
        overlap: of two boxes of one class that share more than this part, the surer one stays (nms_thresh).
        candidates: only the surest so many are compared at all (nms_topk).
        kept: and so many are kept at most (post_nms).
    """

    overlap: float
    candidates: int
    kept: int


@dataclass(frozen=True)
class Description:
    """A network and its input.

    Attributes:
        size: pixels of a side of its square input.
        fill: what is around a picture that is not square, 0 to 1, before mean and std.
        mean, std: of the three channels, for values from 0 to 1.
    """

    network: str
    classes: tuple[str, ...]
    size: int
    fill: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    heads: tuple[Head, ...]
    suppression: Suppression

    def write(self, path: Path) -> None:
        """Write the file; the same description gives the same bytes."""
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Description:
        """Read what :meth:`write` wrote.

        Raises:
            ValueError: it is no such description; the message names the file.
        """
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            description = cls(
                network=str(found["network"]),
                classes=tuple(map(str, found["classes"])),
                size=int(found["size"]),
                fill=float(found["fill"]),
                mean=_three(found["mean"]),
                std=_three(found["std"]),
                heads=tuple(_head(head) for head in found["heads"]),
                suppression=Suppression(
                    float(found["suppression"]["overlap"]),
                    int(found["suppression"]["candidates"]),
                    int(found["suppression"]["kept"]),
                ),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} describes no network: {type(error).__name__}: {error}") from error
        if not (description.classes and description.heads and description.size > 0):
            raise ValueError(f"{path} describes a network without classes, heads or size")
        return description


def _three(value: Any) -> tuple[float, float, float]:
    first, second, third = map(float, value)
    return first, second, third


def _head(value: Any) -> Head:
    return Head(int(value["stride"]), tuple((float(w), float(h)) for w, h in value["anchors"]))
