"""Where providers come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.terraform_mirror import find_mirror, holds, locked_providers, target_platform

AWS = "registry.terraform.io/hashicorp/aws"
LOCKED = {AWS: "5.100.0"}


def make_mirror(folder: Path, *, packed: bool = False) -> Path:
    if packed:
        archive = folder / AWS / f"terraform-provider-aws_5.100.0_{target_platform()}.zip"
        archive.parent.mkdir(parents=True)
        archive.touch()
    else:
        (folder / AWS / "5.100.0" / target_platform()).mkdir(parents=True)
    return folder


@pytest.fixture
def places(tmp_path: Path) -> dict[str, object]:
    """Arguments that keep the search inside an empty machine."""
    (tmp_path / "home").mkdir()
    (tmp_path / "opt").mkdir()
    return {
        "home": tmp_path / "home",
        "system_folders": (),
        "optional_folders": tmp_path / "opt",
        "environ": {},
    }


def test_the_lock_file_says_what_is_needed(tmp_path: Path) -> None:
    (tmp_path / ".terraform.lock.hcl").write_text(
        'provider "registry.terraform.io/hashicorp/aws" {\n'
        '  version     = "5.100.0"\n  hashes = ["h1:x="]\n}\n'
    )
    assert locked_providers(tmp_path) == LOCKED
    assert locked_providers(tmp_path / "nowhere") == {}


@pytest.mark.parametrize("packed", [False, True])
def test_a_mirror_holds_unpacked_and_packed_providers(tmp_path: Path, packed: bool) -> None:
    mirror = make_mirror(tmp_path / "mirror", packed=packed)
    assert holds(mirror, LOCKED)
    assert not holds(mirror, {AWS: "5.99.0"})
    assert not holds(mirror, LOCKED, os_arch="plan9_mips")


def test_the_named_mirror_comes_first(tmp_path: Path, places: dict[str, object]) -> None:
    make_mirror(tmp_path / "opt" / "anything")
    named = make_mirror(tmp_path / "named")
    places["environ"] = {"SERVING_TERRAFORM_MIRROR": str(named)}
    assert find_mirror(LOCKED, **places).plugin_dir == named  # type: ignore[arg-type]


def test_a_mirror_of_the_configuration_file_is_left_to_terraform(
    tmp_path: Path, places: dict[str, object]
) -> None:
    mirror = make_mirror(tmp_path / "elsewhere")
    configuration = tmp_path / "terraformrc"
    configuration.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n'
    )
    places["environ"] = {"TF_CLI_CONFIG_FILE": str(configuration)}
    found = find_mirror(LOCKED, **places)  # type: ignore[arg-type]
    assert found.plugin_dir is None
    assert str(mirror) in found.reason


def test_a_folder_under_opt_is_found_though_the_configuration_file_is_missing(
    tmp_path: Path, places: dict[str, object]
) -> None:
    mirror = make_mirror(tmp_path / "opt" / "plugins")
    places["environ"] = {"TF_CLI_CONFIG_FILE": str(tmp_path / "missing")}
    assert find_mirror(LOCKED, **places).plugin_dir == mirror  # type: ignore[arg-type]


def test_without_a_mirror_the_registry_is_taken_and_says_so(
    tmp_path: Path, places: dict[str, object]
) -> None:
    places["environ"] = {"SERVING_TERRAFORM_MIRROR": str(tmp_path / "empty")}
    found = find_mirror(LOCKED, **places)  # type: ignore[arg-type]
    assert found.plugin_dir is None
    assert "registry" in found.reason
    assert "was ignored" in found.reason
