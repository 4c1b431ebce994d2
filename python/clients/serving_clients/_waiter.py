"""Who waits for jobs: one for all jobs of a queue, whoever asks and from whichever thread or event loop.

Two threads at most, and none while nobody waits: one receives notices (:mod:`._notices`), the other looks at
S3. S3 decides: a notice only says where to look, and it may be lost, come twice, or be another client's. So
S3 is looked at in any case: seldom where notices come, more often where there are none.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from weakref import WeakValueDictionary

from serving_clients._deadline import Deadline, DeadlineGroup
from serving_clients._job_ref import JobRef
from serving_clients._notices import Notice, NoticeReader
from serving_clients._storage import Location, is_there
from serving_clients.errors import AccessDenied, ServingError

if TYPE_CHECKING:
    from serving_clients._connection import Connection

LOOKS_AT_ONCE: Final = 8
LOOK_SECONDS: Final = 15.0
"""The deadline of one look at S3, retries included."""


State = Literal["completed", "failed", "expired"]


@dataclass(frozen=True, slots=True)
class Pace:
    """When a job is looked at: first so many seconds after its submission, then after growing pauses."""

    first: float
    growth: float
    longest: float

    def pause(self, looks: int) -> float:
        """Seconds until the next look, after *looks*: with jitter, so that many jobs spread."""
        steady = min(self.longest, self.first * self.growth ** min(looks, 40))
        return steady * random.uniform(0.75, 1.25)


POLLING: Final = Pace(first=0.25, growth=1.5, longest=10.0)
SAFETY_NET: Final = Pace(first=2.0, growth=2.0, longest=30.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended. reason: SageMaker's sentence, where a notice brought one."""

    state: State
    reason: str | None = None


class Ticket:
    """A job as this process knows it; shared by all who hold the same job. Changed under the waiter's lock.

    outcome: None until it has ended. trouble: what kept the last look at S3 from seeing anything.
    """

    __slots__ = ("__weakref__", "due", "futures", "looks", "outcome", "ref", "trouble")

    def __init__(self, ref: JobRef) -> None:
        self.ref = ref
        self.outcome: Outcome | None = None
        self.trouble: ServingError | None = None
        self.futures: set[Future[Outcome]] = set()
        self.looks = 0
        self.due = 0.0


class Waiter:
    """Waits for jobs. Thread-safe. queue_url: where they are announced; None: only S3 tells."""

    def __init__(self, connection: Connection, queue_url: str | None) -> None:
        self._connection = connection
        self._changed = threading.Condition()
        self._closed = False
        self._known: WeakValueDictionary[str, Ticket] = WeakValueDictionary()
        self._by_request: WeakValueDictionary[tuple[str, str], Ticket] = WeakValueDictionary()
        self._waiting: dict[str, Ticket] = {}
        self._looking: threading.Thread | None = None
        self._looks = DeadlineGroup(LOOK_SECONDS)
        self._notices = NoticeReader(connection, queue_url, self) if queue_url else None

    def ticket(self, ref: JobRef) -> Ticket:
        """The one ticket of a job."""
        with self._changed:
            ticket = self._known.get(ref.output)
            if ticket is None:
                ticket = self._known[ref.output] = Ticket(ref)
                self._by_request[ref.inference_id, ref.input] = ticket
            return ticket

    def watch(self, ticket: Ticket) -> Future[Outcome]:
        """A future of how the job ends; raises ServingError once closed. Every one must be left again."""
        future: Future[Outcome] = Future()
        with self._changed:
            if self._closed:
                raise _closed()
            if ticket.outcome is not None:
                future.set_result(ticket.outcome)
                return future
            ticket.futures.add(future)
            if ticket.ref.output not in self._waiting:
                self._waiting[ticket.ref.output] = ticket
                age = max(0.0, time.time() - ticket.ref.submitted_at)
                ticket.looks = 0
                ticket.due = time.monotonic() + max(0.0, self._pace.first - age)
            if self._looking is None:
                self._looking = threading.Thread(
                    target=self._look_on, name="serving-clients-jobs", daemon=True
                )
                self._looking.start()
            self._changed.notify_all()
        if self._notices is not None:
            self._notices.start()
        return future

    def leave(self, ticket: Ticket, future: Future[Outcome]) -> None:
        """The future is no longer wanted; a job that nobody waits for is no longer looked at."""
        with self._changed:
            ticket.futures.discard(future)
            if not ticket.futures:
                self._waiting.pop(ticket.ref.output, None)
            self._changed.notify_all()

    def look(self, ticket: Ticket, deadline: Deadline) -> Outcome | None:
        """How the job ended, as S3 shows it; None if it has not; raises a ServingError."""
        if ticket.outcome is None and (state := self._state_in_s3(ticket.ref, deadline)):
            self.settle(ticket, Outcome(state))
        return ticket.outcome

    def _state_in_s3(self, ref: JobRef, deadline: Deadline) -> State | None:
        denied: AccessDenied | None = None
        places: tuple[tuple[State, str | None], ...] = (("completed", ref.output), ("failed", ref.failure))
        for state, place in places:
            try:
                if place and is_there(self._connection, Location.parse(place), deadline):
                    return state
            except AccessDenied as error:  # of the other location it may be said
                denied = error
        if time.time() > ref.lost_at:
            return "expired"
        if denied is not None:
            raise denied
        return None

    def hear(self, notice: Notice) -> bool:
        """Take a notice; False where it is of no job that this process holds."""
        with self._changed:
            ticket = self._known.get(notice.output) if notice.output else None
            mine = ticket or self._by_request.get((notice.inference_id, notice.input))
        if ticket is None and not notice.failed:
            return mine is not None  # a second run of a request that was sent twice: its own output counts
        if mine is None:
            return False
        state: State = "completed"
        if notice.failed:
            state = "expired" if notice.expired else "failed"
        self.settle(mine, Outcome(state, notice.reason))
        return True

    def settle(self, ticket: Ticket, outcome: Outcome) -> None:
        """The job has ended; wakes all who wait for it. What was known first stays."""
        with self._changed:
            known = ticket.outcome = ticket.outcome or outcome
            told, ticket.futures = ticket.futures, set()
            self._waiting.pop(ticket.ref.output, None)
            self._changed.notify_all()
        for future in told:  # not under the lock: it may run others' code
            if future.set_running_or_notify_cancel():
                future.set_result(known)

    def wanted(self) -> bool:
        """Whether anybody waits."""
        with self._changed:
            return bool(self._waiting) and not self._closed

    def pause(self, seconds: float) -> None:
        """Wait, but not on after nobody waits any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._waiting, timeout=seconds)

    def look_now(self) -> None:
        """Look at every job at once: there are no notices any more."""
        with self._changed:
            for ticket in self._waiting.values():
                ticket.looks, ticket.due = 0, time.monotonic()
            self._changed.notify_all()

    def close(self) -> None:
        """Whoever waits gets a ServingError; both threads end."""
        with self._changed:
            self._closed = True
            left = [future for ticket in self._waiting.values() for future in ticket.futures]
            self._waiting.clear()
            self._changed.notify_all()
        self._looks.cancel()
        if self._notices is not None:
            self._notices.close()
        for future in left:
            if future.set_running_or_notify_cancel():
                future.set_exception(_closed())

    @property
    def _pace(self) -> Pace:
        return SAFETY_NET if self._notices is not None and self._notices.usable else POLLING

    def _look_on(self) -> None:
        with ThreadPoolExecutor(LOOKS_AT_ONCE, "serving-clients-looks") as pool:
            try:
                while due := self._next_due():
                    list(pool.map(self._look_at, due))
            except BaseException:  # a fault of ours: the next who waits starts another thread
                with self._changed:
                    self._looking = None
                raise

    def _next_due(self) -> Iterable[Ticket]:
        """The jobs to look at, when it is time; none when nobody waits, and then this thread is forgotten."""
        with self._changed:
            while True:
                if self._closed or not self._waiting:
                    self._looking = None
                    return ()
                now = time.monotonic()
                waiting = sorted(self._waiting.values(), key=lambda ticket: ticket.due)
                due = [ticket for ticket in waiting[: 4 * LOOKS_AT_ONCE] if ticket.due <= now]
                if due:
                    return due
                self._changed.wait(waiting[0].due - now)

    def _look_at(self, ticket: Ticket) -> None:
        trouble: ServingError | None = None
        try:
            self.look(ticket, self._looks.start())
        except ServingError as error:
            trouble = error  # it may pass; whoever waits is told when their time is up
        with self._changed:
            ticket.trouble = trouble
            ticket.looks += 1
            ticket.due = time.monotonic() + self._pace.pause(ticket.looks)


def _closed() -> ServingError:
    return ServingError("this session is closed", hint="connect again")
