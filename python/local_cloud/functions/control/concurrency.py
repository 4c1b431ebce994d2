"""Reserved concurrency, and what the account has."""

from __future__ import annotations

from local_cloud.functions.control.errors import invalid_parameter
from local_cloud.functions.control.operations import Answer, Handler, Request
from local_cloud.functions.control.resources import Functions
from local_cloud.functions.specs import ExecutionService
from serving_contracts.limits import (
    LAMBDA_ACCOUNT_CODE_BYTES,
    LAMBDA_ACCOUNT_CONCURRENCY,
    LAMBDA_UNRESERVED_CONCURRENCY,
    LAMBDA_UNZIPPED_BYTES,
    LAMBDA_ZIP_BYTES,
)


class ReservedConcurrency:
    """The operations on reserved concurrency, and GetAccountSettings."""

    def __init__(self, functions: Functions, execution: ExecutionService) -> None:
        self._functions = functions
        self._execution = execution

    def handlers(self) -> dict[str, Handler]:
        return {
            "PutFunctionConcurrency": self._put,
            "GetFunctionConcurrency": self._get,
            "DeleteFunctionConcurrency": self._delete,
            "GetAccountSettings": self._account,
        }

    async def _put(self, request: Request) -> Answer:
        function, _ = self._functions.named(request)
        count: int = request["ReservedConcurrentExecutions"]
        others = sum(other.claim() for other in self._functions if other is not function)
        if LAMBDA_ACCOUNT_CONCURRENCY - others - count < LAMBDA_UNRESERVED_CONCURRENCY:
            raise invalid_parameter(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                "UnreservedConcurrentExecution below its minimum value of "
                f"[{LAMBDA_UNRESERVED_CONCURRENCY}]."
            )
        provisioned = function.total_provisioned()
        if provisioned > count:
            raise invalid_parameter(
                f" ReservedConcurrentExecutions  {count} should not be lower than function's total "
                f"provisioned concurrency [{provisioned}]."
            )
        function.reserved = count
        self._execution.set_reserved(function.name, count)
        return {"ReservedConcurrentExecutions": count}

    async def _get(self, request: Request) -> Answer:
        function, _ = self._functions.named(request)
        return {} if function.reserved is None else {"ReservedConcurrentExecutions": function.reserved}

    async def _delete(self, request: Request) -> Answer:
        function, _ = self._functions.named(request)
        function.reserved = None
        self._execution.set_reserved(function.name, None)
        return {}

    async def _account(self, request: Request) -> Answer:
        functions = list(self._functions)
        claimed = sum(function.claim() for function in functions)
        return {
            "AccountLimit": {
                "TotalCodeSize": LAMBDA_ACCOUNT_CODE_BYTES,
                "CodeSizeUnzipped": LAMBDA_UNZIPPED_BYTES,
                "CodeSizeZipped": LAMBDA_ZIP_BYTES,
                "ConcurrentExecutions": LAMBDA_ACCOUNT_CONCURRENCY,
                "UnreservedConcurrentExecutions": LAMBDA_ACCOUNT_CONCURRENCY - claimed,
            },
            # The code of functions of images counts for ECR, not for Lambda.
            "AccountUsage": {"TotalCodeSize": 0, "FunctionCount": len(functions)},
        }
