"""Resource policies of functions, versions and aliases.

Kept and shown as on AWS; the local cloud has no callers to refuse but those of function URLs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from local_cloud.functions.control.errors import conflict, invalid_parameter, not_found
from local_cloud.functions.control.operations import Answer, Handler, Request
from local_cloud.functions.control.resources import Alias, Functions, Version, check_revision, new_revision
from local_cloud.functions.specs import LATEST
from local_cloud.sagemaker.errors import AwsError
from serving_contracts.limits import LAMBDA_POLICY_BYTES

_ACCOUNT: Final = re.compile(r"\d{12}")
_IAM_ARN: Final = re.compile(r"arn:aws[a-zA-Z-]*:(?:iam|sts)::.*")
_SERVICE: Final = re.compile(r"[a-z0-9.-]+\.(?:amazonaws\.com(?:\.cn)?|amazon\.com|alexa\.com)")
_URL_ACTIONS: Final = frozenset({"lambda:InvokeFunctionUrl", "lambda:*", "*"})


class Permissions:
    """AddPermission, RemovePermission and GetPolicy."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def handlers(self) -> dict[str, Handler]:
        return {
            "AddPermission": self._add,
            "RemovePermission": self._remove,
            "GetPolicy": self._get,
        }

    async def _add(self, request: Request) -> Answer:
        function, qualifier = self._functions.named(request)
        if qualifier == LATEST:
            raise invalid_parameter("We currently do not support adding policies for $LATEST.")
        target = self._functions.target(function, qualifier)
        check_revision(request, target.revision)
        key, statement_id = qualifier or LATEST, request["StatementId"]
        statements = function.policies.get(key, [])
        if any(statement["Sid"] == statement_id for statement in statements):
            raise conflict(
                f"The statement id ({statement_id}) provided already exists. Please provide a new statement "
                "id, or remove the existing statement."
            )
        statement = _statement(request, self._functions.names.arn(function.name, qualifier))
        size = len(_policy([*statements, statement]).encode())
        if size > LAMBDA_POLICY_BYTES:
            raise AwsError(
                "PolicyLengthExceededException",
                400,
                f"The final policy size ({size}) is bigger than the limit ({LAMBDA_POLICY_BYTES}).",
            )
        function.policies[key] = [*statements, statement]
        target.revision = new_revision()
        return {"Statement": _json(statement)}

    async def _remove(self, request: Request) -> Answer:
        name, qualifier = self._functions.names.read(request["FunctionName"], request.get("Qualifier"))
        function = self._functions.find(name)
        if function is None:
            raise not_found(f"No policy found for: {self._functions.names.arn(name)}")
        target: Version | Alias = self._functions.target(function, qualifier)
        key, statement_id = qualifier or LATEST, request["StatementId"]
        statements = function.policies.get(key)
        if not statements:
            raise not_found("No policy is associated with the given resource.")
        left = [statement for statement in statements if statement["Sid"] != statement_id]
        if len(left) == len(statements):
            raise not_found(f"Statement {statement_id} is not found in resource policy.")
        check_revision(request, target.revision)
        if left:
            function.policies[key] = left
        else:
            del function.policies[key]
        target.revision = new_revision()
        return {}

    async def _get(self, request: Request) -> Answer:
        function, qualifier = self._functions.named(request)
        statements = function.policies.get(qualifier or LATEST)
        if not statements:
            raise not_found("The resource you requested does not exist.")
        return {
            "Policy": _policy(statements),
            "RevisionId": self._functions.target(function, qualifier).revision,
        }


def lets_everyone_call_url(statements: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a policy opens a function URL of AuthType NONE to everyone."""
    return any(
        statement["Principal"] == "*"
        and statement["Action"] in _URL_ACTIONS
        and statement.get("Condition", {}).get("StringEquals", {}).get("lambda:FunctionUrlAuthType", "NONE")
        == "NONE"
        for statement in statements
    )


def _statement(request: Request, arn: str) -> dict[str, Any]:
    if "FunctionUrlAuthType" in request and request["Action"] != "lambda:InvokeFunctionUrl":
        raise invalid_parameter("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(request["Principal"]),
        "Action": request["Action"],
        "Resource": arn,
    }
    equal = {
        condition: request[member]
        for condition, member in (
            ("lambda:FunctionUrlAuthType", "FunctionUrlAuthType"),
            ("aws:PrincipalOrgID", "PrincipalOrgID"),
            ("AWS:SourceAccount", "SourceAccount"),
            ("lambda:EventSourceToken", "EventSourceToken"),
        )
        if member in request
    }
    conditions: dict[str, Any] = {}
    if equal:
        conditions["StringEquals"] = equal
    if "SourceArn" in request:
        conditions["ArnLike"] = {"AWS:SourceArn": request["SourceArn"]}
    if "InvokedViaFunctionUrl" in request:
        via_url = "true" if request["InvokedViaFunctionUrl"] else "false"
        conditions["Bool"] = {"lambda:InvokedViaFunctionUrl": via_url}
    return statement | ({"Condition": conditions} if conditions else {})


def _principal(principal: str) -> str | dict[str, str]:
    if principal == "*":
        return principal
    if _ACCOUNT.fullmatch(principal):
        return {"AWS": f"arn:aws:iam::{principal}:root"}
    if _IAM_ARN.fullmatch(principal):
        return {"AWS": principal}
    if _SERVICE.fullmatch(principal):
        return {"Service": principal}
    raise invalid_parameter("The provided principal was invalid. Please check the principal and try again.")


def _policy(statements: list[dict[str, Any]]) -> str:
    return _json({"Version": "2012-10-17", "Id": "default", "Statement": statements})


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
