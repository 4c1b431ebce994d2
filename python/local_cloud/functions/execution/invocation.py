"""One invocation: an environment for it, its init if it is cold, the event, the answer, the log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from local_cloud.functions.execution import failures
from local_cloud.functions.execution.concurrency import ACCOUNT_EXCEEDED, Admission
from local_cloud.functions.execution.environment import Environment
from local_cloud.functions.execution.failures import Failure
from local_cloud.functions.execution.metrics import Kind, LambdaMetrics
from local_cloud.functions.execution.parts import Parts
from local_cloud.functions.execution.platform_log import Report
from local_cloud.functions.execution.pool import Pool
from local_cloud.functions.execution.runtime_api import Delivery
from local_cloud.functions.specs import FunctionVersion, InvocationRequest, InvocationResult, Throttled

NEXT_S: Final = 0.05
"""A runtime asks for its next invocation within a millisecond of its answer. The caller waits so long for
that, so that whoever calls again at once finds the environment free; longer work after the answer goes on
without the caller, until the function's timeout."""
UNSEEN_TRIES: Final = 3
"""Idle environments that may die before they see the event: it goes to another one then."""

_log = logging.getLogger(__name__)


class Home(Protocol):
    """Where an environment goes back to: the version's pool, or what is provisioned."""

    def give_back(self, environment: Environment) -> None: ...


@dataclass(frozen=True, slots=True)
class Obtained:
    """An environment for an invocation. ``failure``: of its init, which is run again then."""

    environment: Environment
    home: Home
    kind: Kind
    cold: bool = False
    init_ms: float | None = None
    failure: Failure | None = None


class Invocation:
    """Made for each one that was admitted; ``run`` once. ``new``: makes an on-demand environment."""

    def __init__(
        self,
        version: FunctionVersion,
        request: InvocationRequest,
        *,
        admission: Admission,
        pool: Pool,
        spillover: bool,
        new: Callable[[FunctionVersion], Awaitable[Environment]],
        keep: Callable[[Environment], None],
        metrics: LambdaMetrics,
        parts: Parts,
    ) -> None:
        self._version = version
        self._request = request
        self._admission = admission
        self._pool = pool
        self._kind: Kind = "spillover" if spillover else "on-demand"
        self._new = new
        self._keep = keep
        self._metrics = metrics
        self._parts = parts
        self._environment: Environment | None = None

    async def run(self, provisioned: Obtained | None) -> InvocationResult:
        """Raises Throttled where no environment could be started in time, ImageRejected."""
        try:
            obtained = provisioned
            for tries_left in reversed(range(UNSEEN_TRIES)):
                if obtained is None:
                    obtained = await self._obtain()
                result = await self._through(obtained, may_retry=tries_left > 0)
                if result is not None:
                    return result
                obtained = None
            raise AssertionError("the last try has a result")
        except BaseException:
            self._admission.release()
            raise

    # --- an environment

    async def _obtain(self) -> Obtained:
        """An idle environment, or the first of these: one that comes free, a turn to start one."""
        environment = self._pool.take()
        if environment is not None:
            return self._warm(environment)
        async with contextlib.AsyncExitStack() as stack:
            turn = asyncio.ensure_future(stack.enter_async_context(self._parts.starts.turn()))
            freed, used = self._pool.wait(), False
            waiting: set[asyncio.Future[Any]] = {turn, freed}
            try:
                await asyncio.wait(
                    waiting,
                    timeout=self._parts.settings.start_queue_s,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if freed.done():
                    used = True
                    return self._warm(freed.result())
                if not turn.done():
                    _log.warning(
                        "%s: no turn to start an environment within %g s; this machine starts as many at "
                        "once as it has CPUs. Next: reserve less concurrency, or call less at a time",
                        self._version.arn,
                        self._parts.settings.start_queue_s,
                    )
                    raise Throttled(ACCOUNT_EXCEEDED)
                turn.result()
            finally:
                if not used:
                    self._pool.forget(freed)
                turn.cancel()
                await asyncio.wait({turn})
            return await self._cold()

    def _warm(self, environment: Environment) -> Obtained:
        environment.log.begin_tail()
        return Obtained(environment, self._pool, self._kind)

    async def _cold(self) -> Obtained:
        environment = await self._new(self._version)
        init_ms, failure = await environment.init(self._parts.settings.init_s, "init")
        return Obtained(environment, self._pool, self._kind, True, init_ms, failure)

    # --- the event

    async def _through(self, obtained: Obtained, *, may_retry: bool) -> InvocationResult | None:
        """None where the environment had died before it saw the event."""
        self._environment = None
        try:
            return await self._answered(obtained, may_retry=may_retry)
        except BaseException:
            environment = self._environment or obtained.environment
            await environment.end_process()
            obtained.home.give_back(environment)
            raise

    async def _answered(self, obtained: Obtained, *, may_retry: bool) -> InvocationResult | None:
        environment, failure = obtained.environment, obtained.failure
        request_id, timeout_s = self._request.request_id, float(self._version.timeout_s)
        began = time.perf_counter()
        init_ms = obtained.init_ms
        if failure is not None:
            init_ms = None
            self._environment = environment = environment.again()
            self._keep(environment)
            _, failure = await environment.init(timeout_s, "invoke")
            if failure is not None and failure.status == "timeout":
                failure = failures.timed_out(timeout_s)
        environment.log.start(request_id, self._version.version)
        payload = b""
        if failure is None:
            deadline = began + timeout_s
            answer = await environment.invoke(
                self._delivery(deadline), deadline, failures.timed_out(timeout_s)
            )
            payload, failure = answer.payload, answer.failure
            if may_retry and not obtained.cold and not environment.alive and not environment.fetched:
                obtained.home.give_back(environment)
                return None
        duration_ms = (time.perf_counter() - began) * 1000
        if failure is not None and failure.status == "timeout":
            duration_ms = timeout_s * 1000
        report = Report(duration_ms, self._version.memory_mb, environment.used_mb, init_ms)
        if failure is not None:
            environment.log.failed(request_id, failure)
        environment.log.end(request_id, report, failure)
        self._metrics.invoked(
            self._version.function_name,
            self._request.resource,
            self._version.version,
            duration_ms=duration_ms,
            failed=failure is not None,
            kind=obtained.kind,
        )
        tail = environment.log.tail()
        await self._finish(obtained.home, environment, failure, began + timeout_s)
        return InvocationResult(
            payload=payload if failure is None else failure.payload(request_id),
            function_error=None if failure is None else "Unhandled",
            log_tail=tail,
            executed_version=self._version.version,
            cold=obtained.cold,
        )

    def _delivery(self, deadline: float) -> Delivery:
        request = self._request
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + deadline - time.perf_counter()) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": request.invoked_arn,
            "Lambda-Runtime-Trace-Id": request.trace_id or _trace_id(),
        }
        if request.client_context is not None:
            # JSON in one line of ASCII, whatever the caller wrote: it becomes a header.
            with contextlib.suppress(ValueError):
                headers["Lambda-Runtime-Client-Context"] = json.dumps(json.loads(request.client_context))
        return Delivery(request.request_id, request.payload, headers)

    # --- afterwards

    async def _finish(
        self, home: Home, environment: Environment, failure: Failure | None, deadline: float
    ) -> None:
        if failure is not None and failure.environment_lost:
            await environment.end_process()
            self._give_back(home, environment)
        elif await environment.wait_next(NEXT_S) or not environment.alive:
            self._give_back(home, environment)
        else:
            self._parts.chores.begin(self._wait_finished(home, environment, deadline), "work after an answer")

    async def _wait_finished(self, home: Home, environment: Environment, deadline: float) -> None:
        if not await environment.wait_next(max(0.0, deadline - time.perf_counter())):
            await environment.end_process()
        self._give_back(home, environment)

    def _give_back(self, home: Home, environment: Environment) -> None:
        """Where it has ended its home sees that, and lets it go."""
        self._admission.release()
        home.give_back(environment)


def _trace_id() -> str:
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"
