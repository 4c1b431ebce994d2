"""How many CPUs an instance type has, so that a container gets as many threads as it would on AWS.

Source: the vCPU counts of EC2's current families, which ``ml.`` types share.
"""

from __future__ import annotations

import os
from typing import Final

_BY_SIZE: Final = {"medium": 1, "large": 2, "xlarge": 4}
_EXCEPTIONS: Final = {
    "ml.t2.medium": 2,
    "ml.t3.medium": 2,
    "ml.p2.8xlarge": 32,
    "ml.p3.2xlarge": 8,
    "ml.g4dn.metal": 96,
    "ml.c4.8xlarge": 36,
    "ml.c5.9xlarge": 36,
    "ml.c5.18xlarge": 72,
    "ml.c5d.9xlarge": 36,
    "ml.c5d.18xlarge": 72,
}


def vcpus(instance_type: str) -> int:
    """vCPUs of an ``ml.<family>.<size>``; 1 where the size is unknown."""
    if instance_type in _EXCEPTIONS:
        return _EXCEPTIONS[instance_type]
    size = instance_type.rpartition(".")[2]
    if size in _BY_SIZE:
        return _BY_SIZE[size]
    multiple = size.removesuffix("xlarge")
    return 4 * int(multiple) if size.endswith("xlarge") and multiple.isdigit() else 1


def usable_threads(instance_type: str) -> int:
    """The instance type's vCPUs, at most what this process may use of this machine."""
    return max(1, min(vcpus(instance_type), available_cpus()))


def available_cpus() -> int:
    """CPUs of this machine that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
