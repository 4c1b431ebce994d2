"""Operations on aliases, and the choice of a version by their weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from local_cloud.functions.control.describe import alias_configuration
from local_cloud.functions.control.errors import conflict, invalid_parameter
from local_cloud.functions.control.operations import Answer, Handler, Request
from local_cloud.functions.control.paging import page_of
from local_cloud.functions.control.provisioned import ProvisionedConcurrency
from local_cloud.functions.control.resources import Alias, Function, Functions, check_revision, new_revision
from local_cloud.functions.specs import LATEST


class AliasOperations:
    """Create, read, update, delete and list aliases; provisioned concurrency follows them."""

    def __init__(self, functions: Functions, provisioned: ProvisionedConcurrency) -> None:
        self._functions = functions
        self._provisioned = provisioned

    def handlers(self) -> dict[str, Handler]:
        return {
            "CreateAlias": self._create,
            "GetAlias": self._get,
            "UpdateAlias": self._update,
            "DeleteAlias": self._delete,
            "ListAliases": self._list,
        }

    async def _create(self, request: Request) -> Answer:
        function, _ = self._functions.named(request)
        name, version = request["Name"], request["FunctionVersion"]
        if name in function.aliases:
            raise conflict(f"Alias already exists: {self._functions.names.arn(function.name, name)}")
        self._functions.version(function, version)
        weights = self._weights(function, version, request.get("RoutingConfig"))
        function.aliases[name] = Alias(name, version, request.get("Description", ""), weights)
        return self._shown(function, function.aliases[name])

    async def _get(self, request: Request) -> Answer:
        function, _ = self._functions.named(request)
        return self._shown(function, self._functions.alias(function, request["Name"]))

    async def _update(self, request: Request) -> Answer:
        function, _ = self._functions.named(request)
        alias = self._functions.alias(function, request["Name"])
        check_revision(request, alias.revision)
        version = request.get("FunctionVersion", alias.version)
        self._functions.version(function, version)
        routing = request.get("RoutingConfig", {"AdditionalVersionWeights": alias.weights})
        weights = self._weights(function, version, routing)
        self._provisioned.check_move(function, alias.name, {version, *weights})
        alias.version, alias.weights = version, weights
        alias.description = request.get("Description", alias.description)
        alias.revision = new_revision()
        self._provisioned.place(function, alias.name)
        return self._shown(function, alias)

    async def _delete(self, request: Request) -> Answer:
        function, _ = self._functions.named(request)
        name = request["Name"]
        # AWS takes the deletion of an alias that is not there for done.
        if function.aliases.get(name) is not None:
            self._provisioned.remove(function, name)
            del function.aliases[name]
            for kept in (function.policies, function.events, function.urls):
                kept.pop(name, None)
        return {}

    async def _list(self, request: Request) -> Answer:
        function, _ = self._functions.named(request)
        version = request.get("FunctionVersion")
        wanted = [
            alias
            for alias in function.aliases.values()
            if version is None or version == alias.version or version in alias.weights
        ]
        page, marker = page_of(wanted, request, lambda alias: alias.name)
        return {"Aliases": [self._shown(function, alias) for alias in page], **marker}

    def _shown(self, function: Function, alias: Alias) -> Answer:
        return alias_configuration(alias, self._functions.names.arn(function.name, alias.name))

    def _weights(
        self, function: Function, version: str, routing: Mapping[str, Mapping[str, float]] | None
    ) -> dict[str, float]:
        """AdditionalVersionWeights of a RoutingConfig, checked. Raises AwsError."""
        weights = dict((routing or {}).get("AdditionalVersionWeights") or {})
        if len(weights) > 1:
            raise invalid_parameter("Number of items in AdditionalVersionWeights cannot be greater than 1")
        for additional in weights:
            if version == LATEST:
                raise invalid_parameter(
                    "$LATEST is not supported for an alias pointing to more than 1 version"
                )
            if additional == version:
                raise invalid_parameter(
                    f"Invalid function version {version}. "
                    f"Function version {version} is already included in routing configuration."
                )
            self._functions.version(function, additional)
        return weights


def chosen_version(alias: Alias, random: Callable[[], float]) -> str:
    """The version of one invocation through an alias. ``random``: a number in [0, 1)."""
    if not alias.weights:
        return alias.version
    drawn = random()
    for version, weight in alias.weights.items():
        if drawn < weight:
            return version
        drawn -= weight
    return alias.version
