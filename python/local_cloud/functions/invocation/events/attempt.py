"""One attempt at an event: what its function is now, the invocation, and what follows from it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from local_cloud.functions.control.answers import Control, EventInvokeConfig, Resolved
from local_cloud.functions.invocation import refusals
from local_cloud.functions.invocation.events.event import (
    FAILED,
    THROTTLED,
    Again,
    Answered,
    Condition,
    LambdaEvent,
    Refused,
    next_step,
)
from local_cloud.functions.invocation.events.metrics import EventMetrics
from local_cloud.functions.invocation.events.store import EventStore
from local_cloud.functions.specs import ExecutionService, InvocationRequest, Throttled
from local_cloud.sagemaker.errors import AwsError

_NOT_FOUND: Final = "ResourceNotFoundException"

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an attempt.

    step: what follows; ``FunctionGone`` where the function, version or alias is deleted.
    resolved: None where it could not be found out. outcome: None where nothing was invoked.
    """

    step: Again | Condition | Literal["FunctionGone"]
    resolved: Resolved | None = None
    payload: bytes = b""
    outcome: Answered | Refused | None = None


class Attempts:
    """``now``: seconds since the epoch."""

    def __init__(
        self,
        control: Control,
        execution: ExecutionService,
        store: EventStore,
        metrics: EventMetrics,
        *,
        now: Callable[[], float],
    ) -> None:
        self._control = control
        self._execution = execution
        self._store = store
        self._metrics = metrics
        self._now = now

    async def make(self, event: LambdaEvent) -> Attempt:
        """Tries once; ``event`` counts it. The alias may have moved since the last time."""
        try:
            resolved = self._control.resolve(event.function_name, event.qualifier)
        except AwsError as error:
            if error.code == _NOT_FOUND:
                _log.warning("an event of %s is dropped: %s", event.function_name, error.message)
                return Attempt("FunctionGone")
            event.refusals += 1  # the function is being changed, for one
            refused = Refused(error.http_status, error.message)
            return Attempt(next_step(event, refused, EventInvokeConfig(), self._now()), outcome=refused)
        payload = await self._store.payload(event)
        if event.age_s(self._now()) > resolved.events.maximum_event_age_s:
            return Attempt("EventAgeExceeded", resolved, payload)
        outcome = await self._invoke(event, payload, resolved)
        if isinstance(outcome, Refused):
            event.refusals += 1
        else:
            event.attempts, event.refusals = event.attempts + 1, 0
        return Attempt(next_step(event, outcome, resolved.events, self._now()), resolved, payload, outcome)

    async def _invoke(self, event: LambdaEvent, payload: bytes, resolved: Resolved) -> Answered | Refused:
        name = event.function_name
        request = InvocationRequest(
            request_id=event.request_id,
            payload=payload,
            invoked_arn=resolved.invoked_arn,
            resource=resolved.resource,
            received_at=time.perf_counter(),
            trace_id=event.trace_id,
        )
        self._metrics.invoked(name, resolved.resource, event.age_s(self._now()))
        try:
            result = await self._execution.invoke(resolved.version, request)
        except Throttled as error:
            for_good = self._execution.reserved().get(name) == 0
            return Refused(THROTTLED, str(error), for_good)
        except Exception as error:
            _log.warning("event %s of %s could not be tried: %s", event.request_id, name, error)
            return Refused(FAILED, refusals.failed(error).message)
        return Answered(result.payload, result.function_error, result.executed_version)
