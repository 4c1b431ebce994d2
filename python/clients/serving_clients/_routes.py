"""Which endpoint of a catalog is asked."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from serving_clients.errors import EndpointNotFound
from serving_contracts import limits
from serving_contracts.catalog import Catalog, CatalogEndpoint, Route

MAX_BYTES: Final = {
    "multi_container": limits.REALTIME_PAYLOAD_BYTES_SAFE,
    "serverless": limits.SERVERLESS_PAYLOAD_BYTES,
}
"""The patterns that answer at once under InvokeEndpoint, and how large one request may be."""

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


def of_name(catalog: Catalog, endpoint_name: str) -> CatalogEndpoint | None:
    """The asynchronous endpoint that AWS calls so, where the catalog has it."""
    for endpoint in catalog.endpoints.values():
        if endpoint.endpoint_name == endpoint_name and endpoint.pattern in JOBS:
            return endpoint
    return None


def _other_way(task: str, pattern: str) -> str:
    if pattern in JOBS:
        return f"it takes files and answers later: session.jobs_client({task!r}).submit(…)"
    if pattern in MAX_BYTES:
        return "that one answers at once: see session.endpoint; jobs need one of the pattern 'async'"
    return (
        "this version of serving-clients calls real-time, serverless and asynchronous endpoints; upgrade it"
    )
