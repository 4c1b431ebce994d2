"""The demo's last look at functions and serverless endpoints: they sleep by now, and one call wakes each."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from delivery.callers import client_of, connect, request_body
from delivery.local import status
from delivery.steps import Job
from serving_contracts.tasks import TASKS

PATTERNS = ("serverless", "lambda")
ASLEEP_S = 60.0
"""Until what is idle must be gone: at the demo's time scale it is kept for some ten seconds."""
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Woken:
    """A function or endpoint with nothing running, and what one call took, in ms as the caller saw it."""

    endpoint: str
    pattern: str
    cold_ms: float


def wake_everything(job: Job, requests: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Woken]:
    """Waits until nothing runs behind the functions and serverless endpoints, then asks each one question.

    Args:
        requests: task → what may be asked of it; a task that is not there is not asked, but for detection.

    Raises:
        ServingError: one did not answer.
    """
    with connect(job.environment) as session:
        endpoints = {n: e for n, e in sorted(session.catalog.endpoints.items()) if e.pattern in PATTERNS}
    if not endpoints:
        return []
    woken = []
    with job.reporter.step("cold starts", "waiting until nothing of them runs") as step:
        _until_asleep(job, [endpoint.endpoint_name for endpoint in endpoints.values()])
        for name, endpoint in endpoints.items():
            ask = _question(client_of(job.environment, endpoint), endpoint.tasks, requests)
            if ask is None:
                continue
            started = time.perf_counter()
            ask()
            woken.append(Woken(name, endpoint.pattern, round(1000 * (time.perf_counter() - started), 1)))
        step.outcome = f"{len(woken)} calls, each from nothing to an answer"
    return woken


def _question(client: Any, tasks: Sequence[str], requests: Mapping[str, Sequence[Mapping[str, Any]]]) -> Any:
    from object_detection.photos import photo

    if "detection" in tasks:
        file = photo("cat")
        return lambda: client.detect(file)
    for task in tasks:
        if task in TASKS and requests.get(task):
            body = request_body(TASKS[task], requests[task][0])
            return lambda: client.invoke(body, content_type="application/json")
    return None


def _until_asleep(job: Job, names: Sequence[str]) -> None:
    """Returns when nothing runs behind any of them, or after ASLEEP_S: then their first calls are warm."""
    deadline = time.monotonic() + ASLEEP_S
    while time.monotonic() < deadline and _running(job, names):
        time.sleep(_LOOK_EVERY_S)


def _running(job: Job, names: Sequence[str]) -> bool:
    found = status(job.environment.project)
    assert found is not None, "the local cloud was just deployed to"
    if any(function["environments"] for function in found["functions"] if function["name"] in names):
        return True
    return any(
        variant["serverless"]["containers"]
        for endpoint in found["endpoints"]
        if endpoint["name"] in names
        for variant in endpoint["variants"]
    )


def print_cold_starts(job: Job, woken: Sequence[Woken]) -> None:
    """What each took from nothing to an answer."""
    table = Table(pad_edge=False)
    for heading in ("nothing running", "pattern"):
        table.add_column(heading)
    table.add_column("first answer, ms", justify="right")
    for item in woken:
        table.add_row(item.endpoint, item.pattern, f"{item.cold_ms:.0f}")
    job.reporter.console.print(table, soft_wrap=False)
