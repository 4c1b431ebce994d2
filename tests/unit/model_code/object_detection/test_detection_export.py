"""Export: the same network gives the same bytes, and what does not fit is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np
import pytest

from korean_text.commands import MakingError
from object_detection import export as exporting
from object_detection.description import Description
from object_detection.export import export
from object_detection.network import build_tiny, load_darknet

NUMBERS = 8_858_734  # of YOLOv3-tiny for 80 classes
CLASSES = [f"class {at}" for at in range(80)]


def darknet_file(path: Path, count: int = NUMBERS) -> Path:
    """Random weights as darknet writes them: header, then the numbers."""
    numbers = np.random.default_rng(0).uniform(0.001, 0.02, count).astype(np.float32)
    path.write_bytes(np.array([0, 2, 0, 0, 0], np.int32).tobytes() + numbers.tobytes())
    return path


@pytest.fixture(scope="module")
def random_network(tmp_path_factory: pytest.TempPathFactory) -> Any:
    network = build_tiny(CLASSES)
    load_darknet(network, darknet_file(tmp_path_factory.mktemp("darknet") / "tiny.weights"))
    return network


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_same_network_gives_the_same_bytes(random_network: Any, tmp_path: Path) -> None:
    export(random_network, "tiny", tmp_path / "first", size=64)
    mx.gluon.nn.Conv2D(3, 3)  # counts up the names that MXNet gives
    again = build_tiny(CLASSES)
    load_darknet(again, darknet_file(tmp_path / "tiny.weights"))
    export(again, "tiny", tmp_path / "second", size=64)
    assert digests(tmp_path / "first") == digests(tmp_path / "second")
    assert set(digests(tmp_path / "first")) == {"network.onnx", "network.json"}


def test_the_description_says_what_the_network_is(random_network: Any, tmp_path: Path) -> None:
    made = export(random_network, "tiny", tmp_path, size=64, fill=0.25, mean=(0.1, 0.2, 0.3), std=(1, 2, 4))
    assert Description.read(tmp_path / "network.json") == made
    assert (made.network, made.size, made.fill) == ("tiny", 64, 0.25)
    assert made.classes == tuple(CLASSES)
    assert (made.mean, made.std) == ((0.1, 0.2, 0.3), (1.0, 2.0, 4.0))
    assert [head.stride for head in made.heads] == [32, 16]  # coarse first, as gluoncv's outputs come
    assert made.heads[0].anchors == ((81.0, 82.0), (135.0, 169.0), (344.0, 319.0))


@pytest.mark.parametrize("size", [0, 16, 100, -32])
def test_a_size_that_the_strides_do_not_divide_is_refused(
    random_network: Any, tmp_path: Path, size: int
) -> None:
    with pytest.raises(MakingError, match=f"The size {size} is no multiple of 32"):
        export(random_network, "tiny", tmp_path, size=size)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("more", "said"), [(-1, "ends too early"), (1, "holds 1 numbers too many")])
def test_weights_of_another_network_are_refused(tmp_path: Path, more: int, said: str) -> None:
    with pytest.raises(MakingError, match=said):
        load_darknet(build_tiny(CLASSES), darknet_file(tmp_path / "other.weights", NUMBERS + more))


def test_an_export_that_computes_something_else_is_refused(
    random_network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = exporting._as_onnx

    def damaged(symbols: Any, arrays: dict[str, Any], size: int) -> bytes:
        last = random_network.yolo_outputs[0].prediction.bias.name
        return written(symbols, {**arrays, last: arrays[last] + 0.5}, size)

    monkeypatch.setattr(exporting, "_as_onnx", damaged)
    with pytest.raises(MakingError, match=r"Head 0 of network\.onnx differs from MXNet's by up to"):
        export(random_network, "tiny", tmp_path, size=64)
