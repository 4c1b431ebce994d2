"""CPU and memory of process groups, as /aws/sagemaker/Endpoints reports them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Usage:
    """``cpu_seconds`` since the group's processes started; ``memory_bytes`` resident now."""

    cpu_seconds: float
    memory_bytes: int


def memory_of_machine() -> int:
    """Bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def read_usage(groups: Iterable[int]) -> dict[int, Usage]:
    """The usage of each process group that still exists. Reads /proc on Linux, asks ``ps`` elsewhere."""
    wanted = set(groups)
    rows = _from_proc() if sys.platform == "linux" else _from_ps()
    totals: dict[int, Usage] = {}
    for group, cpu_seconds, memory_bytes in rows:
        if group in wanted:
            before = totals.get(group, Usage(0.0, 0))
            totals[group] = Usage(before.cpu_seconds + cpu_seconds, before.memory_bytes + memory_bytes)
    return totals


def _from_proc() -> Iterable[tuple[int, float, int]]:
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            text = (process / "stat").read_text()
        except OSError:  # it has ended meanwhile
            continue
        # The second field is the program's name in brackets and may hold anything; see proc_pid_stat(5).
        fields = text.rpartition(")")[2].split()
        yield int(fields[2]), (int(fields[11]) + int(fields[12])) / ticks, int(fields[21]) * page


def _from_ps() -> Iterable[tuple[int, float, int]]:
    try:
        listing = subprocess.run(
            ["ps", "-A", "-o", "pgid=,rss=,time="], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return
    for line in listing.splitlines():
        group, kilobytes, time = line.split()
        yield int(group), parse_cpu_time(time), int(kilobytes) * 1024


def parse_cpu_time(text: str) -> float:
    """Seconds of ps's ``[days-]hours:minutes:seconds[.fraction]``."""
    days, _, clock = text.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds + 86_400 * int(days or 0)
