"""What an exception of an Invoke means to the caller, and whether to try again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from botocore import exceptions

from serving_clients import errors
from serving_clients._container_failures import Said, of_container
from serving_clients._failures import Context, one_line, retry_after
from serving_clients._http_events import MalformedAnswer, RefusedByFunction
from serving_clients._lambda import FunctionError
from serving_clients._retries import Failure

NOT_READY: Final = frozenset(
    {
        "CodeArtifactUserPendingException",
        "ResourceConflictException",
        "ResourceNotReadyException",
        "SnapStartNotReadyException",
    }
)
"""The function is being made, updated or woken up."""
MISCONFIGURED: Final = frozenset(
    {
        "CodeArtifactUserDeletedException",
        "CodeArtifactUserFailedException",
        "EC2AccessDeniedException",
        "InvalidRuntimeException",
        "InvalidSecurityGroupIDException",
        "InvalidSubnetIDException",
        "InvalidZipFileException",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
        "NoPublishedVersionException",
        "RuntimeAliasDeletedException",
        "RuntimeVersionDeletedException",
    }
)
"""It cannot be started as it is set up: no pause mends that."""
_ACCOUNT: Final = "ConcurrentInvocationLimitExceeded"
_RATES: Final = frozenset(
    {
        "CallerRateLimitExceeded",
        "FunctionInvocationRateLimitExceeded",
        "ReservedFunctionInvocationRateLimitExceeded",
    }
)
_TIMED_OUT: Final = re.compile(r"\bTask timed out after [0-9.]+ seconds")
_PLACE: Final = re.compile(r"field '([^']*)': (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FunctionContext(Context):
    """A function that was being invoked. timeout_s, setting: as of LambdaFunction."""

    timeout_s: int | None = None
    setting: str | None = None

    @property
    def what(self) -> str:
        """The subject of a sentence."""
        return f"function {self.endpoint_name!r}"

    @property
    def container(self) -> str:
        """What answers there."""
        return self.what

    @property
    def faster(self) -> str:
        """What to do where an invocation takes too long."""
        where = f" ({self.setting})" if self.setting else ""
        return f"send less at a time, or give the function more memory_mb or timeout_seconds{where}"

    def timed_out(self, seconds: float) -> errors.ServingTimeout:
        """The deadline of *seconds* is over."""
        takes = f" (it may run for {self.timeout_s} s, a cold start not counted)" if self.timeout_s else ""
        return errors.ServingTimeout(
            f"no answer from {self.what} within {seconds:g} s",
            hint=f"give timeout= more seconds{takes}, send less at a time, or look at the function's log",
            endpoint_name=self.endpoint_name,
        )

    def classify(self, cause: Exception) -> Failure | None:
        """The failure behind *cause*; None for an exception that is neither AWS's nor the network's."""
        details: dict[str, Any] = {"endpoint_name": self.endpoint_name}
        if isinstance(cause, RefusedByFunction):
            body = cause.body.decode(errors="replace")
            said = Said(cause.status, body, one_line(body) or f"HTTP {cause.status}")
            return of_container(said, details, self, retry_after(cause.headers.get("retry-after")))
        if isinstance(cause, FunctionError):
            return self._of_function_error(cause)
        if isinstance(cause, MalformedAnswer):
            failed = errors.ModelFailed(
                f"the answer of {self.what} {cause}",
                hint="is it one of this platform's functions?",
                **details,
            )
            return Failure(failed, "never")
        if isinstance(cause, exceptions.ClientError):
            about = cause.response
            found = self._of_invoke(about, str(about.get("Error", {}).get("Code") or ""))
            if found is not None:
                return found
        return Context.classify(self, cause)  # slots=True makes the class anew: super() would miss it

    def _of_invoke(self, response: Mapping[str, Any], code: str) -> Failure | None:
        """What only Invoke answers with; None for what every service does."""
        meta = response.get("ResponseMetadata") or {}
        message = one_line(str((response.get("Error") or {}).get("Message") or code))
        after = retry_after((meta.get("HTTPHeaders") or {}).get("retry-after"))
        details: dict[str, Any] = {"endpoint_name": self.endpoint_name, "request_id": meta.get("RequestId")}
        if code == "TooManyRequestsException":
            reason = str(response.get("Reason") or "")
            why = f" ({reason})" if reason else ""
            return self.throttled(
                f"{self.what} is throttled: {message}{why}", details, after, self._more_room(reason)
            )
        if code == "ResourceNotFoundException":
            env = self.settings.env
            hint = f"deploy it: invoke deploy --env {env}" if env else "see its name, region and qualifier"
            return Failure(errors.EndpointNotFound(message, hint=hint, **details), "never")
        if code in NOT_READY:
            return Failure(
                errors.Unavailable(f"{self.what} is not ready: {message}", **details), "deadline", after
            )
        if code in MISCONFIGURED:
            hint = "see the function's configuration and its execution role"
            broken = errors.Unavailable(
                f"{self.what} cannot be started: {code}: {message}", hint=hint, **details
            )
            return Failure(broken, "never")
        if meta.get("HTTPStatusCode") == 413:  # under one of three names
            large = errors.InvalidRequest(f"{code}: {message}", hint="send less at a time", **details)
            large.about_size = True
            return Failure(large, "never")
        return None

    def _more_room(self, reason: str) -> str:
        setting = f" ({self.setting})" if self.setting else ""
        if reason == _ACCOUNT:
            return (
                "the account's concurrency is used up: reserve some for the function"
                f"{setting}, or ask AWS for a higher quota"
            )
        if reason in _RATES:
            return f"send fewer requests a second, or raise its reserved_concurrency{setting}"
        return f"raise its reserved_concurrency{setting}, or send less at a time"

    def _of_function_error(self, cause: FunctionError) -> Failure:
        """The failure behind ``X-Amz-Function-Error``: the runtime's, or an exception of the handler."""
        kind, message = _read(cause.payload)
        log = f"its log tells why: /aws/lambda/{(self.endpoint_name or '').rpartition(':')[2]}"
        details: dict[str, Any] = {"endpoint_name": self.endpoint_name, "request_id": cause.request_id}
        if kind == "Sandbox.Timedout" or _TIMED_OUT.search(message):
            return self.too_slow(f"{self.what} ran out of time: {message}", details)
        if kind == "InvalidInput":
            field = None
            if placed := _PLACE.fullmatch(message):
                field, message = placed.groups()
            return Failure(errors.InvalidRequest(message, field=field, **details), "never")
        text = f"{kind}: {message}" if kind else message
        if "ResponseSizeTooLarge" in kind or kind == "PayloadTooLarge":
            hint = "ask for less at a time; for pictures send a smaller one, or leave annotated away"
            failed = errors.ModelFailed(
                f"the answer of {self.what} is too large: {text}", hint=hint, **details
            )
            failed.about_size = True
            return Failure(failed, "never")
        died = kind in ("Runtime.ExitError", "Runtime.OutOfMemory")
        if died and ("killed" in message or kind == "Runtime.OutOfMemory"):
            log = f"it may need more memory_mb{f' ({self.setting})' if self.setting else ''}; {log}"
        failed = errors.ModelFailed(f"{self.what} failed: {text}", hint=log, **details)
        failed.about_items = died or not kind.startswith(("Runtime.", "Extension.", "Sandbox."))
        return Failure(failed, "few" if died else "never")


def _read(payload: bytes) -> tuple[str, str]:
    """``errorType`` and ``errorMessage``; what else there is where they are missing."""
    try:
        said = orjson.loads(payload)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        return "", one_line(payload[:1000].decode(errors="replace")) or "it did not say why"
    kind, message = str(said.get("errorType") or ""), str(said.get("errorMessage") or "")
    return kind, one_line(message) or "it did not say why"
