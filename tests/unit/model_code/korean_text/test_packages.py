"""Files out of packages: only the pinned one is read, only what it holds is given, once."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from korean_text.commands import MakingError
from korean_text.packages import PinnedPackage, fetch


def wheel(cache: Path) -> PinnedPackage:
    """A wheel as pip leaves it, already in the cache."""
    cache.mkdir(exist_ok=True)
    path = cache / "some_package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("some_package/data/numbers.bin", b"numbers")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return PinnedPackage("some-package", "1.0", digest, "some_package/data/numbers.bin")


def source_archive(cache: Path) -> PinnedPackage:
    cache.mkdir(exist_ok=True)
    path = cache / "some_package-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("some_package-1.0/numbers.bin")
        member.size = 7
        archive.addfile(member, io.BytesIO(b"numbers"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return PinnedPackage("some-package", "1.0", digest, "some_package-1.0/numbers.bin")


@pytest.mark.parametrize("make", [wheel, source_archive])
def test_a_file_comes_out_of_its_package(tmp_path: Path, make: Callable[[Path], PinnedPackage]) -> None:
    cache = tmp_path / "cache"
    path = fetch(make(cache), cache)
    assert path == cache / "numbers.bin"
    assert path.read_bytes() == b"numbers"
    assert len(list(cache.iterdir())) == 2  # the package and the file, nothing half done


def test_what_was_fetched_is_not_fetched_again(tmp_path: Path) -> None:
    package = wheel(tmp_path)
    fetch(package, tmp_path)
    (tmp_path / "some_package-1.0-py3-none-any.whl").unlink()
    assert fetch(package, tmp_path).read_bytes() == b"numbers"


def test_another_file_of_the_same_version_is_refused(tmp_path: Path) -> None:
    package = wheel(tmp_path)
    with (tmp_path / "some_package-1.0-py3-none-any.whl").open("ab") as file:
        file.write(b"more")
    with pytest.raises(MakingError, match=f"has SHA-256 .*, expected {package.sha256}"):
        fetch(package, tmp_path)
    assert not (tmp_path / "numbers.bin").exists()


@pytest.mark.parametrize("make", [wheel, source_archive])
def test_a_file_that_is_not_in_the_package_is_named(
    tmp_path: Path, make: Callable[[Path], PinnedPackage]
) -> None:
    found = make(tmp_path)
    missing = PinnedPackage(found.name, found.version, found.sha256, "some_package/other.bin")
    with pytest.raises(MakingError, match=r"does not hold some_package/other\.bin"):
        fetch(missing, tmp_path)


def test_a_package_that_cannot_be_downloaded_says_what_to_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    package = PinnedPackage("some-package", "1.0", "0" * 64, "numbers.bin")
    with pytest.raises(MakingError, match=r"could not download some-package==1.0(.|\n)*Check that a PyPI"):
        fetch(package, tmp_path / "cache")
