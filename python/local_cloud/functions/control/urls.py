"""Function URLs: their configurations. Requests to them are answered elsewhere.

Locally an address is a path of the gateway, ``http://127.0.0.1:<port>/lambda-url/<url-id>/``, since names
under .localhost do not resolve everywhere.
"""

from __future__ import annotations

import copy
import secrets
import string
from datetime import datetime
from typing import Any, Final

from local_cloud.functions.control.answers import FunctionUrl
from local_cloud.functions.control.errors import conflict, not_found, not_offered_here
from local_cloud.functions.control.operations import Answer, Handler, Request
from local_cloud.functions.control.paging import page_of
from local_cloud.functions.control.permissions import lets_everyone_call_url
from local_cloud.functions.control.resources import Function, Functions, Url
from local_cloud.functions.specs import LATEST

URL_PATH: Final = "/lambda-url/"
_ID_CHARACTERS: Final = string.ascii_lowercase + string.digits
_ID_LENGTH: Final = 32
_BUFFERED: Final = "BUFFERED"


class FunctionUrls:
    """The operations, and the way from an id to its function."""

    def __init__(self, functions: Functions, gateway_url: str) -> None:
        self._functions = functions
        self._gateway_url = gateway_url.rstrip("/")

    def handlers(self) -> dict[str, Handler]:
        return {
            "CreateFunctionUrlConfig": self._create,
            "GetFunctionUrlConfig": self._get,
            "UpdateFunctionUrlConfig": self._update,
            "DeleteFunctionUrlConfig": self._delete,
            "ListFunctionUrlConfigs": self._list,
        }

    def find(self, url_id: str) -> FunctionUrl | None:
        """The function URL of an id."""
        for function in self._functions:
            for qualifier, url in function.urls.items():
                if url.id == url_id:
                    return FunctionUrl(
                        url_id=url.id,
                        url=self._address(url),
                        function_name=function.name,
                        function_arn=self._arn(function, qualifier),
                        qualifier=None if qualifier == LATEST else qualifier,
                        auth_type=url.auth_type,
                        cors=url.cors,
                        invoke_mode=_BUFFERED,
                        public=lets_everyone_call_url(function.policies.get(qualifier, [])),
                    )
        return None

    async def _create(self, request: Request) -> Answer:
        _refuse_streaming(request)
        function, qualifier = self._target(request)
        if qualifier in function.urls:
            raise conflict(
                "Failed to create function url config for [functionArn = "
                f"{self._arn(function, qualifier)}]. Error message:  FunctionUrlConfig exists for this "
                "Lambda function"
            )
        now = self._functions.clock.now()
        url_id = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(_ID_LENGTH))
        url = Url(url_id, request["AuthType"], copy.deepcopy(request.get("Cors")) or None, now, now)
        function.urls[qualifier] = url
        shown = self._shown(function, qualifier)
        del shown["LastModifiedTime"]  # the one answer that lacks it
        return shown

    async def _get(self, request: Request) -> Answer:
        return self._shown(*self._existing(request))

    async def _update(self, request: Request) -> Answer:
        _refuse_streaming(request)
        function, qualifier = self._existing(request)
        url = function.urls[qualifier]
        url.auth_type = request.get("AuthType", url.auth_type)
        if "Cors" in request:
            url.cors = copy.deepcopy(request["Cors"]) or None
        url.modified = self._functions.clock.now()
        return self._shown(function, qualifier)

    async def _delete(self, request: Request) -> Answer:
        function, qualifier = self._existing(request)
        del function.urls[qualifier]
        return {}

    async def _list(self, request: Request) -> Answer:
        name, _ = self._functions.names.read(request["FunctionName"])
        function = self._functions.find(name)
        if function is None:
            raise not_found("Function does not exist")
        page, marker = page_of(function.urls, request, str)
        return {"FunctionUrlConfigs": [self._shown(function, qualifier) for qualifier in page], **marker}

    def _target(self, request: Request) -> tuple[Function, str]:
        name, qualifier = self._functions.names.read(request["FunctionName"], request.get("Qualifier"))
        function = self._functions.find(name)
        if function is None or (qualifier is not None and qualifier not in function.aliases):
            raise not_found("Function does not exist")
        return function, qualifier or LATEST

    def _existing(self, request: Request) -> tuple[Function, str]:
        name, qualifier = self._functions.names.read(request["FunctionName"], request.get("Qualifier"))
        function = self._functions.find(name)
        if function is None or (qualifier or LATEST) not in function.urls:
            raise not_found("The resource you requested does not exist.")
        return function, qualifier or LATEST

    def _arn(self, function: Function, qualifier: str) -> str:
        return self._functions.names.arn(function.name, None if qualifier == LATEST else qualifier)

    def _address(self, url: Url) -> str:
        return f"{self._gateway_url}{URL_PATH}{url.id}/"

    def _shown(self, function: Function, qualifier: str) -> Answer:
        url = function.urls[qualifier]
        shown: dict[str, Any] = {
            "FunctionUrl": self._address(url),
            "FunctionArn": self._arn(function, qualifier),
            "AuthType": url.auth_type,
            "CreationTime": _moment(url.created),
            "LastModifiedTime": _moment(url.modified),
            "InvokeMode": _BUFFERED,
        }
        return shown if url.cors is None else shown | {"Cors": copy.deepcopy(dict(url.cors))}


def _moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _refuse_streaming(request: Request) -> None:
    if request.get("InvokeMode") == "RESPONSE_STREAM":
        raise not_offered_here(
            "InvokeMode RESPONSE_STREAM", f"the runtime of our images does not stream; give {_BUFFERED}."
        )
