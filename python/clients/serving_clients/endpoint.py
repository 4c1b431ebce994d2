"""A client of one real-time endpoint, usable alone with an explicit endpoint name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from serving_clients import _settings
from serving_clients._connection import Connection
from serving_clients._places import InvokeResult
from serving_clients._questions import Target
from serving_clients._sagemaker import SageMakerEndpoint, checked_body
from serving_clients._task_client import TaskClient
from serving_contracts import media_types


class EndpointClient(TaskClient):
    """Calls one real-time (or serverless) endpoint. Thread-safe; a context manager.

    endpoint_name: as AWS knows it. target_container: ``TargetContainerHostname`` of every call, for a
    multi-container endpoint in Direct mode. env: ``local`` for the local cloud; without it, where boto3 goes.
    timeout: seconds that a call may take, retries included; give a serverless endpoint that starts cold up to
    250. concurrency: requests in flight of a bulk call.
    """

    def __init__(
        self,
        endpoint_name: str,
        *,
        target_container: str | None = None,
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
        name = _settings.checked_endpoint_name(endpoint_name)
        self._target = Target(Connection(settings), SageMakerEndpoint(name, target_container))
        self._owns_connection = True

    @property
    def _endpoint(self) -> SageMakerEndpoint:
        place = self._target.place
        assert isinstance(place, SageMakerEndpoint)
        return place

    @property
    def endpoint_name(self) -> str:
        """The endpoint, as AWS knows it."""
        return self._endpoint.name

    @property
    def target_container(self) -> str | None:
        """The container that calls go to; None where the endpoint has one, or runs them in series."""
        return self._endpoint.container

    def invoke(
        self,
        body: bytes | str,
        content_type: str = media_types.JSON,
        *,
        accept: str | None = None,
        target_container: str | None = None,
        target_variant: str | None = None,
        custom_attributes: str | None = None,
        inference_id: str | None = None,
        timeout: float | None = None,
    ) -> InvokeResult:
        """Send *body* (at most 25 MiB) as it is; the answer as it is. Raises a ServingError."""
        parameters = self._parameters(
            body, content_type, accept, target_container, target_variant, custom_attributes, inference_id
        )
        deadline = self._target.start(timeout)
        return self._endpoint.invoke(self._target.connection, parameters, deadline)

    def stream(
        self,
        body: bytes | str,
        content_type: str = media_types.JSON,
        *,
        accept: str | None = media_types.NDJSON,
        target_container: str | None = None,
        target_variant: str | None = None,
        custom_attributes: str | None = None,
        inference_id: str | None = None,
        timeout: float | None = None,
    ) -> Iterator[bytes]:
        """Send *body*; pieces of the answer as they arrive (a piece is not a line).

        timeout: seconds of the whole stream; AWS allows 480. Closing the iterator early drops the connection.
        """
        parameters = self._parameters(
            body, content_type, accept, target_container, target_variant, custom_attributes, inference_id
        )
        seconds = self._target.seconds(timeout)
        return self._endpoint.stream(self._target.connection, parameters, seconds)

    def __repr__(self) -> str:
        container = f", target_container={self.target_container!r}" if self.target_container else ""
        return f"{type(self).__name__}({self.endpoint_name!r}{container})"

    def _parameters(
        self,
        body: bytes | str,
        content_type: str,
        accept: str | None,
        target_container: str | None,
        target_variant: str | None,
        custom_attributes: str | None,
        inference_id: str | None,
    ) -> dict[str, Any]:
        options = {
            "Body": checked_body(body),
            "ContentType": content_type,
            "Accept": accept,
            "TargetContainerHostname": target_container or self.target_container,
            "TargetVariant": target_variant,
            "CustomAttributes": custom_attributes,
            "InferenceId": inference_id,
        }
        return {name: value for name, value in options.items() if value is not None}
