"""What the doctor finds."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest

from delivery import doctor
from delivery.environments import Environment
from delivery.errors import DeliveryError
from delivery.project import Project


@pytest.fixture
def local(project: Project) -> Environment:
    root = project.terraform_dir / "envs" / "local"
    root.mkdir(parents=True)
    (root / "main.tf").touch()
    return Environment("local", project)


def test_every_subject_of_the_local_environment_is_looked_at(local: Environment) -> None:
    subjects = [finding.subject for finding in doctor.examine(local)]
    assert subjects[0] == "Python"
    assert {"uv", "Terraform", "AWS provider", "disk", "weights", "images", "port", "local cloud"} < set(
        subjects
    ) | {"Terraform"}


def test_a_check_that_breaks_is_a_finding(local: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise DeliveryError("Terraform was not found.", cause="nowhere", next_step="install it")

    monkeypatch.setattr(doctor, "find_terraform", broken)
    (finding,) = [found for found in doctor.examine(local) if found.subject == "terraform"]
    assert not finding.good
    assert (finding.found, finding.advice) == ("Terraform was not found. (nowhere)", "install it")


def test_missing_weights_are_named_with_the_task_that_makes_them(local: Environment) -> None:
    assert doctor.weights(local).good
    (local.project.model_code_dir / "mood" / "weights" / "model.bin").unlink()
    finding = doctor.weights(local)
    assert not finding.good
    assert "python/model_code/mood/weights/model.bin" in finding.found
    assert finding.advice == "`invoke models.train mood`"


def test_weights_that_a_deployment_fetches_are_not_missing(local: Environment) -> None:
    folder = local.project.model_code_dir / "mood"
    (folder / "weights" / "model.bin").unlink()
    text = (folder / "model.toml").read_text(encoding="utf-8")
    text = text.replace('source = "repository"\nfiles = ["weights/model.bin"]', 'source = "hub"')
    (folder / "model.toml").write_text(text, encoding="utf-8")
    finding = doctor.weights(local)
    assert finding.good
    assert "fetch, once: mood from hub" in finding.found


def test_a_port_that_another_program_holds_is_told(
    local: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("SERVING_LOCAL_PORT", str(taken.getsockname()[1]))
        finding = doctor.port(local)
        assert not finding.good
        assert "SERVING_LOCAL_PORT" in finding.advice
    assert doctor.port(local).good


def test_a_local_cloud_whose_process_is_gone_is_told(local: Environment) -> None:
    assert "not running" in doctor.local_cloud(local).found
    local.project.cloud_dir.mkdir(parents=True)
    local.project.cloud_file.write_text(
        json.dumps(
            {
                "url": "http://127.0.0.1:1",
                "pid": 1,
                "port": 1,
                "started_at": "x",
                "account": "1",
                "region": "r",
            }
        )
    )
    finding = doctor.local_cloud(local)
    assert finding.good
    assert "its process is gone" in finding.found


def test_a_lock_file_is_needed(local: Environment) -> None:
    assert not doctor.provider(local).good
    Path(local.root / ".terraform.lock.hcl").write_text(
        'provider "registry.terraform.io/a/b" {\n version = "1.0.0"\n}'
    )
    assert doctor.provider(local).found.startswith("a/b 1.0.0")


def test_a_shell_that_points_at_this_machine_is_told_before_aws_is_asked(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4570")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone's")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "someone's")
    last = list(doctor.examine(Environment("dev", project)))[-1]
    assert (last.subject, last.good, last.advice) == ("endpoints", False, "unset AWS_ENDPOINT_URL")
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:4570" in last.found


IMAGE = """
name = "vision"
python = "{python}"
sources = ["vision_code"]
command = ["python", "-m", "vision"]
[system_libraries]
"{library}" = "lib-of-the-test"
"""


@pytest.mark.parametrize(
    ("python", "library", "good", "told"),
    [
        (">=3.11", "libc.so.6", True, "all they need is here"),
        (">=3.11", "libnowhere.so.7", False, "vision needs libnowhere.so.7"),
        (">=3.29", "libc.so.6", True, "vision needs Python >=3.29: none is here"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="shared libraries are looked for on Linux")
def test_what_an_image_needs_of_the_machine_is_looked_for(
    local: Environment, python: str, library: str, good: bool, told: str
) -> None:
    folder = local.project.model_code_dir / "images" / "vision"
    (local.project.model_code_dir / "vision_code").mkdir()
    folder.mkdir(parents=True)
    (folder / "image.toml").write_text(IMAGE.format(python=python, library=library), encoding="utf-8")
    finding = doctor.image_needs(local)
    assert (finding.subject, finding.good) == ("images", good)
    assert told in finding.found
    assert good or "apt install lib-of-the-test" in finding.advice
