"""When to try again, and how long to wait before."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from serving_clients._deadline import Deadline, DeadlinePassed
from serving_clients.errors import ServingError, ServingTimeout

Result = TypeVar("Result")

Patience = Literal["never", "few", "deadline"]
"""``few``: it may be the request's own fault (a text that kills the container), so not for ever."""

FEW: Final = 4
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0
SHORT_ATTEMPT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Failure:
    """What an attempt ended with. retry_after: seconds that the other side asked for, or None."""

    error: ServingError
    patience: Patience
    retry_after: float | None = None


def call(
    attempt: Callable[[], Result],
    *,
    deadline: Deadline,
    classify: Callable[[Exception], Failure | None],
    timed_out: Callable[[], ServingTimeout],
    only_once: bool = False,
) -> Result:
    """Run *attempt* until it succeeds, its failure is final or the deadline leaves no room for another.

    classify: an exception of the attempt to what it means; None for one to be raised as it is.
    The error that is raised is that of the last attempt: it says more than "time is up". An attempt that
    began with hardly any time left says nothing; then it is that of the one before.
    """
    attempts = 0
    before: ServingError | None = None
    while True:
        attempts += 1
        given = deadline.remaining()
        try:
            deadline.left()
            return attempt()
        except DeadlinePassed as passed:
            error = before if before is not None and given < SHORT_ATTEMPT_SECONDS else timed_out()
            error.attempts = attempts
            raise error from passed
        except ServingError as error:
            error.attempts = attempts
            raise
        except Exception as cause:
            failure = classify(cause)
            if failure is None:
                raise
            failure.error.attempts = attempts
            wait = pause(attempts, failure.retry_after)
            last = failure.patience == "never" or (failure.patience == "few" and attempts >= FEW)
            if last or only_once or wait >= deadline.remaining():
                raise failure.error from cause
        before = failure.error
        deadline.sleep(wait)


def pause(attempts: int, retry_after: float | None) -> float:
    """Seconds to wait: full jitter under an exponential ceiling, and not less than was asked for.

    Full jitter spreads callers that failed together better than a fixed pause with noise on it
    ("Exponential Backoff and Jitter", AWS Architecture Blog).
    """
    ceiling = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(attempts - 1, 16))
    return (retry_after or 0.0) + random.uniform(0.0, ceiling)
