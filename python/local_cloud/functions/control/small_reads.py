"""Operations with nothing behind them here, which the Terraform provider and SDKs still ask for."""

from __future__ import annotations

from local_cloud.functions.control.operations import Answer, Handler, Request
from local_cloud.functions.control.resources import Functions


class SmallReads:
    """Code signing (of .zip archives only), runtime management (of managed runtimes only), recursion and
    event sources (none are polled)."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def handlers(self) -> dict[str, Handler]:
        return {
            "GetFunctionCodeSigningConfig": self._code_signing,
            "GetRuntimeManagementConfig": self._runtime_management,
            "GetFunctionRecursionConfig": self._recursion,
            "PutFunctionRecursionConfig": self._put_recursion,
            "ListEventSourceMappings": self._event_sources,
        }

    async def _code_signing(self, request: Request) -> Answer:
        self._functions.named(request)
        return {}

    async def _runtime_management(self, request: Request) -> Answer:
        function, qualifier = self._functions.named(request)
        self._functions.version(function, qualifier)
        return {"UpdateRuntimeOn": "Auto", "FunctionArn": self._functions.names.arn(function.name, qualifier)}

    async def _recursion(self, request: Request) -> Answer:
        function, _ = self._functions.named(request)
        return {"RecursiveLoop": function.recursive_loop}

    async def _put_recursion(self, request: Request) -> Answer:
        function, _ = self._functions.named(request)
        function.recursive_loop = request["RecursiveLoop"]
        return {"RecursiveLoop": function.recursive_loop}

    async def _event_sources(self, request: Request) -> Answer:
        return {"EventSourceMappings": []}
