"""``invoke lint``, ``invoke test`` and ``invoke bench``: the same commands for a person and for CI."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from delivery.console import Reporter
from delivery.errors import DeliveryError
from delivery.project import Project
from delivery.terraform_binary import find_terraform, usable_environment

CODE = ("python", "tests", "tasks.py")
TYPED = ("python",)


def lint() -> None:
    """ruff (rules and format), mypy, terraform fmt; all of them, even when one finds something.

    Raises:
        DeliveryError: one of them found something.
    """
    project, reporter = Project.here(), Reporter()
    code = [name for name in CODE if (project.root / name).exists()]
    commands: dict[str, list[str]] = {
        "ruff": [sys.executable, "-m", "ruff", "check", *code],
        "format": [sys.executable, "-m", "ruff", "format", "--check", *code],
        "mypy": [sys.executable, "-m", "mypy", *TYPED],
        "terraform": [*find_terraform().command, "fmt", "-check", "-recursive", "-diff", "terraform"],
    }
    failed = []
    for name, words in commands.items():
        try:
            with reporter.step(name):
                _run(words, project.root)
        except DeliveryError:
            failed.append(name)
    if failed:
        raise DeliveryError(
            f"Lint found something: {', '.join(failed)}.",
            next_step="`ruff check --fix`, `ruff format`, `terraform fmt -recursive` mend what can be mended",
        )


def run_tests(arguments: str = "") -> int:
    """pytest, from the repository's root; answers its exit status. Its summary is the last line it prints.

    Args:
        arguments: what a person wrote after ``--``.
    """
    words = [sys.executable, "-m", "pytest", *shlex.split(arguments)]
    return subprocess.run(words, cwd=Project.here().root, check=False).returncode


def run_benchmarks(arguments: str = "") -> None:
    """Every benchmark of tests/benchmarks.

    Raises:
        DeliveryError: there is none, or one failed.
    """
    project = Project.here()
    folder = project.root / "tests" / "benchmarks"
    if not (folder / "__main__.py").is_file():
        raise DeliveryError(
            "There are no benchmarks.", cause=f"{project.show(folder)}/__main__.py is not there"
        )
    _run([sys.executable, str(folder), *shlex.split(arguments)], project.root)


def _run(words: Sequence[str], folder: Path) -> None:
    status = subprocess.run(words, cwd=folder, env=usable_environment(os.environ), check=False).returncode
    if status:
        raise DeliveryError(f"{' '.join(words[:4])} … ended with status {status}.")
