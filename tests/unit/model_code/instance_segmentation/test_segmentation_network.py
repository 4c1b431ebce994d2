"""The demo network and the weights folder: what is saved comes back, and what does not fit is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from test_segmentation_darknet import darknet_file

import instance_segmentation
from instance_segmentation import darknet
from instance_segmentation.average_precision import find, measure
from instance_segmentation.network import build_demo_network, build_zoo_network
from instance_segmentation.scenes import CLASSES, draw_scene
from instance_segmentation.segmenter import (
    DEMO,
    DEMO_PRESET,
    ZOO_PRESET,
    Description,
    Segmenter,
    load,
    load_demo,
    save,
)
from vision import compat

WEIGHTS = Path(instance_segmentation.__file__).parent / "weights"
IMAGE = draw_scene(5, 240, 320).image


@pytest.fixture(scope="module")
def shipped() -> Segmenter:
    return load_demo(WEIGHTS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A weights folder with a small network of two classes and random parameters."""
    network = build_demo_network(["a", "b"])
    network.initialize()
    network(mx.nd.zeros((1, 3, 64, 64)))
    save(network, Description(DEMO, ("a", "b"), DEMO_PRESET), tmp_path / "weights")
    return tmp_path / "weights"


def test_compat_may_be_called_again_and_leaves_the_decoder() -> None:
    compat.prepare()
    compat.prepare()
    assert not hasattr(mx.nd.contrib, "box_encode")
    assert hasattr(mx.nd.contrib, "box_decode")


def test_networks_of_one_process_name_their_parameters_alike() -> None:
    first, second = (build_demo_network(CLASSES)._collect_params_with_prefix() for _ in range(2))
    assert set(first) == set(second)


def test_what_was_saved_answers_the_same_when_loaded(folder: Path) -> None:
    first, second = (load(folder).segment(IMAGE) for _ in range(2))
    assert len(first) > 0
    assert np.array_equal(first.boxes, second.boxes)
    assert np.array_equal(first.masks, second.masks)


def test_answers_are_sorted_and_lie_in_the_image(shipped: Segmenter) -> None:
    found = shipped.segment(IMAGE)
    assert 0 < len(found) <= 30
    assert (np.diff(found.scores) <= 0).all()
    assert found.scores.max() <= 1
    assert found.boxes.min() >= 0
    assert (found.boxes <= [320, 240, 320, 240]).all()
    assert found.masks.shape == (len(found), 28, 28)
    assert 0 <= found.masks.min() <= found.masks.max() <= 1
    assert set(found.ids) <= set(range(len(CLASSES)))


@pytest.mark.parametrize("size", [(1, 1), (37, 211), (333, 337), (900, 60), (512, 512)])
def test_images_of_any_size_and_form_are_taken(shipped: Segmenter, size: tuple[int, int]) -> None:
    assert len(shipped.segment(np.full((*size, 3), 90, np.uint8)).above(0.9)) <= 2


def test_shipped_weights_find_the_shapes_of_unseen_scenes(shipped: Segmenter) -> None:
    assert shipped.classes == CLASSES
    scenes = [draw_scene(30_000_000 + index, 240, 320) for index in range(24)]
    quality = measure([(scene, find(shipped, scene.image)) for scene in scenes], CLASSES)
    assert quality.ap50 > 0.75


def test_shipped_weights_are_small_and_no_pickle() -> None:
    file = WEIGHTS / "network.params"
    assert file.stat().st_size < 15e6
    assert file.read_bytes()[:8] == (0x112).to_bytes(8, "little")


def test_parameters_of_another_network_are_refused(folder: Path) -> None:
    description = Description(DEMO, ("a", "b", "c"), DEMO_PRESET)
    description.write(folder / "network.json")
    with pytest.raises(ValueError, match="does not fit the network 'demo' with 3 classes"):
        load(folder)


def test_incomplete_parameters_are_refused(folder: Path) -> None:
    stored = mx.nd.load(str(folder / "network.params"))
    del stored["class_predictor.weight"]
    mx.nd.save(str(folder / "network.params"), stored)
    with pytest.raises(ValueError, match=r"it lacks 1 of \d+ parameters, such as class_predictor\.weight"):
        load(folder)


def test_missing_parameters_are_named(folder: Path) -> None:
    (folder / "network.params").unlink()
    with pytest.raises(FileNotFoundError, match=r"network\.params is missing: train the model"):
        load(folder)


def test_damaged_parameters_are_refused(folder: Path) -> None:
    file = folder / "network.params"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ValueError, match="does not fit"):
        load(folder)


def test_load_demo_takes_no_network_of_the_zoo(folder: Path) -> None:
    Description("mask_rcnn_fpn_resnet18_v1b_coco", ("a",), ZOO_PRESET).write(folder / "network.json")
    with pytest.raises(ValueError, match="not the demo network"):
        load_demo(folder)


@pytest.mark.parametrize("name", ["yolo3_darknet53_coco", "mask_rcnn_of_nobody", ""])
def test_only_mask_rcnns_of_the_zoo_are_built(name: str) -> None:
    with pytest.raises(ValueError, match="model zoo"):
        build_zoo_network(name)


def test_training_starts_from_darknets_weights(tmp_path: Path) -> None:
    file = darknet_file(tmp_path / "tiny.weights")
    network = build_demo_network(["a"])
    network.initialize()
    network(mx.nd.zeros((1, 3, 64, 64)))
    darknet.start_from_coco(network, file)
    parameters = network.features.collect_params()
    for name, values in darknet.read_backbone(file).items():
        assert np.array_equal(parameters[name].data().asnumpy(), values)


def test_a_folder_may_be_copied_anywhere(folder: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    assert json.loads((moved / "network.json").read_text(encoding="utf-8"))["network"] == DEMO
    assert load(moved).classes == ("a", "b")
