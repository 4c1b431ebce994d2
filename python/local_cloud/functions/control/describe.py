"""How the API shows functions, versions and aliases."""

from __future__ import annotations

import copy
from datetime import datetime
from typing import Any

from local_cloud.functions.control.names import Names
from local_cloud.functions.control.resources import Alias, Content, Function, Version
from local_cloud.functions.specs import LATEST, FunctionVersion

_STATE_MEMBERS = (
    "State", "StateReason", "StateReasonCode",
    "LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode",
)  # fmt: skip
_CREATING = {"Reason": "The function is being created.", "ReasonCode": "Creating"}


def moment(when: datetime) -> str:
    """A moment as Lambda writes it in most of its answers."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}+0000"


def configuration(function: Function, version: Version, arn: str) -> dict[str, Any]:
    """A FunctionConfiguration. ``arn``: as it was asked for, with or without a qualifier.

    A VpcConfig is shown as it was sent: without VpcId, which AWS looks up.
    """
    content = version.content
    settings: dict[str, Any] = copy.deepcopy(dict(content.settings))
    if "ImageConfig" in settings:
        settings["ImageConfigResponse"] = {"ImageConfig": settings.pop("ImageConfig")}
    on = version.number != LATEST and settings["SnapStart"]["ApplyOn"] == "PublishedVersions"
    settings["SnapStart"]["OptimizationStatus"] = "On" if on else "Off"
    return settings | {
        "FunctionName": function.name,
        "FunctionArn": arn,
        "PackageType": "Image",
        "CodeSize": 0,
        "CodeSha256": content.code_sha256,
        "Version": version.number,
        "LastModified": moment(version.modified),
        "RevisionId": version.revision,
        **_state(version),
    }


def listed(function: Function, version: Version, arn: str) -> dict[str, Any]:
    """A FunctionConfiguration in a list: without its states, as AWS shows it."""
    shown = configuration(function, version, arn)
    return {member: value for member, value in shown.items() if member not in _STATE_MEMBERS}


def code_location(content: Content) -> dict[str, Any]:
    """Code of GetFunction."""
    return {
        "RepositoryType": "ECR",
        "ImageUri": content.image_uri,
        "ResolvedImageUri": content.resolved_uri,
    }


def alias_configuration(alias: Alias, arn: str) -> dict[str, Any]:
    """An AliasConfiguration."""
    shown: dict[str, Any] = {
        "AliasArn": arn,
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision,
    }
    if alias.weights:
        shown["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.weights)}
    return shown


def function_version(function: Function, version: Version, names: Names) -> FunctionVersion:
    """What the execution side runs for a version. Its revision is the content's: RevisionId also changes with
    a policy, and environments need not end for that."""
    content, settings = version.served, version.served.settings
    image = settings.get("ImageConfig", {})
    return FunctionVersion(
        function_name=function.name,
        version=version.number,
        arn=names.arn(function.name, None if version.number == LATEST else version.number),
        image_uri=content.resolved_uri,
        revision=content.id,
        memory_mb=settings["MemorySize"],
        timeout_s=settings["Timeout"],
        tmp_mb=settings["EphemeralStorage"]["Size"],
        log_group=settings["LoggingConfig"]["LogGroup"],
        environment=dict(settings.get("Environment", {}).get("Variables", {})),
        entry_point=_words(image.get("EntryPoint")),
        command=_words(image.get("Command")),
        working_directory=image.get("WorkingDirectory"),
        log_format=settings["LoggingConfig"]["LogFormat"],
    )


def _words(words: list[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(words)


def _state(version: Version) -> dict[str, str]:
    if version.state == "Pending":
        return {"State": "Pending"} | {f"State{name}": text for name, text in _CREATING.items()}
    if version.updating:
        in_progress = {f"LastUpdateStatus{name}": text for name, text in _CREATING.items()}
        return {"State": "Active", "LastUpdateStatus": "InProgress"} | in_progress
    return {"State": "Active", "LastUpdateStatus": "Successful"}
