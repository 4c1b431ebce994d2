"""How the tests are shared out when two processes run them (`invoke test`; `pytest` alone uses one)."""

from __future__ import annotations

from typing import Any

import pytest

END_TO_END = "tests/end_to_end/"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file stays in one process, and so do all end-to-end tests: they share one deployment."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            return END_TO_END if file.startswith(END_TO_END) else file

    return ByFile(config, log)
