"""Unpacking a model archive that somebody else packed: nothing in it may reach outside, or fill the disk."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final

MAX_MEMBERS: Final = 100_000
MAX_UNPACKED_BYTES: Final = 30 * 1024**3
"""SageMaker gives an instance 30 GB of disk by default (observed): more would not fit there either."""

KEEP_FREE_BYTES: Final = 512 * 1024**2
_PIECE = 1024 * 1024


class BadArchive(Exception):
    """The archive is broken or hostile; the message names the member and what is wrong with it."""


class Cancelled(Exception):
    """Whoever wanted the result has gone."""


def unpack(
    archive: Path,
    destination: Path,
    *,
    max_bytes: int = MAX_UNPACKED_BYTES,
    cancelled: threading.Event | None = None,
) -> int:
    """Unpack a tar.gz into the empty folder ``destination`` and make its files read-only.

    Regular files, folders, and links that stay inside are taken. Anything else is refused before it is
    written: absolute names, ``..``, links out, devices, pipes, more than ``max_bytes`` unpacked or more than
    the disk holds. Returns the bytes written. Raises BadArchive, Cancelled.
    """
    room = max(0, shutil.disk_usage(destination).free - KEEP_FREE_BYTES)
    limit = min(max_bytes, room)
    written = members = 0
    try:
        with tarfile.open(archive, mode="r|gz") as tar:
            for member in tar:
                members += 1
                if members > MAX_MEMBERS:
                    raise BadArchive(f"it has more than {MAX_MEMBERS} members")
                if member.isreg():
                    written += member.size
                    if written > limit:
                        raise BadArchive(f"unpacked it takes more than {limit} bytes (at {member.name!r})")
                _place(tar, member, destination, cancelled)
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise BadArchive(f"it could not be written: {error.strerror}") from error
        raise BadArchive(f"it is not a valid tar.gz: {error or type(error).__name__}") from error
    if members == 0:
        raise BadArchive("it is empty")
    make_read_only(destination)
    return written


def make_read_only(root: Path) -> None:
    """0444 for files, 0555 where one is executable.

    Folders stay writable for their owner: whoever removes the local cloud's state, with whatever tool, can.
    """
    for path in _walk(root):
        if path.is_symlink() or path.is_dir():
            continue
        path.chmod(0o555 if path.stat().st_mode & stat.S_IXUSR else 0o444)


def remove_tree(root: Path) -> None:
    """Remove a folder, whatever modes a program gave to what is in it. One that is not there is no error."""
    if not root.exists():
        return
    for path in [root, *_walk(root)]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(root, ignore_errors=True)


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            yield Path(folder, name)


def _place(
    tar: tarfile.TarFile, member: tarfile.TarInfo, destination: Path, cancelled: threading.Event | None
) -> None:
    target = destination / _inner(member.name)
    if not _is_inside(target.parent, destination):
        raise BadArchive(f"{member.name!r} goes through a link that leaves the archive")
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    if target == destination or target.is_dir():
        raise BadArchive(f"{member.name!r} would replace a folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if member.isreg():
        source = tar.extractfile(member)
        if source is None:
            raise BadArchive(f"{member.name!r} has no content")
        with open(target, "xb") as file:
            _copy(source, file, member, cancelled)
        if member.mode & stat.S_IXUSR:
            target.chmod(0o755)
    elif member.issym():
        points_to = target.parent / member.linkname
        if PurePosixPath(member.linkname).is_absolute() or not _is_inside(points_to, destination):
            raise BadArchive(f"the link {member.name!r} leaves the archive: {member.linkname!r}")
        target.symlink_to(member.linkname)
    elif member.islnk():
        original = destination / _inner(member.linkname)
        if not _is_inside(original, destination) or not original.is_file():
            raise BadArchive(f"the hard link {member.name!r} names no file before it: {member.linkname!r}")
        os.link(original, target, follow_symlinks=True)
    else:
        raise BadArchive(f"{member.name!r} is neither a file, a folder nor a link")


def _inner(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise BadArchive(f"the member {name!r} points outside of the archive")
    return path


def _is_inside(path: Path, root: Path) -> bool:
    """After following the links that exist already."""
    return path.resolve().is_relative_to(root.resolve())


def _copy(
    source: IO[bytes], file: IO[bytes], member: tarfile.TarInfo, cancelled: threading.Event | None
) -> None:
    left = member.size
    while left > 0:
        if cancelled is not None and cancelled.is_set():
            raise Cancelled
        piece = source.read(min(_PIECE, left))
        if not piece:
            raise BadArchive(f"{member.name!r} is cut short")
        file.write(piece)
        left -= len(piece)
