"""How the tests are shared out when two processes run them (`invoke test`; `pytest` alone uses one)."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def pytest_itemcollected(item: pytest.Item) -> None:
    """A file stays in one process, and so do all end-to-end tests: they share one deployment.

    At this early time, because xdist reads the groups before any conftest.py could change collected tests.
    """
    folder, *rest = item.path.relative_to(TESTS).parts
    group = folder if folder == "end_to_end" else "/".join((folder, *rest))
    item.add_marker(pytest.mark.xdist_group(group))
