"""What goes back to a caller, and what answers: :class:`Invocations` or :class:`MediaInvocations`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from serving.batching import Batcher
from serving.intake import Headers, Receive


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole body, or the chunks of one.

    ``length`` is the bytes of all chunks, None where it shows only at their end. ``done`` is to be called
    once the answer has been sent, or will never be.
    """

    content_type: str
    body: bytes = b""
    chunks: AsyncIterator[bytes] | None = None
    length: int | None = None
    done: Callable[[], None] = _nothing


class Answering(Protocol):
    """Answers requests with one loaded model."""

    @property
    def batcher(self) -> Batcher:
        """The queue of the model."""

    async def answer(self, headers: Headers, receive: Receive) -> Answer:
        """Answer one request; raise ServingError, or ClientGone."""

    def busy_seconds(self) -> float:
        """For how long one piece of work on a request has been running; 0 when idle."""

    def fail_all(self, error: Callable[[], Exception]) -> None:
        """End every request, wherever it is on its way, each with an error of its own."""

    def close(self) -> None:
        """The last request has been answered: leave nothing behind."""
