"""Checks requests against botocore's own model of SageMaker, and says what is wrong in AWS's words.

The rules (required members, types, enums, patterns, lengths, ranges) are AWS's, read from the service model
that boto3 carries; nothing here repeats them. One deliberate difference: AWS drops members it does not know,
we refuse them by name, since locally such a member is a typing error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from local_cloud.sagemaker.errors import AwsError, serialization_exception, validation_exception

_JSON_TYPE_NAMES: Final[Mapping[type, str]] = {
    bool: "BOOLEAN_VALUE",
    int: "NUMBER_VALUE",
    float: "NUMBER_VALUE",
    str: "STRING_VALUE",
}
_TYPE_NAMES: Final[Mapping[str, str]] = {
    "string": "String", "integer": "Integer", "long": "Long", "float": "Float", "double": "Double",
    "boolean": "Boolean", "timestamp": "Timestamp",
}  # fmt: skip
_LONGEST_QUOTED_VALUE: Final = 512
"""A refused value is quoted in the message up to this many characters."""

# Java's character classes that Python's re lacks, written for use within and outside [ ].
_SPACE_SEPARATORS: Final = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_JAVA_CLASSES: Final[Mapping[str, str]] = {
    r"\p{L}": r"\w", r"\p{N}": r"\w", r"\p{Z}": _SPACE_SEPARATORS,
    r"\p{ASCII}": r"\x00-\x7f", r"\p{Print}": r"\x20-\x7e",
    r"\d": "0-9",
}  # fmt: skip
_JAVA_TOKEN = re.compile(r"\\p\{\w+\}|\\.|\[\^?|\]|.", re.DOTALL)


@lru_cache(maxsize=1)
def service_model() -> ServiceModel:
    """botocore's model of the SageMaker control plane (4 MB of JSON: loaded once, on first use)."""
    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


@lru_cache(maxsize=256)
def java_pattern(pattern: str) -> re.Pattern[str]:
    """Compiles a pattern of the service model (Java's dialect) for :func:`re.fullmatch`, as Java's
    ``matches``."""
    out: list[str] = []
    in_class = False
    for token in _JAVA_TOKEN.findall(pattern):
        if token.startswith("[") and not in_class:
            in_class = True
        elif token == "]":
            in_class = False
        elif token == r"\z":
            token = r"\Z"
        elif token in _JAVA_CLASSES:
            token = _JAVA_CLASSES[token] if in_class else f"[{_JAVA_CLASSES[token]}]"
        out.append(token)
    return re.compile("".join(out))


def matches(pattern: str, value: str) -> bool:
    """Whether the whole of ``value`` matches a pattern of the service model."""
    return java_pattern(pattern).fullmatch(value) is not None


def check_request(operation: OperationModel, request: object) -> dict[str, Any]:
    """Returns the request of ``operation`` if the service model allows it.

    Raises:
        AwsError: SerializationException for a wrong JSON type, ValidationException naming every other fault.
    """
    if not isinstance(request, dict):
        raise serialization_exception("Expected a JSON object as the request body")
    checker = _Checker()
    if operation.input_shape is None:
        return {}
    checker.structure(operation.input_shape, request, "")
    checker.raise_if_any()
    return request


def check_members(operation: OperationModel, members: Mapping[str, Any]) -> None:
    """Checks those members of a request that are given, whatever else is missing (REST: the body is checked
    elsewhere).

    Raises:
        AwsError: ValidationException naming every fault.
    """
    assert operation.input_shape is not None
    checker = _Checker()
    for name, value in members.items():
        checker.value(operation.input_shape.members[name], value, _join("", name))
    checker.raise_if_any()


class _Checker:
    """Walks a request along its shape, gathering the constraints it fails (AWS reports all of them at
    once)."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def raise_if_any(self) -> None:
        if not self.faults:
            return
        count = len(self.faults)
        noun = "validation error" if count == 1 else "validation errors"
        raise validation_exception(f"{count} {noun} detected: {'; '.join(self.faults)}")

    def value(self, shape: Shape, value: Any, path: str) -> None:
        if shape.type_name == "structure":
            self.structure(shape, _expect(value, dict, shape, path), path)
        elif isinstance(shape, ListShape):
            self.members(shape, _expect(value, list, shape, path), path)
        elif isinstance(shape, MapShape):
            self.entries(shape, _expect(value, dict, shape, path), path)
        elif shape.type_name == "string":
            self.string(shape, _expect(value, str, shape, path), path)
        elif shape.type_name in ("integer", "long"):
            self.number(shape, _integer(value, shape, path), path)
        elif shape.type_name in ("float", "double"):
            self.number(shape, _expect(value, (int, float), shape, path), path)
        elif shape.type_name == "boolean":
            _expect(value, bool, shape, path)
        elif shape.type_name == "timestamp":
            _timestamp(value, shape, path)

    def structure(self, shape: Shape, value: dict[str, Any], path: str) -> None:
        assert isinstance(shape, StructureShape)
        for name in value:
            if name not in shape.members:
                where = f" in '{path}'" if path else ""
                known = ", ".join(shape.members)
                self.faults.append(f"Unknown member '{name}'{where}: must be one of: {known}")
        for name in shape.required_members:
            if value.get(name) is None:
                self.faults.append(_fault("null", _join(path, name), "Member must not be null"))
        for name, member_shape in shape.members.items():
            if value.get(name) is not None:
                self.value(member_shape, value[name], _join(path, name))

    def members(self, shape: ListShape, value: list[Any], path: str) -> None:
        self.length(shape, value, path)
        for index, member in enumerate(value, start=1):
            if member is None:
                self.faults.append(_fault("null", f"{path}.{index}.member", "Member must not be null"))
            else:
                self.value(shape.member, member, f"{path}.{index}.member")

    def entries(self, shape: MapShape, value: dict[str, Any], path: str) -> None:
        self.length(shape, value, path)
        keys, values = _Checker(), _Checker()
        for key, entry in value.items():
            keys.value(shape.key, key, "")
            if entry is None:
                values.faults.append(_fault("null", f"{path}.{key}", "Member must not be null"))
            else:
                values.value(shape.value, entry, f"{path}.{key}")
        # AWS reports a map's keys and values as constraints of the map itself.
        for inner, noun in ((keys, "keys"), (values, "value")):
            constraints = sorted(
                {fault.split("constraint: ", 1)[1] for fault in inner.faults if "constraint: " in fault}
            )
            if constraints:
                self.faults.append(
                    _fault(
                        _quoted(value),
                        path,
                        f"Map {noun} must satisfy constraint: [{', '.join(constraints)}]",
                    )
                )

    def string(self, shape: Shape, value: str, path: str) -> None:
        allowed = getattr(shape, "enum", None)
        if allowed and value not in allowed:
            self.faults.append(
                _fault(_quoted(value), path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
            )
            return
        self.length(shape, value, path)
        pattern = shape.metadata.get("pattern")
        if pattern and not matches(pattern, value):
            self.faults.append(
                _fault(_quoted(value), path, f"Member must satisfy regular expression pattern: {pattern}")
            )

    def length(self, shape: Shape, value: str | list[Any] | dict[str, Any], path: str) -> None:
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if most is not None and len(value) > most:
            self.faults.append(
                _fault(_quoted(value), path, f"Member must have length less than or equal to {most}")
            )
        if least is not None and len(value) < least:
            self.faults.append(
                _fault(_quoted(value), path, f"Member must have length greater than or equal to {least}")
            )

    def number(self, shape: Shape, value: float, path: str) -> None:
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if most is not None and value > most:
            self.faults.append(
                _fault(_quoted(value), path, f"Member must have value less than or equal to {most}")
            )
        if least is not None and value < least:
            self.faults.append(
                _fault(_quoted(value), path, f"Member must have value greater than or equal to {least}")
            )


def _fault(value: str, path: str, constraint: str) -> str:
    return f"Value {value} at '{path}' failed to satisfy constraint: {constraint}"


def _quoted(value: object) -> str:
    text = str(value)
    if len(text) > _LONGEST_QUOTED_VALUE:
        text = text[:_LONGEST_QUOTED_VALUE] + "…"
    return f"'{text}'"


def _join(path: str, name: str) -> str:
    """AWS writes paths with a lower first letter: ``productionVariants.1.member.modelName``."""
    return f"{path}.{name[0].lower()}{name[1:]}" if path else f"{name[0].lower()}{name[1:]}"


def _expect(value: Any, kind: type | tuple[type, ...], shape: Shape, path: str) -> Any:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool)):
        return value
    raise _wrong_type(value, shape, path)


def _integer(value: Any, shape: Shape, path: str) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(_expect(value, int, shape, path))


def _timestamp(value: Any, shape: Shape, path: str) -> None:
    """Epoch seconds (what SDKs send in JSON 1.1) or an ISO 8601 text."""
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            raise _wrong_type(value, shape, path) from None
    else:
        _expect(value, (int, float), shape, path)


def _wrong_type(value: Any, shape: Shape, path: str) -> AwsError:
    where = f" (at '{path}')" if path else ""
    if shape.type_name in ("structure", "list", "map"):
        wanted = "list" if shape.type_name == "list" else "structure or map"
        return serialization_exception(f"Unexpected value where a {wanted} was expected{where}")
    if isinstance(value, (dict, list)):
        found = "list" if isinstance(value, list) else "structure or map"
        return serialization_exception(f"Start of {found} found where not expected{where}")
    found = _JSON_TYPE_NAMES[type(value)]
    return serialization_exception(f"{found} can not be converted to {_TYPE_NAMES[shape.type_name]}{where}")
