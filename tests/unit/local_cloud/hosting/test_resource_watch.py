"""What processes use is seen: while they are watched, and what was over when nobody looked."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from toys import becomes

from local_cloud.hosting.resource_watch import Folder, Probe, ResourceWatch
from serving_contracts.limits import MIB

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
async def watch() -> AsyncIterator[ResourceWatch]:
    watch = ResourceWatch()
    yield watch
    await watch.close()


def probe_of(pid: int | None, told: list[int], memory_mb: int, folder: Folder | None = None) -> Probe:
    return Probe(lambda: pid, memory_mb * MIB, told.append, folder)


async def test_a_process_over_its_limit_is_told_once(watch: ResourceWatch) -> None:
    told: list[int] = []
    probe = probe_of(os.getpid(), told, memory_mb=1)
    watch.add(probe)
    assert await becomes(lambda: bool(told))
    first = probe.used_bytes
    assert told[0] > MIB
    await asyncio.sleep(0.1)  # some looks more
    assert len(told) == 1
    assert (first > MIB, probe.peak_mb) == (True, 1), "never more than there is"


@linux
def test_what_was_used_between_two_looks_counts() -> None:
    script = "x = bytearray(150 << 20); del x; print('freed', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        told: list[int] = []
        probe = probe_of(process.pid, told, memory_mb=100)
        probe.look(high_water_mark=False)
        assert told == []
        assert 0 < probe.used_bytes < 100 * MIB
        probe.look()
        assert told == [probe.peak_bytes]
        assert probe.used_bytes < 100 * MIB < probe.peak_bytes
        process.stdin.close()


async def test_a_folder_over_its_size_is_told(watch: ResourceWatch, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_bytes(b"x" * (2 * MIB))
    told: list[int] = []
    watch.add(probe_of(os.getpid(), [], 100_000, Folder(tmp_path, MIB, told.append)))
    assert await becomes(lambda: bool(told))
    assert told[0] >= 2 * MIB


async def test_what_has_no_process_yet_uses_nothing(watch: ResourceWatch, tmp_path: Path) -> None:
    told: list[int] = []
    probe = probe_of(None, told, 1, Folder(tmp_path, 0, told.append))
    watch.add(probe)
    await asyncio.sleep(0.1)
    probe.look()
    assert (told, probe.used_bytes) == ([], 0)


async def test_nothing_runs_while_nothing_is_watched(watch: ResourceWatch) -> None:
    probe = probe_of(os.getpid(), [], 100_000)
    watch.add(probe)
    assert await becomes(lambda: probe.used_bytes > 0)
    watch.remove(probe)
    watch.remove(probe)
    assert await becomes(
        lambda: (
            not {task.get_name() for task in asyncio.all_tasks()} & {"resource watch", "files and children"}
        )
    )
