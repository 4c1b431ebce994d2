"""What Lambda refuses in a function's settings beyond the service model, and what the local cloud lacks.

AWS's words where they are known from public reports; ours say what to do instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from local_cloud.functions.control.errors import constraint_broken, invalid_parameter, not_offered_here
from serving_contracts.limits import (
    LAMBDA_ENVIRONMENT_BYTES,
    LAMBDA_MEMORY_MB_RANGE,
    LAMBDA_NAME_CHARACTERS,
    LAMBDA_TIMEOUT_RANGE_SECONDS,
    LAMBDA_TMP_MB_RANGE,
)

RESERVED_VARIABLES: Final = frozenset(
    {
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
    }
)  # fmt: skip
"""Lambda developer guide, "Defined runtime environment variables"."""

_NOT_RUN: Final = {
    "FileSystemConfigs": "an execution environment has no file system but its image and /tmp.",
    "CodeSigningConfigArn": "code signing is for .zip archives; sign images in ECR.",
    "TenancyConfig": "leave it out.",
    "CapacityProviderConfig": "leave it out; functions run on demand.",
    "DurableConfig": "leave it out; durable executions are not run here.",
    "RuntimeConfig": "leave it out; a function of an image brings its runtime.",
    "AcceleratorConfig": "leave it out; functions run on the CPU.",
    "PublishTo": "publish numbered versions instead.",
}


def check_new_function(request: Mapping[str, Any], name: str) -> None:
    """What CreateFunction refuses before it looks at settings. ``name``: the bare name.

    Raises:
        AwsError: InvalidParameterValueException.
    """
    if len(name) > LAMBDA_NAME_CHARACTERS:
        raise invalid_parameter(
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
            f"Member must have length less than or equal to {LAMBDA_NAME_CHARACTERS}"
        )
    code = request["Code"]
    if request.get("PackageType", "Zip") == "Zip":
        if "Runtime" not in request or "Handler" not in request:
            raise invalid_parameter(
                "Runtime and Handler are mandatory parameters for functions created with deployment "
                "packages. (PackageType is Zip unless given; the local cloud runs PackageType Image only.)"
            )
        raise not_offered_here(
            "PackageType Zip", "give PackageType Image and, in Code, the ImageUri of a container image."
        )
    _refuse_zip_members(request)
    if not code.get("ImageUri"):
        raise invalid_parameter("Please provide ImageUri when creating a function with packageType Image.")
    if any(member in code for member in ("ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion")):
        raise invalid_parameter(
            "Please do not provide other FunctionCode parameters when providing an ImageUri."
        )


def check_new_code(request: Mapping[str, Any]) -> None:
    """What UpdateFunctionCode of a function of an image refuses. Raises AwsError."""
    _refuse_not_run(request)
    if any(member in request for member in ("ZipFile", "S3Bucket", "S3Key")) or not request.get("ImageUri"):
        raise invalid_parameter("Please provide ImageUri when updating a function with packageType Image.")


def check_settings(request: Mapping[str, Any]) -> None:
    """What CreateFunction and UpdateFunctionConfiguration refuse in settings.

    Raises:
        AwsError: ValidationException for numbers out of range, else InvalidParameterValueException.
    """
    _refuse_zip_members(request)
    _refuse_not_run(request)
    _check_range("memorySize", request.get("MemorySize"), LAMBDA_MEMORY_MB_RANGE)
    _check_range("timeout", request.get("Timeout"), LAMBDA_TIMEOUT_RANGE_SECONDS)
    _check_range(
        "ephemeralStorage.size", request.get("EphemeralStorage", {}).get("Size"), LAMBDA_TMP_MB_RANGE
    )
    _check_environment(request.get("Environment", {}).get("Variables") or {})
    _check_logging(request.get("LoggingConfig") or {})
    target = request.get("DeadLetterConfig", {}).get("TargetArn")
    if target and target.split(":")[2] not in ("sqs", "sns"):
        raise invalid_parameter(
            f"The provided dead letter target {target} is invalid: give the ARN of an SQS queue or SNS topic."
        )


def _refuse_zip_members(request: Mapping[str, Any]) -> None:
    if any(request.get(member) for member in ("Handler", "Runtime", "Layers")):
        raise invalid_parameter(
            "Please don't provide Handler or Runtime or Layer when the intended function PackageType is "
            "Image."
        )


def _refuse_not_run(request: Mapping[str, Any]) -> None:
    for member, instead in _NOT_RUN.items():
        if request.get(member):
            raise not_offered_here(member, instead)


def _check_range(path: str, value: int | None, allowed: tuple[int, int]) -> None:
    """The service model's own ranges are wider: they are those of functions on capacity providers."""
    if value is not None and value > allowed[1]:
        raise constraint_broken(path, value, f"Member must have value less than or equal to {allowed[1]}")
    if value is not None and value < allowed[0]:
        raise constraint_broken(path, value, f"Member must have value greater than or equal to {allowed[0]}")


def _check_environment(variables: Mapping[str, str]) -> None:
    reserved = sorted(RESERVED_VARIABLES & set(variables))
    if reserved:
        raise invalid_parameter(
            "Lambda was unable to configure your environment variables because the environment variables you "
            "have provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    size = len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode())
    if size > LAMBDA_ENVIRONMENT_BYTES:
        # AWS quotes the variables; they may be secrets, so we measure them only.
        raise invalid_parameter(
            "Lambda was unable to configure your environment variables because the environment variables you "
            f"have provided exceeded the 4KB limit. Measured: {size} bytes of {LAMBDA_ENVIRONMENT_BYTES}."
        )


def _check_logging(logging_config: Mapping[str, Any]) -> None:
    levels = "ApplicationLogLevel" in logging_config or "SystemLogLevel" in logging_config
    if levels and logging_config.get("LogFormat") == "Text":
        raise invalid_parameter(
            'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or '
            'change the LogFormat to "JSON" and try again.'
        )
