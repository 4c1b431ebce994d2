"""Every code block of the READMEs and docs/ is run, or at least parsed, so that no page lies.

- ``python``: executed; the blocks of a page share one namespace, as a reader would type them.
- ``bash``: executed from the root of the repository against the deployed local environment.
- ``hcl``: must be well formed and formatted; ``toml`` and ``json``: must parse.
- anything else (``text``, ``mermaid``) is for reading.

A block that cannot run here says why in a comment on the line before it: ``<!-- not run: reason -->``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deployed import REPOSITORY, Deployment

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: .+ -->\s*$")
PAGES = sorted([*REPOSITORY.glob("README*.md"), *REPOSITORY.glob("docs/**/*.md")])


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    source: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


def blocks() -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            before = text[: match.start()]
            if not NOT_RUN.search(before):
                found.append(Block(page, before.count("\n") + 1, match[1], match[2]))
    return found


def blocks_in(*languages: str) -> list[Any]:
    return [pytest.param(block, id=str(block)) for block in blocks() if block.language in languages]


@pytest.fixture(scope="module")
def namespaces() -> dict[Path, dict[str, Any]]:
    return {page: {"__name__": "__main__"} for page in PAGES}


@pytest.mark.parametrize("block", blocks_in("python", "py"))
def test_python_blocks_run(
    block: Block,
    deployment: Deployment,
    namespaces: dict[Path, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in deployment.environment.items():
        if name.startswith(("AWS_", "SERVING_")):
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(REPOSITORY)
    exec(compile("\n" * block.line + block.source, str(block.page), "exec"), namespaces[block.page])


@pytest.mark.parametrize("block", blocks_in("bash", "sh", "shell"))
def test_shell_blocks_run(block: Block, deployment: Deployment) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{deployment.environment.get('PATH', '')}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.source],
        cwd=REPOSITORY,
        env={**deployment.environment, "PATH": path},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
    )
    assert done.returncode == 0, f"{block}\n{block.source}\n{done.stdout[-3000:]}"


@pytest.mark.parametrize("block", blocks_in("hcl", "terraform"))
@pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform on the PATH to format with")
def test_terraform_blocks_are_well_formed(block: Block) -> None:
    formatted = subprocess.run(
        ["terraform", "fmt", "-"], input=block.source, capture_output=True, text=True, timeout=30
    )
    assert formatted.returncode == 0, formatted.stderr
    assert formatted.stdout == block.source, f"{block}: run it through terraform fmt"


@pytest.mark.parametrize("block", blocks_in("json"))
def test_json_blocks_parse(block: Block) -> None:
    json.loads(block.source)


@pytest.mark.parametrize("block", blocks_in("toml"))
def test_toml_blocks_parse(block: Block) -> None:
    tomllib.loads(block.source)


def test_every_link_inside_the_project_leads_somewhere() -> None:
    broken = []
    for page in PAGES:
        prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", prose):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(REPOSITORY)} → {target}")
    assert not broken
