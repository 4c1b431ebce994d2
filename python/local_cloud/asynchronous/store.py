"""The queue on disk: one sqlite file for all endpoints, written by a thread of its own in group commits.

Whatever is asked of the store while a commit runs goes into the next one together, so that hundreds of
requests a second cost a handful of commits. A commit is on disk in the sense of WAL with
``synchronous=NORMAL``: it survives the end of the process, however it ends; a power cut may undo the last.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from local_cloud.asynchronous.requests import AsyncRequest

MOST_IN_A_COMMIT: Final = 512
"""Once a commit has that much, the rest waits for the next."""
TELL_S: Final = 0.05
_CLOSE_S: Final = 10.0

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS requests (
    seq INTEGER PRIMARY KEY,
    endpoint TEXT NOT NULL,
    instance TEXT,          -- that has it in process, NULL while it waits
    crashes INTEGER NOT NULL DEFAULT 0,
    request TEXT NOT NULL,
    body BLOB,              -- of a request without input location
    notice TEXT             -- to be sent: the request itself has ended
);
CREATE TABLE IF NOT EXISTS totals (
    endpoint TEXT PRIMARY KEY, done INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0
);
"""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Saved:
    """What the file holds of one endpoint. ``notices``: of requests that ended, not yet sent."""

    waiting: list[AsyncRequest] = field(default_factory=list)
    notices: list[tuple[int, str]] = field(default_factory=list)
    done: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Work:
    """``done`` is None where nobody waits for the commit."""

    run: Callable[[sqlite3.Connection], Any]
    done: asyncio.Future[Any] | None


class QueueStore:
    """Make it in the event loop that uses it; ``close`` it. Methods that return a future have done their work
    when it resolves; the others do it in order, soon."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._loop = asyncio.get_running_loop()
        self._work: queue.SimpleQueue[Sequence[_Work] | None] = queue.SimpleQueue()
        self._told: list[_Work] = []
        self._telling: asyncio.TimerHandle | None = None
        self._closed = False
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._thread = threading.Thread(target=self._run, name="async-queue", daemon=True)
        self._thread.start()

    async def saved(self, endpoint: str) -> Saved:
        """What an earlier hosting left of an endpoint; what was in process waits again."""

        def read(connection: sqlite3.Connection) -> Saved:
            done, failed = _totals(connection, endpoint)
            saved = Saved(done=done, failed=failed)
            rows = connection.execute(
                "SELECT seq, crashes, request, notice FROM requests WHERE endpoint = ? ORDER BY seq",
                (endpoint,),
            )
            for seq, crashes, request, notice in rows:
                if notice is not None:
                    saved.notices.append((seq, notice))
                else:
                    saved.waiting.append(AsyncRequest.load(request, seq=seq, crashes=crashes))
            connection.execute("UPDATE requests SET instance = NULL WHERE endpoint = ?", (endpoint,))
            return saved

        return await self._ask(read)

    async def last_seq(self) -> int:
        """The highest number that a request has, 0 if there is none."""
        return await self._ask(
            lambda connection: int(
                connection.execute("SELECT coalesce(max(seq), 0) FROM requests").fetchone()[0]
            )
        )

    def add(self, request: AsyncRequest, body: bytes | None) -> asyncio.Future[None]:
        """A new request."""
        values = (request.seq, request.endpoint, request.dump(), body)
        return self._ask(
            _sql("INSERT INTO requests (seq, endpoint, request, body) VALUES (?, ?, ?, ?)", values)
        )

    def body(self, request: AsyncRequest) -> asyncio.Future[bytes]:
        """The inline body of a request."""

        def read(connection: sqlite3.Connection) -> bytes:
            row = connection.execute("SELECT body FROM requests WHERE seq = ?", (request.seq,)).fetchone()
            return bytes(row[0]) if row is not None and row[0] is not None else b""

        return self._ask(read)

    def in_process(self, request: AsyncRequest, instance: str) -> None:
        """An instance has it."""
        self._tell(_sql("UPDATE requests SET instance = ? WHERE seq = ?", (instance, request.seq)))

    def waits_again(self, request: AsyncRequest) -> None:
        """No instance has it any more."""
        values = (request.crashes, request.seq)
        self._tell(_sql("UPDATE requests SET instance = NULL, crashes = ? WHERE seq = ?", values))

    def end(self, request: AsyncRequest, *, done: bool, notice: str | None) -> asyncio.Future[None]:
        """The request has ended, well (``done``) or not; its notice, if there is one, is still to be sent."""

        def write(connection: sqlite3.Connection) -> None:
            if notice is None:
                connection.execute("DELETE FROM requests WHERE seq = ?", (request.seq,))
            else:
                connection.execute(
                    "UPDATE requests SET notice = ?, instance = NULL, body = NULL WHERE seq = ?",
                    (notice, request.seq),
                )
            connection.execute(
                "INSERT INTO totals (endpoint, done, failed) VALUES (?, ?, ?) ON CONFLICT (endpoint) "
                "DO UPDATE SET done = done + excluded.done, failed = failed + excluded.failed",
                (request.endpoint, int(done), int(not done)),
            )

        return self._ask(write)

    def notified(self, seq: int) -> None:
        """The notice is sent, or has no one to go to."""
        self._tell(_sql("DELETE FROM requests WHERE seq = ?", (seq,)))

    def forget(self, endpoint: str) -> asyncio.Future[None]:
        """The endpoint is deleted."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM requests WHERE endpoint = ?", (endpoint,))
            connection.execute("DELETE FROM totals WHERE endpoint = ?", (endpoint,))

        return self._ask(write)

    async def close(self) -> None:
        """Do what was asked for, and end the thread. Idempotent."""
        if not self._closed:
            self._pass_on(self._told)
            self._closed = True
            self._work.put(None)
        await asyncio.to_thread(self._thread.join, _CLOSE_S)

    def _ask(self, run: Callable[[sqlite3.Connection], _T]) -> asyncio.Future[_T]:
        done: asyncio.Future[_T] = self._loop.create_future()
        if self._closed:
            done.set_exception(RuntimeError("the queue of asynchronous requests is closed"))
        else:
            self._pass_on([*self._told, _Work(run, done)])
        return done

    def _tell(self, run: Callable[[sqlite3.Connection], Any]) -> None:
        """Nobody waits for it: it goes with the next work that somebody waits for, or a moment later."""
        if self._closed:
            return
        self._told.append(_Work(run, None))
        if self._telling is None:
            self._telling = self._loop.call_later(TELL_S, lambda: self._pass_on(self._told))

    def _pass_on(self, works: Sequence[_Work]) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        self._told = []
        self._work.put(works)

    # --- in the thread

    def _run(self) -> None:
        try:
            connection = self._open()
        except (sqlite3.Error, OSError) as error:
            _log.error("the queue of asynchronous requests, %s, cannot be used: %s", self.path, error)
            while (batch := self._next_batch()) is not None:  # whoever asks must hear of it
                self._deliver(batch, (), error)
            return
        with contextlib.closing(connection):
            while (batch := self._next_batch()) is not None:
                self._commit(connection, batch)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    def _next_batch(self) -> list[_Work] | None:
        """Waits for work, then takes all there is. None at the end, which is put last."""
        first = self._work.get()
        if first is None:
            return None
        batch = list(first)
        while len(batch) < MOST_IN_A_COMMIT:
            try:
                works = self._work.get_nowait()
            except queue.Empty:
                break
            if works is None:
                self._work.put(None)
                break
            batch.extend(works)
        return batch

    def _commit(self, connection: sqlite3.Connection, batch: Sequence[_Work]) -> None:
        results: list[Any] = []
        failure: Exception | None = None
        try:
            connection.execute("BEGIN")
            results = [work.run(connection) for work in batch]
            connection.execute("COMMIT")
        except Exception as error:  # a full disk, above all: whoever waits must hear of it
            failure = error
            _log.exception("the queue of asynchronous requests, %s, could not be written", self.path)
            with contextlib.suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        self._deliver(batch, results, failure)

    def _deliver(self, batch: Sequence[_Work], results: Sequence[Any], failure: Exception | None) -> None:
        def deliver() -> None:
            for number, work in enumerate(batch):
                if work.done is None or work.done.done():
                    continue
                if failure is not None:
                    work.done.set_exception(failure)
                else:
                    work.done.set_result(results[number])

        if any(work.done is not None for work in batch):
            self._loop.call_soon_threadsafe(deliver)


def _sql(statement: str, values: Sequence[Any]) -> Callable[[sqlite3.Connection], None]:
    def run(connection: sqlite3.Connection) -> None:
        connection.execute(statement, values)

    return run


def _totals(connection: sqlite3.Connection, endpoint: str) -> tuple[int, int]:
    row = connection.execute("SELECT done, failed FROM totals WHERE endpoint = ?", (endpoint,)).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))
