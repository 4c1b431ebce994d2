"""A file of jobs, so that a process that is cut off can go on where it was.

JSON Lines. Before a request is sent its *intent* is written, afterwards the *job*; both are on the disk
before the next step. A run that begins with the same file skips what has a job, and sends an intent without
one again as the same request (the same object, the same InferenceId): whether SageMaker had accepted it
cannot be known.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from collections import Counter
from dataclasses import asdict, dataclass
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from serving_clients._job_ref import JobRef
from serving_clients._sources import Parcel
from serving_clients._submission import AsyncTarget, Intent, Options
from serving_clients.errors import InvalidRequest

if sys.platform != "win32":
    import fcntl


@dataclass(frozen=True, slots=True)
class Entry:
    """What a journal knows of one request. item: its place among the caller's items, from 0."""

    key: str
    item: int
    intent: Intent | None = None
    job: str | None = None


class Keys:
    """Names for requests: the same for the same file, options and endpoint; the n-th such one is another."""

    def __init__(self, target: AsyncTarget, options: Options) -> None:
        self._about = [target.endpoint_name, asdict(options)]
        self._seen: Counter[str] = Counter()

    def of(self, parcel: Parcel) -> str:
        """The name of a request."""
        given = [*self._about, parcel.source.identity, parcel.content_type]
        digest = hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:32]
        self._seen[digest] += 1
        return f"{digest}-{self._seen[digest]}"


class Journal:
    """An open journal. Thread-safe; a context manager. One process has it at a time."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        try:
            self._file: BufferedRandom = self._path.open("a+b")
        except OSError as error:
            raise InvalidRequest(f"{path} cannot be written: {error.strerror}", field="journal") from error
        try:
            self._claim()
            self._file.seek(0)
            text = self._file.read()
            self._entries = {entry.key: entry for entry in parse(text, self._path)}
            if text and not text.endswith(b"\n"):  # the process before ended in the middle of a line
                self._file.write(b"\n")
        except BaseException:
            self._file.close()
            raise

    def entry(self, key: str) -> Entry | None:
        """What is known of a request."""
        return self._entries.get(key)

    def announce(self, key: str, item: int, intent: Intent) -> None:
        """The request is about to be sent."""
        self._write({"key": key, "item": item, "input": intent.input, "inference_id": intent.inference_id})

    def accepted(self, key: str, item: int, ref: JobRef) -> None:
        """SageMaker took it."""
        self._write({"key": key, "item": item, "job": ref.to_id()})

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _claim(self) -> None:
        if sys.platform == "win32":
            return  # nothing there keeps a second process out
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InvalidRequest(
                f"{self._path} is in use by another process", field="journal", hint="a file for each run"
            ) from None

    def _write(self, record: dict[str, Any]) -> None:
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())


def read(path: str | os.PathLike[str]) -> list[str]:
    """The ids of the jobs in a journal, in the order of the caller's items; raises InvalidRequest."""
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}", field="journal") from error
    entries = {entry.key: entry for entry in parse(text, Path(path))}
    return [entry.job for entry in sorted(entries.values(), key=lambda entry: entry.item) if entry.job]


def parse(text: bytes, path: Path) -> list[Entry]:
    """The last that is known of each request; a last line that was cut off is left out."""
    found: dict[str, Entry] = {}
    lines = text.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = _entry(json.loads(line))
        except (ValueError, KeyError, TypeError):
            if line.startswith(b"{") and not line.endswith(b"}"):
                continue  # cut off by a crash: what it was about to say is not known
            raise InvalidRequest(
                f"line {number} of {path} is none of a journal of jobs",
                field="journal",
                hint="name a file that submitted jobs before, or one that does not exist",
            ) from None
        before = found.get(entry.key)
        if before is None or before.job is None:
            found[entry.key] = entry
    return list(found.values())


def _entry(record: Any) -> Entry:
    key, item = record["key"], record["item"]
    if not isinstance(key, str) or type(item) is not int:
        raise TypeError
    if "job" in record:
        JobRef.from_id(record["job"])
        return Entry(key, item, job=record["job"])
    return Entry(key, item, intent=Intent(str(record["input"]), str(record["inference_id"])))
