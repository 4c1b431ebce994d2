"""What Lambda itself writes into a function's log, in both formats.

Sources: "Understanding the Lambda execution environment lifecycle" (INIT_REPORT), "Log formats" and the
Telemetry API's event schema, AWS Lambda developer guide; logs of real functions. A function of an image logs
no INIT_START (it has no runtime version to tell), and INIT_REPORT only for an init that failed or that is
provisioned.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from local_cloud.functions.execution.failures import Failure
from local_cloud.hosting.telemetry.logs import LogStream
from serving_contracts import limits

InitType = Literal["on-demand", "provisioned-concurrency"]
Phase = Literal["init", "invoke"]

_CONTINUATION: Final = 0b1000_0000
_CONTINUATION_MASK: Final = 0b1100_0000


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one invocation. Durations in milliseconds, memory in MB (2**20 bytes)."""

    duration_ms: float
    memory_mb: int
    used_mb: int
    init_ms: float | None = None

    @property
    def billed_ms(self) -> int:
        """Since August 2025 the init of every function is billed."""
        return math.ceil(round(self.duration_ms + (self.init_ms or 0.0), 2))


class EnvironmentLog:
    """The log of one environment: a LogSink for its output, and the platform's own lines."""

    def __init__(self, stream: LogStream, log_format: Literal["Text", "JSON"], init_type: InitType) -> None:
        self.stream = stream
        self._json = log_format == "JSON"
        self._init_type = init_type
        self._tail = bytearray()

    def write(self, line: str) -> None:
        self.stream.write(line)
        self._tail += line.encode("utf-8", errors="replace") + b"\n"
        if len(self._tail) > 4 * limits.LAMBDA_LOG_TAIL_BYTES:
            del self._tail[: -limits.LAMBDA_LOG_TAIL_BYTES]

    def begin_tail(self) -> None:
        """From here on lines belong to the next invocation."""
        self._tail.clear()

    def tail(self) -> bytes:
        """The last 4 KB since ``begin_tail``; a character that was cut is left out."""
        tail = bytes(self._tail[-limits.LAMBDA_LOG_TAIL_BYTES :])
        start = 0
        while start < len(tail) and tail[start] & _CONTINUATION_MASK == _CONTINUATION:
            start += 1
        return tail[start:]

    def init_report(self, duration_ms: float, phase: Phase, failure: Failure | None) -> None:
        if failure is None and self._init_type == "on-demand":
            return
        if self._json:
            record: dict[str, Any] = {
                "initializationType": self._init_type,
                "phase": phase,
                **_status(failure),
                "metrics": {"durationMs": round(duration_ms, 3)},
            }
            self._event("platform.initReport", record)
            return
        self.write(
            f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase}{_status_text(failure, True)}"
        )

    def start(self, request_id: str, version: str) -> None:
        if self._json:
            self._event("platform.start", {"requestId": request_id, "version": version})
        else:
            self.write(f"START RequestId: {request_id} Version: {version}")

    def failed(self, request_id: str, failure: Failure) -> None:
        """What is said between START and END about a failure that the runtime could not tell."""
        if failure.status == "success":
            return
        if self._json:
            self._event("platform.runtimeDone", {"requestId": request_id, **_status(failure)})
        elif failure.status == "timeout":
            self.write(f"{_now()} {request_id} {failure.reason}")
            self.write("")
        elif failure.with_request_id:
            self.write(f"RequestId: {request_id} Error: {failure.reason}")
            self.write(failure.error_type)
        else:
            self.write(f"RequestId: {request_id} {failure.error_type}: {failure.reason}")

    def end(self, request_id: str, report: Report, failure: Failure | None) -> None:
        """END and REPORT."""
        if self._json:
            metrics: dict[str, Any] = {
                "durationMs": round(report.duration_ms, 3),
                "billedDurationMs": report.billed_ms,
                "memorySizeMB": report.memory_mb,
                "maxMemoryUsedMB": report.used_mb,
            }
            if report.init_ms is not None:
                metrics["initDurationMs"] = round(report.init_ms, 3)
            self._event("platform.report", {"requestId": request_id, "metrics": metrics, **_status(failure)})
            return
        self.write(f"END RequestId: {request_id}")
        init = "" if report.init_ms is None else f"Init Duration: {report.init_ms:.2f} ms\t"
        self.write(
            f"REPORT RequestId: {request_id}\tDuration: {report.duration_ms:.2f} ms\t"
            f"Billed Duration: {report.billed_ms} ms\tMemory Size: {report.memory_mb} MB\t"
            f"Max Memory Used: {report.used_mb} MB\t{init}" + _status_text(failure, False).lstrip("\t")
        )

    def _event(self, kind: str, record: Mapping[str, Any]) -> None:
        self.write(json.dumps({"time": _now(), "type": kind, "record": record}, separators=(",", ":")))


def _status(failure: Failure | None) -> dict[str, str]:
    if failure is None or failure.status == "success":
        return {"status": "success"}
    if failure.status == "timeout":
        return {"status": "timeout"}
    return {"status": "error", "errorType": failure.error_type}


def _status_text(failure: Failure | None, always: bool) -> str:
    status = _status(failure)
    if status["status"] == "success" and not always:
        return ""
    error_type = f"\tError Type: {status['errorType']}" if "errorType" in status else ""
    return f"\tStatus: {status['status']}{error_type}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
