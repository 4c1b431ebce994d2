"""What follows an attempt that settled a request: the object in S3, the queue on disk, the notice, metrics.

In this order. A request is written down as ended after its object lies in S3, and its notice is on disk with
it: what ends between two steps is done again, so nothing is lost, and done twice only then.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from local_cloud.asynchronous import failures, notices
from local_cloud.asynchronous.config import AsyncConfig
from local_cloud.asynchronous.failures import Failure
from local_cloud.asynchronous.locations import parse
from local_cloud.asynchronous.metrics import EndpointMetrics
from local_cloud.asynchronous.queue import RequestQueue
from local_cloud.asynchronous.requests import AsyncRequest
from local_cloud.asynchronous.results import Answer, Results, UploadFailed
from serving_contracts.limits import ASYNC_NOTICE_BODY_BYTES

RETRY_S: Final = (0.5, 30.0)
"""Pauses, doubling up to the second figure, while the end of a request cannot be written down."""

_log: Final = logging.getLogger(__name__)


class Completion:
    """Completes the requests of one endpoint. ``config`` may change while the endpoint is updated."""

    def __init__(
        self,
        queue: RequestQueue,
        results: Results,
        topics: notices.Topics,
        metrics: EndpointMetrics,
        config: AsyncConfig,
        *,
        region: str,
        now: Callable[[], float],
    ) -> None:
        self.config = config
        self._queue = queue
        self._results = results
        self._topics = topics
        self._metrics = metrics
        self._region = region
        self._now = now

    async def complete(self, request: AsyncRequest, outcome: Answer | Failure) -> None:
        """Ends a request for good."""
        answer = outcome if isinstance(outcome, Answer) else None
        try:
            try:
                failure = await self._write(request, outcome)
            except Exception as error:  # of S3's: no request may be left without an end
                _log.exception("the result of request %s of %s", request.inference_id, request.endpoint)
                failure = failures.internal(error)
            notice = self._notice(request, answer, failure)
        finally:
            if answer is not None:
                answer.close()
        await self._end(request, done=failure is None, notice=notice)
        self._metrics.ended(None if failure is None else failure.kind)
        if failure is not None:
            _log.warning("%s: request %s failed: %s", request.endpoint, request.inference_id, failure.reason)
        if notice is not None:
            await self.notify(request.seq, notice)
        self._metrics.total(self._now() - request.received_at)

    async def notify(self, seq: int, notice: str) -> None:
        """Sends a notice. A topic that does not take it is told of in the metrics; the result stays."""
        topic, message = notices.unpack(notice)
        try:
            await self._topics.publish(topic, message)
        except notices.NoticeFailed as error:
            _log.warning("a notice of endpoint %s was not sent: %s", self._queue.endpoint, error)
            self._metrics.notified(failed=True)
        else:
            self._metrics.notified(failed=False)
        self._queue.notified(seq)

    async def _end(self, request: AsyncRequest, *, done: bool, notice: str | None) -> None:
        """Writes the end down, as soon as the disk takes it. To do the request again would make no room; and
        while many wait here, instances get no further ones."""
        pause, longest = RETRY_S
        while True:
            try:
                await self._queue.end(request, done=done, notice=notice)
                return
            except (sqlite3.Error, OSError) as error:
                _log.error(
                    "the end of request %s of endpoint %s cannot be written down (%s); tried again in %g s",
                    *(request.inference_id, request.endpoint, error, pause),
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)

    async def _write(self, request: AsyncRequest, outcome: Answer | Failure) -> Failure | None:
        """The answer's object, or the failure's where the request has failed by the end of it."""
        if isinstance(outcome, Answer):
            began = time.perf_counter()
            try:
                await self._results.upload(parse(request.output_location), outcome)
            except UploadFailed as error:
                outcome = failures.upload(error)
            else:
                self._metrics.uploaded(time.perf_counter() - began)
                return None
        if request.failure_location is not None:
            written = Answer(outcome.content_type, len(outcome.body), outcome.body)
            try:
                await self._results.upload(parse(request.failure_location), written)
            except UploadFailed as error:
                _log.warning("%s: the failure object was not written: %s", request.endpoint, error)
        return outcome

    def _notice(self, request: AsyncRequest, answer: Answer | None, failure: Failure | None) -> str | None:
        config, now = self.config, datetime.fromtimestamp(self._now(), UTC)
        if failure is not None:
            if config.error_topic is None:
                return None
            message = notices.failed(
                request,
                region=self._region,
                now=now,
                reason=failure.reason,
                answer=failure.answer if config.answer_in_error else None,
            )
            return notices.pack(config.error_topic, message)
        assert answer is not None
        if config.success_topic is None:
            return None
        message = notices.completed(
            request,
            region=self._region,
            now=now,
            content_type=answer.content_type,
            answer=answer.head(ASYNC_NOTICE_BODY_BYTES) if config.answer_in_success else None,
        )
        return notices.pack(config.success_topic, message)
