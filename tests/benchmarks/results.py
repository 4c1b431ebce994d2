"""What a section measured, against what was wanted of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table. ``target``: what is wanted of ``value``, at least or at most; None: nothing."""

    section: str
    model: str
    what: str
    value: float
    unit: str
    target: float | None
    at_least: bool
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "met": self.met}


def exit_status(results: Iterable[Result], *, check: bool) -> int:
    """1 when ``check`` is asked for and a target was missed, else 0."""
    return int(check and any(result.met is False for result in results))
