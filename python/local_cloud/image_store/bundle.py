"""The sources of an image: their digest, and their copy in the store."""

from __future__ import annotations

import compileall
import hashlib
import py_compile
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from local_cloud.image_store.errors import ImageBuildFailed

_LEFT_OUT_DIRECTORIES = {"__pycache__", "node_modules", "tests"}
_LEFT_OUT_SUFFIXES = {".pyc", ".pyo"}


def source_files(sources: Mapping[str, Path]) -> list[tuple[str, Path]]:
    """(path inside ``app/``, file) of every source file, sorted by path.

    ``sources`` maps a name inside ``app/`` to a folder or a file. Caches, tests and hidden files stay out.
    Raises ImageBuildFailed for a source that does not exist or a name that would leave ``app/``.
    """
    found: list[tuple[str, Path]] = []
    for name, path in sources.items():
        if not name or name.startswith("/") or ".." in Path(name).parts:
            raise ImageBuildFailed(f"the source name {name!r} is not a relative path inside the image")
        if path.is_file():
            found.append((name, path))
        elif path.is_dir():
            found.extend((f"{name}/{inner}", file) for inner, file in _walk(path))
        else:
            raise ImageBuildFailed(f"the source {name!r} of the image does not exist: {path}")
    return sorted(found)


def sources_digest(files: list[tuple[str, Path]]) -> str:
    """Hex sha256 over names and contents; times, owners and modes do not count."""
    digest = hashlib.sha256()
    for name, path in files:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{name}\0{content}\n".encode())
    return digest.hexdigest()


def write_bundle(files: list[tuple[str, Path]], destination: Path) -> None:
    """Copy the files to ``destination/app`` and compile them; all of it appears at once, or nothing."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".new-", dir=destination.parent))
    try:
        app = staging / "app"
        app.mkdir()
        for name, path in files:
            target = app / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            target.chmod(0o444)
        # Unchecked: the bundle never changes, so a start need not look at the sources' times.
        compileall.compile_dir(
            app,
            quiet=2,
            stripdir=str(staging),
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        staging.chmod(0o755)
        staging.replace(destination)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def bundle_is_usable(path: Path) -> bool:
    """Whether the bundle lies there, compiled for the running Python or not (that only costs time)."""
    return (path / "app").is_dir()


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(root.rglob("*")):
        inner = path.relative_to(root)
        if any(part in _LEFT_OUT_DIRECTORIES or part.startswith(".") for part in inner.parts):
            continue
        if path.is_file() and path.suffix not in _LEFT_OUT_SUFFIXES:
            yield inner.as_posix(), path
