"""Provisioned concurrency: the rules, and where its environments are.

That of an alias is kept by the versions that the alias points to, in the shares of its weights, and moves
with it.
"""

from __future__ import annotations

from dataclasses import replace

from local_cloud.functions.control.describe import function_version, moment
from local_cloud.functions.control.errors import conflict, invalid_parameter
from local_cloud.functions.control.names import is_version
from local_cloud.functions.control.operations import Answer, Handler, Request
from local_cloud.functions.control.paging import page_of
from local_cloud.functions.control.resources import Function, Functions, Provisioned
from local_cloud.functions.specs import LATEST, ExecutionService, ProvisionedState
from local_cloud.sagemaker.errors import AwsError
from serving_contracts.limits import LAMBDA_ACCOUNT_CONCURRENCY, LAMBDA_UNRESERVED_CONCURRENCY

_ALREADY_PROVISIONED = (
    "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
)

_POINTED_TO = "Version is pointed by a Provisioned Concurrency alias"
_NOT_PUBLISHED = "The function resource provided must be an alias or a published version."
_UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."


class ProvisionedConcurrency:
    """The operations, and what aliases need of them."""

    def __init__(self, functions: Functions, execution: ExecutionService) -> None:
        self._functions = functions
        self._execution = execution

    def handlers(self) -> dict[str, Handler]:
        return {
            "PutProvisionedConcurrencyConfig": self._put,
            "GetProvisionedConcurrencyConfig": self._get,
            "DeleteProvisionedConcurrencyConfig": self._delete,
            "ListProvisionedConcurrencyConfigs": self._list,
        }

    def put(self, function: Function, qualifier: str, count: int) -> None:
        """Keeps ``count`` environments initialised for an alias or a version. Raises AwsError."""
        self._functions.target(function, qualifier)
        versions = self._pointed_to(function, qualifier)
        self._check_versions(function, qualifier, versions)
        for number in versions:
            if self._functions.version(function, number).state == "Pending":
                raise conflict(
                    "The operation cannot be performed at this time. "
                    "The function is currently in the following state: Pending"
                )
        self._check_room(function, qualifier, count)
        now = self._functions.clock.now()
        config = function.provisioned.setdefault(qualifier, Provisioned(count, now))
        config.requested, config.modified = count, now
        self.place(function, qualifier)

    def remove(self, function: Function, qualifier: str) -> None:
        """Lets the environments of a qualifier go, if it has any."""
        config = function.provisioned.pop(qualifier, None)
        if config is not None:
            self._move(function, qualifier, config, {})

    def place(self, function: Function, qualifier: str) -> None:
        """Has the versions that a qualifier points to now keep its environments."""
        config = function.provisioned.get(qualifier)
        if config is not None:
            self._move(function, qualifier, config, _shares(function, qualifier, config.requested))

    def check_move(self, function: Function, qualifier: str, versions: set[str]) -> None:
        """Raises AwsError if an alias has provisioned concurrency that cannot move to ``versions``."""
        if qualifier in function.provisioned:
            self._check_versions(function, qualifier, versions)

    def state(self, function: Function, qualifier: str) -> ProvisionedState | None:
        """How far a qualifier's environments are; None where none are configured."""
        config = function.provisioned.get(qualifier)
        if config is None:
            return None
        found = self._execution.provisioned(function.name, qualifier)
        if found is None:
            return ProvisionedState(config.requested, 0, 0, "IN_PROGRESS")
        return replace(found, requested=config.requested)

    def _move(self, function: Function, qualifier: str, config: Provisioned, wanted: dict[str, int]) -> None:
        before, config.placed = config.placed, dict(wanted)
        # The new ones first: a version that both have keeps its environments.
        for number in [*wanted, *(number for number in before if number not in wanted)]:
            version = function.published.get(number)
            if version is not None:
                spec = function_version(function, version, self._functions.names)
                self._execution.set_provisioned(spec, qualifier, wanted.get(number, 0))

    def _pointed_to(self, function: Function, qualifier: str) -> set[str]:
        alias = function.aliases.get(qualifier)
        return {qualifier} if alias is None else {alias.version, *alias.weights}

    def _check_versions(self, function: Function, qualifier: str, versions: set[str]) -> None:
        """Raises AwsError for versions that can keep no environments for a qualifier: a version keeps them
        for itself or for one alias."""
        if LATEST in versions:
            raise invalid_parameter(_UNPUBLISHED)
        for number in versions:
            content = self._functions.version(function, number).content
            if content.settings["SnapStart"]["ApplyOn"] == "PublishedVersions":
                raise invalid_parameter(
                    "Provisioned Concurrency is not supported for SnapStart enabled functions."
                )
        for other in function.provisioned:
            if other != qualifier and self._pointed_to(function, other) & versions:
                raise conflict(_POINTED_TO if is_version(qualifier) else _ALREADY_PROVISIONED)

    def _check_room(self, function: Function, qualifier: str, count: int) -> None:
        total = function.total_provisioned(without=qualifier) + count
        if function.reserved is not None:
            if total > function.reserved:
                raise invalid_parameter(
                    "Requested Provisioned Concurrency should not be greater than the "
                    "reservedConcurrentExecution for function"
                )
            return
        others = sum(other.claim() for other in self._functions if other is not function)
        if LAMBDA_ACCOUNT_CONCURRENCY - others - total < LAMBDA_UNRESERVED_CONCURRENCY:
            raise invalid_parameter(
                "Specified ConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{LAMBDA_UNRESERVED_CONCURRENCY}]."
            )

    # Operations

    async def _put(self, request: Request) -> Answer:
        function, qualifier = self._published(request, _UNPUBLISHED)
        self.put(function, qualifier, request["ProvisionedConcurrentExecutions"])
        return self._shown(function, qualifier)

    async def _get(self, request: Request) -> Answer:
        function, qualifier = self._published(request, _NOT_PUBLISHED)
        if qualifier not in function.provisioned:
            raise AwsError(
                "ProvisionedConcurrencyConfigNotFoundException",
                404,
                "No Provisioned Concurrency Config found for this function",
            )
        return self._shown(function, qualifier)

    async def _delete(self, request: Request) -> Answer:
        function, qualifier = self._published(request, _NOT_PUBLISHED)
        self.remove(function, qualifier)
        return {}

    async def _list(self, request: Request) -> Answer:
        function, _ = self._functions.named(request)
        page, marker = page_of(function.provisioned, request, str)
        shown = [
            {"FunctionArn": self._functions.names.arn(function.name, qualifier)}
            | self._shown(function, qualifier)
            for qualifier in page
        ]
        return {"ProvisionedConcurrencyConfigs": shown, **marker}

    def _published(self, request: Request, refusal: str) -> tuple[Function, str]:
        """The function and its alias or published version; ``refusal``: what to say of ``$LATEST``."""
        function, qualifier = self._functions.named(request)
        if qualifier in (None, LATEST):
            raise invalid_parameter(refusal)
        assert qualifier is not None
        self._functions.target(function, qualifier)
        return function, qualifier

    def _shown(self, function: Function, qualifier: str) -> Answer:
        config, state = function.provisioned[qualifier], self.state(function, qualifier)
        assert state is not None
        shown: Answer = {
            "RequestedProvisionedConcurrentExecutions": config.requested,
            "AvailableProvisionedConcurrentExecutions": state.available,
            "AllocatedProvisionedConcurrentExecutions": state.allocated,
            "Status": state.status,
            "LastModified": moment(config.modified),
        }
        return shown if state.status_reason is None else shown | {"StatusReason": state.status_reason}


def _shares(function: Function, qualifier: str, count: int) -> dict[str, int]:
    """How many environments each version keeps for a qualifier: by the alias's weights, but at least one
    where a version has any weight and there are enough."""
    alias = function.aliases.get(qualifier)
    if alias is None:
        return {qualifier: count}
    shares: dict[str, int] = {}
    for version, weight in alias.weights.items():
        share = int(count * weight + 0.5)
        if count > 1 and 0 < weight < 1:
            share = min(max(share, 1), count - 1)
        shares[version] = share
    shares[alias.version] = count - sum(shares.values())
    return {version: share for version, share in shares.items() if share}
