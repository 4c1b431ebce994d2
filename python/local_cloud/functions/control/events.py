"""Event invoke configs: what becomes of asynchronous invocations of a function or a qualifier."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from local_cloud.functions.control.answers import EventInvokeConfig
from local_cloud.functions.control.errors import invalid_parameter, not_found
from local_cloud.functions.control.operations import Answer, Handler, Request
from local_cloud.functions.control.paging import page_of
from local_cloud.functions.control.resources import EventSettings, Function, Functions
from local_cloud.functions.specs import LATEST
from local_cloud.sagemaker.errors import AwsError

_MEMBERS: Final = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
_ON_SUCCESS: Final = frozenset({"lambda", "sqs", "sns", "events"})
_ON_FAILURE: Final = _ON_SUCCESS | {"s3"}
"""Services of destinations (Lambda developer guide, "Retaining records of asynchronous invocations")."""


class EventInvokeConfigs:
    """The operations, and which config an invocation gets."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def handlers(self) -> dict[str, Handler]:
        return {
            "PutFunctionEventInvokeConfig": self._put,
            "UpdateFunctionEventInvokeConfig": self._update,
            "GetFunctionEventInvokeConfig": self._get,
            "DeleteFunctionEventInvokeConfig": self._delete,
            "ListFunctionEventInvokeConfigs": self._list,
        }

    def of(self, function: Function, qualifier: str | None, version: str) -> EventInvokeConfig:
        """The config for an invocation: that of the qualifier it was made with, else of the version that it
        reached, else AWS's defaults."""
        config = function.events.get(qualifier or LATEST) or function.events.get(version)
        if config is None:
            return EventInvokeConfig()
        given: dict[str, Any] = {}
        if "MaximumRetryAttempts" in config.members:
            given["maximum_retry_attempts"] = config.members["MaximumRetryAttempts"]
        if "MaximumEventAgeInSeconds" in config.members:
            given["maximum_event_age_s"] = config.members["MaximumEventAgeInSeconds"]
        destinations = config.members.get("DestinationConfig", {})
        return EventInvokeConfig(
            on_success=_destination(destinations, "OnSuccess"),
            on_failure=_destination(destinations, "OnFailure"),
            **given,
        )

    async def _put(self, request: Request) -> Answer:
        return self._keep(request, {})

    async def _update(self, request: Request) -> Answer:
        function, qualifier = self._existing(request)
        config = function.events.get(qualifier)
        if config is None:
            raise self._none_for(function.name, qualifier)
        return self._keep(request, config.members)

    async def _get(self, request: Request) -> Answer:
        name, qualifier = self._functions.names.read(request["FunctionName"], request.get("Qualifier"))
        function = self._functions.find(name)
        key = qualifier or LATEST
        if function is None or key not in function.events:
            raise self._none_for(name, key)
        return self._shown(function, key)

    async def _delete(self, request: Request) -> Answer:
        name, qualifier = self._functions.names.read(request["FunctionName"], request.get("Qualifier"))
        function = self._functions.find(name)
        key = qualifier or LATEST
        if function is None or key not in function.events:
            raise self._none_for(name, key)
        del function.events[key]
        return {}

    async def _list(self, request: Request) -> Answer:
        function, _ = self._existing(request)
        page, marker = page_of(function.events, request, str)
        return {"FunctionEventInvokeConfigs": [self._shown(function, key) for key in page], **marker}

    def _keep(self, request: Request, before: Mapping[str, Any]) -> Answer:
        given = {member: request[member] for member in _MEMBERS if member in request}
        if not given:
            raise invalid_parameter("You must specify at least one of error handling or destination setting.")
        function, qualifier = self._existing(request)
        self._check_destinations(function, given.get("DestinationConfig", {}))
        members = copy.deepcopy({**before, **given})
        function.events[qualifier] = EventSettings(members, self._functions.clock.now())
        return self._shown(function, qualifier)

    def _existing(self, request: Request) -> tuple[Function, str]:
        name, qualifier = self._functions.names.read(request["FunctionName"], request.get("Qualifier"))
        function = self._functions.find(name)
        missing = function is None or not (
            qualifier in (None, LATEST) or qualifier in (function.published | function.aliases)
        )
        if function is None or missing:
            raise not_found("The function doesn't exist.")
        return function, qualifier or LATEST

    def _none_for(self, name: str, qualifier: str) -> AwsError:
        arn = self._functions.names.arn(name, qualifier)
        return not_found(f"The function {arn} doesn't have an EventInvokeConfig")

    def _check_destinations(self, function: Function, destinations: Mapping[str, Any]) -> None:
        success, failure = _destination(destinations, "OnSuccess"), _destination(destinations, "OnFailure")
        for arn, allowed in ((success, _ON_SUCCESS), (failure, _ON_FAILURE)):
            if arn is None:
                continue
            parts = arn.split(":")
            service = parts[2] if len(parts) > 2 else ""
            if service not in allowed:
                both = (
                    f"onSuccess={_written('OnSuccess', success)}, onFailure={_written('OnFailure', failure)}"
                )
                raise invalid_parameter(
                    f"The provided destination config DestinationConfig({both}) is invalid. "
                    f"(A destination is of one of: {', '.join(sorted(allowed))}.)"
                )
            if service == "lambda":
                self._check_function(function, arn)

    def _check_function(self, function: Function, arn: str) -> None:
        try:
            name, qualifier = self._functions.names.read(arn)
            target = self._functions.get(name)
            if qualifier is not None:
                self._functions.target(target, qualifier)
        except AwsError:
            raise invalid_parameter(f"The destination ARN {arn} is invalid.") from None
        if name == function.name:
            raise invalid_parameter("You can't specify the function as a destination for itself.")

    def _shown(self, function: Function, qualifier: str) -> Answer:
        config = function.events[qualifier]
        shown: Answer = copy.deepcopy(dict(config.members))
        destinations = shown.get("DestinationConfig", {})
        return shown | {
            "FunctionArn": self._functions.names.arn(function.name, qualifier),
            "LastModified": config.modified.timestamp(),
            # AWS shows both, whether or not they were given.
            "DestinationConfig": {
                side: {} if _destination(destinations, side) is None else destinations[side]
                for side in ("OnSuccess", "OnFailure")
            },
        }


def _destination(destinations: Mapping[str, Any], side: str) -> str | None:
    return (destinations.get(side) or {}).get("Destination") or None


def _written(side: str, arn: str | None) -> str:
    return "null" if arn is None else f"{side}(destination={arn})"
