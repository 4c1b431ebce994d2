"""What an environment may use: its function's memory, and the size of its /tmp.

There are no cgroups behind a process runner, so both are measured: resident memory of the process group
every 25 ms while an environment works and once more with its answer, when the kernel's own high-water mark of
the runtime's process shows what fell between two looks. A process can be over its limit for a moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local_cloud.functions.execution import failures
from local_cloud.functions.execution.failures import Failure
from local_cloud.hosting.telemetry.usage import read_usage
from serving_contracts.limits import MIB

LOOK_S: Final = 0.025
SLOW_LOOK_S: Final = 0.25
"""Where there is no /proc, and between two searches for children and through the files of /tmp."""
LEAST_PAUSES: Final = 20
"""A pause lasts at least so many times as long as the look before it: watching stays under 5 % of one CPU."""

_log = logging.getLogger(__name__)
_HAS_PROC = sys.platform == "linux"


@dataclass(eq=False)
class Probe:
    """One environment to be watched. ``pid`` leads its process group; ``peak_bytes`` only grows."""

    pid: int
    memory_bytes: int
    temporary: Path
    tmp_bytes: int
    exceeded: asyncio.Future[Failure]
    peak_bytes: int = 0
    children: tuple[int, ...] = field(default=())

    @property
    def peak_mb(self) -> int:
        """As REPORT shows it: never more than there is."""
        return min(-(-self.peak_bytes // MIB), self.memory_bytes // MIB)

    def saw(self, used_bytes: int) -> None:
        self.peak_bytes = max(self.peak_bytes, used_bytes)
        if self.peak_bytes > self.memory_bytes:
            self.exceed(failures.out_of_memory())

    def saw_files(self, used_bytes: int) -> None:
        if used_bytes > self.tmp_bytes:
            self.exceed(failures.no_space(-(-used_bytes // MIB), self.tmp_bytes // MIB))

    def exceed(self, failure: Failure) -> None:
        if not self.exceeded.done():
            self.exceeded.set_result(failure)

    def look(self) -> None:
        """Measure now, with the high-water mark. Takes some ten microseconds; nothing where there is no
        /proc."""
        if _HAS_PROC:
            self.saw(max(_resident((self.pid, *self.children)), _high_water_mark(self.pid)))


class ResourceWatch:
    """Looks at environments that work; does nothing while none does."""

    def __init__(self) -> None:
        self._probes: set[Probe] = set()
        self._task: asyncio.Task[None] | None = None
        self._slow: asyncio.Task[None] | None = None
        self._searched = 0.0

    def add(self, probe: Probe) -> None:
        """Watch from now on, until ``remove``."""
        self._probes.add(probe)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="resources of environments")

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
                for probe in self._probes:
                    probe.saw(_resident((probe.pid, *probe.children)))
            took = time.perf_counter() - began
            if began - self._searched >= SLOW_LOOK_S and (self._slow is None or self._slow.done()):
                self._searched = began
                self._slow = asyncio.create_task(self._search(list(self._probes)), name="files and children")
            await asyncio.sleep(max(LOOK_S if _HAS_PROC else SLOW_LOOK_S, LEAST_PAUSES * took))

    async def _search(self, probes: list[Probe]) -> None:
        try:
            found, sizes = await asyncio.to_thread(
                _search, [(probe.pid, probe.temporary) for probe in probes]
            )
        except (OSError, ValueError, IndexError, RuntimeError) as error:
            _log.warning("what environments use could not be read: %s", error)
            return
        for probe, size in zip(probes, sizes, strict=True):
            probe.saw_files(size)
            if _HAS_PROC:
                probe.children = tuple(pid for pid in found.get(probe.pid, ()) if pid != probe.pid)
            elif probe.pid in found:
                probe.saw(found[probe.pid][0])


def _search(probes: list[tuple[int, Path]]) -> tuple[dict[int, list[int]], list[int]]:
    """(process group → its processes, or its bytes of memory where there is no /proc; bytes in each /tmp)."""
    sizes = [_bytes_in(folder) for _, folder in probes]
    groups = [pid for pid, _ in probes]
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
