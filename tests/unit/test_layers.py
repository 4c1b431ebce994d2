"""Imports point downward only: contracts, then clients and server, the local cloud, delivery, tasks."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PYTHON = Path(__file__).resolve().parents[2] / "python"
MODELS = (
    "sentiment",
    "similarity",
    "summarization",
    "korean_text",
    "instance_segmentation",
    "object_detection",
    "vision",
)

#: Each package, where it lies, and the packages of this project that it may import.
LAYERS: dict[str, tuple[str, set[str]]] = {
    "serving_contracts": ("contracts/serving_contracts", set()),
    "serving_clients": ("clients/serving_clients", {"serving_contracts"}),
    "serving": ("model_code/serving", {"serving_contracts"}),
    "serving_lambda": ("model_code/serving_lambda", {"serving_contracts", "serving"}),
    "local_cloud": ("local_cloud", {"serving_contracts"}),
    # Of the models delivery knows two things: the scenes and the photographs that it asks about.
    "delivery": (
        "delivery",
        {"serving_contracts", "serving_clients", "local_cloud", "instance_segmentation", "object_detection"},
    ),
    **{model: (f"model_code/{model}", {"serving_contracts", *MODELS}) for model in MODELS},
}


def imported_packages(source: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", LAYERS)
def test_a_package_imports_nothing_from_above(package: str) -> None:
    folder, allowed = LAYERS[package]
    sources = list((PYTHON / folder).rglob("*.py"))
    assert sources, f"{folder} holds no Python"
    for source in sources:
        upward = (imported_packages(source) & set(LAYERS)) - allowed - {package}
        assert not upward, f"{source.relative_to(PYTHON)} imports {', '.join(sorted(upward))}"


def test_contracts_need_only_the_standard_library() -> None:
    import sys

    for source in (PYTHON / "contracts").rglob("*.py"):
        foreign = imported_packages(source) - sys.stdlib_module_names - {"serving_contracts"}
        assert not foreign, f"{source.name} imports {foreign}"
