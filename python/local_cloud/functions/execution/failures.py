"""How an init or an invocation fails, in AWS's words.

Sources: "Understanding the Lambda execution environment lifecycle" and "Troubleshoot invocation issues", AWS
Lambda developer guide; the error types of aws-lambda-runtime-interface-emulator; logs of real functions.
"""

from __future__ import annotations

import json
import re
import signal
from dataclasses import dataclass
from typing import Final, Literal

from local_cloud.hosting.runner import Exit
from serving_contracts import limits

_ERROR_TYPE: Final = re.compile(r"(Runtime|Function|Extension)\.[A-Z][A-Za-z0-9]{0,100}")
_SHOWN_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure.

    status: of the platform's logs. error_type: as they name it.
    reason: what follows ``RequestId: … Error: ``, or stands alone without ``with_request_id``.
    reported: the payload that the runtime itself sent, which is passed on as it is.
    environment_lost: whether the environment cannot take another invocation.
    """

    status: Literal["error", "timeout", "success"]
    error_type: str
    reason: str
    reported: bytes | None = None
    environment_lost: bool = True
    with_request_id: bool = True

    def payload(self, request_id: str) -> bytes:
        """The answer to the caller."""
        if self.reported is not None:
            return self.reported
        message = f"RequestId: {request_id} Error: {self.reason}" if self.with_request_id else self.reason
        return json.dumps(
            {"errorType": self.error_type, "errorMessage": message}, ensure_ascii=False, separators=(",", ":")
        ).encode()

    def summary(self) -> str:
        """``Type: message`` for whoever reads a status."""
        if self.reported is None:
            return f"{self.error_type}: {self.reason}"
        try:
            document = json.loads(self.reported)
            text = f"{document['errorType']}: {document['errorMessage']}"
        except (ValueError, KeyError, TypeError, RecursionError):
            text = f"{self.error_type}: {self.reported.decode(errors='replace')}"
        return text[:_SHOWN_CHARACTERS]


def exited(end: Exit) -> Failure:
    """The runtime's process ended. Signals are named as Go names them, in which Lambda is written."""
    if end.code == 0:
        reason = "Runtime exited without providing a reason"
    elif end.code > 0:
        reason = f"Runtime exited with error: exit status {end.code}"
    else:
        name = signal.strsignal(-end.code) if -end.code in signal.valid_signals() else None
        reason = f"Runtime exited with error: signal: {(name or f'signal {-end.code}').lower()}"
    return Failure("error", "Runtime.ExitError", reason)


def out_of_memory() -> Failure:
    return Failure("error", "Runtime.OutOfMemory", "Runtime exited with error: signal: killed")


def timed_out(timeout_s: float) -> Failure:
    return Failure("timeout", "Sandbox.Timedout", f"Task timed out after {timeout_s:.2f} seconds")


def init_timed_out(limit_s: float) -> Failure:
    """Of an init that no invocation waits for, or that is run again."""
    return Failure("timeout", "Sandbox.Timedout", f"the init took longer than {limit_s:g} seconds")


def response_too_large() -> Failure:
    """The environment stays, unless its runtime ends over the 413 that it is told."""
    return Failure(
        "error",
        "Function.ResponseSizeTooLarge",
        "Response payload size exceeded maximum allowed payload size "
        f"({limits.LAMBDA_RESPONSE_BYTES} bytes).",
        environment_lost=False,
        with_request_id=False,
    )


def response_truncated() -> Failure:
    return Failure("error", "Runtime.TruncatedResponse", "the runtime broke its answer off")


def no_space(used_mb: int, tmp_mb: int) -> Failure:
    """More in /tmp than its size. On AWS the write itself fails, which a Python handler raises as OSError."""
    return Failure(
        "error",
        "OSError",
        f"[Errno 28] No space left on device: /tmp holds {used_mb} MB and EphemeralStorage is {tmp_mb} MB",
        with_request_id=False,
    )


def invalid_entry_point(detail: str) -> Failure:
    return Failure("error", "Runtime.InvalidEntrypoint", detail)


def invalid_working_directory(folder: str) -> Failure:
    return Failure("error", "Runtime.InvalidWorkingDir", f"chdir {folder}: no such file or directory")


def reported_init_error(body: bytes, error_type: str | None) -> Failure:
    return Failure("error", platform_error_type(error_type), "the runtime reported an init error", body)


def reported_error(body: bytes, error_type: str | None) -> Failure:
    """The handler raised. To the platform such an invocation is a success: the runtime did its part."""
    return Failure(
        "success", platform_error_type(error_type), "the handler failed", body, environment_lost=False
    )


def platform_error_type(error_type: str | None) -> str:
    """``Runtime.…`` and ``Function.…`` are kept; what else a runtime says is unknown to the platform."""
    return error_type if error_type and _ERROR_TYPE.fullmatch(error_type) else "Runtime.Unknown"
