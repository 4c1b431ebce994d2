"""The images' locked requirements: hashed, without what they shall do without, one server in all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
IMAGES = ROOT / "python/model_code/images"
SERVER = ("httptools", "orjson", "uvicorn", "uvloop")
LOCKS = sorted(IMAGES.glob("*/requirements.txt"))
#: Functions run under Lambda's runtime client, without a server.
SERVER_LOCKS = [path for path in LOCKS if '"serving", "serve"' in (path.parent / "image.toml").read_text()]


def locked(path: Path) -> dict[str, str]:
    """Package to version."""
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("path", SERVER_LOCKS, ids=lambda path: path.parent.name)
def test_every_image_runs_the_server_that_the_tests_ran_with(path: Path) -> None:
    tested = locked(ROOT / "requirements/dev.txt")
    versions = locked(path)
    assert {name: versions[name] for name in SERVER} == {name: tested[name] for name in SERVER}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.parent.name)
def test_every_package_is_locked_by_its_hashes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[A-Za-z0-9_.-]+==)", text, flags=re.MULTILINE)[1:]
    assert blocks
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text


def test_gluoncv_comes_without_what_it_declares_and_nobody_imports() -> None:
    versions = locked(IMAGES / "gluoncv/requirements.txt")
    assert not {"autocfg", "matplotlib", "opencv-python", "pandas", "pyyaml", "torch", "yacs"} & set(versions)
    # MXNet's last release knows no later NumPy.
    assert (versions["mxnet"], versions["numpy"]) == ("1.9.1", "1.23.5")
