"""Lambda's control plane: takes a REST JSON request, checks it, answers it."""

from __future__ import annotations

import json
import logging
import random
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from local_cloud.clock import Clock
from local_cloud.functions.control.aliases import AliasOperations, chosen_version
from local_cloud.functions.control.answers import ControlAnswer, FunctionUrl, Resolved
from local_cloud.functions.control.concurrency import ReservedConcurrency
from local_cloud.functions.control.describe import function_version
from local_cloud.functions.control.errors import conflict, error_answer
from local_cloud.functions.control.events import EventInvokeConfigs
from local_cloud.functions.control.functions import FunctionOperations
from local_cloud.functions.control.names import Names
from local_cloud.functions.control.operations import Handler
from local_cloud.functions.control.permissions import Permissions
from local_cloud.functions.control.provisioned import ProvisionedConcurrency
from local_cloud.functions.control.resources import Alias, Functions
from local_cloud.functions.control.rest import INVOKE_OPERATIONS, Router, read_request
from local_cloud.functions.control.small_reads import SmallReads
from local_cloud.functions.control.status import function_state
from local_cloud.functions.control.tags import Tags
from local_cloud.functions.control.transitions import Transitions
from local_cloud.functions.control.urls import FunctionUrls
from local_cloud.functions.specs import ExecutionService, ProvisionedState
from local_cloud.sagemaker.errors import AwsError, unknown_operation

log = logging.getLogger(__name__)

_JSON: Final = "application/json"
_DELETED: Final = 204
"""Status of DeleteFunction, where the service model has no fixed one."""


class LambdaControl:
    """The control plane on the state it remembers. Not thread-safe: one event loop. See
    :class:`local_cloud.functions.control.answers.Control`."""

    def __init__(
        self,
        execution: ExecutionService,
        *,
        region: str,
        account: str,
        clock: Clock,
        url: str,
        rng: Callable[[], float] = random.random,
    ) -> None:
        """``url``: the gateway's, for function URLs. ``rng``: a number in [0, 1), drawn for each invocation
        through an alias."""
        self._names = Names(region, account)
        self._functions = Functions(self._names, clock)
        self._rng = rng
        self._provisioned = ProvisionedConcurrency(self._functions, execution)
        self._transitions = Transitions(execution, clock)
        self._events = EventInvokeConfigs(self._functions)
        self._urls = FunctionUrls(self._functions, url)
        self._router = Router()
        self._handlers: dict[str, Handler] = {}
        for part in (
            FunctionOperations(self._functions, execution, self._provisioned, self._transitions),
            AliasOperations(self._functions, self._provisioned),
            ReservedConcurrency(self._functions, execution),
            self._provisioned,
            self._events,
            self._urls,
            Permissions(self._functions),
            Tags(self._functions),
            SmallReads(self._functions),
        ):
            self._handlers.update(part.handlers())

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is for the control plane (Invoke is not). ``path``: still percent-encoded,
        without its query."""
        if not self._router.is_lambdas(path):
            return False
        found = self._router.find(method, path)
        return found is None or found[0].name not in INVOKE_OPERATIONS

    async def handle(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> ControlAnswer:
        """Answers one request, errors included. ``query``: raw, without the question mark."""
        request_id = str(uuid.uuid4())
        name = f"{method} {path}"
        try:
            found = self._router.find(method, path, query)
            if found is None:
                raise unknown_operation(name, "Lambda has no such operation.")
            operation, path_members = found
            name = operation.name
            handler = self._handlers.get(name)
            if handler is None:
                offered = ", ".join(sorted(self._handlers))
                raise unknown_operation(
                    name, f"the local cloud does not offer this operation. It offers: {offered}."
                )
            request = read_request(operation, path_members, query, body)
            members = await handler(request)
        except AwsError as error:
            log.info("Lambda %s: %s", name, _loggable(error))
            return error_answer(error, request_id)
        log.info("Lambda %s", name)
        status = _DELETED if name == "DeleteFunction" else operation.http.get("responseCode", 200)
        answer = b"" if status == _DELETED else json.dumps(members).encode()
        return ControlAnswer(status, {"Content-Type": _JSON, "x-amzn-RequestId": request_id}, answer)

    def resolve(self, function_name: str, qualifier: str | None = None) -> Resolved:
        """What an invocation reaches: see :meth:`Control.resolve`.

        Raises:
            AwsError: ResourceNotFoundException, ValidationException, InvalidParameterValueException,
                ResourceConflictException while the function is Pending.
        """
        name, qualifier = self._names.read(function_name, qualifier)
        function = self._functions.get(name, qualifier)
        target = self._functions.target(function, qualifier)
        version = (
            self._functions.version(function, chosen_version(target, self._rng))
            if isinstance(target, Alias)
            else target
        )
        if version.state == "Pending":
            raise conflict(
                "The operation cannot be performed at this time. "
                "The function is currently in the following state: Pending"
            )
        return Resolved(
            version=function_version(function, version, self._names),
            qualifier=qualifier,
            invoked_arn=self._names.arn(name, qualifier),
            resource=name if qualifier is None else f"{name}:{qualifier}",
            events=self._events.of(function, qualifier, version.number),
            dead_letter_arn=version.served.settings.get("DeadLetterConfig", {}).get("TargetArn"),
        )

    def url_of(self, url_id: str) -> FunctionUrl | None:
        """A function URL by its id, None if there is none."""
        return self._urls.find(url_id)

    def provisioned(self, function_name: str, qualifier: str) -> ProvisionedState | None:
        """The provisioned concurrency of an alias or version, None where none is configured."""
        function = self._functions.find(function_name)
        return None if function is None else self._provisioned.state(function, qualifier)

    def provision(self, function_name: str, qualifier: str, count: int) -> None:
        """Sets provisioned concurrency, as Application Auto Scaling does; 0 removes the configuration. Raises
        AwsError."""
        self._transitions.refuse_if_closing()
        function = self._functions.get(function_name, qualifier)
        if count:
            self._provisioned.put(function, qualifier, count)
        else:
            self._functions.target(function, qualifier)
            self._provisioned.remove(function, qualifier)

    def state(self) -> list[dict[str, Any]]:
        """Every function with its versions and aliases, for ``/_local/status``, ready for JSON."""
        return [
            function_state(function, self._names, self._provisioned, self._urls)
            for function in self._functions
        ]

    async def close(self) -> None:
        """Ends what is in progress; further changes are refused. Idempotent."""
        await self._transitions.close()


def _loggable(error: AwsError) -> str:
    """An error without values of environment variables, which may be secrets."""
    return error.code if "environment" in error.message.lower() else f"{error.code}: {error.message}"
