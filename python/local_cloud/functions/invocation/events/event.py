"""An event in the queue, and what follows an attempt at it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Literal

from local_cloud.functions.control.answers import EventInvokeConfig
from serving_contracts.limits import LAMBDA_EVENT_BACKOFF_SECONDS, LAMBDA_EVENT_RETRY_SECONDS

Condition = Literal["Success", "RetriesExhausted", "EventAgeExceeded", "ZeroReservedConcurrency"]
"""Why an event has ended, as invocation records call it."""

THROTTLED: Final = 429
FAILED: Final = 500
FUNCTION_ANSWERED: Final = 200


@dataclass(slots=True)
class LambdaEvent:
    """An event that a function is to have.

    Attributes:
        qualifier: as the caller gave it; None for ``$LATEST``.
        received_at: seconds since the epoch.
        size: bytes of the payload, which lies beside the event on disk.
        seq: its place in the queue; the queue gives it.
        attempts: invocations of the function that have ended.
        refusals: throttles and failures of the platform since the last of these.
        due_at: seconds since the epoch; not tried before.
        skipped_s: seconds of pauses that the time scale has spared it.
    """

    function_name: str
    qualifier: str | None
    request_id: str
    received_at: float
    size: int
    trace_id: str | None = None
    seq: int = 0
    attempts: int = 0
    refusals: int = 0
    due_at: float = 0.0
    skipped_s: float = 0.0

    def age_s(self, now: float) -> float:
        """How old AWS would find it: what merely waits counts in full, however fast the clock runs."""
        return max(0.0, now - self.received_at) + self.skipped_s

    def dump(self) -> str:
        """As JSON for :meth:`load`."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__ if name != "seq"})

    @classmethod
    def load(cls, text: str, seq: int) -> LambdaEvent:
        """The event that ``dump`` wrote."""
        return cls(**json.loads(text), seq=seq)


@dataclass(frozen=True, slots=True)
class Answered:
    """The function was invoked. payload: its answer or its error, JSON."""

    payload: bytes
    function_error: str | None
    executed_version: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not: throttled (429), or the platform failed (500). ``for_good``: reserved concurrency is 0."""

    status: int
    message: str
    for_good: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """To be tried again, after a pause (a waiting constant of AWS's, in seconds)."""

    pause_s: float


def next_step(
    event: LambdaEvent, outcome: Answered | Refused, config: EventInvokeConfig, now: float
) -> Again | Condition:
    """What follows ``outcome``, which ``event`` already counts.

    An event that would be too old after its pause ends without it.
    """
    if isinstance(outcome, Refused):
        if outcome.for_good:
            return "ZeroReservedConcurrency"
        shortest, longest = LAMBDA_EVENT_BACKOFF_SECONDS
        # The exponent is bounded: an event is refused some hundred times in six hours.
        pause_s = min(longest, shortest * 2 ** min(event.refusals - 1, 16))
    elif outcome.function_error is None:
        return "Success"
    elif event.attempts > config.maximum_retry_attempts:
        return "RetriesExhausted"
    else:
        pause_s = LAMBDA_EVENT_RETRY_SECONDS[min(event.attempts, len(LAMBDA_EVENT_RETRY_SECONDS)) - 1]
    if event.age_s(now) + pause_s > config.maximum_event_age_s:
        return "EventAgeExceeded"
    return Again(pause_s)


def error_message(outcome: Answered | Refused) -> str:
    """What a dead-lettered event says of its end."""
    if isinstance(outcome, Refused):
        return outcome.message
    try:
        found: Any = json.loads(outcome.payload)
        return str(found["errorMessage"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return outcome.payload.decode(errors="replace")
