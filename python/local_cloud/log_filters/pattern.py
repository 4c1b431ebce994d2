"""Reads a filter pattern: of terms, of a JSON object, or of fields that are separated by spaces."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

from local_cloud.log_filters.fields import FieldPattern
from local_cloud.log_filters.json_events import JsonPattern
from local_cloud.log_filters.terms import TermPattern
from local_cloud.log_filters.values import InvalidPattern
from serving_contracts.limits import LOGS_FILTER_PATTERN_CHARACTERS


class Match(Protocol):
    """A matching event."""

    def value(self, selector: str) -> object:
        """What ``$name`` or ``$.member`` stands for in it: text, number, truth value; None where nothing."""


class Pattern(Protocol):
    """Any kind of pattern."""

    def match(self, message: str) -> Match | None:
        """None where an event with this message does not match."""


@lru_cache(maxsize=512)
def read_pattern(text: str) -> Pattern:
    """The pattern that ``text`` is; an empty one matches everything. Raises InvalidPattern."""
    if len(text) > LOGS_FILTER_PATTERN_CHARACTERS:
        raise InvalidPattern(f"It has {len(text)} characters; {LOGS_FILTER_PATTERN_CHARACTERS} are allowed")
    bare = text.strip()
    if bare.startswith("{"):
        return JsonPattern(_between(bare, "}"))
    if bare.startswith("["):
        return FieldPattern(_between(bare, "]"))
    return TermPattern(bare)


def _between(text: str, closing: str) -> str:
    if not text.endswith(closing):
        raise InvalidPattern(f"'{closing}' is missing at the end of {text!r}")
    return text[1:-1]
