"""The client library, connected to an environment of this checkout."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from delivery.environments import Environment
from delivery.errors import DeliveryError
from serving_contracts import limits
from serving_contracts.task_types import Task

if TYPE_CHECKING:
    from serving_clients import EndpointClient, FunctionClient, Session
    from serving_contracts.catalog import CatalogEndpoint


COLD_CALL_S = limits.SERVERLESS_STARTUP_SECONDS + limits.SERVERLESS_TIMEOUT_SECONDS + 10
"""A container that has to start first, its answer, and the way there and back."""


def activate(environment: Environment) -> None:
    """Points this process at the environment, the way a user's shell would: by environment variables."""
    for name, value in environment.aws_variables().items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def connect(environment: Environment) -> Session:
    """A session of the client library, whose calls wait for cold starts. It reads the catalog, so something
    must be deployed.

    Raises:
        DeliveryError: there is no catalog, or AWS cannot be reached.
    """
    import serving_clients

    activate(environment)
    try:
        return serving_clients.connect(environment.name)
    except serving_clients.ServingError as error:
        raise DeliveryError(
            f"Environment {environment.name!r} cannot be called.",
            cause=f"{type(error).__name__}: {error.message}",
            next_step=error.hint or f"`invoke deploy --env {environment.name}`",
        ) from error


def request_body(task: Task[Any, Any], request: Mapping[str, Any]) -> bytes:
    """A request as it travels: checked by its task, as JSON.

    Raises:
        InvalidInput: it is none of that task.
    """
    return orjson.dumps(task.dump_request(task.parse_request(dict(request))))


def client_of(environment: Environment, endpoint: CatalogEndpoint) -> EndpointClient | FunctionClient:
    """A client of whatever the catalog describes: an endpoint, or a function by its alias."""
    if endpoint.function is not None:
        return function_client(environment, endpoint.endpoint_name, endpoint.function.qualifier)
    return endpoint_client(environment, endpoint)


def function_client(environment: Environment, function_name: str, qualifier: str) -> FunctionClient:
    """A client of one version or alias of a function."""
    import serving_clients

    activate(environment)
    return serving_clients.FunctionClient(function_name, qualifier=qualifier, env=environment.name)


def endpoint_client(environment: Environment, endpoint: CatalogEndpoint) -> EndpointClient:
    """A client of one endpoint that answers at once; it waits for a serverless one that starts cold."""
    import serving_clients

    activate(environment)
    client = serving_clients.EndpointClient
    if endpoint.pattern == "serverless":
        return client(endpoint.endpoint_name, env=environment.name, timeout=COLD_CALL_S)
    return client(endpoint.endpoint_name, env=environment.name)
