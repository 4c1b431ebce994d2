"""network.json: what is written comes back, and what is none is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from red_finder import description

from object_detection.description import Description


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "network.json"
    description().write(path)
    assert Description.read(path) == description()
    before = path.read_bytes()
    Description.read(path).write(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("classes", []),
        ("classes", None),
        ("size", 0),
        ("size", "large"),
        ("mean", [0, 0]),
        ("heads", []),
        ("heads", [{"stride": 32}]),
        ("suppression", {}),
    ],
)
def test_a_description_that_says_too_little_is_refused(tmp_path: Path, field: str, value: Any) -> None:
    path = tmp_path / "network.json"
    description().write(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(ValueError, match=r"network\.json describes"):
        Description.read(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "\x00", "null"])
def test_what_is_no_description_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "network.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="describes no network"):
        Description.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"network\.json describes no network: FileNotFoundError"):
        Description.read(tmp_path / "network.json")
