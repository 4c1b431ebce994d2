"""Puts serving_contracts into the distribution.

It lies beside the clients in the repository, and inside a source distribution that was made from there.
"""

# mypy: ignore-errors
# hatchling is there while a distribution is built, and never else.

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Contracts(BuildHookInterface):
    """Runs before each build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        beside = Path(self.root).parent / "contracts" / "serving_contracts"
        source = beside if beside.is_dir() else Path(self.root) / "serving_contracts"
        if version != "editable":
            build_data["force_include"][str(source)] = "serving_contracts"
