"""Which files of ``python/model_code`` a command of a model is made of: the module that it names and whatever
that imports, read from the sources and never run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def files_behind(root: Path, module: str) -> list[Path]:
    """The file of *module* below *root* and those of all modules below *root* that it imports, also within
    functions, and theirs in turn; sorted. Empty where the module is not below *root*.
    """
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        for path in _files(root, waiting.pop()) - found:
            found.add(path)
            package = ".".join(path.relative_to(root).parent.parts)
            waiting += _imported(path, package)
    return sorted(found)


def _files(root: Path, module: str) -> set[Path]:
    """The module's file, if it is one of these, and the packages that are imported on the way to it."""
    *packages, last = module.split(".")
    places = [root.joinpath(*packages[:depth], "__init__.py") for depth in range(1, len(packages) + 1)]
    places += [root.joinpath(*packages, f"{last}.py"), root.joinpath(*packages, last, "__init__.py")]
    return {place for place in places if place.is_file()}


def _imported(path: Path, package: str) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:
        return  # whoever runs it is told
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{name.name}" for name in node.names)  # a module, or what is in one
