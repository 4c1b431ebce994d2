"""Terraform for these tests: the binary and the provider that the delivery tasks would find."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from attached_provider import attached_provider

from delivery.terraform_binary import find_terraform
from delivery.terraform_mirror import find_mirror, locked_providers

REPOSITORY = Path(__file__).resolve().parents[2]
TERRAFORM_DIR = REPOSITORY / "terraform"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def terraform_dir() -> Path:
    return TERRAFORM_DIR


@pytest.fixture(scope="session")
def data_directory(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Where Terraform keeps the providers and modules of a root."""
    data = tmp_path_factory.mktemp("terraform")
    return lambda root: data / "_".join(root.parts[-2:])


@pytest.fixture(scope="session")
def run_terraform(data_directory: Callable[[Path], Path]) -> Run:
    """``run(root, *arguments)``: one command, far from any account, with a data directory for each root."""
    binary = find_terraform()
    nothing: Mapping[str, str] = {}

    def run(
        root: Path, *arguments: str, timeout_s: float = 300.0, variables: Mapping[str, str] = nothing
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_"))
        }
        environment |= {
            **variables,
            "TF_DATA_DIR": str(data_directory(root)),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
        }
        if not Path(environment.get("TF_CLI_CONFIG_FILE", os.devnull)).is_file():
            environment.pop("TF_CLI_CONFIG_FILE", None)  # Terraform would warn about it on every command
        return subprocess.run(
            [*binary.command, *arguments],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout_s,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def initialise(run_terraform: Run) -> Callable[[Path], None]:
    """``terraform init`` of a root, without its backend and without a change to its lock file."""

    def init(root: Path) -> None:
        source = find_mirror(locked_providers(root))
        mirror = [f"-plugin-dir={source.plugin_dir}"] if source.plugin_dir else []
        done = run_terraform(root, "init", "-backend=false", "-lockfile=readonly", "-no-color", *mirror)
        assert done.returncode == 0, f"provider from {source.reason}\n{done.stdout}\n{done.stderr}"

    return init


@pytest.fixture(scope="session")
def provider(
    initialise: Callable[[Path], None], data_directory: Callable[[Path], Path], terraform_dir: Path
) -> Iterator[Mapping[str, str]]:
    """Variables for ``run`` with which commands of an initialised root share one process of the provider."""
    initialise(terraform_dir)
    with attached_provider(data_directory(terraform_dir)) as variables:
        yield variables
