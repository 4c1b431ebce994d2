"""The queue of one endpoint: first come, first served, bounded; in memory for speed, in the store to stay."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local_cloud.asynchronous.requests import AsyncRequest
from local_cloud.asynchronous.store import QueueStore, Saved
from serving_contracts.limits import ASYNC_BACKLOG_REQUESTS


class BacklogFull(Exception):
    """The endpoint has as many requests as it may have; try again later."""

    def __init__(self, endpoint: str, limit: int) -> None:
        super().__init__(
            f"Endpoint {endpoint} has {limit} asynchronous requests that wait or are in process, which is as "
            "many as the local cloud keeps. Try again when some have ended."
        )


@dataclass(frozen=True, slots=True)
class Backlog:
    """``oldest_age_s``: seconds since the oldest request that has not ended came in; 0 without one."""

    waiting: int
    in_process: int
    oldest_age_s: float
    done: int
    failed: int

    @property
    def size(self) -> int:
        """ApproximateBacklogSize: what waits and what is in process."""
        return self.waiting + self.in_process


class RequestQueue:
    """``now`` gives seconds since the epoch. ``next_seq`` numbers the requests of all endpoints."""

    def __init__(
        self,
        endpoint: str,
        store: QueueStore,
        saved: Saved,
        *,
        now: Callable[[], float],
        next_seq: Callable[[], int],
        limit: int = ASYNC_BACKLOG_REQUESTS,
    ) -> None:
        self.endpoint = endpoint
        self._store = store
        self._now = now
        self._next_seq = next_seq
        self._limit = limit
        self.on_waiting: Callable[[], None] = lambda: None
        """Called whenever a request begins to wait."""
        self._done, self._failed = saved.done, saved.failed
        self._waiting: dict[int, AsyncRequest] = {}
        self._in_process: dict[int, AsyncRequest] = {}
        self._being_added = 0
        # Both heaps may name requests that no longer wait: those are passed over when they come up.
        self._order: list[int] = []
        self._expiries: list[tuple[float, int]] = []
        for request in saved.waiting:
            self._wait(request)

    async def add(self, request: AsyncRequest, body: bytes | None = None) -> None:
        """The request waits, and is on disk, when this returns. Raises BacklogFull."""
        if len(self._waiting) + len(self._in_process) + self._being_added >= self._limit:
            raise BacklogFull(self.endpoint, self._limit)
        request.seq = self._next_seq()
        self._being_added += 1
        committed = self._store.add(request, body)
        committed.add_done_callback(lambda _: self._added(request, committed))
        # A caller who leaves meanwhile changes nothing: the request is on disk or will be.
        await asyncio.shield(committed)

    def head(self) -> AsyncRequest | None:
        """The next request, which goes on waiting; None when none waits."""
        while self._order and self._order[0] not in self._waiting:
            heapq.heappop(self._order)
        return self._waiting[self._order[0]] if self._order else None

    def take(self, instance: str) -> AsyncRequest:
        """The request of ``head``, now in process by ``instance``."""
        request = self.head()
        assert request is not None
        heapq.heappop(self._order)
        del self._waiting[request.seq]
        self._in_process[request.seq] = request
        self._store.in_process(request, instance)
        return request

    def put_back(self, request: AsyncRequest, *, crashed: bool = False, refused: bool = False) -> None:
        """A request in process waits again, where it was. ``crashed``: its container ended under it;
        ``refused``: its container took no request."""
        request.crashes += crashed
        request.refusals += refused
        del self._in_process[request.seq]
        self._store.waits_again(request)
        self._wait(request)

    def take_expired(self) -> list[AsyncRequest]:
        """Requests that have waited for longer than they may; they are in process (of failing) now."""
        now, expired = self._now(), []
        while self._expiries and self._expiries[0][0] <= now:
            request = self._waiting.pop(heapq.heappop(self._expiries)[1], None)
            if request is not None:
                self._in_process[request.seq] = request
                expired.append(request)
        return expired

    @property
    def next_expiry(self) -> float | None:
        """When the next request expires, seconds since the epoch; None when none waits."""
        while self._expiries and self._expiries[0][1] not in self._waiting:
            heapq.heappop(self._expiries)
        return self._expiries[0][0] if self._expiries else None

    async def end(self, request: AsyncRequest, *, done: bool, notice: str | None) -> None:
        """A request in process has ended, on disk too when this returns; ``notice`` is still to be sent."""
        await self._store.end(request, done=done, notice=notice)
        self._in_process.pop(request.seq, None)
        self._done += done
        self._failed += not done

    def notified(self, seq: int) -> None:
        """The notice of a request that has ended needs no sending any more."""
        self._store.notified(seq)

    async def body(self, request: AsyncRequest) -> bytes:
        """The body that came inline with a request."""
        return await self._store.body(request)

    def backlog(self) -> Backlog:
        """How things stand now."""
        head = self.head()
        unended: Sequence[AsyncRequest] = [*self._in_process.values(), *([head] if head else [])]
        oldest = min((request.received_at for request in unended), default=None)
        return Backlog(
            waiting=len(self._waiting),
            in_process=len(self._in_process),
            oldest_age_s=0.0 if oldest is None else max(0.0, self._now() - oldest),
            done=self._done,
            failed=self._failed,
        )

    def _added(self, request: AsyncRequest, committed: asyncio.Future[None]) -> None:
        self._being_added -= 1
        if not committed.cancelled() and committed.exception() is None:
            self._wait(request)

    def _wait(self, request: AsyncRequest) -> None:
        self._waiting[request.seq] = request
        heapq.heappush(self._order, request.seq)
        heapq.heappush(self._expiries, (request.expires_at, request.seq))
        self.on_waiting()
