"""A file of sqlite that a thread of its own writes, in group commits.

Whatever is asked for while a commit runs goes into the next one together, so that hundreds of changes a
second cost a handful of commits. A commit is on disk in the sense of WAL with ``synchronous=NORMAL``: it
survives the end of the process, however it ends; a power cut may undo the last.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

MOST_IN_A_COMMIT: Final = 512
"""Once a commit has that much, the rest waits for the next."""
TELL_S: Final = 0.05
_CLOSE_S: Final = 10.0

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Work:
    """``done`` is None where nobody waits for the commit."""

    run: Callable[[sqlite3.Connection], Any]
    done: asyncio.Future[Any] | None


class GroupCommits:
    """Make it in the event loop that uses it; ``close`` it.

    Work is a function of the connection, run in the thread, in the order in which it was given.
    """

    def __init__(self, path: Path, schema: str, what: str) -> None:
        """``what``: what the file is, for messages. ``schema``: statements that may be repeated."""
        self.path = path
        self._schema = schema
        self._what = what
        self._loop = asyncio.get_running_loop()
        self._work: queue.SimpleQueue[Sequence[_Work] | None] = queue.SimpleQueue()
        self._told: list[_Work] = []
        self._telling: asyncio.TimerHandle | None = None
        self._closed = False
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._thread = threading.Thread(target=self._run, name=what, daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Do what was asked for, and end the thread. Idempotent."""
        if not self._closed:
            self._pass_on(self._told)
            self._closed = True
            self._work.put(None)
        await asyncio.to_thread(self._thread.join, _CLOSE_S)

    def ask(self, run: Callable[[sqlite3.Connection], _T]) -> asyncio.Future[_T]:
        """The future has the work's result once it is committed, or why it could not be."""
        done: asyncio.Future[_T] = self._loop.create_future()
        if self._closed:
            done.set_exception(RuntimeError(f"{self._what} is closed"))
        else:
            self._pass_on([*self._told, _Work(run, done)])
        return done

    def tell(self, run: Callable[[sqlite3.Connection], Any]) -> None:
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
            _log.error("%s, %s, cannot be used: %s", self._what, self.path, error)
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
            connection.executescript(self._schema)
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
            _log.exception("%s, %s, could not be written", self._what, self.path)
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


def sql(statement: str, values: Sequence[Any]) -> Callable[[sqlite3.Connection], None]:
    """Work that executes one statement."""

    def run(connection: sqlite3.Connection) -> None:
        connection.execute(statement, values)

    return run
