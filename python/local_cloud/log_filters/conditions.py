"""Conditions on the values of an event: ``$.status >= 500 && ($.path = "/ping*" || $.error NOT EXISTS)``.

JSON patterns and the fields of space-delimited ones share them; they differ only in what a value is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from local_cloud.log_filters.values import InvalidPattern, Test, comparison

Found = Callable[[str], Sequence[Any]]
"""The values of an event that go by a name: none, one, or several (of an array)."""
Holds = Callable[[Found], bool]

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<logic>&&|\|\|)
      | (?P<bracket>[()])
      | (?P<operator>!=|<=|>=|=|<|>)
      | (?P<selector>\$(?:\.?\[\s*(?:\d+|\*|'[^']*'|"[^"]*")\s*\]|\.[^\s()\[\]=!<>&|"'%.]+)+)
      | (?P<value>%(?:[^%\\]|\\.)*%|"(?:[^"\\]|\\.)*"|[^\s()=!<>&|"%]+)
    )""",
    re.VERBOSE,
)
_STATES: Final[dict[tuple[str, ...], Callable[[Sequence[Any]], bool]]] = {
    ("IS", "NULL"): lambda values: None in values,
    ("IS", "TRUE"): lambda values: any(value is True for value in values),
    ("IS", "FALSE"): lambda values: any(value is False for value in values),
    ("NOT", "EXISTS"): lambda values: not values,
    ("EXISTS",): bool,
}
_DEEPEST: Final = 30
"""Brackets within brackets: more than a pattern of 1024 characters needs, less than Python's stack has."""


def read_conditions(text: str, is_name: Callable[[str], bool]) -> Holds:
    """The condition that ``text`` states. ``is_name``: whether a word is the name of a value.

    Raises InvalidPattern.
    """
    return _Reader(text, is_name).read()


class _Reader:
    def __init__(self, text: str, is_name: Callable[[str], bool]) -> None:
        self._is_name = is_name
        self._tokens = _tokens(text)
        self._text = text
        self._depth = 0

    def read(self) -> Holds:
        holds = self._any()
        if self._tokens:
            raise self._unexpected()
        return holds

    def _any(self) -> Holds:
        parts = [self._all()]
        while self._take("logic", "||"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda found: any(part(found) for part in parts)

    def _all(self) -> Holds:
        parts = [self._one()]
        while self._take("logic", "&&"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda found: all(part(found) for part in parts)

    def _one(self) -> Holds:
        if self._take("bracket", "("):
            self._depth += 1
            if self._depth > _DEEPEST:
                raise InvalidPattern(f"More than {_DEEPEST} brackets within each other")
            inner = self._any()
            if not self._take("bracket", ")"):
                raise self._unexpected()
            self._depth -= 1
            return inner
        name = self._take("selector") or self._take("value")
        if name is None or not self._is_name(name):
            raise self._unexpected()
        sign = self._take("operator")
        if sign is None:
            return self._state(name)
        wanted = self._take("value")
        if wanted is None:
            raise self._unexpected()
        return _compared(name, comparison(sign, wanted))

    def _state(self, name: str) -> Holds:
        for words, holds in _STATES.items():
            if [token.group().strip().upper() for token in self._tokens[: len(words)]] == list(words):
                del self._tokens[: len(words)]
                return _stated(name, holds)
        raise self._unexpected()

    def _take(self, kind: str, text: str | None = None) -> str | None:
        if not self._tokens:
            return None
        found = self._tokens[0].group(kind)
        if not found or text not in (None, found):
            return None
        del self._tokens[0]
        return str(found)

    def _unexpected(self) -> InvalidPattern:
        if not self._tokens:
            return InvalidPattern(f"{self._text.strip()!r} ends too early")
        return InvalidPattern(
            f"{self._tokens[0].group().strip()!r} was not expected in {self._text.strip()!r}"
        )


def _compared(name: str, test: Test) -> Holds:
    return lambda found: any(test(value) for value in found(name))


def _stated(name: str, holds: Callable[[Sequence[Any]], bool]) -> Holds:
    return lambda found: holds(found(name))


def _tokens(text: str) -> list[re.Match[str]]:
    tokens: list[re.Match[str]] = []
    place = 0
    while text[place:].strip():
        token = _TOKEN.match(text, place)
        if token is None:
            raise InvalidPattern(f"Cannot read {text[place : place + 40].strip()!r}")
        tokens.append(token)
        place = token.end()
    return tokens
