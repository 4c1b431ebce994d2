"""Which endpoint or function of a catalog is asked, and how."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from serving_clients._lambda import LambdaFunction
from serving_clients._sagemaker import SageMakerEndpoint
from serving_clients.errors import EndpointNotFound
from serving_contracts.catalog import Catalog, CatalogEndpoint, Route

AT_ONCE: Final = ("multi_container", "serverless", "lambda")
"""The patterns that answer at once."""

JOBS: Final = ("async",)
"""The patterns that take jobs and answer later."""


def choose(catalog: Catalog, task: str, wanted: str | None, patterns: Collection[str]) -> Route:
    """Where to ask *task*; *wanted* is ``<endpoint>`` or ``<endpoint>/<container>`` or None.

    patterns: those that can be asked in the caller's way. Raises EndpointNotFound with what there is.
    """
    routes = catalog.routes(task)
    environment = catalog.environment
    if wanted is not None:
        name, _, container = wanted.partition("/")
        if name not in catalog.endpoints:
            known = ", ".join(sorted(catalog.endpoints)) or "none"
            raise EndpointNotFound(
                f"the environment {environment!r} has no endpoint {name!r}", hint=f"it has: {known}"
            )
        routes = tuple(
            r for r in routes if r.endpoint == name and (not container or r.target_container == container)
        )
    if not routes:
        of = f"the endpoint {wanted!r}" if wanted else f"the environment {environment!r}"
        tasks = catalog.endpoints[wanted.partition("/")[0]].tasks if wanted else catalog.tasks
        served = ", ".join(tasks) or "nothing"
        raise EndpointNotFound(
            f"{of} does not serve the task {task!r}",
            hint=f"it serves: {served}; terraform/envs/{environment}/terraform.tfvars says what",
        )
    for route in routes:
        if route.pattern in patterns:
            return route
    raise EndpointNotFound(
        f"the task {task!r} is served by {routes[0].endpoint!r} only, of the pattern {routes[0].pattern!r}",
        hint=_other_way(task, routes[0].pattern),
    )


def place_of(catalog: Catalog, route: Route) -> SageMakerEndpoint | LambdaFunction:
    """How *route* is called, of one of the patterns that answer at once."""
    entry = catalog.endpoints[route.endpoint]
    variables = f"in terraform/envs/{catalog.environment}/terraform.tfvars"
    if entry.function is not None:
        return LambdaFunction(
            route.endpoint_name,
            entry.function.qualifier,
            entry.function.timeout_s,
            entry.function.max_concurrency,
            f"functions.{route.endpoint} {variables}",
        )
    if entry.serverless is not None:
        return SageMakerEndpoint(
            route.endpoint_name,
            route.target_container,
            serverless=True,
            max_concurrency=entry.serverless.max_concurrency,
            setting=f"serverless_endpoints.{route.endpoint} {variables}",
        )
    return SageMakerEndpoint(route.endpoint_name, route.target_container)


def of_name(catalog: Catalog, endpoint_name: str) -> CatalogEndpoint | None:
    """The asynchronous endpoint that AWS calls so, where the catalog has it."""
    for endpoint in catalog.endpoints.values():
        if endpoint.endpoint_name == endpoint_name and endpoint.pattern in JOBS:
            return endpoint
    return None


def _other_way(task: str, pattern: str) -> str:
    if pattern in JOBS:
        return f"it takes files and answers later: session.jobs_client({task!r}).submit(…)"
    return "that one answers at once: see session.endpoint; jobs need one of the pattern 'async'"
