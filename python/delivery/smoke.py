"""The smoke test: every container of every endpoint gets its model's known inputs, and must answer as
expected.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from rich.table import Table

from delivery.callers import connect, endpoint_client
from delivery.console import Reporter
from delivery.environments import Environment
from delivery.errors import DeliveryError
from delivery.model_folder import ModelFolder, SmokeCase, find_models
from serving_contracts.catalog import Catalog, CatalogEndpoint
from serving_contracts.tasks import find_task

SHOWN_CHARACTERS = 44


@dataclass(frozen=True, slots=True)
class SmokeResult:
    """One call of one container.

    Attributes:
        container: its hostname; empty for a serial pipeline.
        request: the request as JSON.
        answer: the answer as JSON, None when the call failed.
        seconds: from the call to the parsed answer.
        faults: what is wrong with it; empty when it is as expected.
    """

    endpoint: str
    container: str
    task: str
    request: Mapping[str, Any]
    answer: Mapping[str, Any] | None
    seconds: float
    faults: tuple[str, ...]


def run_smoke(environment: Environment, reporter: Reporter) -> list[SmokeResult]:
    """Calls everything in the catalog and prints a table.

    Raises:
        DeliveryError: an endpoint did not answer, or answered otherwise than model.toml demands.
    """
    with reporter.step("smoke") as step:
        with connect(environment) as session:
            catalog = session.catalog
        models = {model.name: model for model in find_models(environment.project)}
        results = list(call_everything(environment, catalog, models))
        wrong = [result for result in results if result.faults]
        step.outcome = (
            f"{len(results)} calls, {len(wrong)} wrong" if wrong else f"{len(results)} calls, all as expected"
        )
    print_results(reporter, results)
    if wrong:
        faults = [f"{r.endpoint}/{r.container or r.task}: {fault}" for r in wrong for fault in r.faults]
        raise DeliveryError(
            "The smoke test failed.",
            cause="\n".join(faults),
            next_step="`invoke local.logs` shows what the containers said"
            if environment.is_local
            else "see the endpoint's log group /aws/sagemaker/Endpoints/<endpoint>",
        )
    return results


def call_everything(
    environment: Environment, catalog: Catalog, models: Mapping[str, ModelFolder]
) -> Iterator[SmokeResult]:
    """One result a smoke case of each container (Direct), or of each endpoint's last model (otherwise)."""
    for name, endpoint in sorted(catalog.endpoints.items()):
        for container, task, cases in targets(endpoint, models):
            for case in cases:
                yield call(environment, name, endpoint.endpoint_name, container, task, case)


def targets(
    endpoint: CatalogEndpoint, models: Mapping[str, ModelFolder]
) -> Iterator[tuple[str | None, str, Sequence[SmokeCase]]]:
    """Which container to call (None: the endpoint as a whole), for which task, with which cases."""
    for hostname, entry in sorted(endpoint.containers.items()):
        if entry.task not in endpoint.tasks or entry.model not in models:
            continue
        yield (hostname if endpoint.mode == "Direct" else None), entry.task, models[entry.model].smoke_cases
        if endpoint.mode != "Direct":
            return  # a pipeline is called once, as a whole


def call(
    environment: Environment,
    endpoint: str,
    endpoint_name: str,
    container: str | None,
    task: str,
    case: SmokeCase,
) -> SmokeResult:
    """Calls one container through the client library and judges the answer."""
    from serving_clients import ServingError

    contract = find_task(task)
    started = time.perf_counter()
    answer: Mapping[str, Any] | None = None
    try:
        client = endpoint_client(environment, endpoint_name)
        body = orjson.dumps(contract.dump_request(contract.parse_request(dict(case.request))))
        response = client.invoke(body, content_type="application/json", target_container=container)
        answer = contract.dump_answer(contract.parse_answer(orjson.loads(response.body)))
        faults = tuple(judge(answer, case.expect))
    except (ServingError, ValueError) as error:
        faults = (f"{type(error).__name__}: {error}",)
    seconds = time.perf_counter() - started
    return SmokeResult(endpoint, container or "", task, case.request, answer, seconds, faults)


def judge(answer: Mapping[str, Any], expect: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with an answer. ``expect``: field → value, or → ``{min, max}`` (both optional,
    inclusive).
    """
    for name, wanted in expect.items():
        if name not in answer:
            yield f"the answer has no field {name!r}"
            continue
        got = answer[name]
        if not isinstance(wanted, Mapping):
            if got != wanted:
                yield f"{name} is {got!r}, expected {wanted!r}"
            continue
        measured = len(got) if isinstance(got, (str, list, tuple)) else got
        if "min" in wanted and measured < wanted["min"]:
            yield f"{name} is {measured}, expected at least {wanted['min']}"
        if "max" in wanted and measured > wanted["max"]:
            yield f"{name} is {measured}, expected at most {wanted['max']}"


def print_results(reporter: Reporter, results: Sequence[SmokeResult]) -> None:
    """The calls as a table."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("", min_width=1)
    table.add_column("endpoint", no_wrap=True, min_width=_widest(result.endpoint for result in results))
    table.add_column("container", no_wrap=True, min_width=_widest(result.container for result in results))
    for heading in ("request", "answer"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("ms", justify="right", no_wrap=True, min_width=6)
    for result in results:
        table.add_row(
            "[red]✗[/]" if result.faults else "[green]✓[/]",
            result.endpoint,
            result.container or "(pipeline)",
            shorten(readable_request(result.request)),
            shorten(
                readable_answer(result.answer) if result.answer is not None else "; ".join(result.faults)
            ),
            f"{result.seconds * 1000:.1f}",
        )
    reporter.console.print(table, soft_wrap=False)


def _widest(texts: Iterable[str]) -> int:
    """So that names are shown whole, whatever the long texts beside them ask for."""
    return max([len("container"), *map(len, texts)])


def readable_request(request: Mapping[str, Any]) -> str:
    """The texts of a request."""
    texts = request.get("texts") or request.get("text") or ""
    return " | ".join(texts) if isinstance(texts, (list, tuple)) else str(texts)


def readable_answer(answer: Mapping[str, Any]) -> str:
    """The answer's scalar fields in a line."""
    shown = []
    for name, value in answer.items():
        if isinstance(value, float):
            shown.append(f"{name} {value:.3f}")
        elif isinstance(value, str):
            shown.append(value)
    return ", ".join(shown)


def shorten(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """At most ``limit`` characters, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
