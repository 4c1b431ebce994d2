"""One asynchronous endpoint: takes requests in, and sees each of them through."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, Final

from local_cloud.asynchronous.attempt import Again, Attempts
from local_cloud.asynchronous.completion import Completion
from local_cloud.asynchronous.config import AsyncConfig
from local_cloud.asynchronous.dispatcher import Dispatcher
from local_cloud.asynchronous.failures import Failure, expired, internal
from local_cloud.asynchronous.metrics import EndpointMetrics
from local_cloud.asynchronous.queue import RequestQueue
from local_cloud.asynchronous.requests import Accepted, AsyncRequest, Submission
from local_cloud.asynchronous.results import Answer
from local_cloud.hosting.specs import HostedFleet, Place

MOST_COMPLETIONS: Final = 64
"""Requests of an endpoint whose answers are being written. When S3 is that far behind, instances wait."""

COMPLETION_S: Final = 15.0
"""How long an end waits for answers that are being written."""

_log = logging.getLogger(__name__)


class AsyncEndpoint:
    """Made by :meth:`AsyncInference.open`. An endpoint that is updated stays the same one here."""

    def __init__(
        self,
        name: str,
        queue: RequestQueue,
        attempts: Attempts,
        completion: Completion,
        metrics: EndpointMetrics,
        *,
        now: Callable[[], float],
    ) -> None:
        self.name = name
        self._queue = queue
        self._attempts = attempts
        self._completion = completion
        self._metrics = metrics
        self._now = now
        self._fleet: HostedFleet | None = None
        self._room = asyncio.Semaphore(MOST_COMPLETIONS)
        self._completions: set[asyncio.Task[None]] = set()
        self._dispatcher = Dispatcher(queue, process=self._process, expire=self._expire, now=now)

    async def submit(self, submission: Submission) -> Accepted:
        """Queues a request; it is on disk when this returns. Instances there need not be.

        Raises BacklogFull.
        """
        config, unique = self._completion.config, str(uuid.uuid4())
        output = config.output.under(
            submission.output_extension or "", submission.filename or f"{unique}.out"
        )
        failure = config.failure.under(f"{unique}-error.out") if config.failure is not None else None
        request = AsyncRequest(
            endpoint=self.name,
            inference_id=submission.inference_id or str(uuid.uuid4()),
            input_location=submission.input_location,
            output_location=str(output),
            failure_location=str(failure) if failure is not None else None,
            received_at=self._now(),
            ttl_s=submission.ttl_s,
            timeout_s=submission.timeout_s,
            content_type=submission.content_type,
            accept=submission.accept,
            custom_attributes=submission.custom_attributes,
        )
        await self._queue.add(request, submission.body)
        return Accepted(request.inference_id, request.output_location, request.failure_location)

    def attach(self, fleet: HostedFleet, variant: str, config: AsyncConfig) -> None:
        """Requests go to ``fleet`` from now on. What is queued keeps the locations that its caller was told;
        notices, the key and the number of requests an instance are those of ``config``."""
        self._fleet = fleet
        self._completion.config = config
        self._metrics.use_variant(variant)
        self._dispatcher.attach(fleet, config.per_instance)

    def detach(self) -> None:
        """Requests are taken in and wait: there is no fleet for the moment."""
        self._fleet = None
        self._dispatcher.detach()

    def state(self) -> dict[str, Any]:
        """For the status page."""
        backlog = self._queue.backlog()
        return {
            "queued": backlog.waiting,
            "in_process": backlog.in_process,
            "done": backlog.done,
            "failed": backlog.failed,
            "oldest_age_seconds": round(backlog.oldest_age_s, 3),
            "concurrency_per_instance": self._completion.config.per_instance,
        }

    def report(self) -> None:
        """Puts the state of the queue into the metrics."""
        instances = 0
        if self._fleet is not None:
            instances = sum(state.current_instance_count for state in self._fleet.describe())
        self._metrics.gauges(self._queue.backlog(), instances)

    def send(self, notices: list[tuple[int, str]]) -> None:
        """Notices of requests that ended under an earlier hosting, and were not sent."""
        for seq, notice in notices:
            self._complete(self._completion.notify(seq, notice))

    async def stop(self) -> None:
        """What is in process waits again, on disk; answers that are being written are written."""
        self._fleet = None
        await self._dispatcher.stop(give_up=True, within_s=COMPLETION_S)
        if self._completions:
            await asyncio.wait(set(self._completions), timeout=COMPLETION_S)
        for task in set(self._completions):
            task.cancel()
            await asyncio.wait({task})

    async def _process(self, request: AsyncRequest, place: Place) -> None:
        self._metrics.taken(max(0.0, self._now() - request.received_at))
        try:
            outcome = await self._attempt(request, place)
            if not isinstance(outcome, Again):
                await self._room.acquire()  # while the place is held: S3's slowness must reach the queue
        except asyncio.CancelledError:
            self._queue.put_back(request)
            raise
        finally:
            place.release()
        if isinstance(outcome, Again):
            self._queue.put_back(request, crashed=outcome.crashed, refused=outcome.refused)
        else:
            self._settle(request, outcome)

    async def _attempt(self, request: AsyncRequest, place: Place) -> Answer | Failure | Again:
        try:
            return await self._attempts.make(request, place)
        except Exception as error:
            _log.exception("an attempt at request %s of endpoint %s", request.inference_id, self.name)
            return internal(error)

    async def _expire(self, request: AsyncRequest) -> None:
        try:
            await self._room.acquire()
        except asyncio.CancelledError:
            self._queue.put_back(request)
            raise
        self._settle(request, expired(request))

    def _settle(self, request: AsyncRequest, outcome: Answer | Failure) -> None:
        async def complete() -> None:
            # The place is free: let the next request go to it before this one's answer is dealt with.
            await asyncio.sleep(0)
            try:
                await self._completion.complete(request, outcome)
            finally:
                self._room.release()

        self._complete(complete())

    def _complete(self, work: Coroutine[Any, Any, None]) -> None:
        """In a task of its own: the end of an attempt, or of the hosting, does not interrupt it."""
        task = asyncio.create_task(work)
        self._completions.add(task)
        task.add_done_callback(self._completed)

    def _completed(self, task: asyncio.Task[None]) -> None:
        self._completions.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a request of endpoint %s could not be completed", self.name, exc_info=error)
