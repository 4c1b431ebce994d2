"""Networks of gluoncv's model zoo, from a stand-in of its server and from S3's files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from gluoncv.model_zoo import model_store

from instance_segmentation import sources
from instance_segmentation.network import build_zoo_network
from instance_segmentation.segmenter import load

NAME = "mask_rcnn_fpn_resnet18_v1b_coco"
IMAGE = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
SIZES = ["--short", "64", "--max-side", "96"]


def save_random(path: Path, classes: list[str] | None = None) -> Path:
    """Parameters as the zoo publishes them, but random."""
    network = build_zoo_network(NAME)
    network.initialize()
    if classes:
        network.reset_class(classes)
    network(mx.nd.zeros((1, 3, 64, 64)))
    path.parent.mkdir(parents=True, exist_ok=True)
    network.save_parameters(str(path))
    return path


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(tmp_path_factory.mktemp("published") / "random.params")


@pytest.fixture
def zoo_server(published: Path, publish_in_zoo: Callable[[str, Path], Path]) -> Path:
    """Serves the parameters under the name and checksum that gluoncv knows; the folder it serves."""
    return publish_in_zoo(NAME, published)


def test_a_network_of_the_zoo_is_downloaded_checked_and_ready_to_serve(
    zoo_server: Path, tmp_path: Path
) -> None:
    output = tmp_path / "weights"
    options = ["--id", NAME, "--output", str(output), "--cache", str(tmp_path / "cache"), *SIZES]
    assert sources.main(["zoo", *options]) == 0
    segmenter = load(output)
    assert len(segmenter.classes) == 80
    assert segmenter.classes[0] == "person"
    assert segmenter.preset.mean == (0.485, 0.456, 0.406)
    assert segmenter.segment(IMAGE).masks.shape[1:] == (14, 14)


def test_a_download_with_another_checksum_is_refused(
    zoo_server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = model_store._model_sha1[NAME]
    monkeypatch.setitem(model_store._model_sha1, NAME, digest[:8] + "0" * 32)
    with pytest.raises(SystemExit, match=r"could not be fetched from gluoncv's model zoo: .*different hash"):
        sources.zoo(["--id", NAME, "--output", str(tmp_path / "weights"), "--cache", str(tmp_path / "cache")])
    assert not (tmp_path / "weights").exists()


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="model zoo has no 'mask_rcnn_of_nobody'"):
        sources.zoo(["--id", "mask_rcnn_of_nobody", "--output", str(tmp_path)])


def test_parameters_of_the_zoo_load_from_a_folder_again_and_again(published: Path, tmp_path: Path) -> None:
    described = sources.describe(NAME, sources.preset_of(64, 96))
    (tmp_path / "network.params").write_bytes(published.read_bytes())
    described.write(tmp_path / "network.json")
    first, second = (load(tmp_path).segment(IMAGE) for _ in range(2))
    assert np.array_equal(first.masks, second.masks)


def test_a_network_of_the_zoo_may_have_classes_of_its_own(tmp_path: Path) -> None:
    save_random(tmp_path / "network.params", ["cat", "dog"])
    sources.describe(NAME, sources.preset_of(64, 96), ["cat", "dog"]).write(tmp_path / "network.json")
    segmenter = load(tmp_path)
    assert segmenter.classes == ("cat", "dog")
    assert set(segmenter.segment(IMAGE).ids) <= {0, 1}


def test_what_is_no_file_of_parameters_is_refused(tmp_path: Path) -> None:
    sources.describe(NAME, sources.preset_of(64, 96)).write(tmp_path / "network.json")
    (tmp_path / "network.params").write_bytes(b"\x80\x04 a pickle, for instance")
    with pytest.raises(sources.MakingError, match="is no file of MXNet parameters"):
        sources.check(tmp_path)


def test_without_a_source_the_usage_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert sources.main([]) == 2
    assert "sources zoo --id" in capsys.readouterr().err
