"""The release file: stable, and strict about digests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from delivery.errors import DeliveryError
from delivery.release import Release, ReleasedModel, describe_changes, read_release, write_release

URI = f"123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx@sha256:{'a' * 64}"
MODEL = ReleasedModel("sentiment", "nlp_onnx", "s3://bucket/models/sentiment/00/model.tar.gz")


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "release.auto.tfvars.json"
    release = Release({"nlp_onnx": URI}, {"sentiment": MODEL})
    assert write_release(path, release)
    assert read_release(path) == release


def test_the_order_of_models_does_not_matter(tmp_path: Path) -> None:
    one = Release({"nlp_onnx": URI}, {"a": MODEL, "b": MODEL})
    other = Release({"nlp_onnx": URI}, {"b": MODEL, "a": MODEL})
    assert one.dump() == other.dump()


def test_an_equal_release_leaves_the_file_untouched(tmp_path: Path) -> None:
    path = tmp_path / "release.auto.tfvars.json"
    release = Release({"nlp_onnx": URI}, {"sentiment": MODEL})
    write_release(path, release)
    stamp = path.stat().st_mtime_ns
    assert not write_release(path, release)
    assert path.stat().st_mtime_ns == stamp


def test_a_tag_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="not given by digest"):
        write_release(tmp_path / "release.json", Release({"nlp_onnx": "registry/image:latest"}))


def test_a_model_whose_image_is_not_released_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="wants the image 'nlp_onnx'"):
        write_release(tmp_path / "release.json", Release({}, {"sentiment": MODEL}))


def test_a_model_that_only_a_function_serves_has_neither_image_nor_archive(tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    model = ReleasedModel("detection", function_image="lambda_detection")
    with pytest.raises(DeliveryError, match="wants the image 'lambda_detection'"):
        write_release(path, Release({}, {"object_detection": model}))
    release = Release({"lambda_detection": URI}, {"object_detection": model})
    write_release(path, release)
    assert json.loads(path.read_text())["release"]["models"] == {
        "object_detection": {"task": "detection", "function_image": "lambda_detection"}
    }
    assert read_release(path) == release


def test_no_file_is_no_release_and_a_broken_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    assert read_release(path) is None
    path.write_text('{"release": {"images": []}}')
    with pytest.raises(DeliveryError, match="not a release file"):
        read_release(path)


def test_changes_are_told_in_a_line_each() -> None:
    before = Release({"nlp_onnx": URI}, {"old": MODEL})
    after = Release({"nlp_onnx": URI}, {"sentiment": MODEL})
    assert describe_changes(before, after) == [
        "model sentiment: s3://bucket/models/sentiment/00/model.tar.gz",
        "model old: no longer released",
    ]
