"""What the status page tells of a function."""

from __future__ import annotations

import dataclasses
from typing import Any

from local_cloud.functions.control.names import Names
from local_cloud.functions.control.provisioned import ProvisionedConcurrency
from local_cloud.functions.control.resources import Function, Version
from local_cloud.functions.control.urls import FunctionUrls


def function_state(
    function: Function, names: Names, provisioned: ProvisionedConcurrency, urls: FunctionUrls
) -> dict[str, Any]:
    """A function down to its versions and aliases, ready for JSON."""
    return {
        "name": function.name,
        "arn": names.arn(function.name),
        "state": function.latest.state,
        "updating": function.latest.updating,
        "modified_at": function.latest.modified.isoformat(),
        "versions": [_version_state(version) for version in (function.latest, *function.published.values())],
        "aliases": [
            {"name": alias.name, "version": alias.version, "weights": dict(alias.weights)}
            for alias in function.aliases.values()
        ],
        "reserved_concurrency": function.reserved,
        "provisioned_concurrency": {
            qualifier: dataclasses.asdict(state) | {"versions": dict(config.placed)}
            for qualifier, config in function.provisioned.items()
            if (state := provisioned.state(function, qualifier)) is not None
        },
        "urls": {
            qualifier: found.url
            for qualifier, url in function.urls.items()
            if (found := urls.find(url.id)) is not None
        },
    }


def _version_state(version: Version) -> dict[str, Any]:
    settings = version.content.settings
    return {
        "version": version.number,
        "state": version.state,
        "image": version.content.resolved_uri,
        "memory_mb": settings["MemorySize"],
        "timeout_s": settings["Timeout"],
    }
