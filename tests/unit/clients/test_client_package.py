"""What the package promises as a package."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import serving_clients
from serving_clients import errors

PACKAGE = Path(serving_clients.__file__).parent
DOCS = Path(__file__).parents[3] / "docs"


def python(script: str) -> str:
    """What *script* prints in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": f"{PACKAGE.parent}:{PACKAGE.parents[1] / 'contracts'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_every_exported_name_exists_and_is_documented() -> None:
    manual = (DOCS / "clients.md").read_text(encoding="utf-8") + (DOCS / "errors.md").read_text(
        encoding="utf-8"
    )
    assert len(set(serving_clients.__all__)) == len(serving_clients.__all__)
    for name in serving_clients.__all__:
        assert getattr(serving_clients, name).__doc__, name
        assert re.search(rf"\b{name}\b", manual), f"{name} is not in docs/clients.md or docs/errors.md"


def test_names_that_the_manual_imports_are_exported() -> None:
    manual = (DOCS / "clients.md").read_text(encoding="utf-8") + (DOCS / "errors.md").read_text(
        encoding="utf-8"
    )
    imported = re.findall(r"from serving_clients import ([\w, ]+)", manual)
    names = {name.strip() for line in imported for name in line.split(",")}
    assert names
    assert names <= set(serving_clients.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = serving_clients.nonsense  # type: ignore[attr-defined]


def test_importing_loads_neither_boto3_nor_asyncio_nor_an_http_client() -> None:
    loaded = python("import sys, serving_clients; print(*sys.modules)").split()
    assert not {"boto3", "botocore", "urllib3", "asyncio", "http.client", "ssl"} & set(loaded)


def test_making_a_client_loads_boto3_only_when_it_calls() -> None:
    script = "import sys, serving_clients as s; s.EndpointClient('e', env='local'); print(*sys.modules)"
    assert "boto3" not in python(script).split()


def test_the_drawn_tree_of_errors_is_the_real_one() -> None:
    drawn = re.findall(r"[├└]── (\w+)\s+\((\w+)\)", errors.__doc__ or "")
    real = {kind.__name__: kind for kind in errors.ServingError.__subclasses__()}
    assert {name for name, _ in drawn} == set(real)
    for name, builtin in drawn:
        assert [base.__name__ for base in real[name].__bases__] == ["ServingError", builtin]
        assert name in serving_clients.__all__


def test_errors_have_a_page_with_every_one_of_them() -> None:
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    for kind in errors.ServingError.__subclasses__():
        assert f"`{kind.__name__}`" in page


def test_only_the_declared_libraries_are_used() -> None:
    roots = set()
    for file in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                roots |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                roots.add((node.module or "").partition(".")[0])
    foreign = roots - set(sys.stdlib_module_names)
    # botocore and urllib3 come with boto3
    needed = {"boto3", "botocore", "urllib3", "orjson", "serving_clients", "serving_contracts"}
    assert foreign == needed | {"numpy", "PIL"}  # of the extra "images"
    assert not {"numpy", "PIL"} & set(python("import sys, serving_clients; print(*sys.modules)").split())
