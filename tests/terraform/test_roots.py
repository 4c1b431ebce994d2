"""Every root module is formatted, locked for every platform, valid, and like its neighbours."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOTS = ["foundation", "envs/local", "envs/dev", "envs/staging", "envs/prod"]
TEST_ROOT = "."  # terraform/ itself, where `terraform test` runs

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_every_file_is_formatted(run_terraform: Run, terraform_dir: Path) -> None:
    done = run_terraform(terraform_dir, "fmt", "-check", "-diff", "-recursive", "-no-color")
    assert done.returncode == 0, f"run `terraform fmt -recursive terraform`:\n{done.stdout}{done.stderr}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("root", ROOTS)
def test_a_root_initialises_with_its_lock_file_and_is_valid(
    root: str,
    run_terraform: Run,
    initialise: Callable[[Path], None],
    provider: Mapping[str, str],
    terraform_dir: Path,
) -> None:
    initialise(terraform_dir / root)
    done = run_terraform(terraform_dir / root, "validate", "-json", variables=provider)
    found = json.loads(done.stdout)
    assert found["diagnostics"] == []
    assert found["valid"]


def test_every_root_locks_the_same_provider_for_every_platform(terraform_dir: Path) -> None:
    locks = {(terraform_dir / root / ".terraform.lock.hcl").read_text() for root in [*ROOTS, TEST_ROOT]}
    assert len(locks) == 1
    (lock,) = locks
    assert 'version     = "5.100.0"' in lock
    # Terraform Registry: one zh: line an archive of the release, one h1: line a platform.
    assert lock.count('"h1:') == 14
    assert lock.count('"zh:') == 15


def test_a_folder_beside_the_known_environments_would_be_tested_too(terraform_dir: Path) -> None:
    assert sorted(f"envs/{path.parent.name}" for path in terraform_dir.glob("envs/*/main.tf")) == sorted(
        ROOTS[1:]
    )


def test_environments_in_an_account_differ_in_values_only(terraform_dir: Path) -> None:
    for name in ("variables.tf", "outputs.tf"):
        assert len({(terraform_dir / root / name).read_text() for root in ROOTS[2:]}) == 1
    mains = {
        (terraform_dir / root / "main.tf").read_text().replace(Path(root).name, "<environment>")
        for root in ROOTS[2:]
    }
    assert len(mains) == 1


def test_no_environment_names_an_endpoint_url_or_a_key(terraform_dir: Path) -> None:
    for path in [*terraform_dir.rglob("*.tf"), *terraform_dir.rglob("*.tfvars")]:
        text = path.read_text()
        assert "127.0.0.1" not in text, path
        assert "access_key" not in text, path
        assert "secret_key" not in text, path


def test_every_variable_and_output_says_what_it_is(terraform_dir: Path) -> None:
    for path in [*terraform_dir.rglob("variables*.tf"), *terraform_dir.rglob("outputs.tf")]:
        text = path.read_text()
        blocks = (
            text.count('\nvariable "') + text.count('\noutput "') + text.startswith(("variable", "output"))
        )
        assert text.count("\n  description = ") == blocks, path
