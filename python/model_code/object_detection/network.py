"""Networks to export: YOLOv3 of gluoncv's zoo, and YOLOv3-tiny as one of them.

YOLOv3-tiny is gluoncv's YOLOV3 with the layers of darknet's ``yolov3-tiny.cfg`` as stages, blocks and
transitions, so decoding, suppression and export are the same code for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from korean_text.commands import MakingError
from vision import compat
from vision.yolov3_tiny import HEADER_BYTES

_NEGATIVE_SLOPE = 0.1
_EPSILON = 1e-6  # what darknet adds to a standard deviation
# Pairs of width and height in pixels, fine scale first, and the pixels that a cell stands for.
_ANCHORS = [[10, 14, 23, 27, 37, 58], [81, 82, 135, 169, 344, 319]]
_STRIDES = [16, 32]
_FINE_CHANNELS, _COARSE_CHANNELS = (16, 32, 64, 128, 256), (512, 1024)


def build_tiny(classes: Sequence[str]) -> Any:
    """An uninitialised ``gluoncv.model_zoo.yolo.YOLOV3`` with the stages of YOLOv3-tiny.

    Its input is RGB, (n, 3, height, width), 0 to 1, sides multiples of 32.  Its output is gluoncv's: class
    ids, scores, boxes, after suppression.
    """
    compat.prepare()
    from gluoncv.model_zoo.yolo.yolo3 import YOLOV3
    from mxnet.gluon import HybridBlock, nn

    def convolution(channels: int, kernel: int) -> Any:
        cell = nn.HybridSequential(prefix="")
        cell.add(
            nn.Conv2D(channels, kernel, padding=kernel // 2, use_bias=False),
            nn.BatchNorm(epsilon=_EPSILON, momentum=0.9),
            nn.LeakyReLU(_NEGATIVE_SLOPE),
        )
        return cell

    class SamePool(HybridBlock):  # type: ignore[misc]
        """The largest of 2 × 2, at every place: darknet's pooling of stride 1, which keeps the size."""

        def hybrid_forward(self, F: Any, x: Any) -> Any:
            padded = F.pad(x, mode="edge", pad_width=(0, 0, 0, 0, 0, 1, 0, 1))
            return F.Pooling(padded, kernel=(2, 2), stride=(1, 1), pool_type="max")

    class TinyBlock(HybridBlock):  # type: ignore[misc]
        """What gluoncv asks of a detection block (route, tip), with one convolution."""

        def __init__(self, channels: int) -> None:
            super().__init__()
            with self.name_scope():
                self.tip = convolution(channels, 3)

        def hybrid_forward(self, F: Any, x: Any) -> Any:
            return x, self.tip(x)

    fine, coarse = nn.HybridSequential(), nn.HybridSequential()
    with fine.name_scope():
        for index, channels in enumerate(_FINE_CHANNELS):
            if index:
                fine.add(nn.MaxPool2D(2, 2))
            fine.add(convolution(channels, 3))
    with coarse.name_scope():
        coarse.add(nn.MaxPool2D(2, 2), convolution(_COARSE_CHANNELS[0], 3), SamePool())
        coarse.add(convolution(_COARSE_CHANNELS[1], 3), convolution(256, 1))
    network = YOLOV3([fine, coarse], [256, 128], _ANCHORS, _STRIDES, list(classes))
    with network.name_scope():
        blocks, transitions = nn.HybridSequential(), nn.HybridSequential()
        blocks.add(TinyBlock(512), TinyBlock(256))
        transitions.add(convolution(128, 1))
    network.yolo_blocks, network.transitions = blocks, transitions
    return network


def build_zoo(name: str) -> Any:
    """A YOLOv3 of gluoncv's model zoo, such as ``yolo3_darknet53_coco``, its parameters not yet set.

    Raises:
        MakingError: the zoo has none of that name.
    """
    compat.prepare()
    import mxnet as mx
    from gluoncv import model_zoo

    if not name.startswith("yolo3_"):
        raise MakingError(f"{name!r} is no YOLOv3 of gluoncv's model zoo: their names begin with yolo3_.")
    # Parameters are named after their blocks, and those are counted: from 0, as when they were published.
    with mx.name.NameManager():
        try:
            return model_zoo.get_model(name, pretrained=False, pretrained_base=False)
        except ValueError as error:
            raise MakingError(f"gluoncv's model zoo has no {name!r}: {str(error).splitlines()[0]}") from error


def load_darknet(network: Any, weights: Path) -> None:
    """Initialise a network of :func:`build_tiny` with a darknet file of YOLOv3-tiny.

    Raises:
        MakingError: the file holds more or fewer numbers than this network has.
    """
    import mxnet as mx
    from mxnet.gluon.nn import HybridSequential

    network.initialize()
    network(mx.nd.zeros((1, 3, 64, 64)))  # shapes are settled by the first run
    numbers = _Numbers(weights)
    fine, coarse = network.stages
    stages = [cell for cell in (*fine, *coarse) if isinstance(cell, HybridSequential)]
    coarse_head, fine_head = network.yolo_outputs
    for cell in (*stages, network.yolo_blocks[0].tip):
        numbers.fill_normalised(cell)
    numbers.fill_plain(coarse_head.prediction)
    for cell in (network.transitions[0], network.yolo_blocks[1].tip):
        numbers.fill_normalised(cell)
    numbers.fill_plain(fine_head.prediction)
    numbers.end()


class _Numbers:
    """The numbers of a darknet file, taken in the order of its layers.

    A convolution is its bias, or its normalisation's shift, scale, mean and variance, and then its kernels of
    shape (out, in, height, width).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._all: NDArray[np.float32] = np.fromfile(path, np.float32, offset=HEADER_BYTES)
        self._position = 0

    def fill_normalised(self, cell: Any) -> None:
        convolution, normalisation = cell[0], cell[1]
        for name in ("beta", "gamma", "running_mean", "running_var"):
            self._fill(getattr(normalisation, name))
        self._fill(convolution.weight)

    def fill_plain(self, convolution: Any) -> None:
        self._fill(convolution.bias)
        self._fill(convolution.weight)

    def _fill(self, parameter: Any) -> None:
        import mxnet as mx

        count = int(np.prod(parameter.shape))
        if self._position + count > len(self._all):
            raise MakingError(f"{self._path} ends too early: another network, or only a part of this one.")
        part = self._all[self._position : self._position + count]
        parameter.set_data(mx.nd.array(part.reshape(parameter.shape)))
        self._position += count

    def end(self) -> None:
        """Raises MakingError where numbers are left over: then they are those of another network."""
        if left := len(self._all) - self._position:
            raise MakingError(f"{self._path} holds {left:,} numbers too many: it is another network's.")
