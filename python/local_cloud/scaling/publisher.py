"""Publishes alarms' messages to SNS, one after another, in a thread of its own: a subscriber that is slow to
take a message must hold up neither the event loop nor the other alarms."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

MOST_WAITING: Final = 1_000
"""Messages that wait to be published; further ones are dropped, and the log says so."""

STOP_SECONDS: Final = 5.0


class Publisher:
    """Make it, :meth:`start` it, :meth:`stop` it."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Callable[[], None] | None] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        # A daemon: an HTTP subscriber that never answers must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="alarm-actions", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], None]) -> bool:
        """Has ``work`` done soon; False if too much waits already."""
        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            log.error("an alarm's action is dropped: %d wait already", MOST_WAITING)
            return False
        return True

    def stop(self) -> None:
        """Blocks until what waits is done, for a few seconds at most. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        try:
            self._waiting.put(None, timeout=STOP_SECONDS)
        except queue.Full:
            return
        thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            try:
                work()
            except Exception:
                log.exception("an alarm's action failed")
