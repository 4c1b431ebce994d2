"""The files by which the processes of one checkout find a local cloud: ``cloud.json`` and ``cloud.lock``.

The lock decides whether a cloud runs: its process holds it as long as it lives, and the kernel lets go of it
when the process dies, however it dies. So a process id in a stale ``cloud.json`` is never mistaken for ours.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

INFO_FILE: Final = "cloud.json"
LOCK_FILE: Final = "cloud.lock"
LOG_FILE: Final = "cloud.log"
_PROBE_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class CloudInfo:
    """Where a running local cloud is. ``started_at`` is ISO 8601 in UTC."""

    url: str
    pid: int
    port: int
    started_at: str
    account: str
    region: str


def write_info(directory: Path, info: CloudInfo) -> None:
    """Writes ``cloud.json`` in one step, readable by its owner only."""
    handle, name = tempfile.mkstemp(dir=directory, prefix=f".{INFO_FILE}.")  # mkstemp makes files 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(info), file, indent=2)
            file.write("\n")
        temporary.replace(directory / INFO_FILE)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_info(directory: Path) -> CloudInfo | None:
    """What ``cloud.json`` says, None if there is none or it cannot be read."""
    try:
        found = json.loads((directory / INFO_FILE).read_text(encoding="utf-8"))
        return CloudInfo(**{name: found[name] for name in CloudInfo.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError):
        return None


class CloudLock:
    """The lock of one state folder, held by its local cloud from start to the very end of its process.

    A bare descriptor, not a file object, which the interpreter would close before the process ends.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / LOCK_FILE
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Takes the lock and notes this process's id in it. False if another cloud holds it."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _PROBE_SECONDS
        while not _try_lock(descriptor, fcntl.LOCK_EX):
            # holder() takes the lock for an instant to see whether it is free: that is no other cloud.
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return False
            time.sleep(0.02)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def holder(directory: Path) -> int | None:
    """The process id of the cloud that runs on ``directory``, None if none does."""
    path = directory / LOCK_FILE
    try:
        with path.open("r", encoding="utf-8") as file:
            if _try_lock(file.fileno(), fcntl.LOCK_SH):
                return None
            text = file.read().strip()
            return int(text) if text.isdecimal() else None
    except FileNotFoundError:
        return None


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
