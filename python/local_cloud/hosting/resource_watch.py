"""What a container or an execution environment may use: its memory, and the size of its /tmp.

There are no cgroups behind a process runner, so both are measured: resident memory of the process group
every 25 ms while it starts or works and once more with its answer, when the kernel's own high-water mark of
its first process shows what fell between two looks. A process can be over its limit for a moment; on AWS it
cannot.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local_cloud.hosting.telemetry.usage import read_usage
from serving_contracts.limits import MIB

LOOK_S: Final = 0.025
SLOW_LOOK_S: Final = 0.25
"""Where there is no /proc, and between two searches for children and through the files of /tmp."""
LEAST_PAUSES: Final = 20
"""A pause lasts at least so many times as long as the look before it: watching stays under 5 % of one CPU."""

_log = logging.getLogger(__name__)
_HAS_PROC = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Folder:
    """A /tmp with its size. ``exceeded`` is called with the bytes in it, while they are too many."""

    path: Path
    most_bytes: int
    exceeded: Callable[[int], None]


@dataclass(eq=False)
class Probe:
    """One process group to be watched.

    pid: of its first process, which leads it; None while there is none. exceeded: called with the bytes used,
    once. used_bytes: at the last look. peak_bytes: only grows.
    """

    pid: Callable[[], int | None]
    memory_bytes: int
    exceeded: Callable[[int], None]
    folder: Folder | None = None
    used_bytes: int = 0
    peak_bytes: int = 0
    children: tuple[int, ...] = field(default=())

    @property
    def peak_mb(self) -> int:
        """In MB (2**20 bytes), rounded up; never more than the limit."""
        return min(-(-self.peak_bytes // MIB), self.memory_bytes // MIB)

    def saw(self, used_bytes: int, peak_bytes: int = 0) -> None:
        within = self.peak_bytes <= self.memory_bytes
        self.used_bytes = used_bytes
        self.peak_bytes = max(self.peak_bytes, used_bytes, peak_bytes)
        if within and self.peak_bytes > self.memory_bytes:
            self.exceeded(self.peak_bytes)

    def saw_files(self, used_bytes: int) -> None:
        if self.folder is not None and used_bytes > self.folder.most_bytes:
            self.folder.exceeded(used_bytes)

    def look(self, *, high_water_mark: bool = True) -> None:
        """Measure now. Takes some ten microseconds; does nothing where there is no /proc."""
        pid = self.pid()
        if _HAS_PROC and pid is not None:
            self.saw(_resident((pid, *self.children)), _high_water_mark(pid) if high_water_mark else 0)


class ResourceWatch:
    """Looks at what starts or works; does nothing while nothing does."""

    def __init__(self) -> None:
        self._probes: set[Probe] = set()
        self._task: asyncio.Task[None] | None = None
        self._slow: asyncio.Task[None] | None = None
        self._searched = 0.0

    def add(self, probe: Probe) -> None:
        """Watch from now on, until ``remove``."""
        self._probes.add(probe)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="resource watch")

    def remove(self, probe: Probe) -> None:
        """Idempotent."""
        self._probes.discard(probe)

    async def close(self) -> None:
        """Stop. Idempotent."""
        self._probes.clear()
        for task in (self._task, self._slow):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._task = self._slow = None

    async def _run(self) -> None:
        while self._probes:
            began = time.perf_counter()
            if _HAS_PROC:
                for probe in list(self._probes):
                    probe.look(high_water_mark=False)
            took = time.perf_counter() - began
            if began - self._searched >= SLOW_LOOK_S and (self._slow is None or self._slow.done()):
                self._searched = began
                self._slow = asyncio.create_task(self._search(list(self._probes)), name="files and children")
            await asyncio.sleep(max(LOOK_S if _HAS_PROC else SLOW_LOOK_S, LEAST_PAUSES * took))

    async def _search(self, probes: list[Probe]) -> None:
        pids = {probe: pid for probe in probes if (pid := probe.pid()) is not None}
        folders = {probe: probe.folder.path for probe in pids if probe.folder is not None}
        try:
            found, sizes = await asyncio.to_thread(_search, list(pids.values()), list(folders.values()))
        except (OSError, ValueError, IndexError, RuntimeError) as error:
            _log.warning("what containers use could not be read: %s", error)
            return
        for probe, size in zip(folders, sizes, strict=True):
            probe.saw_files(size)
        for probe, pid in pids.items():
            if _HAS_PROC:
                probe.children = tuple(child for child in found.get(pid, ()) if child != pid)
            elif pid in found:
                probe.saw(found[pid][0])


def _search(groups: list[int], folders: list[Path]) -> tuple[dict[int, list[int]], list[int]]:
    """(process group → its processes, or its bytes of memory without /proc; bytes in each folder)."""
    sizes = [_bytes_in(folder) for folder in folders]
    if not _HAS_PROC:
        return {pid: [usage.memory_bytes] for pid, usage in read_usage(groups).items()}, sizes
    found: dict[int, list[int]] = {group: [] for group in groups}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                group = os.getpgid(int(process.name))
            except OSError:  # it has ended meanwhile
                continue
            if group in found:
                found[group].append(int(process.name))
    return found, sizes


def _resident(pids: tuple[int, ...]) -> int:
    pages = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:
                pages += int(file.read().split()[1])
        except (OSError, IndexError):  # it has ended meanwhile
            continue
    return pages * os.sysconf("SC_PAGE_SIZE")


def _high_water_mark(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as file:
            for line in file.read().splitlines():
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    return 0


def _bytes_in(folder: Path) -> int:
    """Bytes on disk of all files in the folder; links are not followed."""
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            try:
                total += Path(path, name).lstat().st_blocks * 512
            except OSError:  # it was removed meanwhile
                continue
    return total
