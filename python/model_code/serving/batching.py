"""Continuous batching without waiting.

There is no timer. A request that finds the model idle is run at once. What arrives while the model is busy
waits, and when the model becomes free the next batch is formed from what waits by then: the busier the model,
the larger the batches, and a lone request never pays for the possibility of company.

A batch is as wide as its longest item, so a batch is made of items of like size. The item that has waited
longest always leads, which is why no item waits for ever whatever its size: each batch removes the oldest.

A model whose handler is thread-safe is run by several threads at a time, one a core. For the small models
that one serves on CPUs this does more work a second than one run spread over the cores, and a lone request
takes as long. What waits is then shared out: a batch takes no more than its thread's share.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from serving.errors import ServingError, deadline_exceeded, model_failed
from serving.logs import log
from serving.metrics import Metrics
from serving.model_loader import LoadedModel
from serving.settings import Settings
from serving.threads import SerialThread, call_soon
from serving.tickets import Job, Ticket, Waiting
from serving_contracts.errors import InvalidInput

# Items join a batch when their size differs from the leader's by at most this, or by this share of it. On
# CPUs a
#: run costs what its padded tokens cost, plus about three tokens: more padding than that would eat the gain.
_NEAR = 2
_NEAR_SHARE = 1 / 8
#: Weight of the newest batch in the running mean of seconds an item, which Retry-After is computed from.
_SMOOTHING = 0.1


class _Failure:
    __slots__ = ("cause",)

    def __init__(self, cause: BaseException) -> None:
        self.cause = cause


class Batcher:
    """Feeds one model from one bounded queue. Lives on the event loop it was made on.

    ``threads`` run the model, a batch each at a time.
    """

    def __init__(
        self, model: LoadedModel, threads: Sequence[SerialThread], settings: Settings, metrics: Metrics
    ) -> None:
        self.waiting: Waiting = Waiting()
        self._running: dict[SerialThread, list[Job]] = {}
        self._model = model
        self._threads = threads
        self._free = list(threads)
        self._settings = settings
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._item_seconds = 0.01

    def check_room(self, items: int = 1) -> None:
        """Raise ``TooManyRequests`` when ``items`` more do not fit now, ``PayloadTooLarge`` when never."""
        limit = self._settings.max_queue
        if items > limit:
            raise ServingError(
                "PayloadTooLarge",
                f"The request holds {items:,} items; at most {limit:,} fit into one.",
                hint=f"Send them in requests of at most {limit:,} items.",
            )
        if len(self.waiting) + items > limit:
            wait_s = max(1, math.ceil(len(self.waiting) * self._item_seconds))
            raise ServingError(
                "TooManyRequests",
                f"The queue is full: {len(self.waiting):,} of {limit:,} items wait already.",
                hint=f"Try again in about {wait_s} s, or add instances.",
                headers={"Retry-After": str(wait_s)},
            )

    def submit(self, items: Sequence[Any], sizes: Sequence[int] | None, remaining_s: float) -> Ticket:
        """Queue a request's items; they are run at once when the model is idle.

        ``sizes`` has an int an item, None where all are alike; ``remaining_s`` is the time to the request's
        deadline. Raises what :meth:`check_room` raises.
        """
        self.check_room(len(items))
        ticket = Ticket(
            self.waiting,
            items,
            itertools.repeat(1) if sizes is None else sizes,
            remaining_s,
            self._at_deadline,
        )
        self.waiting.update(dict.fromkeys(ticket.jobs))
        while self._free and self.waiting:
            self._start_next(self._free.pop())
        return ticket

    def busy_seconds(self) -> float:
        """For how long the batch has been running that has been running longest; 0 when idle."""
        return max(thread.busy_seconds() for thread in self._threads)

    def fail_all(self, error: Callable[[], Exception]) -> int:
        """End every request that waits or runs, each with an error of its own; return how many there were."""
        jobs = itertools.chain(self.waiting, *self._running.values())
        tickets = dict.fromkeys(job.ticket for job in jobs)
        unfinished = [ticket for ticket in tickets if not ticket.closed]
        for ticket in unfinished:
            ticket.fail(error())
        return len(unfinished)

    def _at_deadline(self) -> Exception:
        return deadline_exceeded(self._settings.timeout_s)

    def _start_next(self, thread: SerialThread) -> None:
        share = math.ceil(len(self.waiting) / len(self._threads))
        most = min(self._settings.max_batch, self._model.max_batch or share, share)
        batch = choose_batch(self.waiting, most, self._settings.max_batch_size)
        if not batch:
            self._free.append(thread)
            return
        for job in batch:
            del self.waiting[job]
        self._running[thread] = batch
        self._metrics.queue_seconds.observe(time.monotonic() - batch[0].ticket.arrived)
        thread.post(partial(self._run, thread, batch))

    def _run(self, thread: SerialThread, batch: list[Job]) -> None:
        started = time.monotonic()
        outcomes = self._predict(thread, batch)
        seconds = time.monotonic() - started
        call_soon(self._loop, partial(self._finish, thread, batch, outcomes, seconds))

    def _predict(self, thread: SerialThread, batch: list[Job]) -> list[Any]:
        try:
            return self._call_model(batch)
        except BaseException as error:  # even SystemExit of a handler must not end the model's thread
            if len(batch) == 1:
                return [_Failure(error)]
            log.warning("A batch failed; its items are run alone.", extra={"fields": {"items": len(batch)}})
        return [self._predict_alone(thread, job) for job in batch]

    def _predict_alone(self, thread: SerialThread, job: Job) -> Any:
        if job.ticket.closed:
            return None
        thread.touch()
        try:
            return self._call_model([job])[0]
        except BaseException as error:  # see above
            return _Failure(error)

    def _call_model(self, batch: list[Job]) -> list[Any]:
        answers = list(self._model.predict([job.item for job in batch]))
        if len(answers) != len(batch):
            raise ValueError(f"predict() returned {len(answers)} answers for {len(batch)} items")
        return answers

    def _finish(self, thread: SerialThread, batch: list[Job], outcomes: list[Any], seconds: float) -> None:
        del self._running[thread]
        self._start_next(thread)  # before the answers are written, so that the model works meanwhile
        item_seconds = seconds / len(batch) / len(self._threads)
        self._item_seconds += _SMOOTHING * (item_seconds - self._item_seconds)
        self._metrics.model_seconds.observe(seconds)
        self._metrics.batch_items.observe(len(batch))
        for job, outcome in zip(batch, outcomes, strict=True):
            if job.ticket.closed:
                continue
            if isinstance(outcome, _Failure):
                job.ticket.fail(self._explain(outcome.cause), job.index)
            else:
                job.ticket.deliver(job.index, outcome)

    def _explain(self, cause: BaseException) -> ServingError:
        if isinstance(cause, InvalidInput):
            return ServingError.from_invalid_input(cause)
        if isinstance(cause, ServingError):
            return cause
        return model_failed(self._model.name, cause)


def choose_batch(waiting: Iterable[Job], max_items: int, max_size: int) -> list[Job]:
    """The next batch out of ``waiting``, which is ordered by age.

    The oldest item leads. Those nearest to it in size join, older first among equals, while there are at most
    ``max_items`` and their padded size (items × the longest) is at most ``max_size``; the leader goes in any
    case.
    """
    oldest_first = list(waiting)
    if len(oldest_first) <= 1:
        return oldest_first
    lead = oldest_first[0].size
    reach = max(_NEAR, int(lead * _NEAR_SHARE))
    near = [job for job in oldest_first if abs(job.size - lead) <= reach]
    near.sort(key=lambda job: abs(job.size - lead))
    batch: list[Job] = []
    longest = lead
    for job in near[:max_items]:
        longest = max(longest, job.size)
        if batch and (len(batch) + 1) * longest > max_size:
            break
        batch.append(job)
    return batch
