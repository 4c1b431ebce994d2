"""The smoke test: every container of every variant of every endpoint gets its model's known inputs, and must
answer as expected. What cannot be called is a fault as well: a test that asked nothing proves nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from rich.table import Table

from delivery.callers import connect, endpoint_client, function_client, request_body
from delivery.console import Reporter
from delivery.environments import Environment
from delivery.errors import DeliveryError
from delivery.model_folder import ModelFolder, SmokeCase, find_models
from delivery.smoke_media import ask_about_photo, ask_about_scene, missing
from delivery.smoke_targets import Target, read_variants, read_versions, targets
from serving_contracts.catalog import Catalog, CatalogEndpoint
from serving_contracts.tasks import DETECTION, MEDIA_TASKS, find_task

if TYPE_CHECKING:
    from serving_clients import EndpointClient, FunctionClient

SHOWN_CHARACTERS = 44


@dataclass(frozen=True, slots=True)
class SmokeResult:
    """One call of one container, or what was not called and why.

    Attributes:
        variant: the production variant or function version; empty where there is none.
        container: its hostname; empty for a serial pipeline.
        request: the request as JSON; empty when nothing was called.
        answer: the answer as JSON, None when the call failed.
        seconds: from the call to the parsed answer.
        faults: what is wrong with it; empty when it is as expected.
    """

    endpoint: str
    variant: str
    container: str
    task: str
    request: Mapping[str, Any]
    answer: Mapping[str, Any] | None
    seconds: float
    faults: tuple[str, ...]

    @property
    def place(self) -> str:
        """Endpoint, variant and container, for people."""
        return "/".join(part for part in (self.endpoint, self.variant, self.container or self.task) if part)


def run_smoke(environment: Environment, reporter: Reporter) -> list[SmokeResult]:
    """Calls everything in the catalog and prints a table.

    Raises:
        DeliveryError: an endpoint did not answer, or answered otherwise than model.toml demands; or something
            was not called, because there is nothing to ask it or nothing is deployed.
    """
    with reporter.step("smoke") as step:
        with connect(environment) as session:
            catalog = session.catalog
        models = {model.name: model for model in find_models(environment.project)}
        results = list(call_everything(environment, catalog, models))
        if not results:
            raise DeliveryError(
                f"Environment {environment.name!r} has no endpoint that could be called.",
                cause="its catalog is empty",
                next_step=f"see terraform/envs/{environment.name}/terraform.tfvars, then `invoke deploy`",
            )
        wrong = [result for result in results if result.faults]
        calls = sum(bool(result.request) for result in results)
        step.outcome = f"{calls} calls, {len(wrong)} wrong" if wrong else f"{calls} calls, all as expected"
    print_results(reporter, results)
    if wrong:
        faults = [f"{result.place}: {fault}" for result in wrong for fault in result.faults]
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
    """For each variant of each endpoint: a result a smoke case of each container (Direct) or of the pipeline,
    and a result with a fault for whatever cannot be called.

    Raises:
        DeliveryError: SageMaker does not say what is deployed.
    """
    for name, endpoint in sorted(catalog.endpoints.items()):
        read = read_versions if endpoint.pattern == "lambda" else read_variants
        for target in targets(endpoint, read(environment, endpoint), models):
            if not target.cases:
                yield SmokeResult(
                    name,
                    target.variant,
                    target.container or "",
                    target.answered,
                    {},
                    None,
                    0.0,
                    (target.obstacle,),
                )
            for case in target.cases:
                yield call(environment, name, endpoint, target, case)


def call(
    environment: Environment, name: str, endpoint: CatalogEndpoint, target: Target, case: SmokeCase
) -> SmokeResult:
    """Calls one target through the client library and judges the answer. name: the endpoint's in the
    catalog.
    """
    from serving_clients import ServingError

    started = time.perf_counter()
    answer: Mapping[str, Any] | None = None
    faults: list[str] = []
    try:
        if target.asked == DETECTION.name:
            answer = ask_about_photo(_client(environment, endpoint, target), case)
        elif target.asked in MEDIA_TASKS:
            answer = ask_about_scene(environment, name, case)
        else:
            answer, faults = _ask(environment, endpoint, target, case)
        faults += judge(answer, case.expect)
    except (ServingError, ValueError) as error:
        faults = [f"{type(error).__name__}: {error}"]
    seconds = time.perf_counter() - started
    return SmokeResult(
        name,
        target.variant,
        target.container or "",
        target.answered,
        case.request,
        answer,
        seconds,
        tuple(faults),
    )


def _client(
    environment: Environment, endpoint: CatalogEndpoint, target: Target
) -> EndpointClient | FunctionClient:
    if endpoint.pattern == "lambda":
        return function_client(environment, endpoint.endpoint_name, target.variant)
    return endpoint_client(environment, endpoint)


def _ask(
    environment: Environment, endpoint: CatalogEndpoint, target: Target, case: SmokeCase
) -> tuple[Mapping[str, Any], list[str]]:
    """The answer of a target that answers at once, and what is wrong with where it came from."""
    asked, answered = find_task(target.asked), find_task(target.answered)
    client: Any = _client(environment, endpoint, target)
    # A function's client is one of the version already.
    within = (
        {}
        if endpoint.pattern == "lambda"
        else {"target_container": target.container, "target_variant": target.variant or None}
    )
    body = request_body(asked, case.request)
    response = client.invoke(body, content_type="application/json", **within)
    answer = answered.dump_answer(answered.parse_answer(orjson.loads(response.body)))
    if target.variant and response.invoked_variant != target.variant:
        return answer, [f"variant {response.invoked_variant!r} answered in place of {target.variant!r}"]
    return answer, []


def judge(answer: Mapping[str, Any], expect: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with an answer. ``expect``: field → value, or → ``{min, max}`` (both optional,
    inclusive), or, for a list, → ``{contains}``.
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
        lacking = missing(wanted.get("contains", []), list(got) if isinstance(got, (list, tuple)) else [])
        if lacking:
            yield f"{name} is {got!r}, expected {', '.join(map(repr, lacking))} in it"
        measured = len(got) if isinstance(got, (str, list, tuple)) else got
        if "min" in wanted and measured < wanted["min"]:
            yield f"{name} is {measured}, expected at least {wanted['min']}"
        if "max" in wanted and measured > wanted["max"]:
            yield f"{name} is {measured}, expected at most {wanted['max']}"


def print_results(reporter: Reporter, results: Sequence[SmokeResult]) -> None:
    """The calls as a table."""
    # Expanded, for only then do the long texts share what the other columns leave.
    table = Table(box=None, pad_edge=False, show_edge=False, expand=True)
    table.add_column("", min_width=1, no_wrap=True)
    table.add_column("endpoint", no_wrap=True, min_width=_widest(result.endpoint for result in results))
    table.add_column("container", no_wrap=True, min_width=_widest(result.container for result in results))
    # A column that says the same in every line of an endpoint tells nothing.
    several = len({(result.endpoint, result.variant) for result in results}) > len(
        {result.endpoint for result in results}
    )
    if several:
        table.add_column("variant", no_wrap=True, min_width=_widest(result.variant for result in results))
    for heading in ("request", "answer"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("ms", justify="right", no_wrap=True, min_width=6)
    for result in results:
        table.add_row(
            "[red]✗[/]" if result.faults else "[green]✓[/]",
            result.endpoint,
            result.container or "(all)",
            *([result.variant] if several else []),
            shorten(readable_request(result.request)),
            shorten(
                readable_answer(result.answer) if result.answer is not None else "; ".join(result.faults)
            ),
            f"{result.seconds * 1000:.1f}" if result.request else "",
        )
    reporter.console.print(table, soft_wrap=False)


def _widest(texts: Iterable[str]) -> int:
    """So that names are shown whole, whatever the long texts beside them ask for."""
    return max([len("container"), *map(len, texts)])


def readable_request(request: Mapping[str, Any]) -> str:
    """The texts of a request, or which scene it shows."""
    if "scene" in request or "photo" in request:
        return ", ".join(f"{name} {value}" for name, value in request.items())
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
        elif name == "labels":
            shown.append(", ".join(value) or "nothing found")
    return ", ".join(shown)


def shorten(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """At most ``limit`` characters, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
