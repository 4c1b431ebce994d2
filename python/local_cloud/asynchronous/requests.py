"""What a caller asks for, what the caller is told, and the request that waits in the queue."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Final

from serving_contracts.limits import ASYNC_INVOCATION_TIMEOUT_SECONDS, ASYNC_REQUEST_TTL_SECONDS


@dataclass(frozen=True, slots=True)
class Submission:
    """The members of InvokeEndpointAsync: an ``input_location`` (s3:// or https://) or an inline ``body``,
    one of the two."""

    input_location: str | None = None
    body: bytes | None = None
    content_type: str | None = None
    accept: str | None = None
    custom_attributes: str | None = None
    inference_id: str | None = None
    ttl_s: int = ASYNC_REQUEST_TTL_SECONDS
    timeout_s: int = ASYNC_INVOCATION_TIMEOUT_SECONDS
    output_extension: str | None = None
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to InvokeEndpointAsync."""

    inference_id: str
    output_location: str
    failure_location: str | None


@dataclass(slots=True)
class AsyncRequest:
    """A request in the queue.

    Attributes:
        input_location: None where the body came inline: it lies beside the request on disk.
        received_at: seconds since the epoch; TTL counts from here.
        ttl_s, timeout_s: real seconds, never scaled.
        seq: its place in the queue; the queue gives it.
        crashes: containers that have ended with this request inside.
        refusals: answers that say "not now" (429, 503), since hosting began.
    """

    endpoint: str
    inference_id: str
    input_location: str | None
    output_location: str
    failure_location: str | None
    received_at: float
    ttl_s: int
    timeout_s: int
    content_type: str | None = None
    accept: str | None = None
    custom_attributes: str | None = None
    seq: int = 0
    crashes: int = 0
    refusals: int = 0

    @property
    def expires_at(self) -> float:
        """Seconds since the epoch: processing must have begun by then."""
        return self.received_at + self.ttl_s

    def dump(self) -> str:
        """What does not change about it, as JSON for :meth:`load`."""
        return json.dumps({name: getattr(self, name) for name in _LASTING})

    @classmethod
    def load(cls, text: str, *, seq: int, crashes: int) -> AsyncRequest:
        """The request that ``dump`` wrote."""
        return cls(**json.loads(text), seq=seq, crashes=crashes)


_CHANGING: Final = ("seq", "crashes", "refusals")
_LASTING: Final = tuple(field.name for field in fields(AsyncRequest) if field.name not in _CHANGING)
"""What does not change about a request."""
