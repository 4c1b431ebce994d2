"""What a runtime is started with: its command, its folder and its environment variables.

Source: "Defined runtime environment variables" and "Container image settings", AWS Lambda developer guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from local_cloud.functions.specs import FunctionVersion
from local_cloud.hosting.instance_types import available_cpus
from local_cloud.hosting.process_runner import image_command, image_environment
from local_cloud.image_store import ProcessImage
from serving_contracts import limits

TASK_ROOT: Final = PurePosixPath("/var/task")
"""Where images hold a function's code on AWS; here it is the image's app folder."""


class NoSuchFolder(Exception):
    """The working directory is not in the image; the message is the folder."""


@dataclass(frozen=True, slots=True)
class RuntimeStart:
    """``command``: absolute program and arguments."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path


def threads(memory_mb: int) -> int:
    """The whole vCPUs that a function of this memory has, at least 1 and at most this machine's."""
    return max(1, min(memory_mb // limits.LAMBDA_MB_PER_VCPU, available_cpus()))


def runtime_start(
    version: FunctionVersion,
    image: ProcessImage,
    *,
    platform: Mapping[str, str],
    runtime_api: str,
    init_type: str,
    log_stream: str,
    temporary: Path,
) -> RuntimeStart:
    """Raises LaunchFailed where the image lacks the entry point, NoSuchFolder."""
    entry_point = version.entry_point or image.entrypoint
    # As with docker: whoever replaces the entry point does not get the image's command after it.
    words = version.command or (() if version.entry_point else image.cmd)
    command = [*entry_point, *words]
    own = {
        "_HANDLER": command[-1],
        "AWS_EXECUTION_ENV": "AWS_Lambda_Image",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": version.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": init_type,
        "AWS_LAMBDA_LOG_FORMAT": version.log_format,
        "AWS_LAMBDA_LOG_GROUP_NAME": version.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_REGION": platform["AWS_REGION"],
        "AWS_DEFAULT_REGION": platform["AWS_DEFAULT_REGION"],
        "AWS_SESSION_TOKEN": "local",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LAMBDA_TASK_ROOT": str(image.app_dir),
        "TMPDIR": str(temporary),
    }
    environment = image_environment(
        image,
        home=temporary,
        temporary=temporary,
        platform={"TZ": ":UTC", **platform, "SERVING_THREADS": str(threads(version.memory_mb))},
        own=version.environment,
    )
    return RuntimeStart(
        tuple(image_command(image, command)), {**environment, **own}, _folder(version, image.app_dir)
    )


def _folder(version: FunctionVersion, app_dir: Path) -> Path:
    """``/var/task`` and what is relative lie in the app folder; the image has no other folders of its own."""
    wanted = version.working_directory
    if not wanted:
        return app_dir
    path = PurePosixPath(wanted)
    inner = path.relative_to(TASK_ROOT) if path.is_relative_to(TASK_ROOT) else path
    if inner.is_absolute() or ".." in inner.parts or not (app_dir / inner).is_dir():
        raise NoSuchFolder(wanted)
    return app_dir / inner
