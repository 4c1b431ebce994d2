"""Container output to CloudWatch Logs: one stream a container, batched, bounded, in nobody's way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from local_cloud.hosting.aws import Aws

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import InputLogEventTypeDef

    from local_cloud.hosting.specs import Clock

FLUSH_INTERVAL_S: Final = 1.0
MIN_FLUSH_INTERVAL_S: Final = 0.05
MAX_BACK_OFF_S: Final = 30.0
LAST_FLUSH_S: Final = 10.0
"""How long an end waits for the last lines to be taken."""
MAX_PENDING_EVENTS: Final = 10_000
MAX_PENDING_BYTES: Final = 4 * 1024**2
TAIL_LINES: Final = 1000
# PutLogEvents: 10,000 events or 1,048,576 bytes a batch, an event costs 26 bytes more than its text.
MAX_BATCH_EVENTS: Final = 10_000
MAX_BATCH_BYTES: Final = 1_048_576
EVENT_OVERHEAD_BYTES: Final = 26

_log = logging.getLogger(__name__)


class LogStream:
    """One container's log: a LogSink, the tail for whoever asks now, and the lines not yet sent."""

    def __init__(self, group: str, name: str, wake: asyncio.Event) -> None:
        self.group = group
        self.name = name
        self.last_line = ""
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._pending: deque[tuple[int, str, int]] = deque()
        self._pending_bytes = 0
        self._dropped = 0
        self._wake = wake
        self.created = False

    def write(self, line: str) -> None:
        """Keep the line. When CloudWatch Logs is slower than the container the oldest lines go."""
        self._tail.append(line)
        if line.strip():
            self.last_line = line
        size = len(line) * 3 + EVENT_OVERHEAD_BYTES  # at most, for text of the Basic Multilingual Plane
        self._pending.append((time.time_ns() // 1_000_000, line, size))
        self._pending_bytes += size
        while len(self._pending) > MAX_PENDING_EVENTS or self._pending_bytes > MAX_PENDING_BYTES:
            self._pending_bytes -= self._pending.popleft()[2]
            self._dropped += 1
        self._wake.set()

    def tail(self, lines: int) -> list[str]:
        """The newest lines, oldest first."""
        return list(self._tail)[-lines:]

    @property
    def has_pending(self) -> bool:
        return bool(self._pending)

    def take_batch(self) -> list[tuple[int, str, int]]:
        """Remove and return what one PutLogEvents may carry, oldest first."""
        batch: list[tuple[int, str, int]] = []
        size = 0
        if self._dropped:
            text = (
                f"[local cloud] {self._dropped} lines were dropped: they came faster than they could be sent"
            )
            batch.append((self._pending[0][0], text, len(text) + EVENT_OVERHEAD_BYTES))
            size, self._dropped = batch[0][2], 0
        while self._pending and len(batch) < MAX_BATCH_EVENTS:
            if batch and size + self._pending[0][2] > MAX_BATCH_BYTES:
                break
            event = self._pending.popleft()
            self._pending_bytes -= event[2]
            size += event[2]
            batch.append(event)
        return batch

    def put_back(self, batch: list[tuple[int, str, int]]) -> None:
        """The batch was not sent: try it again later, as far as there is room."""
        self._pending.extendleft(reversed(batch))
        self._pending_bytes += sum(event[2] for event in batch)


class LogShipper:
    """Sends every stream's lines about once a second, and nothing at all while nothing is written."""

    def __init__(self, aws: Aws, clock: Clock) -> None:
        self._aws = aws
        self._clock = clock
        self._wake = asyncio.Event()
        self._streams: dict[tuple[str, str], LogStream] = {}
        self._groups: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._sending = asyncio.Lock()

    def stream(self, group: str, name: str) -> LogStream:
        """The stream, made on first use."""
        key = (group, name)
        if key not in self._streams:
            self._streams[key] = LogStream(group, name, self._wake)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="log shipper")
        return self._streams[key]

    async def create_group(self, group: str) -> None:
        """Have the group there before the first line: whoever looks for an endpoint's log finds it."""
        try:
            await self._aws.run(self._create_group, group)
        except (ClientError, BotoCoreError, OSError, RuntimeError) as error:
            _log.warning("the log group %s could not be made yet: %s", group, error)

    async def flush(self) -> bool:
        """Send what is pending now. False when the backing service failed (the lines are kept)."""
        # Not cancelled with its caller: a batch that is half sent would be sent twice.
        return await asyncio.shield(asyncio.create_task(self._flush()))

    async def _flush(self) -> bool:
        all_sent = True
        async with self._sending:
            for stream in list(self._streams.values()):
                while stream.has_pending:
                    batch = stream.take_batch()
                    try:
                        await self._aws.run(self._put, stream, batch)
                    except (ClientError, BotoCoreError, OSError, RuntimeError) as error:
                        stream.put_back(batch)
                        _log.warning("container logs could not be sent and are kept: %s", error)
                        if not isinstance(error, ClientError):
                            return False
                        all_sent = False  # this stream is refused; the others need not wait for it
                        break
        return all_sent

    async def forget(self, streams: list[LogStream]) -> None:
        """Send what is left of these streams, then drop them (their container is gone)."""
        await self._last_flush()
        for stream in streams:
            self._streams.pop((stream.group, stream.name), None)

    async def close(self) -> None:
        """Send what is left and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._last_flush()

    async def _last_flush(self) -> None:
        try:
            async with asyncio.timeout(LAST_FLUSH_S):
                await self.flush()
        except TimeoutError:
            _log.warning("CloudWatch Logs did not take the last lines within %g s", LAST_FLUSH_S)

    async def _run(self) -> None:
        back_off = FLUSH_INTERVAL_S
        while True:
            await self._wake.wait()
            await asyncio.sleep(max(MIN_FLUSH_INTERVAL_S, self._clock.scaled(back_off)))
            self._wake.clear()
            if await self.flush():
                back_off = FLUSH_INTERVAL_S
            else:
                back_off = min(back_off * 2, MAX_BACK_OFF_S)
                self._wake.set()

    def _put(self, stream: LogStream, batch: list[tuple[int, str, int]]) -> None:
        logs = self._aws.logs
        events: list[InputLogEventTypeDef] = [
            {"timestamp": timestamp, "message": line or " "} for timestamp, line, _ in batch
        ]
        if not stream.created:
            self._create(stream)
        try:
            logs.put_log_events(logGroupName=stream.group, logStreamName=stream.name, logEvents=events)
        except (
            logs.exceptions.ResourceNotFoundException
        ):  # somebody deleted the group: it comes back, as on AWS
            self._groups.discard(stream.group)
            self._create(stream)
            logs.put_log_events(logGroupName=stream.group, logStreamName=stream.name, logEvents=events)

    def _create(self, stream: LogStream) -> None:
        logs = self._aws.logs
        self._create_group(stream.group)
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(logGroupName=stream.group, logStreamName=stream.name)
        stream.created = True

    def _create_group(self, group: str) -> None:
        if group in self._groups:
            return
        logs = self._aws.logs
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=group)
        self._groups.add(group)
