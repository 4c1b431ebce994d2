"""The folder in which the objects of one local cloud lie, and how bytes become files in it."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from local_cloud.s3.checksums import running
from local_cloud.s3.content import Content, StoredFile

IN_MEMORY_BYTES: Final = 64 * 1024
"""Objects up to this size stay in memory. Well below the least size of a part (5 MiB), so that no sum of
parts does."""


class StorageFailed(Exception):
    """An object's file cannot be written; the cause is the OSError (such as "No space left on device")."""


class ObjectStore:
    """A folder of object files, for one local cloud. Files appear by :meth:`collect` and go with the last
    content that refers to them; all go with :meth:`close`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def open(self) -> None:
        """Makes the folder, private to its owner, and removes what a killed cloud left in it.

        Raises:
            OSError: it cannot be made.
        """
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True, mode=0o700)

    def close(self) -> None:
        """Removes the folder with everything in it."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def collect(self, pieces: Iterable[bytes], algorithm: str | None = None) -> Content:
        """Keeps what ``pieces`` yields and computes its MD5, and its checksum by ``algorithm``, on the way.

        What has been written is removed if ``pieces`` raises.

        Raises:
            StorageFailed: the disk is full or broken.
        """
        md5 = hashlib.md5(usedforsecurity=False)
        checksum = running(algorithm) if algorithm else None
        memory: list[bytes] = []
        size = 0
        writer: _Writer | None = None
        try:
            for piece in pieces:
                size += len(piece)
                md5.update(piece)
                if checksum is not None:
                    checksum.update(piece)
                if writer is None and size > IN_MEMORY_BYTES:
                    writer = _Writer(self.directory)
                    for kept in memory:
                        writer.write(kept)
                if writer is None:
                    memory.append(piece)
                else:
                    writer.write(piece)
            source = b"".join(memory) if writer is None else writer.finish()
        except BaseException:
            if writer is not None:
                writer.discard()
            raise
        content = Content.of(source, size, md5=md5.hexdigest())
        if checksum is not None and algorithm is not None:
            content.checksums[algorithm] = checksum.digest()
        return content


class _Writer:
    """A new file of a store."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / secrets.token_hex(16)
        try:
            self._file = self._path.open("xb", buffering=0)
        except OSError as error:
            raise StorageFailed(str(error)) from error

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) :]  # a nearly full disk takes a part of it
        except OSError as error:
            raise StorageFailed(str(error)) from error

    def finish(self) -> StoredFile:
        try:
            self._file.close()
        except OSError as error:
            raise StorageFailed(str(error)) from error
        return StoredFile(self._path)

    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)
