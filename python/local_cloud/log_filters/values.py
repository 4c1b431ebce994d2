"""What a value in a log event is compared with: a text with wildcards, a number, a regular expression."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Test = Callable[[Any], bool]
"""Whether one value of an event, text or JSON, is what was asked for."""

_REGEX_CHARACTERS: Final = re.compile(r"[A-Za-z0-9_#=@/;,:\-^$?\[\]{}|\\*+. ]*")
"""All that AWS allows: no round brackets, so that no expression takes exponential time."""
_ORDERS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


class InvalidPattern(ValueError):
    """AWS refuses the filter pattern; the message says why."""


def comparison(operator_sign: str, wanted: str) -> Test:
    """The test ``<value> <operator_sign> <wanted>``. ``wanted``: as it stands in the pattern.

    Raises InvalidPattern.
    """
    if operator_sign in _ORDERS:
        bound = number_of(wanted)
        if bound is None:
            raise InvalidPattern(f"Invalid number {wanted!r} after {operator_sign}")
        order = _ORDERS[operator_sign]
        return lambda value: (found := number_of(value)) is not None and order(found, bound)
    equals = _equals(wanted)
    return equals if operator_sign == "=" else lambda value: not equals(value)


def regex(text: str) -> re.Pattern[str]:
    """The expression between two ``%``. Raises InvalidPattern."""
    if not _REGEX_CHARACTERS.fullmatch(text):
        raise InvalidPattern(f"Invalid character(s) in regular expression '{text}'")
    try:
        return re.compile(text)
    except re.error as error:
        raise InvalidPattern(f"Invalid regular expression '{text}': {error}") from None


def unquoted(text: str) -> str:
    """What stands between double quotes, ``\\"`` and ``\\\\`` resolved; other text as it is."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def number_of(value: Any) -> float | None:
    """A number, or the text of one; None of anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < float("inf") else None


def text_of(value: Any) -> str | None:
    """A scalar as text, as JSON writes it; None of null, objects and arrays."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float | str) else None


def _equals(wanted: str) -> Test:
    if wanted.startswith("%"):
        expression = regex(wanted[1:-1])
        return lambda value: (text := text_of(value)) is not None and expression.search(text) is not None
    text = unquoted(wanted)
    number = None if wanted.startswith('"') else number_of(wanted)
    if number is not None:
        return lambda value: number_of(value) == number
    pieces = text.split("*")
    return lambda value: (found := text_of(value)) is not None and _fits(pieces, found)


def _fits(pieces: Sequence[str], text: str) -> bool:
    """Whether ``text`` is the pieces in their order, with anything between two of them. In linear time, which
    a regular expression of many ``.*`` would not take."""
    if len(pieces) == 1:
        return text == pieces[0]
    first, *between, last = pieces
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for piece in between:
        found = text.find(piece, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True
