"""numpy and ONNX Runtime answer as gluoncv does: same classes in the same order, same scores, same boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np
import pytest

from object_detection.decoding import Detections, detections
from object_detection.description import Suppression
from object_detection.detector import Detector
from object_detection.export import describe, export, raw_heads
from object_detection.letterbox import Letterbox, Tensor
from object_detection.network import build_zoo
from object_detection.photos import NAMES, photo
from object_detection.sources import TINY_SIZE, tiny_network
from vision.pictures import Picture

SCORES, PIXELS = 1e-4, 0.5


@pytest.fixture(scope="module")
def network() -> Any:
    """YOLOv3-tiny with the weights of COCO, in gluoncv."""
    return tiny_network()


@pytest.fixture(scope="module")
def detector(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Detector:
    folder = tmp_path_factory.mktemp("exported")
    export(network, "tiny", folder, size=TINY_SIZE)
    return Detector(folder)


def by_gluoncv(network: Any, tensor: Tensor) -> Detections:
    ids, scores, boxes = (output[0].asnumpy() for output in network(mx.nd.array(tensor)))
    rows = np.flatnonzero(ids[:, 0] >= 0)  # what is suppressed or missing has the id -1
    return Detections(ids[rows, 0].astype(np.int64), scores[rows, 0], boxes[rows])


def assert_same(found: Detections, wanted: Detections) -> None:
    assert found.ids.tolist() == wanted.ids.tolist()
    assert np.abs(found.scores - wanted.scores).max(initial=0) < SCORES
    assert np.abs(found.boxes - wanted.boxes).max(initial=0) < PIXELS


def input_of(name: str, detector: Detector) -> tuple[Letterbox, Tensor]:
    picture = Picture(photo(name), "image/*")
    box = Letterbox(picture.width, picture.height, detector.description.size)
    width, height = box.inner
    return box, box.tensor(picture.small_image(height, width), detector.description)


@pytest.mark.parametrize("name", NAMES)
def test_on_photographs_both_see_the_same_at_every_threshold(
    name: str, network: Any, detector: Detector
) -> None:
    box, tensor = input_of(name, detector)
    wanted = by_gluoncv(network, tensor)
    assert len(wanted)
    for threshold in (0.0, 0.02, 0.1, 0.25, 0.5, 0.8):
        above = wanted.chosen(np.flatnonzero(wanted.scores >= threshold))
        found = detector.detect(tensor, threshold)
        assert_same(found, above)
        in_picture = np.abs(box.to_picture(found.boxes) - box.to_picture(above.boxes))
        assert in_picture.max(initial=0) < PIXELS


@pytest.mark.parametrize("name", NAMES[:4])
def test_the_raw_outputs_are_close_before_anything_is_decoded(
    name: str, network: Any, detector: Detector
) -> None:
    _, tensor = input_of(name, detector)
    wanted = [output.asnumpy() for output in raw_heads(network)(mx.nd.array(tensor))]
    found = detector.run(tensor)
    assert [each.shape for each in found] == [(1, 255, 10, 10), (1, 255, 20, 20)]
    for ours, theirs in zip(found, wanted, strict=True):
        assert np.abs(ours - theirs).max() < 1e-3
        assert np.abs(theirs).max() > 1


@pytest.mark.parametrize("seed", range(3))
def test_with_more_candidates_than_are_compared_both_keep_the_same(seed: int) -> None:
    """Random weights see something everywhere: 400 of thousands are compared, 100 of those kept."""
    mx.random.seed(seed)
    network = build_zoo("yolo3_mobilenet0.25_coco")
    network.initialize(mx.init.Normal(0.5))
    tensor = np.random.default_rng(seed).random((1, 3, 96, 96), np.float32)
    wanted = by_gluoncv(network, tensor)
    assert len(wanted) == 100
    outputs = [output.asnumpy() for output in raw_heads(network)(mx.nd.array(tensor))]
    described = describe(network, "random", size=96, fill=0.5, mean=(0, 0, 0), std=(1, 1, 1))
    assert described.suppression == Suppression(0.45, 400, 100)
    # By hand: these boxes have all sizes, up to thousands of pixels, so theirs is a relative measure.
    found = detections(outputs, described.heads, described.suppression)
    assert found.ids.tolist() == wanted.ids.tolist()
    assert np.abs(found.scores - wanted.scores).max() < SCORES
    assert np.allclose(found.boxes, wanted.boxes, rtol=1e-4, atol=PIXELS)


def test_an_exported_network_needs_no_mxnet(network: Any, tmp_path: Path) -> None:
    export(network, "tiny", tmp_path, size=64)
    assert {path.name for path in tmp_path.iterdir()} == {"network.onnx", "network.json"}
    import onnx

    model = onnx.load(str(tmp_path / "network.onnx"))
    assert [entry.domain for entry in model.opset_import] == [""]
    assert {node.op_type for node in model.graph.node} == {
        "Concat", "Conv", "LeakyRelu", "MaxPool", "Pad", "Resize",
    }  # fmt: skip
    assert [value.name for value in model.graph.input] == ["image"]
