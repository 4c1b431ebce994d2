"""The queue on disk: one sqlite file for all endpoints."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local_cloud.asynchronous.requests import AsyncRequest
from local_cloud.group_commits import GroupCommits, sql

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


@dataclass(frozen=True, slots=True)
class Saved:
    """What the file holds of one endpoint. ``notices``: of requests that ended, not yet sent."""

    waiting: list[AsyncRequest] = field(default_factory=list)
    notices: list[tuple[int, str]] = field(default_factory=list)
    done: int = 0
    failed: int = 0


class QueueStore:
    """Make it in the event loop that uses it; ``close`` it. Methods that return a future have done their work
    when it resolves; the others do it in order, soon."""

    def __init__(self, path: Path) -> None:
        self._commits = GroupCommits(path, _SCHEMA, "the queue of asynchronous requests")

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

        return await self._commits.ask(read)

    async def last_seq(self) -> int:
        """The highest number that a request has, 0 if there is none."""
        return await self._commits.ask(
            lambda connection: int(
                connection.execute("SELECT coalesce(max(seq), 0) FROM requests").fetchone()[0]
            )
        )

    def add(self, request: AsyncRequest, body: bytes | None) -> asyncio.Future[None]:
        """A new request."""
        values = (request.seq, request.endpoint, request.dump(), body)
        return self._commits.ask(
            sql("INSERT INTO requests (seq, endpoint, request, body) VALUES (?, ?, ?, ?)", values)
        )

    def body(self, request: AsyncRequest) -> asyncio.Future[bytes]:
        """The inline body of a request."""

        def read(connection: sqlite3.Connection) -> bytes:
            row = connection.execute("SELECT body FROM requests WHERE seq = ?", (request.seq,)).fetchone()
            return bytes(row[0]) if row is not None and row[0] is not None else b""

        return self._commits.ask(read)

    def in_process(self, request: AsyncRequest, instance: str) -> None:
        """An instance has it."""
        self._commits.tell(sql("UPDATE requests SET instance = ? WHERE seq = ?", (instance, request.seq)))

    def waits_again(self, request: AsyncRequest) -> None:
        """No instance has it any more."""
        values = (request.crashes, request.seq)
        self._commits.tell(sql("UPDATE requests SET instance = NULL, crashes = ? WHERE seq = ?", values))

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

        return self._commits.ask(write)

    def notified(self, seq: int) -> None:
        """The notice is sent, or has no one to go to."""
        self._commits.tell(sql("DELETE FROM requests WHERE seq = ?", (seq,)))

    def forget(self, endpoint: str) -> asyncio.Future[None]:
        """The endpoint is deleted."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM requests WHERE endpoint = ?", (endpoint,))
            connection.execute("DELETE FROM totals WHERE endpoint = ?", (endpoint,))

        return self._commits.ask(write)

    async def close(self) -> None:
        """Do what was asked for, and end the thread. Idempotent."""
        await self._commits.close()


def _totals(connection: sqlite3.Connection, endpoint: str) -> tuple[int, int]:
    row = connection.execute("SELECT done, failed FROM totals WHERE endpoint = ?", (endpoint,)).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))
