"""The bytes of an S3 object: small ones in memory, others in files, read in pieces and never as a whole.

A :class:`Content` never changes. It is made of segments, each a stretch of a file or of memory, so that
joining the parts of a multipart upload, copying an object and taking a range of it move no bytes. A file
lives as long as some content refers to it: who reads an object that is overwritten or deleted meanwhile reads
it to its end.
"""

from __future__ import annotations

import hashlib
import io
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local_cloud.s3.checksums import running

PIECE_BYTES: Final = 256 * 1024
"""What is held of an object while it is written or read."""


class Content:
    """Bytes of a known length that never change.

    ``len()``, slices and iteration (in pieces of at most 256 KiB) work as a web server wants them.

    Attributes:
        checksums: digests by algorithm, as far as they are known.
    """

    __slots__ = ("_md5", "_segments", "checksums")

    def __init__(self, segments: tuple[_Segment, ...] = (), *, md5: str | None = None) -> None:
        self._segments = segments
        self._md5 = md5
        self.checksums: dict[str, bytes] = {}

    @classmethod
    def of(cls, source: bytes | StoredFile, size: int, *, md5: str | None = None) -> Content:
        """Everything that is in ``source``, which has ``size`` bytes."""
        return cls((_Segment(source, 0, size),) if size else (), md5=md5)

    @classmethod
    def joined(cls, contents: Iterable[Content]) -> Content:
        """One content after the other, as one."""
        return cls(tuple(segment for content in contents for segment in content._segments))

    def __len__(self) -> int:
        return sum(segment.length for segment in self._segments)

    def __getitem__(self, wanted: slice) -> Content:
        start, stop, step = wanted.indices(len(self))
        if step != 1:
            raise ValueError("contents are cut into ranges without gaps only")
        if (start, stop) == (0, len(self)):
            return self
        return Content(tuple(self._between(start, stop)))

    def _between(self, start: int, stop: int) -> Iterator[_Segment]:
        begin = 0
        for segment in self._segments:
            end = begin + segment.length
            low, high = max(start, begin), min(stop, end)
            if low < high:
                yield _Segment(segment.source, segment.offset + low - begin, high - low)
            begin = end

    def __iter__(self) -> Iterator[bytes]:
        for segment in self._segments:
            yield from segment.pieces()

    def read(self) -> bytes:
        """All of it, in memory afterwards: for who knows that it is small."""
        return b"".join(self)

    def open(self) -> io.BufferedReader:
        """A seekable file to read it from; close it."""
        return io.BufferedReader(_Reader(self), PIECE_BYTES)

    def md5(self) -> str:
        """Hexadecimal; read from the disk the first time if it is not known."""
        if self._md5 is None:
            md5 = hashlib.md5(usedforsecurity=False)
            for piece in self:
                md5.update(piece)
            self._md5 = md5.hexdigest()
        return self._md5

    def checksum(self, algorithm: str) -> bytes | None:
        """The digest by ``algorithm``, None if this machine cannot compute it; read from the disk the first
        time if it is not known."""
        if algorithm not in self.checksums:
            checksum = running(algorithm)
            if checksum is None:
                return None
            for piece in self:
                checksum.update(piece)
            self.checksums[algorithm] = checksum.digest()
        return self.checksums[algorithm]


@dataclass(frozen=True, slots=True)
class _Segment:
    source: bytes | StoredFile
    offset: int
    length: int

    def pieces(self) -> Iterator[bytes]:
        if isinstance(self.source, bytes):
            yield self.source[self.offset : self.offset + self.length]
            return
        left = self.length
        with self.source.path.open("rb", buffering=0) as file:
            file.seek(self.offset)
            while left:
                piece = file.read(min(left, PIECE_BYTES))
                if not piece:
                    raise OSError(f"{self.source.path} is shorter than the object in it")
                left -= len(piece)
                yield piece


class StoredFile:
    """A file that is removed when nothing refers to this any more."""

    __slots__ = ("__weakref__", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        # Not at the interpreter's end: the store removes its folder, which is quicker.
        weakref.finalize(self, path.unlink, missing_ok=True).atexit = False


class _Reader(io.RawIOBase):
    """A content as a raw file."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._size = len(content)
        self._position = 0
        self._pieces: Iterator[bytes] | None = None
        self._rest = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        self._pieces, self._rest = None, b""
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._pieces is None:
            self._pieces = iter(self._content[self._position :])
        if not self._rest:
            self._rest = next(self._pieces, b"")
        taken = min(len(self._rest), len(buffer))
        buffer[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        self._position += taken
        return taken
