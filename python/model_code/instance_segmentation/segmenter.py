"""A network with all that is needed to run it on an image; the weights folder says which network it is.

``weights/network.json``::

    {"network": "demo", "classes": ["circle", …],
     "preset": {"short": 320, "max_side": 512, "mean": [0, 0, 0], "std": [1, 1, 1]}}

``network`` is ``demo`` (:mod:`instance_segmentation.network`) or a Mask R-CNN of gluoncv's model zoo, such as
``mask_rcnn_fpn_resnet18_v1b_coco``, whose classes may be others than the zoo's.  ``weights/network.params``
holds its parameters in MXNet's own format, which carries arrays only and runs nothing when read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from instance_segmentation.masks import enlarge
from instance_segmentation.network import build_demo_network, build_zoo_network

DEMO = "demo"
PIXEL_CENTRE = 0.5
DESCRIPTION_FILE, PARAMETERS_FILE = "network.json", "network.params"


@dataclass(frozen=True)
class Preset:
    """How an image becomes the network's input.

    Attributes:
        short: pixels of the short side after resizing, unless the long side would pass `max_side`.
        max_side: most pixels of the long side.
        mean, std: of the three channels, for values from 0 to 1.
    """

    short: int
    max_side: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """The height and width that an image of this height and width is resized to."""
        scale = min(self.short / min(height, width), self.max_side / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))


DEMO_PRESET = Preset(320, 512, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
ZOO_PRESET = Preset(600, 1000, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Instances:
    """What was found in one image, best score first.

    Attributes:
        ids: int64, (n,), index into the classes.
        scores: float32, (n,), 0 to 1.
        boxes: float32, (n, 4), xmin, ymin, xmax, ymax in pixels.
        masks: float32, (n, m, m), how likely each part of the box belongs to the object, 0 to 1.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    masks: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)

    def chosen(self, rows: NDArray[Any]) -> Instances:
        """Some of them, by index or truth value."""
        return Instances(self.ids[rows], self.scores[rows], self.boxes[rows], self.masks[rows])

    def above(self, threshold: float) -> Instances:
        """Those whose score is at least `threshold`."""
        return self.chosen(self.scores >= threshold)

    def to_image(self, resized: tuple[int, int], original: tuple[int, int]) -> Instances:
        """The same with boxes in pixels of the original image; sizes are (height, width)."""
        (from_height, from_width), (height, width) = resized, original
        scale = np.array([width / from_width, height / from_height] * 2, np.float32)
        boxes = np.clip(self.boxes * scale, 0, np.array([width, height] * 2, np.float32))
        return Instances(self.ids, self.scores, boxes.astype(np.float32), self.masks)


class Segmenter:
    """A Mask R-CNN of gluoncv, its classes and its preset.  Use one from one thread at a time."""

    def __init__(self, network: Any, classes: Sequence[str], preset: Preset) -> None:
        self.network = network
        self.classes = tuple(classes)
        self.preset = preset

    def preprocess(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Resize and normalise an RGB image, (height, width, 3) → (1, 3, new height, new width)."""
        height, width = self.preset.resized(*image.shape[:2])
        pixels = image
        if image.shape[:2] != (height, width):
            pixels = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
        planes = np.empty((1, 3, height, width), np.float32)
        # A plane at a time, in place: a third of the time of doing it on the whole and turning it afterwards.
        for plane, channel, mean, std in zip(
            planes[0], pixels.transpose(2, 0, 1), self.preset.mean, self.preset.std, strict=True
        ):
            np.divide(channel, np.float32(255), out=plane, dtype=np.float32)
            if (mean, std) != (0, 1):
                plane -= np.float32(mean)
                plane /= np.float32(std)
        return planes

    def infer(self, tensor: NDArray[np.float32]) -> Instances:
        """Run the network on what :meth:`preprocess` gave; boxes are in pixels of the resized image."""
        import mxnet as mx

        ids, scores, boxes, masks = (output[0].asnumpy() for output in self.network(mx.nd.array(tensor)))
        rows = np.flatnonzero(ids[:, 0] >= 0)  # suppressed and missing ones have the id -1
        rows = rows[np.argsort(-scores[rows, 0], kind="stable")]
        # gluoncv's coordinates count pixels by their centres: its 0 is the centre of the first pixel.
        edges = boxes[rows] + np.float32(PIXEL_CENTRE)
        return Instances(ids[rows, 0].astype(np.int64), scores[rows, 0], edges, masks[rows])

    def segment(self, image: NDArray[np.uint8]) -> Instances:
        """All that the network finds in an RGB image (height, width, 3); boxes are in pixels of `image`."""
        tensor = self.preprocess(image)
        height, width = tensor.shape[2:]
        return self.infer(tensor).to_image((height, width), (image.shape[0], image.shape[1]))


def paste_masks(
    masks: NDArray[np.float32], boxes: NDArray[np.float32], height: int, width: int
) -> NDArray[np.bool_]:
    """Masks of boxes, (n, m, m), enlarged onto the image their boxes lie in, (n, height, width)."""
    full = np.zeros((len(masks), height, width), np.bool_)
    for target, mask, box in zip(full, masks, boxes, strict=True):
        patch = enlarge(mask, box, height, width)
        target[patch.window] = patch.pixels
    return full


@dataclass(frozen=True)
class Description:
    """What ``network.json`` says."""

    network: str
    classes: tuple[str, ...]
    preset: Preset

    @classmethod
    def read(cls, file: Path) -> Description:
        """Read it.

        Raises:
            OSError: there is no such file.
            ValueError: it is not understood.
        """
        try:
            given = json.loads(file.read_text(encoding="utf-8"))
            preset = given["preset"]
            return cls(
                str(given["network"]),
                tuple(str(name) for name in given["classes"]),
                Preset(
                    int(preset["short"]),
                    int(preset["max_side"]),
                    _three(preset["mean"]),
                    _three(preset["std"]),
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{file} is not understood ({type(error).__name__}: {error}). It holds an object with "
                "network, classes and preset (short, max_side, mean, std)."
            ) from error

    def write(self, file: Path) -> None:
        """Write it."""
        file.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def save(network: Any, description: Description, folder: Path) -> None:
    """Write the two files of a weights folder."""
    folder.mkdir(parents=True, exist_ok=True)
    network.save_parameters(str(folder / PARAMETERS_FILE))
    description.write(folder / DESCRIPTION_FILE)


def build(description: Description) -> Any:
    """The network that is described; of its parameters only constants, such as anchors, have values."""
    if description.network == DEMO:
        network = build_demo_network(description.classes)
    else:
        network = build_zoo_network(description.network)
    network.initialize()
    if tuple(network.classes) != description.classes:
        network.reset_class(list(description.classes))
    return network


def _set_parameters(network: Any, file: Path) -> None:
    """Read all parameters from `file`, which may lack constants, such as anchors, and may hold more.

    Published files carry constants of the box encoder that :mod:`compat` takes away, and some none of the
    network's own.
    """
    import mxnet as mx
    from mxnet.gluon.parameter import Constant

    stored = set(mx.nd.load(str(file)))
    wanted = network._collect_params_with_prefix()
    needed = {name for name, value in wanted.items() if not isinstance(value, Constant)}
    missing = sorted(needed - stored)
    if missing:
        raise ValueError(f"it lacks {len(missing)} of {len(wanted)} parameters, such as {missing[0]}")
    network.load_parameters(str(file), ignore_extra=True, allow_missing=True)


def load(folder: Path) -> Segmenter:
    """Load the network of a weights folder and run it once, so that the first request finds it warm.

    Raises:
        OSError: a file is missing.
        ValueError: ``network.json`` is not understood, or the parameters are another network's.
    """
    description = Description.read(folder / DESCRIPTION_FILE)
    network = build(description)
    parameters = folder / PARAMETERS_FILE
    if not parameters.is_file():
        raise FileNotFoundError(f"{parameters} is missing: train the model, or package it from a source.")
    try:
        _set_parameters(network, parameters)
    except (AssertionError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{parameters} does not fit the network {description.network!r} with "
            f"{len(description.classes)} classes: {error}"
        ) from error
    network.hybridize()
    segmenter = Segmenter(network, description.classes, description.preset)
    side = description.preset.short
    segmenter.segment(np.zeros((side, side, 3), np.uint8))
    return segmenter


def load_demo(folder: Path) -> Segmenter:
    """:func:`load`, for code that wants the demo network and no other.

    Raises:
        ValueError: the folder holds another network.
    """
    network = Description.read(folder / DESCRIPTION_FILE).network
    if network != DEMO:
        raise ValueError(f"{folder} holds {network!r}, not the demo network.")
    return load(folder)


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third
