"""Asynchronous inference: a durable queue in front of the containers of an endpoint.

The control plane and the runtime API use :class:`AsyncInference` and :class:`AsyncEndpoint` with the values
of ``requests`` and ``config``; the rest is this package's own. The way of a request::

    InvokeEndpointAsync → service → queue (on disk: store) → dispatcher, when an instance has room
        → attempt: inputs (S3) → container → results (S3) → notices (SNS)
"""

from local_cloud.asynchronous.config import AsyncConfig, InvalidConfig
from local_cloud.asynchronous.endpoint import AsyncEndpoint
from local_cloud.asynchronous.queue import BacklogFull
from local_cloud.asynchronous.requests import Accepted, Submission
from local_cloud.asynchronous.service import AsyncInference

__all__ = [
    "Accepted",
    "AsyncConfig",
    "AsyncEndpoint",
    "AsyncInference",
    "BacklogFull",
    "InvalidConfig",
    "Submission",
]
