"""The local cloud as the tasks use it: found running or started, and stopped with all that belongs to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from delivery.console import Reporter
from delivery.environments import LOCAL, Environment
from delivery.errors import DeliveryError
from delivery.project import Project
from delivery.terraform import remove_state
from local_cloud import lifecycle
from local_cloud.settings import InvalidSettings, default_port, default_time_scale

TIME_SCALE = 60.0
"""How much faster than on AWS waiting constants pass unless a person says otherwise: minutes are seconds, so
that scaling and alarms can be watched."""


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except (lifecycle.LocalCloudError, InvalidSettings) as error:
        message = str(error)
        raise DeliveryError(message[:1].upper() + message[1:]) from error


def local_port() -> int:
    """The port that a local cloud would be started on: ``SERVING_LOCAL_PORT``, else 4570."""
    with _clear_errors():
        return default_port()


def is_running(project: Project) -> bool:
    """Whether this checkout's local cloud runs and answers."""
    with _clear_errors():
        return lifecycle.status(project.cloud_dir) is not None


def ensure_running(
    project: Project, reporter: Reporter, *, port: int | None = None, time_scale: float | None = None
) -> str:
    """Starts the local cloud unless it runs; returns its URL.

    ``time_scale``: how many times faster waiting constants pass; ``SERVING_LOCAL_TIME_SCALE``, else
    :data:`TIME_SCALE`, unless given. A cloud that already runs keeps its own.

    Raises:
        DeliveryError: it cannot be started; with the end of its log.
    """
    with reporter.step("local cloud") as step, _clear_errors():
        before = lifecycle.status(project.cloud_dir)
        info = lifecycle.up(
            project.cloud_dir,
            local_port() if port is None else port,
            images=project.images_dir,
            time_scale=default_time_scale(TIME_SCALE) if time_scale is None else time_scale,
        )
        step.outcome = f"{info.url} {'is running' if before else 'started'}"
    return info.url


def stop(project: Project, reporter: Reporter) -> None:
    """Stops the local cloud and forgets its state and Terraform's state of it; images and archives stay.

    Raises:
        DeliveryError: it cannot be stopped.
    """
    with reporter.step("local cloud") as step, _clear_errors():
        stopped = lifecycle.down(project.cloud_dir)
        remove_state(project.terraform_state_dir, Environment(LOCAL, project).state_names)
        step.outcome = "stopped, and what was deployed to it forgotten" if stopped else "was not running"


def restart(project: Project, reporter: Reporter) -> None:
    """Ends every container and starts every endpoint anew; what is deployed, stored and queued stays.

    Raises:
        DeliveryError: no local cloud runs, or an endpoint did not come back.
    """
    with reporter.step("hosting", "every container of the local cloud is ended and started anew") as step:
        with _clear_errors():
            endpoints = lifecycle.restart_hosting(project.cloud_dir)["endpoints"]
        failed = [endpoint for endpoint in endpoints if endpoint["status"] != "InService"]
        if failed:
            raise DeliveryError(
                f"{len(failed)} of {len(endpoints)} endpoints did not come back.",
                cause="\n".join(
                    f"{item['name']} is {item['status']}: {item['failure_reason']}" for item in failed
                ),
                next_step="`invoke local.logs --endpoint NAME` shows what its containers said",
            )
        step.outcome = f"{len(endpoints)} endpoints are in service again"


def status(project: Project) -> Mapping[str, Any] | None:
    """What the local cloud says of itself; None when it does not run."""
    with _clear_errors():
        return lifecycle.status(project.cloud_dir)


def logs(
    project: Project, endpoint: str | None, container: str | None, lines: int, function: str | None = None
) -> list[str]:
    """The last lines of the containers of an endpoint, of a function, or of the local cloud itself."""
    with _clear_errors():
        return lifecycle.logs(project.cloud_dir, endpoint, container, lines, function)


def describe(status: Mapping[str, Any] | None) -> Iterator[str]:
    """A status as lines for a person: endpoints down to their containers, functions to their environments."""
    if status is None:
        yield "The local cloud is not running; `invoke local.up` or `invoke deploy` starts it."
        return
    scale = (
        f"; a minute of waiting takes {60 / status['time_scale']:g} s" if status["time_scale"] != 1 else ""
    )
    yield f"{status['url']}  up for {status['uptime_seconds']:.0f} s, process {status['pid']}{scale}"
    for endpoint in status["endpoints"]:
        yield f"{endpoint['name']}  {endpoint['status']}"
        if endpoint.get("failure_reason"):
            yield f"  {endpoint['failure_reason']}"
        if endpoint.get("async_queue"):
            yield "  " + _queue(endpoint["async_queue"])
        for variant in endpoint["variants"]:
            if variant.get("serverless"):
                yield from _serverless(variant)
                continue
            counts = f"{variant['current_instance_count']} of {variant['desired_instance_count']} instances"
            yield f"  {variant['name']}  weight {variant['current_weight']:g}, {counts}"
            for instance in variant["instances"]:
                yield f"    {instance['instance_id']}  {instance['status']}"
                for container in instance["containers"]:
                    yield "      " + _container(container)
    for function in status["functions"]:
        yield from _function(function)


def _serverless(variant: Mapping[str, Any]) -> Iterator[str]:
    pool, spec = variant["serverless"], variant["serverless"]["current"]
    text = (
        f"  {variant['name']}  serverless, {spec['memory_mb']} MB, {len(pool['containers'])} warm, "
        f"{pool['starting']} starting, {pool['in_flight']} of {spec['max_concurrency']} requests"
    )
    yield f"{text}, {spec['provisioned']} provisioned" if spec["provisioned"] else text
    for pooled in pool["containers"]:
        for container in pooled["containers"]:
            yield f"    {_container(container)}{', busy' if pooled['in_flight'] else ''}"


def _function(function: Mapping[str, Any]) -> Iterator[str]:
    yield f"{function['name']}  {function['state']}"
    for alias in function["aliases"]:
        weights = "".join(f", {share:.0%} to {number}" for number, share in alias["weights"].items())
        yield f"  {alias['name']}  version {alias['version']}{weights}"
    for url in function["urls"].values():
        yield f"  {url}"
    if function["event_queue"]:
        yield "  " + _queue(function["event_queue"])
    for environment in function["environments"]:
        yield (
            f"  {environment['environment'][:8]}  version {environment['version']}, {environment['status']}, "
            f"process {environment['pid']}, {environment['invocations']} invocations"
        )


def _queue(queue: Mapping[str, Any]) -> str:
    text = f"queue  {queue['queued']} waiting, {queue['in_process']} in process, {queue['done']} done"
    return f"{text}, {queue['failed']} failed" if queue["failed"] else text


def _container(container: Mapping[str, Any]) -> str:
    text = f"{container['name']}  {container['status']}, process {container['pid']}"
    if container["restarts"]:
        text += f", restarted {container['restarts']} times"
    return f"{text}, last exit: {container['last_exit']}" if container.get("last_exit") else text
