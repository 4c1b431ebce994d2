"""A client of one Lambda function, usable alone with an explicit function name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from serving_clients import _settings
from serving_clients._connection import Connection
from serving_clients._lambda import LambdaFunction
from serving_clients._places import InvokeResult
from serving_clients._questions import Target
from serving_clients._sagemaker import checked_body
from serving_clients._task_client import TaskClient
from serving_clients.errors import InvalidRequest
from serving_contracts import limits, media_types


class FunctionClient(TaskClient):
    """Calls one Lambda function, by ``Invoke`` of boto3. Thread-safe; a context manager.

    function_name: its name or ARN. qualifier: the alias or version; None for ``$LATEST``. env: ``local`` for
    the local cloud; without it, where boto3 goes. timeout: seconds that a call may take, retries included;
    give more than the function's own timeout and a cold start. concurrency: requests in flight of one bulk
    call.

    The caller needs ``lambda:InvokeFunction``. An invocation whose answer is late is never sent again.
    """

    def __init__(
        self,
        function_name: str,
        qualifier: str | None = "live",
        *,
        env: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        timeout: float = _settings.DEFAULT_TIMEOUT,
        concurrency: int = _settings.DEFAULT_CONCURRENCY,
        boto3_session: Any = None,
    ) -> None:
        settings = _settings.resolve(
            env,
            region=region,
            endpoint_url=endpoint_url,
            timeout=timeout,
            concurrency=concurrency,
            boto3_session=boto3_session,
        )
        place = LambdaFunction(_checked_name(function_name), _checked_qualifier(qualifier))
        self._target = Target(Connection(settings), place)
        self._owns_connection = True

    @property
    def _function(self) -> LambdaFunction:
        place = self._target.place
        assert isinstance(place, LambdaFunction)
        return place

    @property
    def function_name(self) -> str:
        """The function, as AWS knows it."""
        return self._function.name

    @property
    def qualifier(self) -> str | None:
        """The alias or version that is invoked; None for ``$LATEST``."""
        return self._function.qualifier

    def invoke(
        self,
        body: bytes | str,
        content_type: str = media_types.JSON,
        *,
        accept: str | None = None,
        custom_attributes: str | None = None,
        timeout: float | None = None,
    ) -> InvokeResult:
        """Send *body* as over HTTP, up to 4.7 MB; the answer as it is. Raises a ServingError."""
        deadline = self._target.start(timeout)
        return self._function.send(
            self._target.connection,
            checked_body(body, self._function.max_bytes, self._function.what),
            content_type,
            deadline,
            accept=accept,
            custom_attributes=custom_attributes,
        )

    def call(self, event: Mapping[str, Any], *, timeout: float | None = None) -> Any:
        """Invoke with any *event*, up to 6 MB as JSON; what the function returned, decoded.

        Functions of this platform take ``{"text": …}``, ``{"texts": […]}``, ``{"image": <base64>}`` and
        ``{"probe": true}``. Raises a ServingError.
        """
        deadline = self._target.start(timeout)
        return self._function.call(self._target.connection, event, deadline)

    def send_event(self, event: Mapping[str, Any], *, timeout: float | None = None) -> str:
        """Put *event* (up to 1 MB as JSON) into Lambda's queue; the id of the request. Raises a ServingError.

        The answer, or the failure after two more tries, goes to the function's destinations, if it has some.
        Lambda may run an event more than once.
        """
        deadline = self._target.start(timeout)
        return self._function.send_event(self._target.connection, event, deadline)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.function_name!r}, {self.qualifier!r})"


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not re.fullmatch(limits.LAMBDA_FUNCTION_PATTERN, name):
        raise InvalidRequest(
            f"{name!r} is no name of a function",
            field="function_name",
            hint="a name or an ARN, without a qualifier: that is an argument of its own",
        )
    return name


def _checked_qualifier(qualifier: object) -> str | None:
    if qualifier is None:
        return None
    if not isinstance(qualifier, str) or not re.fullmatch(limits.LAMBDA_QUALIFIER_PATTERN, qualifier):
        raise InvalidRequest(
            f"{qualifier!r} is no alias or version", field="qualifier", hint='for example "live" or "7"'
        )
    return qualifier
