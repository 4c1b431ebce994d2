"""The events on disk: one sqlite file for all functions."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local_cloud.functions.invocation.events.event import LambdaEvent
from local_cloud.functions.invocation.events.records import Delivery, pack, unpack
from local_cloud.group_commits import GroupCommits, sql

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY,
    event TEXT NOT NULL,
    payload BLOB NOT NULL,
    deliveries TEXT          -- to be sent: the event itself has ended
);
"""


@dataclass(frozen=True, slots=True)
class Saved:
    """What the file holds. ``ended``: (seq, deliveries) of events that ended, not yet sent."""

    waiting: list[LambdaEvent] = field(default_factory=list)
    ended: list[tuple[int, list[Delivery]]] = field(default_factory=list)
    last_seq: int = 0


class EventStore:
    """Make it in the event loop that uses it; ``close`` it. Futures have done their work when they
    resolve."""

    def __init__(self, path: Path) -> None:
        self._commits = GroupCommits(path, _SCHEMA, "the queue of Lambda events")

    def saved(self) -> asyncio.Future[Saved]:
        """What an earlier hosting left; what was in process waits again."""

        def read(connection: sqlite3.Connection) -> Saved:
            found = Saved(
                last_seq=int(connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])
            )
            for seq, event, deliveries in connection.execute(
                "SELECT seq, event, deliveries FROM events ORDER BY seq"
            ):
                if deliveries is None:
                    found.waiting.append(LambdaEvent.load(event, seq))
                else:
                    found.ended.append((seq, unpack(deliveries)))
            return found

        return self._commits.ask(read)

    def add(self, event: LambdaEvent, payload: bytes) -> asyncio.Future[None]:
        """A new event."""
        values = (event.seq, event.dump(), payload)
        return self._commits.ask(sql("INSERT INTO events (seq, event, payload) VALUES (?, ?, ?)", values))

    def payload(self, event: LambdaEvent) -> asyncio.Future[bytes]:
        """What the function is to get."""

        def read(connection: sqlite3.Connection) -> bytes:
            row = connection.execute("SELECT payload FROM events WHERE seq = ?", (event.seq,)).fetchone()
            return bytes(row[0])

        return self._commits.ask(read)

    def waits_again(self, event: LambdaEvent) -> asyncio.Future[None]:
        """An attempt has ended, another follows."""
        return self._commits.ask(sql("UPDATE events SET event = ? WHERE seq = ?", (event.dump(), event.seq)))

    def end(self, event: LambdaEvent, deliveries: list[Delivery]) -> asyncio.Future[None]:
        """The event has ended; ``deliveries`` are still to be sent."""
        if not deliveries:
            return self._commits.ask(sql("DELETE FROM events WHERE seq = ?", (event.seq,)))
        # The message has what is needed of the payload.
        statement = "UPDATE events SET deliveries = ?, payload = x'' WHERE seq = ?"
        return self._commits.ask(sql(statement, (pack(deliveries), event.seq)))

    def delivered(self, seq: int) -> None:
        """Everything is sent, or has no one to go to."""
        self._commits.tell(sql("DELETE FROM events WHERE seq = ?", (seq,)))

    async def close(self) -> None:
        """Do what was asked for, and end the thread. Idempotent."""
        await self._commits.close()
