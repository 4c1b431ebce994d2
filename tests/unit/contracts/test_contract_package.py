"""What the package promises as a package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import serving_contracts
from serving_contracts import limits

PACKAGE = Path(serving_contracts.__file__).parent


def test_every_exported_name_exists_and_is_sorted() -> None:
    assert all(hasattr(serving_contracts, name) for name in serving_contracts.__all__)
    assert len(set(serving_contracts.__all__)) == len(serving_contracts.__all__)


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
