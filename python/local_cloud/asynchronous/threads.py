"""The threads in which asynchronous inference reads and writes: the event loop never waits for S3 or SNS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

_WORKERS: Final = 8

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Threads:
    """A few threads; ``close`` lets running calls end and takes no new ones."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="async-io")

    async def run(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Runs a blocking function in one of the threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: function(*args, **kwargs))

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
