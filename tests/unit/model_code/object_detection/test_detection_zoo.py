"""YOLOv3 of gluoncv's model zoo, from a stand-in of its server, through the same export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from gluoncv.model_zoo import model_store

from object_detection import sources
from object_detection.detector import Detector
from object_detection.export import raw_heads
from object_detection.network import build_zoo

NAME = "yolo3_mobilenet0.25_coco"  # as yolo3_darknet53_coco, but with small stages
Publish = Callable[[str, Path], Path]


@pytest.fixture(scope="module")
def parameters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parameters as the zoo publishes them, but random; large enough that scores differ."""
    mx.random.seed(0)
    network = build_zoo(NAME)
    network.initialize(mx.init.Xavier(magnitude=2.3))
    outputs = raw_heads(network)(mx.nd.array(np.random.default_rng(1).normal(0, 1, (1, 3, 96, 96))))
    for head, output in zip(network.yolo_outputs, outputs, strict=True):
        weight = head.prediction.weight
        weight.set_data(weight.data() * (3 / float(output.asnumpy().std())))
    path = tmp_path_factory.mktemp("published") / "random.params"
    network.save_parameters(str(path))
    return path


def arguments(tmp_path: Path, *more: str) -> list[str]:
    output, cache = str(tmp_path / "weights"), str(tmp_path / "cache")
    return ["zoo", "--id", NAME, "--output", output, "--cache", cache, "--size", "96", *more]


def test_a_network_of_the_zoo_is_downloaded_checked_and_exported(
    publish_in_zoo: Publish, parameters: Path, tmp_path: Path
) -> None:
    publish_in_zoo(NAME, parameters)
    assert sources.main(arguments(tmp_path)) == 0
    detector = Detector(tmp_path / "weights")
    given = detector.description
    assert (given.network, given.size, len(given.classes)) == (NAME, 96, 80)
    assert given.classes[3] == "motorcycle"
    assert given.mean == pytest.approx((0.485, 0.456, 0.406))
    assert [head.stride for head in given.heads] == [32, 16, 8]
    tensor = np.random.default_rng(0).normal(0, 1, (1, 3, 96, 96)).astype(np.float32)
    network = build_zoo(NAME)
    network.load_parameters(str(parameters))
    ids, scores, _ = (output[0, :, 0].asnumpy() for output in network(mx.nd.array(tensor)))
    found = detector.detect(tensor)
    assert len(found)
    assert found.ids.tolist() == ids[ids >= 0].tolist()
    assert np.abs(found.scores - scores[ids >= 0]).max() < 1e-4


def test_a_download_with_another_checksum_is_refused(
    publish_in_zoo: Publish, parameters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_in_zoo(NAME, parameters)
    digest = model_store._model_sha1[NAME]
    monkeypatch.setitem(model_store._model_sha1, NAME, digest[:8] + "0" * 32)
    with pytest.raises(SystemExit, match=r"could not be fetched from gluoncv's model zoo: .*different hash"):
        sources.main(arguments(tmp_path))
    assert not (tmp_path / "weights").exists()


def test_parameters_of_another_network_are_refused(publish_in_zoo: Publish, tmp_path: Path) -> None:
    other = tmp_path / "other.params"
    mx.nd.save(str(other), {"stages.0.weight": mx.nd.zeros((3, 3))})
    publish_in_zoo(NAME, other)
    with pytest.raises(SystemExit, match=f"does not fit {NAME}"):
        sources.main(arguments(tmp_path))


def test_what_is_no_file_of_parameters_is_refused(publish_in_zoo: Publish, tmp_path: Path) -> None:
    other = tmp_path / "other.params"
    other.write_bytes(b"\x80\x04 a pickle, for instance")
    publish_in_zoo(NAME, other)
    with pytest.raises(SystemExit, match="is no file of MXNet parameters"):
        sources.main(arguments(tmp_path))


@pytest.mark.parametrize(
    ("name", "said"),
    [("yolo3_of_nobody", "has no 'yolo3_of_nobody'"), ("mask_rcnn_fpn_resnet18_v1b_coco", "is no YOLOv3")],
)
def test_other_names_are_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        sources.main(["zoo", "--id", name, "--output", str(tmp_path)])
