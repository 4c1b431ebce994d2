"""Bad input, and the error body that a container answers with.

The inference server writes :class:`ContainerError`, the clients read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args


class InvalidInput(ValueError):
    """A request (or an answer, or a catalog) that breaks its contract.

    message: what is wrong, without the place.
    field: the JSON field, e.g. ``text`` or ``texts[1]`` or ``endpoints.korean-nlp.mode``; None for the whole.
    line: 1-based line of a JSON Lines body; None where there are no lines.
    hint: what to send instead.
    """

    def __init__(
        self, message: str, *, field: str | None = None, line: int | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.line = line
        self.hint = hint

    def __str__(self) -> str:
        return describe(self.message, field=self.field, line=self.line, hint=self.hint)

    def at_line(self, line: int) -> InvalidInput:
        """The same error, placed at a 1-based line."""
        return InvalidInput(self.message, field=self.field, line=line, hint=self.hint)

    def to_dict(self) -> dict[str, Any]:
        """``{"message": …}`` and, where known, ``field``, ``line``, ``hint``."""
        return _compact(message=self.message, field=self.field, line=self.line, hint=self.hint)


def describe(
    message: str, *, field: str | None = None, line: int | None = None, hint: str | None = None
) -> str:
    """One sentence for a person: ``line 3, field 'text': is empty (send …)``."""
    places = []
    if line is not None:
        places.append(f"line {line}")
    if field is not None:
        places.append(f"field {field!r}")
    text = f"{', '.join(places)}: {message}" if places else message
    return f"{text} ({hint})" if hint else text


ErrorCode = Literal[
    "InvalidInput",
    "EmptyBatch",
    "NotAcceptable",
    "PayloadTooLarge",
    "UnsupportedMediaType",
    "TooManyRequests",
    "ModelFailed",
    "ModelNotReady",
    "ShuttingDown",
    "DeadlineExceeded",
]

ERROR_STATUS: Final[Mapping[ErrorCode, int]] = {
    "InvalidInput": 400,
    "EmptyBatch": 400,
    "NotAcceptable": 406,
    "PayloadTooLarge": 413,
    "UnsupportedMediaType": 415,
    "TooManyRequests": 429,
    "ModelFailed": 500,
    "ModelNotReady": 503,
    "ShuttingDown": 503,
    "DeadlineExceeded": 504,
}
"""HTTP status of every code a container answers with."""

_CODES: Final[tuple[str, ...]] = get_args(ErrorCode)


@dataclass(frozen=True, slots=True)
class ContainerError:
    """The error body of a container: ``{"error": {"code": …, "message": …, "field", "line", "hint"}}``."""

    code: ErrorCode
    message: str
    field: str | None = None
    line: int | None = None
    hint: str | None = None

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return ERROR_STATUS[self.code]

    @classmethod
    def of(cls, error: InvalidInput) -> ContainerError:
        """The body that reports *error*."""
        return cls("InvalidInput", error.message, field=error.field, line=error.line, hint=error.hint)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of the body; fields that are None are left out."""
        return {
            "error": _compact(
                code=self.code, message=self.message, field=self.field, line=self.line, hint=self.hint
            )
        }

    @classmethod
    def parse(cls, body: str | bytes) -> ContainerError | None:
        """The error that *body* reports, or None where it is not one (a proxy's HTML, say)."""
        try:
            outer = json.loads(body)
        except (ValueError, RecursionError):
            return None
        inner = outer.get("error") if isinstance(outer, dict) else None
        if not isinstance(inner, dict) or inner.get("code") not in _CODES:
            return None
        line = inner.get("line")
        return cls(
            code=inner["code"],
            message=str(inner.get("message") or inner["code"]),
            field=_text_or_none(inner.get("field")),
            line=line if isinstance(line, int) and not isinstance(line, bool) and line > 0 else None,
            hint=_text_or_none(inner.get("hint")),
        )


def _compact(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
