"""What an error that a model's container (or function) answered with means to the caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from serving_clients import errors
from serving_clients._retries import Failure
from serving_contracts.errors import ContainerError

if TYPE_CHECKING:
    from serving_clients._failures import Context

_TIMED_OUT: Final = "invocation timed out"  # of the text that AWS gives when the container took over 60 s


@dataclass(frozen=True, slots=True)
class Said:
    """status: the HTTP status; None where there was no answer. body: as it came. text: one line of it."""

    status: int | None
    body: str
    text: str


def of_container(answered: Said, details: dict[str, Any], context: Context, after: float | None) -> Failure:
    """The failure behind it. details: what every error is made with. after: its ``Retry-After``, seconds."""
    said = ContainerError.parse(answered.body)
    if said is None:
        return _of_foreign_container(answered, details, context, after)
    if said.code == "TooManyRequests":
        return context.throttled(f"{context.what}: {said.message}", details, after)
    if said.code in ("ModelNotReady", "ShuttingDown"):
        return Failure(errors.Unavailable(f"{context.what}: {said.message}", **details), "deadline", after)
    if said.code == "DeadlineExceeded":
        return context.too_slow(f"{context.what}: {said.message}", details)
    item = None if said.line is None else said.line - 1
    if said.code == "ModelFailed":
        hint = said.hint or "its log tells why"
        failed = errors.ModelFailed(
            said.message, original_status=answered.status, item=item, hint=hint, **details
        )
        failed.about_items = True
        return Failure(failed, "never")
    refused = errors.InvalidRequest(said.message, field=said.field, item=item, hint=said.hint, **details)
    refused.about_size = said.code == "PayloadTooLarge"
    refused.about_items = said.code == "InvalidInput"
    return Failure(refused, "never")


def _of_foreign_container(
    answered: Said, details: dict[str, Any], context: Context, after: float | None
) -> Failure:
    """One that does not speak this platform's errors, or died before it could."""
    status, text = answered.status, answered.text
    if _TIMED_OUT in text:
        return context.too_slow(text, details)
    if status == 429:
        return context.throttled(f"{context.what}: {text}", details, after)
    if status == 503:
        return Failure(errors.Unavailable(f"{context.what}: {text}", **details), "deadline", after)
    if status is not None and 400 <= status < 500:
        refused = errors.InvalidRequest(f"{context.container} refused it ({status}): {text}", **details)
        refused.about_size = status == 413
        refused.about_items = True
        return Failure(refused, "never")
    failed = errors.ModelFailed(
        f"{context.container} failed ({status or 'no answer'}): {text}",
        original_status=status,
        hint="its log tells why",
        **details,
    )
    failed.about_items = True
    return Failure(failed, "few", after)
