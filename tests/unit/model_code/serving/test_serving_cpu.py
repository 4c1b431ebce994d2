"""Threads are pinned to what the process may really use."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.cpu import available_threads, cpu_quota, pin_thread_pools


def machine(root: Path, groups: str, **quotas: str) -> Path:
    """A root with ``proc/self/cgroup`` and quota files, named by their path with ``__`` for a slash."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for path, text in quotas.items():
        file = root / "sys/fs/cgroup" / path.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return root


def test_a_v2_quota_is_read(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/box\n", **{"box__cpu.max": "150000 100000"})
    assert cpu_quota(root) == 1.5
    assert available_threads(root) == 1, "a second thread would be stalled for half of the time"


def test_a_quota_of_less_than_a_core_is_one_thread(tmp_path: Path) -> None:
    assert available_threads(machine(tmp_path, "0::/\n", **{"cpu.max": "20000 100000"})) == 1


def test_the_smallest_quota_on_the_way_up_binds(tmp_path: Path) -> None:
    quotas = {"a__b__cpu.max": "max 100000", "a__cpu.max": "300000 100000", "cpu.max": "800000 100000"}
    assert cpu_quota(machine(tmp_path, "0::/a/b\n", **quotas)) == 3.0


def test_a_path_of_the_host_falls_back_to_the_mount(tmp_path: Path) -> None:
    assert cpu_quota(machine(tmp_path, "0::/docker/abc\n", **{"cpu.max": "200000 100000"})) == 2.0


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
def test_a_v1_quota_is_read(tmp_path: Path, mount: str) -> None:
    quotas = {f"{mount}__box__cpu.cfs_quota_us": "400000", f"{mount}__box__cpu.cfs_period_us": "100000"}
    assert cpu_quota(machine(tmp_path, "7:memory:/box\n4:cpu,cpuacct:/box\n", **quotas)) == 4.0


@pytest.mark.parametrize(
    ("groups", "quotas"),
    [
        ("0::/\n", {"cpu.max": "max 100000"}),
        ("4:cpu:/\n", {"cpu__cpu.cfs_quota_us": "-1", "cpu__cpu.cfs_period_us": "100000"}),
        ("0::/\n", {"cpu.max": "nonsense"}),
        ("0::/\n", {}),
        ("nonsense", {}),
    ],
)
def test_no_quota_means_every_core(tmp_path: Path, groups: str, quotas: dict[str, str]) -> None:
    root = machine(tmp_path, groups, **quotas)
    assert cpu_quota(root) is None
    assert available_threads(root) >= 1


def test_no_cgroups_at_all_is_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None


def test_what_the_user_has_set_stays() -> None:
    environment = {"OMP_NUM_THREADS": "7"}
    pin_thread_pools(2, environment)
    assert environment["OMP_NUM_THREADS"] == "7"
    assert environment["OPENBLAS_NUM_THREADS"] == "2"
