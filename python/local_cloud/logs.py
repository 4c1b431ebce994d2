"""Reads what containers and functions wrote, from CloudWatch Logs, where it is put for them."""

from __future__ import annotations

import asyncio
from typing import Any

import boto3
from botocore.config import Config

GROUP_PREFIX = "/aws/sagemaker/Endpoints/"


async def container_logs(
    url: str, region: str, endpoint: str, container: str | None, lines: int
) -> list[dict[str, Any]]:
    """The last ``lines`` log lines of an endpoint's containers, oldest first.

    Args:
        container: a container hostname (or ``container-N``); None takes all.

    Returns:
        ``{"timestamp": milliseconds since 1970, "stream": "<variant>/<instance>/<container>", "message": …}``
        each; none if the endpoint has written nothing.
    """
    return await asyncio.to_thread(_read, url, region, GROUP_PREFIX + endpoint, container, lines)


async def function_logs(url: str, region: str, group: str, lines: int) -> list[dict[str, Any]]:
    """The last ``lines`` log lines in a function's log group, oldest first, as :func:`container_logs` has
    them; the stream is ``<date>/[<version>]<environment>``."""
    return await asyncio.to_thread(_read, url, region, group, None, lines)


def _read(url: str, region: str, group: str, container: str | None, lines: int) -> list[dict[str, Any]]:
    client = boto3.client(
        "logs",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1}),
    )
    events: list[dict[str, Any]] = []
    try:
        for page in client.get_paginator("describe_log_streams").paginate(logGroupName=group):
            for stream in page["logStreams"]:
                name = stream["logStreamName"]
                if container is not None and name.rpartition("/")[2] != container:
                    continue
                found = client.get_log_events(
                    logGroupName=group, logStreamName=name, limit=lines, startFromHead=False
                )
                events += [
                    {"timestamp": e["timestamp"], "stream": name, "message": e["message"]}
                    for e in found["events"]
                ]
    except client.exceptions.ResourceNotFoundException:
        return []
    events.sort(key=lambda event: event["timestamp"])
    return events[-lines:]
