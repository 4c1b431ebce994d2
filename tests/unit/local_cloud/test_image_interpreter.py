"""Which Python an image's environment is made with, on machines that have another, or none that will do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from local_cloud.image_store import ImageBuildFailed
from local_cloud.image_store import interpreter as module
from local_cloud.image_store.interpreter import VersionRange, find_interpreter

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


def silent(_: str) -> None:
    return None


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without uv and with one folder of commands, which is returned."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "uv_command", lambda: None)
    return tmp_path


def command(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("wanted", ["", ">=3.11", f">={RUNNING},<4.0"])
def test_the_running_python_is_taken_where_it_will_do(machine: Path, wanted: str) -> None:
    found = find_interpreter(wanted, silent)
    assert (found.path, found.tag) == (Path(sys.executable), RUNNING)


def test_another_python_is_found_on_the_path(machine: Path) -> None:
    command(machine, "python3.7", "echo 3 7 /opt/python3.7/bin/python3.7")
    found = find_interpreter(">=3.7,<3.8", silent)
    assert (found.path, found.tag) == (Path("/opt/python3.7/bin/python3.7"), "3.7")


@pytest.mark.parametrize(
    "script", ["echo no such version is installed >&2; exit 127", "echo 3 8 /python", "echo"]
)
def test_a_command_that_is_not_the_python_it_is_called_is_passed_over(machine: Path, script: str) -> None:
    command(machine, "python3.7", script)
    with pytest.raises(ImageBuildFailed, match=r"needs Python >=3.7,<3.8"):
        find_interpreter(">=3.7,<3.8", silent)


def test_where_there_is_none_the_error_says_what_to_install(machine: Path) -> None:
    with pytest.raises(ImageBuildFailed) as caught:
        find_interpreter(">=3.7,<3.8", silent)
    message = str(caught.value)
    assert f"the running one is {RUNNING}" in message
    assert "uv is not installed" in message
    assert "Next: install it so that `python3.7` is on PATH" in message


def test_uv_is_asked_to_fetch_one_and_its_reason_is_shown(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(
        machine, "uv", 'if [ "$2" = install ]; then echo "error: x cause: no route to it" >&2; fi; exit 2'
    )
    monkeypatch.setattr(module, "uv_command", lambda: [str(machine / "uv")])
    said: list[str] = []
    with pytest.raises(ImageBuildFailed, match=r"uv fetched none \(no route to it\)"):
        find_interpreter(">=3.7,<3.8", said.append)
    assert said == ["fetching a Python >=3.7,<3.8, which this machine does not have"]


def test_what_uv_fetched_is_used(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = machine / "fetched"
    command(machine, "real", f"echo 3 7 {python}")
    fetch, find = f"/bin/cp {machine}/real {python}", f"[ -e {python} ] && echo {python}"
    command(machine, "uv", f'case "$2" in install) {fetch};; find) {find};; esac')
    monkeypatch.setattr(module, "uv_command", lambda: [str(machine / "uv")])
    found = find_interpreter(">=3.7,<3.8", silent)
    assert (found.path, found.tag) == (python, "3.7")


@pytest.mark.parametrize("text", ["3.11", "~=3.11", ">=3", "python3"])
def test_a_range_that_is_not_understood_is_refused_with_one_that_is(text: str) -> None:
    with pytest.raises(ImageBuildFailed, match="Next: write python ="):
        VersionRange.parse(text)
