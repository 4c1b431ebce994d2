"""Bodies that are files: on disk from the first byte to the last, in memory a piece at a time."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from serving.errors import ServingError
from serving.threads import SerialThread

#: Bytes that are written or read in one go.
PIECE_BYTES = 256 * 1024
#: Of a file's beginning, for :mod:`serving.media_negotiation`.
HEAD_BYTES = 64
_PREFIX = "serving-spool-"


class Spool:
    """A folder of bodies, and the thread for them: a slow disk must not stop the event loop.

    ``parent`` is the system's folder for temporary files when None. What a killed server left there goes
    first.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self.thread = SerialThread("files")
        place = Path(tempfile.gettempdir()) if parent is None else parent
        _remove_leftovers(place)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))
        self._count = 0

    def new_file(self) -> SpooledFile:
        """A file that is written next."""
        self._count += 1
        return SpooledFile(self._folder / str(self._count), self.thread)

    async def read(self, path: Path) -> AsyncIterator[bytes]:
        """The bytes of a file, in pieces."""
        file = await self.thread.call(lambda: path.open("rb"))
        try:
            while piece := await self.thread.call(lambda: file.read(PIECE_BYTES)):
                yield piece
        finally:
            self.thread.post(file.close)

    def close(self) -> None:
        """Remove every body."""
        shutil.rmtree(self._folder, ignore_errors=True)


class SpooledFile:
    """One body, in a folder of its own. ``head`` is how it begins, ``size`` its bytes so far."""

    def __init__(self, folder: Path, thread: SerialThread) -> None:
        self.folder = folder
        self.path = folder / "body"
        self.size = 0
        self.head = b""
        self._thread = thread
        self._pieces: list[bytes] = []
        self._held = 0
        self._file: BinaryIO | None = None

    async def take(self, piece: bytes) -> None:
        """Add a piece; return when it is written, or small enough to wait for the next one.

        Raises ServingError where the disk is full.
        """
        if len(self.head) < HEAD_BYTES:
            self.head += piece[: HEAD_BYTES - len(self.head)]
        self.size += len(piece)
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held >= PIECE_BYTES:
            await self._write_held()

    async def finish(self) -> None:
        """The last piece has come: from now on the file can be read."""
        await self._write_held(last=True)

    def remove(self) -> None:
        """Delete the folder with all that is in it, after what was begun before."""
        self._thread.post(self._discard)

    async def _write_held(self, *, last: bool = False) -> None:
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        try:
            await self._thread.call(lambda: self._write(data, last))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise ServingError(
                "TooManyRequests",
                "The disk that request bodies are written to is full.",
                hint="Try again when other requests are done, or give the container more disk.",
                headers={"Retry-After": "10"},
            ) from None

    def _write(self, data: bytes, last: bool) -> None:
        if self._file is None:
            self.folder.mkdir()
            self._file = self.path.open("xb", buffering=0)
        unwritten = memoryview(data)
        while unwritten:
            unwritten = unwritten[self._file.write(unwritten) :]
        if last:
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _discard(self) -> None:
        self._close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _remove_leftovers(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*"):
        number = folder.name.removeprefix(_PREFIX).partition("-")[0]
        # A container's server has the same process id after each restart.
        if number.isdigit() and (int(number) == os.getpid() or not _runs(int(number))):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
