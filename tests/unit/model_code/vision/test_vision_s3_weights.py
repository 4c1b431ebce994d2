"""Weights out of S3: which files are taken, and what is refused."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from korean_text.commands import MakingError
from vision.s3_weights import fetch

BUCKET = "weights-of-ours"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        made = boto3.resource("s3").Bucket(BUCKET)
        made.create()
        yield made


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as target:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            target.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_a_folder_gives_its_parameters_and_description(bucket: Any, tmp_path: Path) -> None:
    bucket.put_object(Key="masks/v1/network.params", Body=b"numbers")
    bucket.put_object(Key="masks/v1/network.json", Body=b"{}")
    bucket.put_object(Key="masks/v1/train.log", Body=b"other")
    parameters, description = fetch(f"s3://{BUCKET}/masks/v1/", tmp_path)
    assert parameters.read_bytes() == b"numbers"
    assert description is not None
    assert description.read_bytes() == b"{}"
    assert {path.name for path in tmp_path.iterdir()} == {"network.params", "network.json"}


def test_a_model_archive_gives_the_same(bucket: Any, tmp_path: Path) -> None:
    content = archive(
        **{"weights/network.params": b"numbers", "weights/network.json": b"{}", "code/handler.py": b""}
    )
    bucket.put_object(Key="model.tar.gz", Body=content)
    parameters, description = fetch(f"s3://{BUCKET}/model.tar.gz", tmp_path)
    assert parameters.read_bytes() == b"numbers"
    assert description is not None


def test_parameters_alone_are_enough(bucket: Any, tmp_path: Path) -> None:
    bucket.put_object(Key="masks/best.params", Body=b"numbers")
    parameters, description = fetch(f"s3://{BUCKET}/masks/", tmp_path)
    assert parameters.name == "best.params"
    assert description is None


def test_a_file_of_another_kind_can_be_asked_for(bucket: Any, tmp_path: Path) -> None:
    bucket.put_object(Key="m/network.onnx", Body=b"a graph")
    bucket.put_object(Key="m/network.params", Body=b"numbers")
    network, _ = fetch(f"s3://{BUCKET}/m/", tmp_path, ".onnx")
    assert network.read_bytes() == b"a graph"
    with pytest.raises(MakingError, match=r"holds 0 files that end in \.pb"):
        fetch(f"s3://{BUCKET}/m/", tmp_path, ".pb")


def test_a_member_of_an_archive_cannot_choose_where_it_is_written(bucket: Any, tmp_path: Path) -> None:
    bucket.put_object(Key="model.tar.gz", Body=archive(**{"../../escaped.params": b"numbers"}))
    folder = tmp_path / "deep" / "below"
    folder.mkdir(parents=True)
    parameters, _ = fetch(f"s3://{BUCKET}/model.tar.gz", folder)
    assert parameters == folder / "escaped.params"
    assert not list(tmp_path.glob("*.params"))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ((), "holds 0 files that end in .params"),
        (("m/a.params", "m/b.params"), "holds 2 files that end in .params"),
        (("m/weights.pkl",), "holds 0 files"),
    ],
)
def test_a_folder_of_none_or_several_models_is_refused(
    bucket: Any, tmp_path: Path, keys: tuple[str, ...], said: str
) -> None:
    for key in keys:
        bucket.put_object(Key=key, Body=b"numbers")
    with pytest.raises(MakingError, match=said):
        fetch(f"s3://{BUCKET}/m/", tmp_path)


def test_a_broken_archive_is_named(bucket: Any, tmp_path: Path) -> None:
    bucket.put_object(Key="model.tar.gz", Body=b"no archive at all")
    with pytest.raises(MakingError, match="is no readable archive"):
        fetch(f"s3://{BUCKET}/model.tar.gz", tmp_path)


def test_what_is_not_there_is_said_with_what_to_check(bucket: Any, tmp_path: Path) -> None:
    with pytest.raises(MakingError, match=r"could not be read: .*Check the address"):
        fetch(f"s3://{BUCKET}/missing.tar.gz", tmp_path)
    with pytest.raises(MakingError, match="could not be read"):
        fetch("s3://nobodys-bucket-of-this-name/m/", tmp_path)


@pytest.mark.parametrize("url", ["", "weights", "https://example.com/model.tar.gz", "s3://"])
def test_other_addresses_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(MakingError, match="is no address in S3"):
        fetch(url, tmp_path)
