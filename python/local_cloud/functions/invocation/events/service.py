"""Asynchronous invocations of all functions: taken in, tried, tried again, and told of when they end.

An event is on disk when the caller hears 202, and stays there until its function has had it and whoever is to
be told has been told. What ends between two steps is done again, so nothing is lost, and done twice only
then; as on AWS, where "it's possible for it to receive the same event from Lambda multiple times".
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import sqlite3
import uuid
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from local_cloud.clock import Clock
from local_cloud.functions.control.answers import Control, Resolved
from local_cloud.functions.invocation import refusals
from local_cloud.functions.invocation.events.attempt import Attempt, Attempts
from local_cloud.functions.invocation.events.event import THROTTLED, Again, Answered, LambdaEvent
from local_cloud.functions.invocation.events.metrics import EventMetrics
from local_cloud.functions.invocation.events.queue import EventQueue
from local_cloud.functions.invocation.events.records import Delivery, deliveries
from local_cloud.functions.invocation.events.store import EventStore
from local_cloud.functions.invocation.events.targets import DeliveryFailed, Targets
from local_cloud.functions.specs import ExecutionService, Throttled
from local_cloud.hosting.telemetry.metrics import MetricHub
from serving_contracts.limits import LAMBDA_EVENT_BACKLOG, LAMBDA_EVENT_BACKLOG_BYTES, LAMBDA_EVENT_BYTES

QUEUE_FILE: Final = "events.sqlite3"
RETRY_S: Final = (0.5, 30.0)
"""Pauses, doubling up to the second figure, while a step cannot be written down."""
DELIVERY_S: Final = 5.0
"""How long an end waits for messages that are being sent; what is not sent then stays on disk."""

_T = TypeVar("_T")
_log: Final = logging.getLogger(__name__)


class BacklogFull(Throttled):
    """The queue has as many events, or bytes, as it may have."""

    def __init__(self) -> None:
        super().__init__(
            refusals.BACKLOG_FULL,
            f"Rate Exceeded. The local cloud keeps up to {LAMBDA_EVENT_BACKLOG} events of a function and "
            f"{LAMBDA_EVENT_BACKLOG_BYTES} bytes of all; try again when some have ended.",
        )


class AsyncEvents:
    """Make it in a running event loop, ``start`` it, ``close`` it. What ``directory`` holds outlives it: the
    next one on the same folder goes on with the same events."""

    def __init__(
        self,
        directory: Path,
        control: Control,
        execution: ExecutionService,
        hub: MetricHub,
        *,
        aws_url: str,
        region: str,
        account: str,
        clock: Clock,
    ) -> None:
        """``aws_url``: where SQS, SNS, S3 and EventBridge answer."""
        self._control = control
        self._clock = clock
        self._metrics = EventMetrics(hub)
        self._store = EventStore(directory / QUEUE_FILE)
        self._attempts = Attempts(control, execution, self._store, self._metrics, now=self._now)
        self._queue = EventQueue(self._process, now=self._now)
        self._targets = Targets(aws_url, region, account, self._pass_on)
        self._numbers = itertools.count(1)
        self._bytes = 0
        self._endings: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def start(self) -> None:
        """Goes on with what is on disk. Raises sqlite3.Error or OSError if the file cannot be used."""
        saved = await self._store.saved()
        self._numbers = itertools.count(saved.last_seq + 1)
        for event in saved.waiting:
            self._bytes += event.size
            self._queue.put(event)
        for seq, unsent in saved.ended:
            self._in_a_task(self._deliver(seq, unsent))
        if saved.waiting:
            _log.info("Lambda goes on with %d events", len(saved.waiting))

    async def accept(
        self, resolved: Resolved, payload: bytes, request_id: str, trace_id: str | None = None
    ) -> None:
        """The event is on disk when this returns. Raises BacklogFull."""
        name = resolved.version.function_name
        lane = self._queue.lane(name)
        if lane.size >= LAMBDA_EVENT_BACKLOG or self._bytes + len(payload) > LAMBDA_EVENT_BACKLOG_BYTES:
            raise BacklogFull
        now = self._now()
        event = LambdaEvent(
            name, resolved.qualifier, request_id, now, len(payload), trace_id, next(self._numbers), due_at=now
        )
        self._bytes += event.size
        lane.being_added += 1
        # A caller who leaves meanwhile changes nothing: the event is on disk or will be.
        await asyncio.shield(self._in_a_task(self._add(event, payload)))
        self._metrics.received(name, resolved.resource)

    def state(self, function: str) -> dict[str, object] | None:
        """A function's queue, for ``/_local/status``; None where it never had an event."""
        lane = self._queue.find(function)
        if lane is None:
            return None
        oldest = lane.oldest_received_at()
        return {
            "queued": len(lane.waiting),
            "in_process": len(lane.in_process),
            "done": lane.done,
            "failed": lane.failed,
            "oldest_age_seconds": 0.0 if oldest is None else round(max(0.0, self._now() - oldest), 3),
        }

    async def close(self) -> None:
        """Stops everything; what waits, is in process or is to be sent stays on disk. Idempotent."""
        if self._closed:
            return
        self._closed = True
        await self._queue.stop()
        if self._endings:
            await asyncio.wait(set(self._endings), timeout=DELIVERY_S)
        for task in set(self._endings):
            task.cancel()
            await asyncio.wait({task})
        self._targets.close()
        await self._store.close()

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _add(self, event: LambdaEvent, payload: bytes) -> None:
        try:
            await self._store.add(event, payload)
        except BaseException:
            self._bytes -= event.size
            raise
        finally:
            self._queue.lane(event.function_name).being_added -= 1
        self._queue.put(event)

    async def _pass_on(self, arn: str, payload: bytes) -> None:
        """A function is the destination of another one's events."""
        if len(payload) > LAMBDA_EVENT_BYTES:
            raise refusals.too_large(LAMBDA_EVENT_BYTES)
        resolved = self._control.resolve(arn)
        try:
            await self.accept(resolved, payload, request_id=str(uuid.uuid4()))
        except Throttled as error:
            raise refusals.throttled(error) from error

    async def _process(self, event: LambdaEvent) -> bool:
        """One attempt. Whether the event waits again."""
        attempt = await self._attempts.make(event)
        # In a task of its own: the end of an attempt, or of the hosting, does not interrupt it.
        return await asyncio.shield(self._in_a_task(self._follow(event, attempt)))

    async def _follow(self, event: LambdaEvent, attempt: Attempt) -> bool:
        if isinstance(attempt.outcome, Answered):
            self._queue.succeeded(event.function_name)
        elif attempt.outcome is not None and attempt.outcome.status == THROTTLED:
            self._queue.throttled(event.function_name)
        if isinstance(attempt.step, Again):
            pause_s = self._clock.scaled(attempt.step.pause_s)
            event.due_at = self._now() + pause_s
            event.skipped_s += attempt.step.pause_s - pause_s
            await self._written(event, lambda: self._store.waits_again(event))
            return True
        unsent = self._deliveries(event, attempt)
        await self._written(event, lambda: self._store.end(event, unsent))
        self._bytes -= event.size
        lane = self._queue.lane(event.function_name)
        if attempt.step == "Success":
            lane.done += 1
        else:
            lane.failed += 1
            resource = attempt.resolved.resource if attempt.resolved else event.function_name
            self._metrics.dropped(event.function_name, resource)
            _log.warning("event %s of %s ended: %s", event.request_id, event.function_name, attempt.step)
        await self._deliver(event.seq, unsent)
        return False

    def _deliveries(self, event: LambdaEvent, attempt: Attempt) -> list[Delivery]:
        if attempt.resolved is None or attempt.step == "FunctionGone" or isinstance(attempt.step, Again):
            return []  # what was to be told went with the function
        now = datetime.fromtimestamp(self._now(), UTC)
        return deliveries(event, attempt.payload, attempt.resolved, attempt.step, attempt.outcome, now)

    async def _deliver(self, seq: int, unsent: Sequence[Delivery]) -> None:
        """Sends what is to be sent. A target that does not take it is told of in the metrics."""
        for delivery in unsent:
            try:
                await self._targets.send(delivery)
            except DeliveryFailed as error:
                _log.warning("the end of an event of %s was not told: %s", delivery.function_name, error)
                if delivery.kind == "destination":
                    self._metrics.delivery_failed(delivery.function_name, delivery.resource)
                else:
                    self._metrics.dead_letter_failed(delivery.function_name, delivery.resource)
        if unsent:
            self._store.delivered(seq)

    async def _written(self, event: LambdaEvent, write: Callable[[], asyncio.Future[None]]) -> None:
        """Writes a step down, as soon as the disk takes it. To do the attempt again would make no room; and
        while many wait here, functions get no further events."""
        pause, longest = RETRY_S
        while True:
            try:
                await write()
                return
            except (sqlite3.Error, OSError) as error:
                _log.error(
                    "event %s of %s cannot be written down (%s); tried again in %g s",
                    *(event.request_id, event.function_name, error, pause),
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)

    def _in_a_task(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.create_task(work)
        self._endings.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def _task_ended(self, task: asyncio.Task[Any]) -> None:
        self._endings.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a step of a Lambda event failed", exc_info=error)
