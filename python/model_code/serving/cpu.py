"""How many CPU cores this process may really use.

``os.cpu_count()`` counts the host's cores. A container is held back by its cgroup quota, and two threads
that share one core's worth of quota run many times slower than one, so every thread pool is pinned to what
is counted here.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path, PurePosixPath

#: Read by OpenMP, MKL, OpenBLAS and Rayon when their library is loaded: so they have to be set before that.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


def available_threads(root: Path = Path("/")) -> int:
    """Whole cores this process may use: the smaller of its CPU affinity and its cgroup quota, at least 1.

    A quota of 1.5 cores counts as 1: with two threads the kernel would stall both for a part of every period.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota(root)
    return max(1, cores if quota is None else min(cores, math.floor(quota)))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """The cgroup CPU quota in cores (v2 ``cpu.max``, v1 ``cpu.cfs_quota_us``), or None where there is none.

    A quota on any group above ours binds us too, so the smallest on the way to the root counts. ``root`` is
    where ``proc`` and ``sys`` lie; tests pass a folder of their own.
    """
    quotas = [
        quota for directory in _group_directories(root) if (quota := _read_quota(directory)) is not None
    ]
    return min(quotas, default=None)


def pin_thread_pools(threads: int, environment: MutableMapping[str, str] = os.environ) -> None:
    """Tell numeric libraries that are not loaded yet to use ``threads`` threads; what is set stays."""
    for name in _THREAD_VARIABLES:
        environment.setdefault(name, str(threads))
    # Tokenising a batch in parallel would compete with the model for the same cores.
    environment.setdefault("TOKENIZERS_PARALLELISM", "false")


def _group_directories(root: Path) -> Iterator[Path]:
    mounts = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="ascii").splitlines()
    except OSError:
        return
    for line in lines:
        parts = line.split(":", 2)
        if len(parts) != 3:
            continue
        _, controllers, path = parts
        if controllers == "":
            mount = mounts
        elif "cpu" in controllers.split(","):
            # v1 mounts the controllers together ("cpu,cpuacct") and links "cpu" to it.
            mount = mounts / controllers if (mounts / controllers).is_dir() else mounts / "cpu"
        else:
            continue
        # Inside a container the path may be the host's, and our own group is then the mount itself.
        group = PurePosixPath(path.lstrip("/"))
        yield from (mount / part for part in (group, *group.parents))


def _read_quota(directory: Path) -> float | None:
    try:
        if (directory / "cpu.max").is_file():
            quota, period = (directory / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota = (directory / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (directory / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    if quota in ("max", "-1") or int(period) <= 0:
        return None
    return int(quota) / int(period)
