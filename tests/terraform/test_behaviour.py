"""``terraform test`` over every module, the foundation and every environment, at once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def _events(output: str) -> Iterator[dict[str, object]]:
    for line in output.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


@pytest.mark.timeout(600)
def test_modules_and_environments_do_what_their_tests_say(
    run_terraform: Run, provider: Mapping[str, str], terraform_dir: Path
) -> None:
    done = run_terraform(terraform_dir, "test", "-json", timeout_s=550, variables=provider)
    events = list(_events(done.stdout))
    told = [
        f"{event['@message']} {event.get('@testrun', '')}: {json.dumps(event.get('diagnostic', ''))}"
        for event in events
        if event["@level"] == "error" or "fail" in str(event["@message"])
    ]
    failures = "\n".join([*told, done.stderr])
    assert done.returncode == 0, failures
    (summary,) = (event["test_summary"] for event in events if event["type"] == "test_summary")
    assert isinstance(summary, dict)
    assert summary["failed"] == summary["errored"] == summary["skipped"] == 0, failures
    assert summary["passed"] >= 125


def test_every_module_has_a_test_file(terraform_dir: Path) -> None:
    modules = {path.parent.name for path in terraform_dir.glob("modules/*/main.tf")}
    tested = {path.name.removesuffix(".tftest.hcl") for path in terraform_dir.glob("tests/*.tftest.hcl")}
    assert modules - tested == set()
