"""The catalog: what an environment deployed, and where each task is served.

Terraform writes it as JSON to the SSM parameter ``/serving/<environment>/catalog``; clients read it.
Fields that this version does not know are ignored, so an older client reads a newer catalog of version 1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from serving_contracts._checks import json_type
from serving_contracts.errors import InvalidInput

Pattern = Literal["multi_container", "async", "serverless", "lambda"]
Mode = Literal["Direct", "Serial", "Single"]

VERSION: Final = 1
PATTERNS: Final[tuple[Pattern, ...]] = get_args(Pattern)
MODES: Final[tuple[Mode, ...]] = get_args(Mode)


def parameter_name(environment: str) -> str:
    """The SSM parameter that holds the catalog of *environment*."""
    return f"/serving/{environment}/catalog"


@dataclass(frozen=True, slots=True)
class ContainerEntry:
    """A container of an endpoint: the task it serves and the model in it."""

    task: str
    model: str


@dataclass(frozen=True, slots=True)
class AsyncEntry:
    """What a client of an asynchronous endpoint needs to know.

    input, output, failure: S3 locations, each ending in ``/``: clients upload requests under ``input``,
    SageMaker writes answers and failures under the others. queue_url: the SQS queue that gets a notice of
    every request that ends; None where there is none and clients poll S3. success_topic_arn,
    error_topic_arn: the SNS topics.
    """

    input: str
    output: str
    failure: str
    queue_url: str | None = None
    success_topic_arn: str | None = None
    error_topic_arn: str | None = None


@dataclass(frozen=True, slots=True)
class ServerlessEntry:
    """What a client of a serverless endpoint needs to know.

    max_concurrency: requests that it takes at the same time; more are throttled.
    """

    max_concurrency: int


@dataclass(frozen=True, slots=True)
class FunctionEntry:
    """What a client of a Lambda function needs to know.

    qualifier: the alias to invoke. timeout_s: seconds after which AWS ends an invocation. max_concurrency:
    its reserved concurrency; None where it shares the account's. url: the function URL, None without one.
    """

    qualifier: str
    timeout_s: int
    max_concurrency: int | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One place where a task is served.

    endpoint: the key in the catalog (``korean-nlp``). endpoint_name: the name AWS knows.
    target_container: the ``TargetContainerHostname`` to send (Direct mode), else None.
    """

    endpoint: str
    endpoint_name: str
    pattern: Pattern
    target_container: str | None


@dataclass(frozen=True, slots=True)
class CatalogEndpoint:
    """An endpoint (or function). containers: by container hostname. variants: production variant names.

    asynchronous: ``async`` in the JSON; set where the pattern is ``async``, and only there. serverless and
    function: the same for the patterns ``serverless`` and ``lambda``. endpoint_name: of a function, its name.
    """

    pattern: Pattern
    endpoint_name: str
    mode: Mode
    variants: tuple[str, ...] = ()
    containers: Mapping[str, ContainerEntry] = field(default_factory=dict)
    asynchronous: AsyncEntry | None = None
    serverless: ServerlessEntry | None = None
    function: FunctionEntry | None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that can be asked of it, sorted. A Serial pipeline of several tasks serves none."""
        tasks = {container.task for container in self.containers.values()}
        if self.mode == "Serial" and len(tasks) > 1:
            return ()
        return tuple(sorted(tasks))


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything that an environment serves. endpoints: by their key in ``terraform.tfvars``."""

    environment: str
    region: str
    endpoints: Mapping[str, CatalogEndpoint]
    version: int = VERSION

    @property
    def tasks(self) -> tuple[str, ...]:
        """Every task that is served somewhere, sorted."""
        return tuple(sorted({task for endpoint in self.endpoints.values() for task in endpoint.tasks}))

    def routes(self, task: str) -> tuple[Route, ...]:
        """Every place that serves *task*, in an order that depends on the catalog's content only.

        Patterns come as in :data:`PATTERNS` (a provisioned endpoint before one that starts cold), then names.
        """
        found = []
        for name, endpoint in self.endpoints.items():
            if task not in endpoint.tasks:
                continue
            if endpoint.mode != "Direct":
                found.append(Route(name, endpoint.endpoint_name, endpoint.pattern, None))
                continue
            for hostname, container in endpoint.containers.items():
                if container.task == task:
                    found.append(Route(name, endpoint.endpoint_name, endpoint.pattern, hostname))
        found.sort(key=lambda r: (PATTERNS.index(r.pattern), r.endpoint, r.target_container or ""))
        return tuple(found)

    def dump(self) -> str:
        """The JSON text that :func:`parse` reads, with sorted keys."""
        endpoints = {
            name: {
                "pattern": endpoint.pattern,
                "endpoint_name": endpoint.endpoint_name,
                "mode": endpoint.mode,
                "variants": list(endpoint.variants),
                "containers": {
                    hostname: {"task": container.task, "model": container.model}
                    for hostname, container in endpoint.containers.items()
                },
                **_dump_part("async", endpoint.asynchronous),
                **_dump_part("serverless", endpoint.serverless),
                **_dump_part("function", endpoint.function),
            }
            for name, endpoint in self.endpoints.items()
        }
        document = {
            "version": self.version,
            "environment": self.environment,
            "region": self.region,
            "endpoints": endpoints,
        }
        return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def parse(json_text: str | bytes) -> Catalog:
    """The catalog in *json_text*; raises InvalidInput naming the field (``endpoints.nlp.mode``)."""
    try:
        document = json.loads(json_text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the catalog is not JSON: {error}") from None
    root = _object(document, "catalog")
    version = root.get("version")
    if version != VERSION or isinstance(version, bool):
        raise InvalidInput(
            f"is {version!r}; this client reads version {VERSION}",
            field="version",
            hint="upgrade serving-clients" if isinstance(version, int) and version > VERSION else None,
        )
    endpoints = {
        name: _parse_endpoint(value, f"endpoints.{name}")
        for name, value in _object(root.get("endpoints"), "endpoints").items()
    }
    return Catalog(
        environment=_string(root, "environment", ""),
        region=_string(root, "region", ""),
        endpoints=MappingProxyType(endpoints),
    )


def _parse_endpoint(value: object, place: str) -> CatalogEndpoint:
    fields = _object(value, place)
    variants = fields.get("variants", [])
    if not isinstance(variants, list) or not all(isinstance(name, str) for name in variants):
        raise InvalidInput("must be an array of strings", field=f"{place}.variants")
    containers = {}
    for hostname, entry in _object(fields.get("containers", {}), f"{place}.containers").items():
        at = f"{place}.containers.{hostname}"
        row = _object(entry, at)
        containers[hostname] = ContainerEntry(task=_string(row, "task", at), model=_string(row, "model", at))
    pattern = _choice(fields, "pattern", place, PATTERNS)
    return CatalogEndpoint(
        pattern=pattern,
        endpoint_name=_string(fields, "endpoint_name", place),
        mode=_choice(fields, "mode", place, MODES),
        variants=tuple(variants),
        containers=MappingProxyType(containers),
        asynchronous=_parse_async(fields.get("async"), f"{place}.async") if pattern == "async" else None,
        serverless=(
            _parse_serverless(fields.get("serverless"), f"{place}.serverless")
            if pattern == "serverless"
            else None
        ),
        function=(
            _parse_function(fields.get("function"), f"{place}.function") if pattern == "lambda" else None
        ),
    )


def _dump_part(
    name: str, entry: AsyncEntry | ServerlessEntry | FunctionEntry | None
) -> dict[str, dict[str, Any]]:
    if entry is None:
        return {}
    return {name: {field: value for field, value in asdict(entry).items() if value is not None}}


def _parse_async(value: object, place: str) -> AsyncEntry:
    fields = _object(value, place)
    locations = {name: _string(fields, name, place) for name in ("input", "output", "failure")}
    for name, location in locations.items():
        if not (location.startswith("s3://") and location.endswith("/")):
            raise InvalidInput(f"must be s3://bucket/prefix/, not {location!r}", field=f"{place}.{name}")
    optional = {
        name: _string(fields, name, place)
        for name in ("queue_url", "success_topic_arn", "error_topic_arn")
        if fields.get(name) is not None
    }
    return AsyncEntry(**locations, **optional)


def _parse_serverless(value: object, place: str) -> ServerlessEntry:
    return ServerlessEntry(max_concurrency=_count(_object(value, place), "max_concurrency", place))


def _parse_function(value: object, place: str) -> FunctionEntry:
    fields = _object(value, place)
    return FunctionEntry(
        qualifier=_string(fields, "qualifier", place),
        timeout_s=_count(fields, "timeout_s", place),
        max_concurrency=(
            _count(fields, "max_concurrency", place) if fields.get("max_concurrency") is not None else None
        ),
        url=_string(fields, "url", place) if fields.get("url") is not None else None,
    )


def _object(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"must be an object, not {json_type(value)}", field=place)
    return value


def _string(fields: Mapping[str, Any], name: str, place: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInput("must be a non-empty string", field=f"{place}.{name}" if place else name)
    return value


def _count(fields: Mapping[str, Any], name: str, place: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidInput(f"must be a whole number of at least 1, not {value!r}", field=f"{place}.{name}")
    return value


def _choice(fields: Mapping[str, Any], name: str, place: str, allowed: tuple[Any, ...]) -> Any:
    value = fields.get(name)
    if value not in allowed:
        raise InvalidInput(f"must be one of {', '.join(allowed)}, not {value!r}", field=f"{place}.{name}")
    return value
