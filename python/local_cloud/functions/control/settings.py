"""A function's settings: what CreateFunction and UpdateFunctionConfiguration leave behind.

Kept as the members were sent, with AWS's defaults where AWS shows them, and without what was sent empty: that
is how AWS answers, and what keeps a second Terraform plan empty.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from local_cloud.functions.control.rules import check_settings
from serving_contracts.limits import LAMBDA_MEMORY_MB_RANGE, LAMBDA_TIMEOUT_SECONDS, LAMBDA_TMP_MB_RANGE

Settings = Mapping[str, Any]

_PLAIN: Final = ("Role", "Description", "Timeout", "MemorySize")
_LEFT_OUT_EMPTY: Final = ("VpcConfig", "KMSKeyArn", "ImageConfig", "DeadLetterConfig", "Environment")
_INFO: Final = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}


def created(name: str, request: Mapping[str, Any]) -> Settings:
    """The settings of a new function. Raises AwsError for what Lambda refuses."""
    settings: dict[str, Any] = {
        "Description": "",
        "Timeout": LAMBDA_TIMEOUT_SECONDS,
        "MemorySize": LAMBDA_MEMORY_MB_RANGE[0],
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": LAMBDA_TMP_MB_RANGE[0]},
        "TracingConfig": {"Mode": "PassThrough"},
        "SnapStart": {"ApplyOn": "None"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
    }
    if "Architectures" in request:
        settings["Architectures"] = list(request["Architectures"])
    return updated(settings, request)


def updated(settings: Settings, request: Mapping[str, Any]) -> Settings:
    """``settings`` with what an UpdateFunctionConfiguration changes. Raises AwsError for what Lambda
    refuses."""
    check_settings(request)
    new = copy.deepcopy(dict(settings))
    for member in _PLAIN:
        if member in request:
            new[member] = request[member]
    for member in _LEFT_OUT_EMPTY:
        if member in request:
            value = _without_empty(request[member])
            if value:
                new[member] = value
            else:
                new.pop(member, None)
    if "EphemeralStorage" in request:
        new["EphemeralStorage"] = dict(request["EphemeralStorage"])
    if request.get("TracingConfig", {}).get("Mode"):
        new["TracingConfig"] = {"Mode": request["TracingConfig"]["Mode"]}
    if request.get("SnapStart", {}).get("ApplyOn"):
        new["SnapStart"] = {"ApplyOn": request["SnapStart"]["ApplyOn"]}
    if "LoggingConfig" in request:
        new["LoggingConfig"] = _logging(new["LoggingConfig"], request["LoggingConfig"])
    return new


def with_architectures(settings: Settings, architectures: list[str] | None) -> Settings:
    """``settings`` with the architectures of an UpdateFunctionCode, where it gives any."""
    return settings if architectures is None else {**settings, "Architectures": list(architectures)}


def _without_empty(value: Any) -> Any:
    """A member as it is kept: members without a value gone, a structure of none of them empty."""
    if not isinstance(value, Mapping):
        return value
    if set(value) == {"Variables"}:  # a variable may well be the empty text
        return {"Variables": dict(value["Variables"])} if value["Variables"] else {}
    if "SubnetIds" in value or "SecurityGroupIds" in value:
        return copy.deepcopy(dict(value)) if value.get("SubnetIds") else {}
    return {name: copy.deepcopy(inner) for name, inner in value.items() if inner not in ("", [], None)}


def _logging(before: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """LoggingConfig after a change of some of its members: JSON has levels (INFO unless given), Text has
    none."""
    merged = {**before, **change}
    if merged["LogFormat"] == "JSON":
        return _INFO | merged
    return {name: value for name, value in merged.items() if name not in _INFO}
