from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from local_cloud.image_store import ImageBuildFailed, ImageNotInStore, ImageStore, ProcessImage
from local_cloud.image_store.environment import (
    EnvironmentSpec,
    installer_command,
    installer_environment,
)
from local_cloud.image_store.interpreter import Interpreter
from local_cloud.image_store.oci import sha256_digest


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    package = tmp_path / "work" / "greeter"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text("import sys\nprint('hello from', sys.prefix != sys.base_prefix)\n")
    (package / "requirements.txt").write_text("# none\n")
    return package


def build(store: Path, package: Path, **options: object) -> ProcessImage:
    arguments: dict[str, object] = {
        "sources": {"greeter": package},
        "requirements": package / "requirements.txt",
        "command": ["python", "-m", "greeter", "serve"],
        **options,
    }
    return ImageStore(store).create(**arguments)  # type: ignore[arg-type]


def test_an_image_can_be_run(tmp_path: Path, sources: Path) -> None:
    image = build(tmp_path / "store", sources)
    assert (image.entrypoint, image.cmd, image.env) == (
        ("python", "-m", "greeter"),
        ("serve",),
        {"PYTHONPATH": "app"},
    )
    answer = subprocess.run(
        [image.python, "-m", "greeter"],
        env={"PYTHONPATH": str(image.app_dir)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert answer.stdout == "hello from True\n"


def test_equal_input_gives_equal_digests_and_is_built_once(tmp_path: Path, sources: Path) -> None:
    first = build(tmp_path / "store", sources)
    (sources / "__pycache__").mkdir()
    (sources / "__pycache__" / "x.pyc").write_bytes(b"cache")
    said: list[str] = []
    assert build(tmp_path / "store", sources, progress=said.append) == first
    assert said == []
    assert build(tmp_path / "another store", sources).digest == first.digest


@pytest.mark.parametrize(
    "change",
    [
        {"labels": {"a": "b"}},
        {"environment": {"COLOUR": "red"}},
        {"command": ["python", "-m", "greeter", "--loud", "serve"]},
        {"no_deps": True},
    ],
)
def test_every_input_counts_in_the_digest(tmp_path: Path, sources: Path, change: dict[str, object]) -> None:
    plain = build(tmp_path / "store", sources)
    assert build(tmp_path / "store", sources, **change).digest != plain.digest


def test_a_changed_source_is_a_new_image_beside_the_old_one(tmp_path: Path, sources: Path) -> None:
    old = build(tmp_path / "store", sources)
    (sources / "__init__.py").write_text("NEW = True\n")
    new = build(tmp_path / "store", sources)
    assert new.digest != old.digest
    assert new.python == old.python  # the environment is shared
    assert ImageStore(tmp_path / "store").load(old.config_digest) == old


def test_manifest_and_config_are_oci_json_named_by_their_digests(tmp_path: Path, sources: Path) -> None:
    image = build(tmp_path / "store", sources, labels={"k": "v"})
    assert image.digest == sha256_digest(image.manifest.encode())
    manifest = json.loads(image.manifest)
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["config"]["digest"] == image.config_digest
    blob = tmp_path / "store" / "blobs" / "sha256" / image.config_digest.removeprefix("sha256:")
    config = json.loads(blob.read_text())
    assert config["config"]["Labels"] == {"k": "v"}
    assert config["config"]["Env"] == ["PYTHONPATH=app"]
    assert manifest["config"]["size"] == len(blob.read_bytes())


def test_an_unknown_image_is_not_in_the_store(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    for digest in ("sha256:" + "0" * 64, "sha256:../../etc/passwd", "md5:1"):
        with pytest.raises(ImageNotInStore):
            store.load(digest)
    with pytest.raises(ImageNotInStore, match="names no image config"):
        store.load_manifest("{}")


def test_a_damaged_or_incomplete_image_is_not_in_the_store_and_is_made_anew(
    tmp_path: Path, sources: Path
) -> None:
    image = build(tmp_path / "store", sources)
    (image.python.parent.parent / ".complete").unlink()
    with pytest.raises(ImageNotInStore, match="incomplete"):
        ImageStore(tmp_path / "store").load(image.config_digest)
    assert build(tmp_path / "store", sources) == image
    blob = tmp_path / "store" / "blobs" / "sha256" / image.config_digest.removeprefix("sha256:")
    blob.chmod(0o644)
    blob.write_text("torn")
    with pytest.raises(ImageNotInStore):
        ImageStore(tmp_path / "store").load(image.config_digest)
    assert build(tmp_path / "store", sources) == image


def test_two_builders_at_once_make_one_image(tmp_path: Path, sources: Path) -> None:
    images: list[ProcessImage] = []
    threads = [
        threading.Thread(target=lambda: images.append(build(tmp_path / "store", sources))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(images) == 4
    assert len({image.digest for image in images}) == 1


def test_requirements_without_hashes_are_refused_with_the_installers_words(
    tmp_path: Path, sources: Path
) -> None:
    (sources / "requirements.txt").write_text("idna==3.10\n")
    with pytest.raises(ImageBuildFailed, match="could not be installed") as caught:
        build(tmp_path / "store", sources)
    assert "hash" in str(caught.value).lower()
    assert "Next:" in str(caught.value)


def test_missing_sources_and_requirements_are_named(tmp_path: Path, sources: Path) -> None:
    with pytest.raises(ImageBuildFailed, match="the source 'absent' of the image does not exist"):
        build(tmp_path / "store", sources, sources={"absent": tmp_path / "absent"})
    with pytest.raises(ImageBuildFailed, match="not a relative path inside"):
        build(tmp_path / "store", sources, sources={"../x": sources})
    with pytest.raises(ImageBuildFailed, match="requirements cannot be read"):
        build(tmp_path / "store", sources, requirements=tmp_path / "absent.txt")
    with pytest.raises(ImageBuildFailed, match="command is empty"):
        build(tmp_path / "store", sources, command=[])


def test_hashes_are_demanded_of_the_installer(tmp_path: Path) -> None:
    command = installer_command(tmp_path / "env", tmp_path / "requirements.txt")
    assert "--require-hashes" in command


def test_pip_serves_where_uv_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path(sys.executable)
    monkeypatch.setattr(
        "local_cloud.image_store.environment.sys.executable", str(tmp_path / "bin" / "python")
    )
    monkeypatch.setattr(
        "local_cloud.image_store.environment.importlib.util.find_spec",
        lambda name: None if name == "uv" else object(),
    )
    command = installer_command(tmp_path / "env", tmp_path / "requirements.txt")
    assert command[1:5] == ["-m", "pip", "--python", str(tmp_path / "env" / "bin" / "python")]
    assert "--require-hashes" in command
    assert real.exists()


def test_pips_settings_reach_uv() -> None:
    environment = installer_environment(
        {"PIP_FIND_LINKS": "/a /b", "PIP_INDEX_URL": "https://mirror/simple", "VIRTUAL_ENV": "/elsewhere"}
    )
    assert environment["UV_FIND_LINKS"] == "/a,/b"
    assert environment["UV_DEFAULT_INDEX"] == "https://mirror/simple"
    assert "VIRTUAL_ENV" not in environment
    assert installer_environment({"PIP_FIND_LINKS": "/a", "UV_FIND_LINKS": "/own"})["UV_FIND_LINKS"] == "/own"


def test_whole_requirements_are_installed_without_what_their_packages_declare(tmp_path: Path) -> None:
    plain = installer_command(tmp_path / "env", tmp_path / "requirements.txt")
    whole = installer_command(tmp_path / "env", tmp_path / "requirements.txt", no_deps=True)
    assert [word for word in whole if word not in plain] == ["--no-deps"]


def test_environments_of_different_pythons_lie_apart(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("")
    keys = {EnvironmentSpec(requirements, Interpreter(Path("p"), tag)).key() for tag in ("3.11", "3.12")}
    assert len(keys) == 2
