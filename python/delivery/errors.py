"""The one error that the tasks show to a person."""

from __future__ import annotations


class DeliveryError(Exception):
    """Something the person at the keyboard can act upon.

    Args:
        message: what went wrong, in one sentence.
        cause: what was seen: another program's own words, a path, a number. May be several lines.
        next_step: what to do now: a command to run, a file to edit.
    """

    def __init__(self, message: str, *, cause: str | None = None, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.next_step = next_step

    def __str__(self) -> str:
        lines = [self.message]
        if self.cause:
            lines += [f"  {line}" for line in self.cause.rstrip().splitlines()]
        if self.next_step:
            lines += [f"Next: {self.next_step}"]
        return "\n".join(lines)
