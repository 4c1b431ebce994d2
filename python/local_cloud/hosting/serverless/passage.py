"""The way of one request: admitted, given a container, answered; and what remains to be done if its caller
leaves.

A container has one request inside, and works on it whether its caller waits or not. So a request that was
sent is seen through to its end before the container gets another one.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any, Final, Self

from local_cloud.hosting import reasons
from local_cloud.hosting.errors import InvocationError, InvocationTimedOut, ModelError, NotReady
from local_cloud.hosting.invocation import Invocation, NothingSent
from local_cloud.hosting.serverless.metrics import ServerlessMetrics
from local_cloud.hosting.serverless.pool import Pool
from local_cloud.hosting.serverless.pooled import PooledContainer, StartFailed
from local_cloud.hosting.specs import ByteStream, InvokeRequest, InvokeResponse
from local_cloud.hosting.variant import Platform
from serving_contracts.limits import MIB, SERVERLESS_PAYLOAD_BYTES

EXIT_NOTICE_S: Final = 0.3
"""How long a broken connection waits for the news that its container has ended: it gets no request then."""


class Passage:
    """Made for one request of a fleet that serves; ``run`` is awaited once."""

    def __init__(
        self,
        request: InvokeRequest,
        *,
        began: float,
        endpoint: str,
        variant: str,
        label: str,
        log_group: str,
        pool: Pool,
        metrics: ServerlessMetrics,
        platform: Platform,
    ) -> None:
        """``label``: the container's name in messages. ``began``: on ``time.perf_counter()``."""
        timeout_s = platform.settings.invocation_timeout_s if request.timeout_s is None else request.timeout_s
        self.sent = False
        """Whether a container may have begun to work on it."""
        self._request = replace(request, timeout_s=timeout_s)
        self._began = began
        self._endpoint = endpoint
        self._variant = variant
        self._label = label
        self._log_group = log_group
        self._pool = pool
        self._metrics = metrics
        self._platform = platform
        self._model_us = 0.0

    async def run(self) -> InvokeResponse:
        """Raises Throttled at once; NotReady, ModelError (InvocationTimedOut, ContainerDied)."""
        self._pool.admit()
        self._metrics.admitted(self._pool.in_flight, self._pool.spec.provisioned)
        streaming = False
        try:
            response = await self._serve()
            streaming = not isinstance(response.body, bytes)
            self._count(response.status)
            return response
        except ModelError as error:
            self._count(error.original_status)
            raise
        finally:
            if not streaming:
                self._pool.finish()

    async def _serve(self) -> InvokeResponse:
        while True:
            try:
                pooled, cold = await self._pool.acquire()
            except StartFailed as error:
                raise self._did_not_start(error) from error
            if cold:
                self._metrics.set_up(pooled.setup_s)
            try:
                return await self._through(pooled)
            except NothingSent:
                # It ended just now, or takes no connection; it is gone, and another one may be asked.
                self.sent = False

    async def _through(self, pooled: PooledContainer) -> InvokeResponse:
        invocation = Invocation(
            self._request,
            variant=self._variant,
            log_group=self._log_group,
            metrics={},  # there is one container: its metrics are the variant's
            proxy=self._platform.proxy,
            settings=self._platform.settings,
            exit_notice_s=EXIT_NOTICE_S,
        )
        keeps, reusable = False, False
        self.sent = True
        try:
            response = await invocation.inside(pooled.instance, pooled.instance.containers)
            if isinstance(response.body, bytes):
                reusable = True
                self._refuse_large(len(response.body), pooled)
            else:
                keeps = True
                response.body = PooledStream(response.body, pooled, self._pool)
            return response
        except InvocationTimedOut:
            raise  # it still works on it: no other request may come in
        except ModelError as error:
            reusable = True  # unless it has ended
            if pooled.out_of_memory is None:
                raise
            message = reasons.no_response(self._endpoint, pooled.out_of_memory)
            raise self._model_error(type(error), message, error.log_stream_arn) from error
        finally:
            self._model_us += invocation.model_us
            if not keeps:
                self._pool.release(pooled, reusable=reusable)

    def _did_not_start(self, error: StartFailed) -> InvocationError:
        if error.too_slow:
            return NotReady(f"The variant's resources are still being provisioned: {error}. Try again.")
        group, settings = self._log_group, self._platform.settings
        arn = f"arn:aws:logs:{settings.region}:{settings.account}:log-group:{group}"
        return self._model_error(
            ModelError, reasons.ping_failed(self._variant, {self._label: str(error)}), arn
        )

    def _refuse_large(self, size: int, pooled: PooledContainer) -> None:
        if size > SERVERLESS_PAYLOAD_BYTES:
            settings = self._platform.settings
            raise self._model_error(
                ModelError,
                f"The answer has {size} bytes; a serverless endpoint answers with at most "
                f"{SERVERLESS_PAYLOAD_BYTES // MIB} MB.",
                f"arn:aws:logs:{settings.region}:{settings.account}:log-group:{self._log_group}"
                f":log-stream:{pooled.container.log.name}",
            )

    def _model_error(self, kind: type[ModelError], message: str, log_stream_arn: str) -> ModelError:
        settings = self._platform.settings
        return kind(
            reasons.container_error(
                self._label,
                0,
                message,
                region=settings.region,
                group=self._log_group,
                account=settings.account,
            ),
            original_status=0,
            original_message=message,
            log_stream_arn=log_stream_arn,
        )

    def _count(self, status: int) -> None:
        total_us = (time.perf_counter() - self._began) * 1e6
        self._metrics.invoked(status, self._model_us, max(0.0, total_us - self._model_us))


class PooledStream:
    """A streamed answer, and the container it comes from.

    Read to its end, the container is free. Given up before, the container may still work on it: it goes.
    """

    def __init__(self, pieces: ByteStream, pooled: PooledContainer, pool: Pool) -> None:
        self._pieces = pieces
        self._pooled = pooled
        self._pool = pool
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            self._end(reusable=True)
            raise
        except BaseException:
            self._end(reusable=False)
            raise

    async def aclose(self) -> None:
        self._end(reusable=False)
        await self._pieces.aclose()

    def _end(self, *, reusable: bool) -> None:
        if not self._ended:
            self._ended = True
            self._pool.release(self._pooled, reusable=reusable)
            self._pool.finish()


async def seen_through(passage: Passage, owned: set[asyncio.Task[Any]]) -> InvokeResponse:
    """``passage.run()``, to its end even if the caller leaves once it was sent. ``owned`` gets the task."""
    task = asyncio.create_task(passage.run(), name="serverless request")
    owned.add(task)
    task.add_done_callback(owned.discard)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not passage.sent:
            task.cancel()
        else:
            task.add_done_callback(lambda _: _drop_answer(task, owned))
        raise


def _drop_answer(task: asyncio.Task[InvokeResponse], owned: set[asyncio.Task[Any]]) -> None:
    if task.cancelled() or task.exception() is not None or isinstance(task.result().body, bytes):
        return
    closing = asyncio.create_task(_close(task.result().body))
    owned.add(closing)
    closing.add_done_callback(owned.discard)


async def _close(body: bytes | ByteStream) -> None:
    if not isinstance(body, bytes):
        await body.aclose()
