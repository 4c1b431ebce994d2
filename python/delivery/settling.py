"""Waiting until SageMaker takes changes: while one of an endpoint is in progress, it refuses others."""

from __future__ import annotations

import time

from delivery.console import Step
from delivery.environments import Environment
from delivery.errors import DeliveryError

IN_PROGRESS = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
DEADLINE_S = 1800.0
"""The longest a change of autoscaling's may take, with instances that need all the time they have."""
_LOOK_EVERY_S = 1.0


def wait_until_settled(environment: Environment, step: Step, *, deadline_s: float = DEADLINE_S) -> None:
    """Returns when no endpoint of the environment is being changed. Autoscaling changes them at any time.

    Where endpoints may not be listed it returns at once: Terraform then says what it meets.

    Raises:
        DeliveryError: they are still being changed at the deadline.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    give_up = time.monotonic() + deadline_s
    while True:
        try:
            changing = _changing(environment)
        except (BotoCoreError, ClientError) as error:
            step.note(f"endpoints cannot be listed ({error}); going on")
            return
        if not changing:
            return
        told = ", ".join(f"{name} is {status}" for name, status in changing.items())
        if time.monotonic() >= give_up:
            raise DeliveryError(
                "Endpoints are being changed, and SageMaker takes no second change meanwhile.",
                cause=told,
                next_step="wait until they are InService or Failed, then run it again",
            )
        step.working_on(f"waiting: {told}")
        time.sleep(_LOOK_EVERY_S)


def _changing(environment: Environment) -> dict[str, str]:
    """Name → status of the environment's endpoints that are being changed."""
    prefix = f"serving-{environment.name}-"
    pages = environment.client("sagemaker").get_paginator("list_endpoints").paginate(NameContains=prefix)
    return {
        endpoint["EndpointName"]: endpoint["EndpointStatus"]
        for page in pages
        for endpoint in page["Endpoints"]
        if endpoint["EndpointName"].startswith(prefix) and endpoint["EndpointStatus"] in IN_PROGRESS
    }
