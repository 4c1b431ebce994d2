"""Patterns of terms: ``ERROR "out of memory" -Retry``, ``?ERROR ?WARN``, ``%Task timed out after \\d+%``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from local_cloud.log_filters.values import InvalidPattern, regex, unquoted

_TERM: Final = re.compile(r'\s*(?P<sign>[?-]?)(?P<term>"(?:[^"\\]|\\.)*"|%(?:[^%\\]|\\.)*%|[^\s"%]+)(?=\s|$)')
_BARE: Final = re.compile(r"\w+")


class AnyEvent:
    """An event that matched, of which nothing can be selected."""

    def value(self, selector: str) -> object:
        return None


_ANY_EVENT: Final = AnyEvent()


class TermPattern:
    """All terms must be there, and none with ``-``; those with ``?`` count only where there is no other, and
    then one must be there. Raises InvalidPattern."""

    def __init__(self, text: str) -> None:
        self._required: list[Callable[[str], bool]] = []
        self._optional: list[Callable[[str], bool]] = []
        self._excluded: list[Callable[[str], bool]] = []
        kinds = {"": self._required, "?": self._optional, "-": self._excluded}
        place = 0
        while text[place:].strip():
            found = _TERM.match(text, place)
            if found is None:
                raise InvalidPattern(f"Cannot read {text[place : place + 40].strip()!r}")
            kinds[found["sign"]].append(_contains(found["term"]))
            place = found.end()

    def match(self, message: str) -> AnyEvent | None:
        if self._required or self._excluded:
            matches = all(term(message) for term in self._required) and not any(
                term(message) for term in self._excluded
            )
        else:
            matches = not self._optional or any(term(message) for term in self._optional)
        return _ANY_EVENT if matches else None


def _contains(term: str) -> Callable[[str], bool]:
    if term.startswith("%") and len(term) > 1:
        expression = regex(term[1:-1])
        return lambda message: expression.search(message) is not None
    if not term.startswith('"') and not _BARE.fullmatch(term):
        raise InvalidPattern(f"Invalid character(s) in term '{term}' (put it in double quotes)")
    text = unquoted(term)
    return lambda message: text in message
