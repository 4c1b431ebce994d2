"""One deadline for a call and everything under it: connecting, sending, reading, waiting to try again."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

LOOK_UP_SECONDS: Final = 0.5
"""How long a thread may go without noticing that its call was cancelled."""


class DeadlinePassed(TimeoutError):
    """The deadline is over, or the caller has gone."""


class Deadline:
    """A moment on the monotonic clock. Thread-safe.

    seconds: how long the whole call may take, from now. within: another that this one cannot outlast.
    """

    __slots__ = ("__weakref__", "_cancelled", "_end", "_within", "seconds")

    def __init__(self, seconds: float, *, within: Deadline | None = None) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._within = within
        self._cancelled = threading.Event()

    def remaining(self) -> float:
        """Seconds left; 0 when it is over or cancelled."""
        if self._cancelled.is_set():
            return 0.0
        seconds = max(0.0, self._end - time.monotonic())
        return seconds if self._within is None else min(seconds, self._within.remaining())

    @property
    def cancelled(self) -> bool:
        """Whether the caller has gone."""
        return self._cancelled.is_set() or (self._within is not None and self._within.cancelled)

    def left(self) -> float:
        """Seconds left, more than 0; raises DeadlinePassed when there are none."""
        seconds = self.remaining()
        if seconds <= 0.0:
            raise DeadlinePassed("the deadline has passed")
        return seconds

    def sleep(self, seconds: float) -> None:
        """Wait, at most until the deadline; a cancellation wakes it (the outer one's within 0.5 s)."""
        end = time.monotonic() + seconds
        while (wait := min(end - time.monotonic(), self.remaining())) > 0.0:
            if self._cancelled.wait(wait if self._within is None else min(wait, LOOK_UP_SECONDS)):
                return

    def cancel(self) -> None:
        """End it now: the caller no longer wants the answer."""
        self._cancelled.set()


AMBIENT: ContextVar[Deadline | None] = ContextVar("AMBIENT", default=None)
"""Set by the asynchronous twins: their deadline starts with the call, not when a thread is free for it."""

ACTIVE: ContextVar[Deadline | None] = ContextVar("ACTIVE", default=None)
"""The deadline of the HTTP exchange that this thread is in; read by the transport."""


@contextmanager
def active(deadline: Deadline) -> Iterator[None]:
    """Bounds every HTTP exchange of this thread by *deadline*."""
    token = ACTIVE.set(deadline)
    try:
        yield
    finally:
        ACTIVE.reset(token)


def start(seconds: float) -> Deadline:
    """The deadline of a call that begins here."""
    return AMBIENT.get() or Deadline(seconds)


def start_within(seconds: float) -> Deadline:
    """The deadline of one of several steps of a call: its own seconds, but it ends with the caller's."""
    return Deadline(seconds, within=AMBIENT.get())


class DeadlineGroup:
    """Deadlines that end together when the caller goes away. Thread-safe.

    seconds: of each. within: the caller's own, which none can outlast.
    """

    def __init__(self, seconds: float, *, within: Deadline | None = None) -> None:
        self._seconds = seconds
        self._within = within
        self._lock = threading.Lock()
        self._cancelled = False
        self._running: weakref.WeakSet[Deadline] = weakref.WeakSet()

    def start(self, more_seconds: float = 0.0) -> Deadline:
        """A deadline that begins here; over at once when the group is cancelled."""
        deadline = Deadline(self._seconds + more_seconds, within=self._within)
        with self._lock:
            if self._cancelled:
                deadline.cancel()
            self._running.add(deadline)
        return deadline

    def cancel(self) -> None:
        """End them all, and those to come."""
        with self._lock:
            self._cancelled = True
            for deadline in self._running:
                deadline.cancel()
