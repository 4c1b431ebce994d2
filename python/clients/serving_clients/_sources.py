"""What a caller hands over to be worked on: a file, bytes, or an object that lies in S3 already.

All of it is checked here, before anything is sent.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from serving_clients._storage import Location
from serving_clients.errors import InvalidRequest
from serving_contracts import limits, media_types
from serving_contracts.tasks import MediaTask

SUFFIXES: Final = {
    ".jpg": media_types.JPEG,
    ".jpeg": media_types.JPEG,
    ".png": media_types.PNG,
    ".webp": media_types.WEBP,
    ".npy": media_types.NPY,
    ".mp4": media_types.MP4,
    ".json": media_types.JSON,
    ".jsonl": media_types.JSON_LINES,
}
_SAFE_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,8}")
_FIRST_BYTES: Final = 16

What = str | os.PathLike[str] | bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class File:
    """A file on this machine. changed_ns: when it was last written, to notice that it is being written."""

    path: Path
    size: int
    changed_ns: int

    def __str__(self) -> str:
        return str(self.path)

    @property
    def suffix(self) -> str:
        """``.jpg``; empty where the name has none that is safe to repeat."""
        suffix = self.path.suffix.lower()
        return suffix if _SAFE_SUFFIX.fullmatch(suffix) else ""

    @property
    def identity(self) -> str:
        """The same for the same file with the same content."""
        return f"{self.path.absolute()}|{self.size}|{self.changed_ns}"

    def piece(self, offset: int, length: int) -> bytes:
        """*length* bytes from *offset*; raises InvalidRequest where the file is not what it was."""
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                piece = file.read(length)
                about = os.fstat(file.fileno())
        except OSError as error:
            raise InvalidRequest(f"{self} cannot be read: {error.strerror}") from error
        if len(piece) != length or (about.st_size, about.st_mtime_ns) != (self.size, self.changed_ns):
            raise InvalidRequest(f"{self} was changed while it was sent", hint="send it when it is complete")
        return piece


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that the caller holds."""

    data: bytes | bytearray | memoryview

    def __str__(self) -> str:
        return f"the body of {self.size:,} bytes"

    @property
    def size(self) -> int:
        """Bytes, whatever the items of a memoryview are."""
        return self.data.nbytes if isinstance(self.data, memoryview) else len(self.data)

    @property
    def suffix(self) -> str:
        """Bytes have no name."""
        return ""

    @property
    def identity(self) -> str:
        """The same for the same bytes."""
        return f"sha256|{hashlib.sha256(self.data).hexdigest()}"

    def piece(self, offset: int, length: int) -> bytes:
        """*length* bytes from *offset*."""
        view = self.data if isinstance(self.data, memoryview) else memoryview(self.data)
        return bytes(view.cast("B")[offset : offset + length])


@dataclass(frozen=True, slots=True)
class Remote:
    """An object in S3, which SageMaker reads itself: nothing is uploaded."""

    place: Location
    size: int = 0

    def __str__(self) -> str:
        return str(self.place)

    @property
    def suffix(self) -> str:
        """``.jpg``; empty where the key has none."""
        return PurePosixPath(self.place.key).suffix.lower()

    @property
    def identity(self) -> str:
        """The location."""
        return str(self.place)


Source = File | Memory | Remote


@dataclass(frozen=True, slots=True)
class Parcel:
    """A source and what it holds."""

    source: Source
    content_type: str


def pack(what: object, task: MediaTask[Any, Any] | None, content_type: str | None) -> Parcel:
    """*what*, checked; raises InvalidRequest.

    task: whose content types are taken; None takes every one. content_type: else told by the first bytes, or
    where those say nothing by the name.
    """
    source = source_of(what)
    _check_size(source)
    if content_type is not None:
        return Parcel(source, _checked_type(content_type, task))
    found = None if isinstance(source, Remote) else sniffed(source)
    named = SUFFIXES.get(source.suffix)
    if task is None:
        return Parcel(source, found or named or media_types.OCTET_STREAM)
    guess = named if isinstance(source, Remote) else found
    if guess in task.accepts and guess is not None:
        return Parcel(source, guess)
    if named in task.accepts:
        raise InvalidRequest(
            f"{source} does not begin like {named}: it is damaged, or something else",
            hint="content_type= sends it all the same",
        )
    kind = f" ({guess or named})" if guess or named else ""
    raise InvalidRequest(
        f"{source} is none of the types that {task.name} takes{kind}",
        hint=f"{', '.join(task.accepts)}; content_type= says which one it is",
    )


def files_in(folder: Path, task: MediaTask[Any, Any] | None) -> list[Path]:
    """The files in *folder* (not below it) whose names say that *task* takes them, sorted.

    Hidden ones are left out: macOS writes a ``._picture.jpg`` that is no picture beside each picture.
    """
    takes = task.accepts if task else tuple(SUFFIXES.values())
    try:
        listed = sorted(folder.iterdir())
    except OSError as error:
        raise InvalidRequest(f"the folder {folder} cannot be read: {error.strerror}") from error
    shown = [path for path in listed if not path.name.startswith(".")]
    files = [path for path in shown if SUFFIXES.get(path.suffix.lower()) in takes and path.is_file()]
    if not files:
        known = ", ".join(suffix for suffix, kind in SUFFIXES.items() if kind in takes)
        raise InvalidRequest(f"the folder {folder} holds no file to send", hint=f"it takes {known}")
    return files


def is_folder(what: object) -> bool:
    """Whether *what* is the path of a folder."""
    return isinstance(what, str | os.PathLike) and not _is_uri(what) and Path(what).is_dir()


def several(what: object) -> Iterator[object] | Sequence[object] | None:
    """The items of *what*, where it is an iterable of several; None for one thing.

    Raises InvalidRequest for an open file, which is an iterable of its lines.
    """
    if isinstance(what, str | os.PathLike | bytes | bytearray | memoryview | dict):
        return None
    if hasattr(what, "read"):
        raise InvalidRequest(
            f"must be a path, bytes or an s3:// location, not an open file ({type(what).__name__})",
            hint="give its path, or what read() returns",
        )
    if isinstance(what, Sequence):
        return what
    return iter(what) if hasattr(what, "__iter__") else None


def source_of(what: object) -> Source:
    """A path, bytes or an ``s3://`` location, which must be there; raises InvalidRequest."""
    if isinstance(what, bytes | bytearray | memoryview):
        if isinstance(what, memoryview) and not what.c_contiguous:
            raise InvalidRequest("the memoryview is not contiguous", hint="bytes(view) copies what it shows")
        source: File | Memory = Memory(what)
        _check_not_empty(source)
        return source
    if not isinstance(what, str | os.PathLike):
        raise InvalidRequest(
            f"must be a path, bytes or an s3:// location, not {type(what).__name__}",
            hint="a list of those, or a folder, gives a list of jobs",
        )
    if _is_uri(what):
        place = Location.parse(what)
        if not place.key or place.key.endswith("/"):
            raise InvalidRequest(f"{place} names no object", hint="s3://bucket/key")
        return Remote(place)
    path = Path(what)
    try:
        about = path.stat()
    except (OSError, ValueError) as error:
        if isinstance(what, str) and re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", what):
            raise InvalidRequest(
                f"{what!r:.200} is an address, and no file of this machine",
                hint="download it first; an object in S3 begins with s3://",
            ) from error
        raise InvalidRequest(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(about.st_mode):
        hint = "one folder at a time gives a list of jobs" if stat.S_ISDIR(about.st_mode) else None
        raise InvalidRequest(f"{path} is no file", hint=hint)
    source = File(path, about.st_size, about.st_mtime_ns)
    _check_not_empty(source)
    return source


def sniffed(source: File | Memory) -> str | None:
    """Its content type, by its first bytes."""
    return media_types.sniff(source.piece(0, min(source.size, _FIRST_BYTES)))


def _check_not_empty(source: File | Memory) -> None:
    if source.size == 0:
        raise InvalidRequest(f"{source} is empty" if isinstance(source, File) else "no bytes were given")


def _check_size(source: Source) -> None:
    if source.size > limits.ASYNC_PAYLOAD_BYTES:
        raise InvalidRequest(
            f"{source} has {source.size:,} bytes; a job takes {limits.ASYNC_PAYLOAD_BYTES:,} at most",
            hint="cut the video, or send it smaller",
        )


def _checked_type(content_type: str, task: MediaTask[Any, Any] | None) -> str:
    if (
        not isinstance(content_type, str)
        or not re.fullmatch(r"[!-~]+/[ -~]+", content_type)
        or len(content_type) > limits.CONTENT_TYPE_CHARACTERS
    ):
        raise InvalidRequest(f"{content_type!r:.100} is no media type", field="content_type")
    essence = content_type.partition(";")[0].strip().lower()
    if task is not None and media_types.ALIASES.get(essence, essence) not in task.accepts:
        raise InvalidRequest(
            f"{task.name} does not take {content_type}",
            field="content_type",
            hint=f"it takes {', '.join(task.accepts)}",
        )
    return content_type


def _is_uri(what: object) -> bool:
    return isinstance(what, str) and what.startswith("s3://")
