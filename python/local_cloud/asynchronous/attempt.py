"""One attempt at a request: its body from S3, to the container in a reserved place, the answer back."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from local_cloud.asynchronous import failures
from local_cloud.asynchronous.failures import Failure
from local_cloud.asynchronous.inputs import InputFailed, Inputs, ObjectBody
from local_cloud.asynchronous.metrics import EndpointMetrics
from local_cloud.asynchronous.queue import RequestQueue
from local_cloud.asynchronous.requests import AsyncRequest
from local_cloud.asynchronous.results import Answer, AnswerRefused, Results
from local_cloud.hosting.errors import ContainerDied, ContainerUnavailable, InvocationTimedOut, ModelError
from local_cloud.hosting.specs import InvokeRequest, Place
from serving_contracts.limits import ASYNC_CRASHES, ASYNC_REFUSALS

UNAVAILABLE_PAUSE_S: Final = 0.2
"""A container that took no connection is about to be found dead: asking it again at once would be in vain."""

REFUSED_PAUSE_S: Final = (0.2, 5.0)
"""How long a request that a container refused keeps its place before it goes back, doubling up to the second
figure: so a container that has too much to do is given less, and one that is about to end is not asked again
and again."""

_REFUSALS: Final = (429, 503)
"""Answers that say that the container takes no request now, whatever the request is."""
_STOPPING_STATUSES: Final = (0, *_REFUSALS)
"""What a container that is being ended makes of the requests inside it."""


@dataclass(frozen=True, slots=True)
class Again:
    """The request goes back to the queue. ``crashed``: its container ended under it; ``refused``: its
    container takes no request now."""

    crashed: bool = False
    refused: bool = False


Outcome = Answer | Failure | Again


class Attempts:
    """Makes attempts for one endpoint."""

    def __init__(
        self, queue: RequestQueue, inputs: Inputs, results: Results, metrics: EndpointMetrics
    ) -> None:
        self._queue = queue
        self._inputs = inputs
        self._results = results
        self._metrics = metrics

    async def make(self, request: AsyncRequest, place: Place) -> Outcome:
        """Never raises on account of the request, its container or S3."""
        began = time.perf_counter()
        try:
            body = await self._body(request)
        except InputFailed as error:
            return failures.download(error)
        self._metrics.downloaded(time.perf_counter() - began)
        try:
            return await self._results.receive(await place.invoke(_invocation(request, body)))
        except AnswerRefused as error:
            return failures.malformed(error)
        except ContainerUnavailable:
            await asyncio.sleep(UNAVAILABLE_PAUSE_S)
            return Again()
        except ModelError as error:
            if isinstance(body, ObjectBody) and body.error is not None:
                return failures.download(body.error)
            verdict = _verdict(error, request, place)
            if isinstance(verdict, Again) and verdict.refused:
                first, longest = REFUSED_PAUSE_S
                await asyncio.sleep(min(longest, first * 2**request.refusals))
            return verdict

    async def _body(self, request: AsyncRequest) -> bytes | ObjectBody:
        if request.input_location is None:
            return await self._queue.body(request)
        return await self._inputs.open(request.input_location)


def _invocation(request: AsyncRequest, body: bytes | ObjectBody) -> InvokeRequest:
    return InvokeRequest(
        body=body,
        content_type=request.content_type,
        accept=request.accept,
        custom_attributes=request.custom_attributes,
        inference_id=request.inference_id,
        stream=True,
        timeout_s=float(request.timeout_s),
    )


def _verdict(error: ModelError, request: AsyncRequest, place: Place) -> Failure | Again:
    if isinstance(error, InvocationTimedOut):
        return failures.invocation(error, request)
    if place.retiring and error.original_status in _STOPPING_STATUSES:
        return Again()
    if error.original_status in _REFUSALS and request.refusals + 1 < ASYNC_REFUSALS:
        return Again(refused=True)
    if isinstance(error, ContainerDied) and request.crashes + 1 < ASYNC_CRASHES:
        return Again(crashed=True)
    return failures.invocation(error, request)
