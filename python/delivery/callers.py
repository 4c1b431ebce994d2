"""The client library, connected to an environment of this checkout."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from delivery.environments import Environment
from delivery.errors import DeliveryError

if TYPE_CHECKING:
    from serving_clients import EndpointClient, Session


def activate(environment: Environment) -> None:
    """Points this process at the environment, the way a user's shell would: by environment variables."""
    for name, value in environment.aws_variables().items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def connect(environment: Environment, *, timeout_s: float = 60.0) -> Session:
    """A session of the client library. It reads the catalog, so something must be deployed.

    Raises:
        DeliveryError: there is no catalog, or AWS cannot be reached.
    """
    import serving_clients

    activate(environment)
    try:
        return serving_clients.connect(environment.name, timeout=timeout_s)
    except serving_clients.ServingError as error:
        raise DeliveryError(
            f"Environment {environment.name!r} cannot be called.",
            cause=f"{type(error).__name__}: {error.message}",
            next_step=error.hint or f"`invoke deploy --env {environment.name}`",
        ) from error


def endpoint_client(environment: Environment, endpoint_name: str) -> EndpointClient:
    """A client of one endpoint."""
    import serving_clients

    activate(environment)
    return serving_clients.EndpointClient(endpoint_name, env=environment.name)
