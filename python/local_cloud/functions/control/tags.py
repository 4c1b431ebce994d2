"""Tags of functions."""

from __future__ import annotations

from local_cloud.functions.control.errors import invalid_parameter, not_found
from local_cloud.functions.control.operations import Answer, Handler, Request
from local_cloud.functions.control.resources import Function, Functions, checked_tags
from local_cloud.sagemaker.resources import MOST_TAGS


class Tags:
    """TagResource, UntagResource and ListTags; of functions only."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def handlers(self) -> dict[str, Handler]:
        return {"TagResource": self._tag, "UntagResource": self._untag, "ListTags": self._list}

    async def _tag(self, request: Request) -> Answer:
        function = self._function(request["Resource"])
        checked_tags(request["Tags"], MOST_TAGS)
        function.tags = checked_tags(function.tags | dict(request["Tags"]), MOST_TAGS)
        return {}

    async def _untag(self, request: Request) -> Answer:
        function = self._function(request["Resource"])
        for key in request["TagKeys"]:
            function.tags.pop(key, None)
        return {}

    async def _list(self, request: Request) -> Answer:
        return {"Tags": dict(self._function(request["Resource"]).tags)}

    def _function(self, arn: str) -> Function:
        if ":function:" not in arn:
            raise not_found(f"The resource you requested does not exist: {arn}")
        name, qualifier = self._functions.names.read(arn)
        if qualifier is not None:
            raise invalid_parameter(
                "Tags on function aliases and versions are not supported. Please specify a function ARN."
            )
        return self._functions.get(name)
