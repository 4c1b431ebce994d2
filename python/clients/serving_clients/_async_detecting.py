"""The asynchronous twin of :mod:`serving_clients._detecting`."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from serving_clients import _images
from serving_clients._async_core import Threads, each, run
from serving_clients._bulk import OnError
from serving_clients._deadline import DeadlineGroup
from serving_clients._detecting import Load, checked, work_of
from serving_clients._questions import Target
from serving_clients.errors import InvalidRequest
from serving_contracts.detection import DetectionOptions


def detect_all(
    target: Target,
    what: object,
    options: DetectionOptions,
    on_error: OnError,
    timeout: float | None,
    threads: Threads,
) -> AsyncIterator[Any]:
    """The twin of :func:`_detecting.detect_all`; *what* may also be asynchronous."""
    seconds = target.seconds(timeout)
    deadlines = DeadlineGroup(seconds)
    images = what if isinstance(what, AsyncIterable) else each(_images.many(what))
    loads = _loads(target, images, on_error, seconds, threads)
    return run(target, loads, work_of(target, options, on_error, deadlines.start), deadlines)


async def _loads(
    target: Target,
    images: AsyncIterable[object],
    on_error: OnError,
    seconds: float,
    threads: Threads,
) -> AsyncIterator[tuple[Load] | InvalidRequest]:
    """The twin of :func:`_detecting._loads`: files are opened, and arrays encoded, beside the event loop."""
    index = 0
    async for image in images:
        load = await threads.run(seconds, checked, target, image, index)
        if isinstance(load, InvalidRequest) and on_error == "raise":
            yield load
            return
        yield (load,)
        index += 1
