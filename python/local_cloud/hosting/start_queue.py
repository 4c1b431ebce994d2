"""How many serverless containers, or execution environments of functions, start at the same time.

A burst of requests asks for one each. On AWS they start side by side; on a laptop they would only
make each other slow, so they take turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from local_cloud.hosting.instance_types import available_cpus

LEAST_AT_ONCE: Final = 2


class StartQueue:
    """First come, first served. ``at_once``: one for each CPU that this process may use, at least two."""

    def __init__(self, at_once: int | None = None) -> None:
        self.at_once = at_once or max(LEAST_AT_ONCE, available_cpus())
        self._turns = asyncio.Semaphore(self.at_once)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn; it ends with the block. Who is cancelled while waiting takes none."""
        async with self._turns:
            yield
