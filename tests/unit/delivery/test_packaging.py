"""Model archives: equal input, equal bytes; different input, different key."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from delivery.errors import DeliveryError
from delivery.model_folder import find_model
from delivery.packaging import archive_key, build_archive, content_digest, is_uploaded, upload
from delivery.project import Project


def test_the_same_input_gives_the_same_bytes_whatever_its_times_and_modes(
    project: Project, tmp_path: Path
) -> None:
    first = build_archive(find_model(project, "mood"), tmp_path / "a")
    for path in project.model_code_dir.rglob("*"):
        os.utime(path, (1, 1))
    (project.model_code_dir / "mood" / "handler.py").chmod(0o700)
    second = build_archive(find_model(project, "mood"), tmp_path / "b")
    assert first.digest == second.digest
    assert first.path.read_bytes() == second.path.read_bytes()


def test_a_changed_weight_changes_the_key(project: Project) -> None:
    before = content_digest(find_model(project, "mood"))
    weight = project.model_code_dir / "mood" / "weights" / "model.bin"
    weight.write_bytes(weight.read_bytes() + b"!")
    assert content_digest(find_model(project, "mood")) != before


def test_the_archive_is_laid_out_as_the_server_expects_and_tells_nothing_of_the_machine(
    project: Project, tmp_path: Path
) -> None:
    archive = build_archive(find_model(project, "mood"), tmp_path)
    with tarfile.open(archive.path) as tar:
        entries = tar.getmembers()
    assert [entry.name for entry in entries] == [
        "code/handler.py",
        "code/shared_text/__init__.py",
        "code/shared_text/clean.py",
        "model.toml",
        "weights/model.bin",
    ]
    assert {(entry.mtime, entry.uid, entry.gid, entry.uname, entry.mode) for entry in entries} == {
        (0, 0, 0, "", 0o644)
    }
    assert archive.key == archive_key("mood", archive.digest) == f"models/mood/{archive.digest}/model.tar.gz"


def test_an_archive_that_is_there_is_not_made_again_and_older_ones_go(
    project: Project, tmp_path: Path
) -> None:
    first = build_archive(find_model(project, "mood"), tmp_path)
    stamp = first.path.stat().st_mtime_ns
    assert build_archive(find_model(project, "mood"), tmp_path).path.stat().st_mtime_ns == stamp
    (project.model_code_dir / "mood" / "handler.py").write_text("changed = True\n")
    second = build_archive(find_model(project, "mood"), tmp_path)
    assert list(tmp_path.glob("mood-*.tar.gz")) == [second.path]


def test_missing_weights_are_named_with_what_to_do(project: Project) -> None:
    (project.model_code_dir / "mood" / "weights" / "model.bin").unlink()
    with pytest.raises(DeliveryError, match=r"weights of model 'mood'") as caught:
        content_digest(find_model(project, "mood"))
    assert "model.bin" in str(caught.value)


@mock_aws
def test_an_archive_is_found_under_its_key_once_it_was_uploaded(project: Project, tmp_path: Path) -> None:
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    s3.create_bucket(Bucket="artifacts")
    archive = build_archive(find_model(project, "mood"), tmp_path)
    assert not is_uploaded(s3, "artifacts", archive.key)
    assert upload(s3, "artifacts", archive) == f"s3://artifacts/{archive.key}"
    assert is_uploaded(s3, "artifacts", archive.key)
