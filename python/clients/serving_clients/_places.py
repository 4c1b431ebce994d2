"""Where a question can go: what a SageMaker endpoint and a Lambda function have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from serving_clients._connection import Connection
from serving_clients._deadline import Deadline


@dataclass(frozen=True, slots=True)
class InvokeResult:
    """What an endpoint, or a function, answered.

    invoked_variant: the production variant that did; of a function the version. custom_attributes: what the
    container set, or None.
    """

    body: bytes
    content_type: str
    invoked_variant: str
    custom_attributes: str | None = None
    request_id: str | None = None


class Place(Protocol):
    """A place to ask. Immutable: what it takes, and how it is called."""

    @property
    def name(self) -> str:
        """As AWS knows it."""

    @property
    def what(self) -> str:
        """For sentences: ``endpoint 'name'``."""

    @property
    def service(self) -> str:
        """boto3's name of the service that is called."""

    @property
    def seconds(self) -> float:
        """How long a call may take, unless the caller says otherwise: a cold start fits in."""

    @property
    def max_bytes(self) -> int:
        """Of one request's body."""

    @property
    def bulk_bytes(self) -> int:
        """Of a body that several items make up."""

    @property
    def max_concurrency(self) -> int | None:
        """Requests that it takes at the same time; None where that is not known."""

    def send(
        self,
        connection: Connection,
        body: bytes,
        content_type: str,
        deadline: Deadline,
        *,
        accept: str | None = None,
        custom_attributes: str | None = None,
    ) -> InvokeResult:
        """*body* to it, tried again within the deadline; raises a ServingError."""
