"""The command line: `invoke --list` and `--help` as a newcomer meets them, and errors that are sentences."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.loader import FilesystemLoader

from delivery import task_support
from delivery.errors import DeliveryError
from delivery.task_support import command, confirmation

REPOSITORY = Path(__file__).resolve().parents[3]
WANTED = {
    "doctor", "deploy", "plan", "apply", "destroy", "foundation", "package", "release", "smoke", "predict",
    "demo", "test", "lint", "bench",
    "models.list", "models.train", "models.evaluate",
    "images.build", "images.list", "images.inspect",
    "local.up", "local.down", "local.restart", "local.status", "local.logs",
}  # fmt: skip


@pytest.fixture(scope="module")
def namespace() -> Collection:
    """The tasks as Invoke finds them from the repository's root."""
    module, _ = FilesystemLoader(start=str(REPOSITORY)).load("tasks")
    found: Collection = module.namespace
    return found


def test_every_task_is_there(namespace: Collection) -> None:
    assert set(namespace.task_names) == WANTED


def test_every_task_says_what_it_does_and_every_flag_what_it_is(namespace: Collection) -> None:
    for name in namespace.task_names:
        task = namespace[name]
        assert (task.__doc__ or "").strip(), f"{name} says nothing"
        for argument in task.get_arguments():
            assert argument.help, f"{name} --{argument.name} has no help"


def test_the_list_is_printed_from_the_root_of_the_repository() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "--list"], cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"^  ([a-z][a-z.]*)", done.stdout, re.MULTILINE)) == WANTED


def test_a_dry_run_changes_nothing_and_says_what_it_would(tmp_path: Path) -> None:
    environment = {**os.environ, "SERVING_LOCAL_DIR": str(tmp_path / "state")}
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "--dry", "deploy", "--env", "local"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("--dry: would package models")
    assert not (tmp_path / "state").exists()


def test_an_unknown_environment_ends_in_a_sentence_and_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "deploy", "--env", "nope"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "There is no environment 'nope'." in done.stderr
    assert "Next: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("task", ["package", "release", "deploy"])
def test_sources_are_given_in_one_way_to_every_task_that_packages(task: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "invoke",
            task,
            "--source",
            "sentiment=hub",
            "--source",
            "similarity=hub@main",
        ],
        cwd=REPOSITORY,
        env={**os.environ, "SERVING_LOCAL_DIR": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "--source 'similarity=hub@main' is not understood." in done.stderr
    assert not (tmp_path / "state").exists()


def test_a_shell_that_points_at_the_local_cloud_deploys_nothing_to_aws(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "deploy", "--env", "dev", "--yes"],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "SERVING_LOCAL_DIR": str(tmp_path / "state"),
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Next: unset AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY" in done.stderr


def context(*, dry: bool = False) -> Context:
    return Context(Config(overrides={"run": {"dry": dry}}))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            DeliveryError("It broke.", cause="a\nb", next_step="mend it"),
            "\nIt broke.\n  a\n  b\nNext: mend it",
        ),
        (
            ValueError("odd"),
            "\nSomething unexpected went wrong.\n  ValueError: odd\nNext: `invoke --debug …` shows where",
        ),
    ],
)
def test_errors_become_exits_with_cause_and_next_step(error: Exception, expected: str) -> None:
    @command()
    def broken(_: Context) -> None:
        raise error

    with pytest.raises(Exit) as caught:
        broken(context())
    assert (str(caught.value), caught.value.code) == (expected, 1)


def test_an_interrupt_is_no_crash() -> None:
    @command()
    def interrupted(_: Context) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Exit) as caught:
        interrupted(context())
    assert caught.value.code == 130


def test_with_debug_the_traceback_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_support, "debugging", lambda: True)

    @command()
    def broken(_: Context) -> None:
        raise DeliveryError("It broke.")

    with pytest.raises(DeliveryError):
        broken(context())


def test_a_dry_task_that_only_reads_runs() -> None:
    ran = []

    @command()
    def reads(_: Context) -> None:
        ran.append(True)

    @command(changes="change something")
    def changes(_: Context) -> None:
        ran.append(False)

    reads(context(dry=True))
    changes(context(dry=True))
    assert ran == [True]


@pytest.mark.parametrize(("typed", "wanted"), [("yes", True), (" YES ", True), ("y", False), ("", False)])
def test_only_a_whole_yes_is_a_yes(typed: str, wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _: typed)
    assert confirmation(yes=False)("1 to create") is wanted


def test_without_a_terminal_the_answer_is_no_unless_yes_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: str) -> Iterator[str]:
        raise EOFError

    monkeypatch.setattr("builtins.input", closed)
    assert confirmation(yes=False)("1 to create") is False
    assert confirmation(yes=True)("1 to create") is True
