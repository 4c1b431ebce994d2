"""``invoke local.*``: the local cloud that stands in for AWS with ``--env local``."""

from __future__ import annotations

import json

from invoke.collection import Collection
from invoke.context import Context

from delivery import local
from delivery.console import Reporter
from delivery.project import Project
from delivery.task_support import command


@command(
    changes="start the local cloud",
    help={
        "port": "port on 127.0.0.1 (default: SERVING_LOCAL_PORT, else 4570)",
        "time-scale": "how many times faster metric periods, alarms and cooldowns pass "
        "(default: SERVING_LOCAL_TIME_SCALE, else 60: minutes become seconds)",
    },
)
def up(_: Context, port: int = 0, time_scale: float = 0.0) -> None:
    """Start the local cloud in the background, or find it running."""
    reporter = Reporter()
    url = local.ensure_running(Project.here(), reporter, port=port or None, time_scale=time_scale or None)
    reporter.say(f"export AWS_ENDPOINT_URL={url}   # any AWS SDK, the AWS CLI and Terraform follow it")


@command(changes="stop the local cloud and forget what was deployed to it")
def down(_: Context) -> None:
    """Stop the local cloud and forget what was deployed to it; images and archives stay."""
    local.stop(Project.here(), Reporter())


@command(changes="end every container of the local cloud and start every endpoint anew")
def restart(_: Context) -> None:
    """End every container and start every endpoint anew; what is deployed, stored and queued stays."""
    local.restart(Project.here(), Reporter())


@command(help={"as-json": "everything it says, as JSON"})
def status(_: Context, as_json: bool = False) -> None:
    """Show the local cloud's endpoints and functions: variants, instances, containers, environments."""
    found = local.status(Project.here())
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    reporter = Reporter()
    for line in local.describe(found):
        reporter.say(line)


@command(
    help={
        "endpoint": "an endpoint's name, as AWS knows it (default: the local cloud's own log)",
        "container": "only this container's lines (a container hostname)",
        "function": "a function's name, as AWS knows it, in place of an endpoint",
        "lines": "how many lines from the end",
    }
)
def logs(_: Context, endpoint: str = "", container: str = "", function: str = "", lines: int = 100) -> None:
    """Show the last lines that an endpoint's containers, a function, or the local cloud have logged."""
    for line in local.logs(Project.here(), endpoint or None, container or None, lines, function or None):
        print(line)


namespace = Collection("local", up, down, restart, status, logs)
