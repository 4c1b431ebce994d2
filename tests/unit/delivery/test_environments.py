"""Environments by name, and how AWS is reached for them."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from delivery import steps
from delivery.console import Reporter
from delivery.environments import Environment, find_environment, known_environments, loopback_endpoints
from delivery.errors import DeliveryError
from delivery.project import Project
from delivery.steps import Job
from delivery.terraform_binary import TerraformBinary

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


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4570"),
        ("AWS_ENDPOINT_URL", "http://LOCALHOST:4570/"),
        ("AWS_ENDPOINT_URL", "localhost:4570"),
        ("AWS_ENDPOINT_URL", "http://[::1]:4570"),
        ("AWS_ENDPOINT_URL", "http://0.0.0.0:4570"),
        ("AWS_ENDPOINT_URL_S3", "http://s3.localhost:4570"),
        ("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://127.1.2.3"),
    ],
)
def test_an_environment_in_aws_is_refused_while_the_shell_points_at_this_machine(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str, url: str
) -> None:
    dev = add_environment(project, "dev", variables_tf='variable "region" {\n  default = "eu-west-1"\n}\n')
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    monkeypatch.setenv(name, url)
    for use in (dev.aws_variables, lambda: dev.client("sts"), dev.check_endpoint_urls):
        with pytest.raises(DeliveryError, match="'dev' is in AWS") as caught:
            use()
        assert caught.value.next_step == f"unset {name} AWS_ACCESS_KEY_ID"
        assert url in (caught.value.cause or "")


def test_terraform_is_never_made_for_aws_while_the_shell_points_at_this_machine(
    project: Project, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev = add_environment(project, "dev", variables_tf='variable "region" {\n  default = "eu-west-1"\n}\n')
    job = Job(dev, TerraformBinary(("false",), "nowhere"), reporter)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4570")
    with pytest.raises(DeliveryError, match="sends AWS calls to this machine"):
        steps.environment_terraform(job)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert "AWS_ENDPOINT_URL" not in steps.environment_terraform(job).environment()


def test_endpoints_elsewhere_and_the_local_environment_are_left_alone(
    local: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev = add_environment(local.project, "dev")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com")
    assert dev.aws_variables()["AWS_REGION"] == "eu-west-1"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4570")
    assert local.aws_variables()["AWS_ENDPOINT_URL"] == CLOUD["url"]
    assert loopback_endpoints({"AWS_ENDPOINT_URL": "http://[", "HTTP_PROXY": "http://localhost"}) == {}


def test_the_local_release_is_state_of_this_machine_and_others_are_part_of_the_checkout(
    project: Project,
) -> None:
    assert Environment("local", project).release_file.parent == project.terraform_state_dir / "local"
    dev = Environment("dev", project)
    assert dev.release_file == dev.root / "release.auto.tfvars.json"


def test_a_release_that_was_left_in_the_local_root_is_removed_with_a_message(
    local: Environment, reporter: Reporter, printed: io.StringIO
) -> None:
    leftover = local.root / "release.auto.tfvars.json"
    leftover.write_text("{}")
    steps.environment_terraform(Job(local, TerraformBinary(("false",), "nowhere"), reporter))
    assert not leftover.exists()
    assert "terraform/envs/local/release.auto.tfvars.json removed" in printed.getvalue()
