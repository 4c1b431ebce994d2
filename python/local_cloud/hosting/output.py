"""A container's output: read line by line as fast as it comes, so that it never waits on a full pipe."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Final

from local_cloud.hosting.runner import LogSink

MAX_LINE_BYTES: Final = 64 * 1024
"""A longer line is cut: CloudWatch Logs takes events of at most 256 KiB, and memory is bounded."""

_DRAIN_BYTES: Final = 4 * 1024**2
"""The most that one drain takes: a container that writes without end must not hold the event loop."""


class OutputReader:
    """Owns the reading end of a pipe. Make it inside the event loop."""

    def __init__(self, descriptor: int, log: LogSink) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._log = log
        self._rest = b""
        self._ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def drain(self) -> None:
        """Take what has been written until now, a line without its end too."""
        taken = 0
        while taken < _DRAIN_BYTES and (count := self._read()):
            taken += count
        self._write_rest()

    async def wait_end(self, timeout_s: float) -> None:
        """Wait until every writer has closed the pipe, at most ``timeout_s`` seconds; then stop reading."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._ended.wait()
        self.close()

    def close(self) -> None:
        """Stop reading. Idempotent."""
        if self._descriptor < 0:
            return
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1
        self._write_rest()
        self._ended.set()

    def _read(self) -> int:
        """Read once; returns the bytes there were, 0 at the end and where there is nothing now."""
        if self._descriptor < 0:
            return 0
        try:
            chunk = os.read(self._descriptor, MAX_LINE_BYTES)
        except BlockingIOError:
            return 0
        except OSError:
            chunk = b""
        if not chunk:
            self.close()
            return 0
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._write(line)
        while len(self._rest) > MAX_LINE_BYTES:
            self._write(self._rest[:MAX_LINE_BYTES])
            self._rest = self._rest[MAX_LINE_BYTES:]
        return len(chunk)

    def _write_rest(self) -> None:
        rest, self._rest = self._rest, b""
        if rest:
            self._write(rest)

    def _write(self, line: bytes) -> None:
        self._log.write(line.rstrip(b"\r").decode("utf-8", errors="replace"))
