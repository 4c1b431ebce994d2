"""Members of runtime requests that travel as headers, checked against botocore's sagemaker-runtime model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from aiohttp import web
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

from local_cloud.sagemaker.errors import AwsError, validation_error
from local_cloud.sagemaker.validation import check_members

_INTEGER = re.compile(r"-?\d{1,18}")


@lru_cache(maxsize=4)
def operation_model(name: str) -> OperationModel:
    """An operation of SageMaker's runtime."""
    model = Loader().load_service_model("sagemaker-runtime", "service-2")
    return ServiceModel(model, "sagemaker-runtime").operation_model(name)


def members(operation: OperationModel, endpoint_name: str, request: web.BaseRequest) -> Mapping[str, Any]:
    """EndpointName and every member of the operation that is given in a header, whole numbers as int.

    Raises:
        AwsError: ValidationError for what should be a whole number and is none.
    """
    found: dict[str, Any] = {"EndpointName": endpoint_name}
    for member, header, shape in _header_members(operation):
        value = request.headers.get(header)
        if value is not None:
            found[member] = _whole_number(member, value) if shape.type_name == "integer" else value
    return found


def check(operation: OperationModel, given: Mapping[str, Any]) -> None:
    """Raises AwsError, a ValidationError, if the service model refuses a member."""
    try:
        check_members(operation, given)
    except AwsError as error:
        raise validation_error(error.message) from None


@lru_cache(maxsize=4)
def _header_members(operation: OperationModel) -> tuple[tuple[str, str, Shape], ...]:
    """(member, header, shape) of every member that travels as a header."""
    shapes = operation.input_shape.members if operation.input_shape is not None else {}
    return tuple(
        (member, shape.serialization["name"], shape)
        for member, shape in shapes.items()
        if shape.serialization.get("location") == "header"
    )


def _whole_number(member: str, text: str) -> int:
    if not _INTEGER.fullmatch(text):
        name = member[0].lower() + member[1:]
        raise validation_error(
            f"1 validation error detected: Value '{text[:64]}' at '{name}' failed to satisfy constraint: "
            "Member must be a whole number"
        )
    return int(text)
