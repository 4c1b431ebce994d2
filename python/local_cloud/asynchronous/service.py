"""Asynchronous inference of one local cloud: every endpoint's queue, and what they share."""

from __future__ import annotations

import asyncio
import itertools
import logging
from pathlib import Path
from typing import Final

from local_cloud.asynchronous.attempt import Attempts
from local_cloud.asynchronous.completion import Completion
from local_cloud.asynchronous.config import AsyncConfig
from local_cloud.asynchronous.endpoint import AsyncEndpoint
from local_cloud.asynchronous.inputs import Inputs
from local_cloud.asynchronous.metrics import GAUGE_PERIOD_S, EndpointMetrics
from local_cloud.asynchronous.notices import Topics
from local_cloud.asynchronous.objects import Objects
from local_cloud.asynchronous.queue import RequestQueue
from local_cloud.asynchronous.results import Results
from local_cloud.asynchronous.store import QueueStore
from local_cloud.asynchronous.threads import Threads
from local_cloud.clock import Clock
from local_cloud.hosting.aws import Aws
from local_cloud.hosting.telemetry.metrics import MetricHub
from local_cloud.s3 import S3Objects

QUEUE_FILE: Final = "queue.sqlite3"
SPOOL: Final = "spool"
MIN_GAUGE_PERIOD_S: Final = 0.25
"""However fast the clock runs, metrics must not become a load."""

_log = logging.getLogger(__name__)


class AsyncInference:
    """Make it in a running event loop, ``start`` it, ``close`` it.

    What ``directory`` holds outlives it: the next one on the same folder goes on with the same requests.
    """

    def __init__(
        self, directory: Path, s3: S3Objects, aws_url: str, *, region: str, account: str, clock: Clock
    ) -> None:
        """``aws_url``: where CloudWatch answers."""
        self._region = region
        self._clock = clock
        self._aws = Aws(aws_url, region)
        self._threads = Threads()
        objects = Objects(s3, region, account)
        self._inputs = Inputs(objects, self._threads)
        self._results = Results(objects, self._threads, directory / SPOOL)
        self._notice_threads = Threads()  # a subscriber that is slow must not hold up S3
        self._topics = Topics(self._notice_threads)
        self._hub = MetricHub(self._aws, clock)
        self._store = QueueStore(directory / QUEUE_FILE)
        self._numbers = itertools.count(1)
        self._endpoints: dict[str, AsyncEndpoint] = {}
        self._gauges: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self) -> None:
        """Reads where the numbering of requests stands. Raises sqlite3.Error or OSError if the queue's file
        cannot be used."""
        self._numbers = itertools.count(await self._store.last_seq() + 1)
        self._gauges = asyncio.create_task(self._report(), name="async gauges")

    async def open(self, name: str, variant: str, config: AsyncConfig) -> AsyncEndpoint:
        """The queue of an endpoint, with what an earlier hosting left in it. It has no fleet yet."""
        saved = await self._store.saved(name)
        metrics = EndpointMetrics(self._hub, name, variant)
        queue = RequestQueue(name, self._store, saved, now=self._now, next_seq=lambda: next(self._numbers))
        completion = Completion(
            queue, self._results, self._topics, metrics, config, region=self._region, now=self._now
        )
        attempts = Attempts(queue, self._inputs, self._results, metrics)
        endpoint = AsyncEndpoint(name, queue, attempts, completion, metrics, now=self._now)
        endpoint.send(saved.notices)
        self._endpoints[name] = endpoint
        if saved.waiting:
            _log.info("endpoint %s goes on with %d asynchronous requests", name, len(saved.waiting))
        return endpoint

    async def delete(self, endpoint: AsyncEndpoint) -> None:
        """Ends an endpoint. Requests that wait are dropped: AWS promises nothing for them, and writes to no
        location and tells no topic of an endpoint that is gone."""
        self._endpoints.pop(endpoint.name, None)
        await endpoint.stop()
        await self._store.forget(endpoint.name)

    async def close(self) -> None:
        """Stops everything; what waits or is in process stays on disk. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._gauges is not None:
            self._gauges.cancel()
            await asyncio.wait({self._gauges})
        await asyncio.gather(*(endpoint.stop() for endpoint in self._endpoints.values()))
        await self._hub.close()
        await self._store.close()
        self._threads.close()
        self._notice_threads.close()
        self._aws.close()

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _report(self) -> None:
        """The state of every queue once a minute of the cloud's time, 0 while it is empty."""
        while True:
            await asyncio.sleep(max(MIN_GAUGE_PERIOD_S, self._clock.scaled(GAUGE_PERIOD_S)))
            for endpoint in self._endpoints.values():
                endpoint.report()
            await self._hub.flush()
