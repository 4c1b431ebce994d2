"""Every validation rule of every module: what it refuses, and that its message says what to write instead.

Rules read variables only, so the modules' ``variables*.tf`` alone are planned here: no provider, one process.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from refused_async_values import ASYNC_CASES
from refused_serverless_values import SERVERLESS_CASES
from refused_values import ACCEPTED, CASES, Case

ALL_CASES = [*CASES, *ASYNC_CASES, *SERVERLESS_CASES]

Run = Callable[..., subprocess.CompletedProcess[str]]


def said(text: str) -> str:
    return " ".join(text.split())


def read_diagnostics(output: str) -> dict[str, list[str]]:
    """Case, which is the name of its file, → what Terraform said to it."""
    found = defaultdict(list)
    for line in output.splitlines():
        event = json.loads(line)
        if event["type"] == "diagnostic":
            diagnostic = event["diagnostic"]
            found[diagnostic["range"]["filename"].removesuffix(".tf.json")].append(said(diagnostic["detail"]))
    return found


@pytest.fixture(scope="module")
def diagnostics(
    run_terraform: Run, terraform_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, list[str]]:
    """Case → what Terraform said to it."""
    root = tmp_path_factory.mktemp("refusals")
    for module in ACCEPTED:
        (root / module).mkdir(parents=True)
        for path in (terraform_dir / module).glob("variables*.tf"):
            shutil.copy(path, root / module)
    accepted = [Case(f"accepted-{module.split('/')[-1]}", module, {}, "") for module in ACCEPTED]
    for each in [*accepted, *ALL_CASES]:
        call = {"source": f".{os.sep}{each.module}", **ACCEPTED[each.module], **each.values}
        (root / f"{each.name}.tf.json").write_text(json.dumps({"module": {each.name: call}}))
    done = run_terraform(root, "init", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, list[str]] = {}
    # Rules on one variable are asked first, and stop the plan; those that compare several come after.
    for _ in range(2):
        done = run_terraform(root, "plan", "-json")
        for refused, messages in read_diagnostics(done.stdout).items():
            found[refused] = messages
            (root / f"{refused}.tf.json").unlink()
    return found


@pytest.mark.parametrize("module", ACCEPTED)
def test_ordinary_values_are_accepted(module: str, diagnostics: Mapping[str, list[str]]) -> None:
    assert diagnostics.get(f"accepted-{module.split('/')[-1]}") is None


@pytest.mark.parametrize("each", ALL_CASES, ids=lambda each: each.name)
def test_a_value_that_cannot_work_is_refused_with_a_way_out(
    each: Case, diagnostics: Mapping[str, list[str]]
) -> None:
    refusals = diagnostics.get(each.name, [])
    assert len(refusals) == 1, refusals
    assert said(each.says) in refusals[0]


def test_every_rule_is_among_the_cases(diagnostics: Mapping[str, list[str]], terraform_dir: Path) -> None:
    rules = {
        f"{module}/{path.name}:{number}"
        for module in ACCEPTED
        for path in (terraform_dir / module).glob("variables*.tf")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.strip() == "validation {"
    }
    fired = {
        rule
        for refusals in diagnostics.values()
        for refusal in refusals
        for rule in re.findall(r"validation rule at (\S+:\d+)", refusal)
    }
    assert len(rules) > 150
    assert rules - fired == set()
