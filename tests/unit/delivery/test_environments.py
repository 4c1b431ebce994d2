"""Environments by name, and how AWS is reached for them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from delivery.environments import Environment, find_environment, known_environments
from delivery.errors import DeliveryError
from delivery.project import Project

CLOUD = {
    "url": "http://127.0.0.1:4999",
    "pid": 7,
    "port": 4999,
    "started_at": "2026-01-01T00:00:00",
    "account": "123456789012",
    "region": "ap-northeast-2",
}


@pytest.fixture
def local(project: Project) -> Environment:
    project.cloud_dir.mkdir(parents=True)
    project.cloud_file.write_text(json.dumps(CLOUD))
    return add_environment(project, "local")


def add_environment(project: Project, name: str, **files: str) -> Environment:
    root = project.terraform_dir / "envs" / name
    root.mkdir(parents=True)
    (root / "main.tf").write_text(files.pop("main", "# nothing"))
    for file, text in files.items():
        (root / file.replace("_", ".", 1)).write_text(text)
    return Environment(name, project)


def test_environments_are_the_folders_with_a_root_module(project: Project) -> None:
    add_environment(project, "dev")
    (project.terraform_dir / "envs" / "notes").mkdir()
    assert known_environments(project) == ["dev"]
    assert find_environment(project, "dev").name == "dev"
    with pytest.raises(DeliveryError, match="no environment 'pord'") as caught:
        find_environment(project, "pord")
    assert "dev" in (caught.value.cause or "")


def test_the_local_cloud_never_sees_real_credentials(
    local: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://somewhere")
    variables = local.aws_variables()
    assert variables["AWS_ENDPOINT_URL"] == CLOUD["url"]
    assert variables["AWS_ACCESS_KEY_ID"] == "local"
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        assert variables[name] is None
    assert variables["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_a_profile_that_does_not_exist_does_not_matter_locally(
    local: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    assert local.client("s3").meta.endpoint_url == CLOUD["url"]


def test_without_a_local_cloud_the_error_says_how_to_start_it(project: Project) -> None:
    with pytest.raises(DeliveryError, match="not running") as caught:
        add_environment(project, "local").local_cloud()
    assert "local.up" in (caught.value.next_step or "")


def test_a_broken_cloud_file_is_named(local: Environment) -> None:
    local.project.cloud_file.write_text("{")
    with pytest.raises(DeliveryError, match=r"cloud\.json cannot be read"):
        local.local_cloud()


def test_the_region_is_the_one_that_terraform_takes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "TF_VAR_region"):
        monkeypatch.delenv(name, raising=False)
    dev = add_environment(
        project,
        "dev",
        variables_tf='variable "region" {\n  type    = string\n  default = "eu-west-1"\n}\n',
    )
    assert dev.region == "eu-west-1"
    monkeypatch.setenv("TF_VAR_region", "eu-west-2")
    assert dev.region == "eu-west-2"
    (dev.root / "terraform.tfvars").write_text('region = "us-east-1"\n')
    assert dev.region == "us-east-1"
    other = add_environment(project, "prod")
    monkeypatch.delenv("TF_VAR_region")
    with pytest.raises(DeliveryError, match="region of environment 'prod' is not known"):
        _ = other.region


def test_a_state_bucket_must_have_been_written(project: Project) -> None:
    commented = 'terraform {\n  backend "s3" {\n    # bucket = "x"\n    key = "k"\n  }\n}\n'
    dev = add_environment(project, "dev", main=commented)
    with pytest.raises(DeliveryError, match="has no bucket yet"):
        dev.check_backend()
    (dev.root / "main.tf").write_text(commented.replace("# bucket", "bucket"))
    dev.check_backend()


def test_local_state_can_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVING_LOCAL_DIR", str(tmp_path / "state"))
    assert Project.here().local_dir == tmp_path / "state"
    monkeypatch.delenv("SERVING_LOCAL_DIR")
    assert Project.here().local_dir.name == ".local"
