"""Reads what ``terraform … -json`` prints: a JSON object a line (Terraform's "Machine-Readable UI")."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

_DONE = {
    "create": "created",
    "update": "changed",
    "delete": "destroyed",
    "read": "read",
    "replace": "replaced",
}
_UNDER_WAY = {"create": "creating", "update": "changing", "delete": "destroying", "read": "reading"}


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """An error or a warning of Terraform's.

    Attributes:
        severity: ``error`` or ``warning``.
        summary: the headline.
        detail: the explanation; may be several lines, may be empty.
        place: resource address or file and line; may be empty.
    """

    severity: str
    summary: str
    detail: str = ""
    place: str = ""

    def __str__(self) -> str:
        head = self.summary + (f" ({self.place})" if self.place else "")
        return f"{head}\n{self.detail}".rstrip()


@dataclass(slots=True)
class Progress:
    """What a running command has told so far."""

    planned: int = 0
    done: int = 0
    under_way: dict[str, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    summary: str = ""
    changes: dict[str, int] = field(default_factory=dict)

    @property
    def errors(self) -> list[Diagnostic]:
        return [item for item in self.diagnostics if item.severity == "error"]

    def doing(self) -> str:
        """What is under way, in one line: ``12 of 40 done; creating aws_sagemaker_endpoint.this``."""
        head = f"{self.done} of {self.planned} done" if self.planned else ""
        tail = ""
        if self.under_way:
            address, action = next(iter(self.under_way.items()))
            tail = f"{_UNDER_WAY.get(action, action)} {address}"
            if len(self.under_way) > 1:
                tail += f" and {len(self.under_way) - 1} more"
        return "; ".join(part for part in (head, tail) if part)

    def read_line(self, line: str) -> str | None:
        """Takes in one line of output; returns what is worth printing when every event is wanted."""
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or "@message" not in event:
            self.plain.append(line)
            return line
        return self._read_event(event)

    def _read_event(self, event: dict[str, Any]) -> str | None:
        kind = event.get("type")
        hook = event.get("hook", {})
        address = hook.get("resource", {}).get("addr", "")
        if kind == "planned_change":
            # What is replaced is destroyed and created, and each of the two is told when it is done.
            self.planned += 2 if event.get("change", {}).get("action") == "replace" else 1
        elif kind == "apply_start":
            self.under_way[address] = hook.get("action", "")
        elif kind == "refresh_start":
            self.under_way[address] = "read"
        elif kind == "refresh_complete":
            self.under_way.pop(address, None)
        elif kind in ("apply_complete", "apply_errored"):
            self.under_way.pop(address, None)
            self.done += kind == "apply_complete"
        elif kind == "change_summary":
            self.changes = {
                name: value for name, value in event.get("changes", {}).items() if isinstance(value, int)
            }
            self.summary = str(event["@message"])
        elif kind == "diagnostic":
            self.diagnostics.append(_diagnostic(event.get("diagnostic", {})))
        elif kind in ("version", "outputs"):
            return None
        return str(event["@message"])


def _diagnostic(found: dict[str, Any]) -> Diagnostic:
    place = found.get("address") or ""
    where = found.get("range") or {}
    if where:
        at = f"{where.get('filename', '')} line {where.get('start', {}).get('line', '?')}"
        place = f"{place}, {at}" if place else at
    return Diagnostic(
        severity=str(found.get("severity", "error")),
        summary=str(found.get("summary", "")),
        detail=str(found.get("detail", "")),
        place=place,
    )


def past_tense(action: str) -> str:
    """``create`` → ``created``."""
    return _DONE.get(action, action)
