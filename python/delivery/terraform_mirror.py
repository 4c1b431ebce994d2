"""Finds the providers of a root where the public registry may be out of reach.

A *filesystem mirror* holds providers as ``<mirror>/<host>/<namespace>/<type>/<version>/<os_arch>/``
(unpacked) or ``<mirror>/<host>/<namespace>/<type>/terraform-provider-<type>_<version>_<os_arch>.zip``
(packed); see "Provider Installation" in Terraform's CLI configuration reference."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

MIRROR_VARIABLE = "SERVING_TERRAFORM_MIRROR"
SYSTEM_FOLDERS = ("/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins")
OPTIONAL_FOLDERS = "/opt"

_LOCKED_PROVIDER = re.compile(r'provider\s+"([^"]+)"\s*\{[^}]*?version\s*=\s*"([^"]+)"', re.DOTALL)
_MIRROR_PATH = re.compile(r'filesystem_mirror\s*\{[^}]*?path\s*=\s*"([^"]+)"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class ProviderSource:
    """Where ``terraform init`` takes providers from.

    Attributes:
        plugin_dir: the mirror for ``-plugin-dir``, or None for the registry or what the CLI configuration
            says.
        reason: how it was found, for people.
    """

    plugin_dir: Path | None
    reason: str


def target_platform() -> str:
    """Terraform's name of this machine, as in ``linux_amd64``."""
    machine = platform.machine().lower()
    architecture = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(
        machine, machine
    )
    system = {"darwin": "darwin", "win32": "windows"}.get(sys.platform, "linux")
    return f"{system}_{architecture}"


def locked_providers(root: Path) -> dict[str, str]:
    """Address → version out of a root's ``.terraform.lock.hcl``; empty when there is none."""
    lock = root / ".terraform.lock.hcl"
    return dict(_LOCKED_PROVIDER.findall(lock.read_text(encoding="utf-8"))) if lock.is_file() else {}


def holds(mirror: Path, providers: Mapping[str, str], os_arch: str | None = None) -> bool:
    """Whether a mirror has every provider at its version for this machine."""
    os_arch = os_arch or target_platform()

    def has(address: str, version: str) -> bool:
        folder = mirror / address
        archive = f"terraform-provider-{address.rsplit('/', 1)[-1]}_{version}_{os_arch}.zip"
        return (folder / version / os_arch).is_dir() or (folder / archive).is_file()

    return all(has(address, version) for address, version in providers.items())


def find_mirror(
    providers: Mapping[str, str],
    *,
    environ: Mapping[str, str] | None = None,
    home: Path | None = None,
    system_folders: Iterable[str] = SYSTEM_FOLDERS,
    optional_folders: Path = Path(OPTIONAL_FOLDERS),
) -> ProviderSource:
    """The first mirror that holds ``providers``, in this order: ``SERVING_TERRAFORM_MIRROR``, the CLI
    configuration file (``TF_CLI_CONFIG_FILE`` or ``~/.terraformrc``), Terraform's own folders, ``/opt/*``;
    else the registry."""
    environ = os.environ if environ is None else environ
    home = home or Path.home()
    if not providers:
        return ProviderSource(None, "the registry (the root has no lock file)")
    named = environ.get(MIRROR_VARIABLE)
    if named and holds(Path(named), providers):
        return ProviderSource(Path(named), f"the mirror {named} ({MIRROR_VARIABLE})")
    configuration = Path(environ.get("TF_CLI_CONFIG_FILE") or home / ".terraformrc")
    if configuration.is_file():
        text = configuration.read_text(encoding="utf-8", errors="replace")
        for path in _MIRROR_PATH.findall(text):
            if holds(Path(path).expanduser(), providers):
                # Terraform reads the file itself; -plugin-dir would only hide the rest of what it says.
                return ProviderSource(None, f"the mirror {path} (from {configuration})")
    folders = [home / ".terraform.d" / "plugins", *(Path(folder) for folder in system_folders)]
    if optional_folders.is_dir():
        folders += sorted(folder for folder in optional_folders.iterdir() if folder.is_dir())
    for folder in folders:
        if holds(folder, providers):
            return ProviderSource(folder, f"the mirror {folder}")
    ignored = f"; {MIRROR_VARIABLE}={named} lacks a provider and was ignored" if named else ""
    return ProviderSource(
        None, f"the registry (no mirror on this machine holds the locked versions{ignored})"
    )
