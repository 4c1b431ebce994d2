from __future__ import annotations

import pytest

from local_cloud.hosting.instance_types import usable_threads, vcpus


@pytest.mark.parametrize(
    ("instance_type", "count"),
    [
        ("ml.m5.large", 2),
        ("ml.c5.xlarge", 4),
        ("ml.m5.12xlarge", 48),
        ("ml.t2.medium", 2),
        ("ml.new.strange", 1),
    ],
)
def test_vcpus_follow_the_size(instance_type: str, count: int) -> None:
    assert vcpus(instance_type) == count


def test_threads_are_bounded_by_this_machine() -> None:
    assert 1 <= usable_threads("ml.m5.24xlarge") < 96 or usable_threads("ml.m5.24xlarge") == 96
    assert usable_threads("ml.new.strange") == 1
