"""Lambda's REST JSON protocol, read from botocore's own service model: which operation a request is, and what
it asks.

A member of a request travels in the path, the query, a header or the JSON body; the model says where. Nothing
here repeats a path or a constraint.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

from local_cloud.sagemaker.errors import AwsError, serialization_exception
from local_cloud.sagemaker.validation import check_request

INVOKE_OPERATIONS: Final = frozenset({"Invoke", "InvokeAsync", "InvokeWithResponseStream"})
"""Answered elsewhere: they run functions."""

_PARAMETER = re.compile(r"\{(\w+)\+?\}")
_PREFIX = re.compile(r"/\d{4}-\d{2}-\d{2}/[a-z-]+")
_INTEGER = re.compile(r"-?\d{1,18}")


@lru_cache(maxsize=1)
def service_model() -> ServiceModel:
    """botocore's model of Lambda (loaded once, on first use)."""
    return ServiceModel(Loader().load_service_model("lambda", "service-2"), "lambda")


@dataclass(frozen=True, slots=True)
class Route:
    """One operation's place: method, path with parameters, and what the query must hold to mean it."""

    operation: OperationModel
    method: str
    path: re.Pattern[str]
    query: Mapping[str, list[str]]


class Router:
    """Finds the operation of a request."""

    def __init__(self) -> None:
        model = service_model()
        routes = [_route(model.operation_model(name)) for name in model.operation_names]
        # Those that want something of the query first: ListProvisionedConcurrencyConfigs shares its path with
        # GetProvisionedConcurrencyConfig.
        self._routes = sorted(routes, key=lambda route: not route.query)
        self._prefixes = frozenset(
            prefix.group() for route in routes if (prefix := _PREFIX.match(_uri(route.operation)))
        )

    def is_lambdas(self, path: str) -> bool:
        """Whether a path is under one of Lambda's dated folders (EFS and others have some of their own)."""
        prefix = _PREFIX.match(path)
        return prefix is not None and prefix.group() in self._prefixes

    def find(self, method: str, path: str, query: str = "") -> tuple[OperationModel, dict[str, str]] | None:
        """The operation and the members that its path holds, decoded; None where Lambda has none."""
        given = parse_qs(query, keep_blank_values=True)
        for route in self._routes:
            if route.method != method or any(given.get(name) != want for name, want in route.query.items()):
                continue
            found = route.path.fullmatch(path)
            if found is not None:
                return route.operation, {name: unquote(text) for name, text in found.groupdict().items()}
        return None


def read_request(
    operation: OperationModel, path_members: Mapping[str, str], query: str, body: bytes
) -> dict[str, Any]:
    """All members of a request, from wherever they travel, checked against the service model.

    Raises:
        AwsError: SerializationException for what cannot be read, ValidationException for what is not allowed.
    """
    request: dict[str, Any] = {}
    shapes: Mapping[str, Shape] = {} if operation.input_shape is None else operation.input_shape.members
    if any("location" not in shape.serialization for shape in shapes.values()):
        request.update(_body(body))
        for name in request:
            if name in shapes and "location" in shapes[name].serialization:
                raise serialization_exception(
                    f"{name} was given in the body; it belongs into the path or query"
                )
    given = parse_qs(query, keep_blank_values=True)
    for name, shape in shapes.items():
        where, key = shape.serialization.get("location"), shape.serialization.get("name", name)
        if where == "uri" and key in path_members:
            request[name] = path_members[key]
        elif where == "querystring" and given.get(key, [""]) != [""]:
            request[name] = _from_texts(name, shape, given[key])
    return check_request(operation, request)


def _route(operation: OperationModel) -> Route:
    path, _, query = _uri(operation).partition("?")
    pattern = "".join(
        f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part)
        for index, part in enumerate(_PARAMETER.split(path.rstrip("/")))
    )
    # Older SDKs end some paths with a slash.
    return Route(operation, operation.http["method"], re.compile(pattern + "/?"), parse_qs(query))


def _uri(operation: OperationModel) -> str:
    uri: str = operation.http["requestUri"]
    return uri


def _body(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        parsed = json.loads(body)
    except ValueError as error:  # covers text that is not UTF-8 too
        raise AwsError(
            "InvalidRequestContentException", 400, f"Could not parse request body into json: {error}"
        ) from None
    if not isinstance(parsed, dict):
        raise serialization_exception("Expected a JSON object as the request body")
    # AWS takes a member that is null for one that was not given.
    return {name: value for name, value in parsed.items() if value is not None}


def _from_texts(name: str, shape: Shape, texts: list[str]) -> Any:
    """A member of the query, which knows texts only, as the type that the model gives it."""
    if shape.type_name == "list":
        return texts
    text = texts[-1]
    if shape.type_name in ("integer", "long"):
        if not _INTEGER.fullmatch(text):
            raise serialization_exception(f"STRING_VALUE can not be converted to Integer (at '{name}')")
        return int(text)
    if shape.type_name == "boolean":
        if text.lower() not in ("true", "false"):
            raise serialization_exception(f"STRING_VALUE can not be converted to Boolean (at '{name}')")
        return text.lower() == "true"
    return text
