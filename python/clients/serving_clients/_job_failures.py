"""Why a job ended without an answer, from what SageMaker and the container left behind."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from typing import Final

from serving_clients._job_ref import JobRef
from serving_clients.errors import JobExpired, JobFailed
from serving_contracts import limits
from serving_contracts.errors import ContainerError

SHOWN_CHARACTERS: Final = 1000

_WRAPPED: Final = re.compile(r'with message "(.*?)"\.?(?: See |$)', re.DOTALL)
_STATUS: Final = re.compile(r"Received (?:client|server) error \((\d+)\)")
_EXPIRED: Final = re.compile(r"RequestTTLSeconds|\brequest\b.{0,40}\bexpired\b", re.IGNORECASE)
_TIMED_OUT: Final = re.compile(r"InvocationTimeoutSeconds|invocation timed out", re.IGNORECASE)
_NO_INPUT: Final = re.compile(r"download|NoSuchKey|does not exist|Access ?Denied", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Said:
    """What is known of a failure. text: the most telling words. error: of this platform's containers."""

    text: str
    status: int | None
    error: ContainerError | None


def is_expiry(*texts: str | None) -> bool:
    """Whether what was said of a failure is that the request waited too long, and not by a container."""
    said = [text for text in texts if text]
    if any(_STATUS.search(text) or _container_error(text) for text in said):
        return False
    return any(_EXPIRED.search(text) for text in said)


def ended(ref: JobRef, reason: str | None, left: bytes | None) -> JobFailed | JobExpired:
    """The error of a job. reason: of its notice. left: what lies at the failure location, if anything."""
    text = _shown(left) if left is not None else None
    reason = reason or _reason_in(text)
    if is_expiry(reason, text):
        return expired(ref, reason)
    said = _read(reason, text)
    error = said.error
    about = f"field {error.field!r}: " if error is not None and error.field else ""
    return JobFailed(
        f"job {ref.inference_id} on endpoint {ref.endpoint_name!r} failed: {about}{said.text}",
        hint=(error.hint if error else None) or _next_step(ref, said),
        job_id=ref.to_id(),
        inference_id=ref.inference_id,
        reason=reason,
        failure_location=ref.failure if left is not None else None,
        original_message=None if _reason_in(text) else text,
        original_status=said.status,
        code=error.code if error else None,
        field=error.field if error else None,
        endpoint_name=ref.endpoint_name,
    )


def expired(ref: JobRef, reason: str | None) -> JobExpired:
    """The error of a job that was never run."""
    seconds = ref.ttl_seconds or limits.ASYNC_REQUEST_TTL_SECONDS
    why = f": {_one_line(reason)}" if reason else ""
    return JobExpired(
        f"job {ref.inference_id} on endpoint {ref.endpoint_name!r} expired: "
        f"it was not begun within {seconds} s{why}",
        hint="submit it again, with more ttl_seconds or to an endpoint that may have more instances",
        job_id=ref.to_id(),
        inference_id=ref.inference_id,
        reason=reason,
        endpoint_name=ref.endpoint_name,
    )


def answer_gone(ref: JobRef) -> JobFailed:
    """The job has completed, but nothing lies where its answer was."""
    return JobFailed(
        f"the answer of job {ref.inference_id} is not at {ref.output} any more",
        hint="answers are kept for as long as the bucket's lifecycle rule says; submit it again",
        job_id=ref.to_id(),
        inference_id=ref.inference_id,
        endpoint_name=ref.endpoint_name,
    )


def _reason_in(text: str | None) -> str | None:
    """SageMaker's sentence, where it is what the failure object holds instead of a container's answer."""
    try:
        reason = json.loads(text or "").get("failureReason")
    except (ValueError, AttributeError, RecursionError):
        return None
    return reason if isinstance(reason, str) and reason else None


def _read(reason: str | None, original: str | None) -> _Said:
    if _reason_in(original):
        original = None
    texts = [text for text in (original, reason) if text]
    status = next((int(found[1]) for text in texts if (found := _STATUS.search(text))), None)
    for text in texts:
        if error := _container_error(text):
            return _Said(error.message, error.status if status is None else status, error)
    wrapped = next((found[1] for text in texts if (found := _WRAPPED.search(text)) and found[1]), None)
    best = wrapped or (texts[0] if texts else "no reason was given")
    return _Said(_one_line(best), status, None)


def _container_error(text: str) -> ContainerError | None:
    """The error of this platform's containers: as it is, in AWS's sentence, or with its quotes escaped."""
    candidates = [text]
    if found := _WRAPPED.search(text):
        candidates.append(found[1])
        with contextlib.suppress(ValueError):
            candidates.append(json.loads(f'"{found[1]}"'))
    return next((error for candidate in candidates if (error := ContainerError.parse(candidate))), None)


def _next_step(ref: JobRef, said: _Said) -> str:
    if _TIMED_OUT.search(said.text) or (said.error is not None and said.error.code == "DeadlineExceeded"):
        return "give invocation_timeout_seconds= more (up to 3600), or ask for less"
    if said.error is not None and said.error.code == "InvalidInput":
        return "mend the file or the options, and submit it again"
    if said.status is None and _NO_INPUT.search(said.text):
        return f"the endpoint's role must be able to read {ref.input}"
    return "its log tells why"


def _shown(left: bytes) -> str:
    return left[: 64 * 1024].decode(errors="replace")


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}…"
