"""A network of one's own out of S3: taken as it is, tried, and refused where it is not the pinned one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from red_finder import write_red_finder

from object_detection import sources
from object_detection.detector import Detector

BUCKET = "networks-of-ours"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Holds a network under ``red/``."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        made = boto3.resource("s3").Bucket(BUCKET)
        made.create()
        for path in write_red_finder(tmp_path / "made").iterdir():
            made.put_object(Key=f"red/{path.name}", Body=path.read_bytes())
        yield made


def arguments(tmp_path: Path, *more: str) -> list[str]:
    return ["s3", "--id", f"s3://{BUCKET}/red/", "--output", str(tmp_path / "weights"), *more]


def test_a_network_comes_with_its_description_and_can_serve(
    bucket: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sources.main(arguments(tmp_path)) == 0
    assert Detector(tmp_path / "weights").description.classes == ("red", "blue")
    digest = hashlib.sha256((tmp_path / "weights/network.onnx").read_bytes()).hexdigest()
    assert f"is not pinned; this would: sha256 = '{digest}'" in capsys.readouterr().err
    assert sources.main(arguments(tmp_path, "--sha256", digest.upper())) == 0
    assert "not pinned" not in capsys.readouterr().err


def test_another_file_than_the_pinned_one_is_refused(bucket: Any, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"has SHA-256 .*Someone replaced it"):
        sources.main(arguments(tmp_path, "--sha256", "0" * 64))
    assert not (tmp_path / "weights").exists()


def test_a_network_without_its_description_is_refused(bucket: Any, tmp_path: Path) -> None:
    bucket.Object("red/network.json").delete()
    with pytest.raises(SystemExit, match=r"holds no network\.json"):
        sources.main(arguments(tmp_path))


@pytest.mark.parametrize(
    ("name", "body"),
    [("network.onnx", b"no graph"), ("network.json", b"{}")],
)
def test_a_network_that_cannot_serve_is_refused(bucket: Any, tmp_path: Path, name: str, body: bytes) -> None:
    bucket.put_object(Key=f"red/{name}", Body=body)
    with pytest.raises(SystemExit, match="The fetched weights cannot be used"):
        sources.main(arguments(tmp_path))


def test_without_a_source_the_usage_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert sources.main([]) == 2
    assert "sources zoo --id" in capsys.readouterr().err
