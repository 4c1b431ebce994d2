"""What the package promises as a package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import serving_contracts
from serving_contracts import MEDIA_TASKS, TASKS, InvalidInput, limits
from serving_contracts.task_types import TASK_NAMES, load_task

PACKAGE = Path(serving_contracts.__file__).parent


def test_every_exported_name_exists_and_is_sorted() -> None:
    assert all(hasattr(serving_contracts, name) for name in serving_contracts.__all__)
    assert len(set(serving_contracts.__all__)) == len(serving_contracts.__all__)


def test_a_name_that_is_not_exported_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        serving_contracts.no_such_name  # noqa: B018


def test_a_task_loaded_by_its_name_is_the_registrys() -> None:
    assert {name: load_task(name) for name in TASK_NAMES} == {**TASKS, **MEDIA_TASKS}
    with pytest.raises(InvalidInput, match="no task 'translation'"):
        load_task("translation")


def test_who_loads_one_task_imports_no_other() -> None:
    script = (
        "import sys; from serving_contracts.task_types import load_task; load_task('sentiment');"
        "from serving_contracts import InvalidInput, Sentiment; print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.split()
    own = {name.partition(".")[2] for name in loaded if name.startswith("serving_contracts.")}
    assert own == {"_checks", "errors", "limits", "sentiment", "task_types"}


def test_it_imports_nothing_but_the_standard_library() -> None:
    script = "import sys, serving_contracts.tasks, serving_contracts.media_types; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.split()
    foreign = {name.partition(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert foreign <= {"serving_contracts", "__main__", "sitecustomize", "org"}


def test_every_limit_names_its_source() -> None:
    lines = Path(limits.__file__).read_text(encoding="utf-8").splitlines()
    numbers = [line for line in lines if ": Final = " in line]
    assert len(numbers) > 40
    unsourced = [line for line in numbers if "#" not in line and not line.startswith("MIB")]
    assert not unsourced
