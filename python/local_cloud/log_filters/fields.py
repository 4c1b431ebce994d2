"""Patterns of fields between white space: ``[level = ERROR || level = FATAL, ..., duration > 100, unit]``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from local_cloud.log_filters.conditions import Holds, read_conditions
from local_cloud.log_filters.values import InvalidPattern

_ELLIPSIS: Final = "..."
_NAME: Final = re.compile(r"\w[\w.-]*")
_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|%(?:[^%\\]|\\.)*%|[^,"%]')
_FIELD: Final = re.compile(r'"([^"]*)"|\[([^\]]*)\]|(\S+)')


class FieldEvent:
    """An event that matched: its fields by the pattern's names."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def value(self, selector: str) -> object:
        return self._fields.get(selector[1:])


class _Field:
    """One place of the pattern; ``holds`` is None where any text will do."""

    def __init__(self, text: str) -> None:
        name = _NAME.match(text.lstrip("( "))
        if name is None:
            raise InvalidPattern(f"A field needs a name: {text.strip()!r}")
        self.name = name.group()
        self.holds: Holds | None = None
        if text.strip() != self.name:
            self.holds = read_conditions(text, lambda word: word == self.name)

    def matches(self, text: str) -> bool:
        return self.holds is None or self.holds(lambda _: [text])


class FieldPattern:
    """As many fields as it names, in their order; ``...`` stands for any number, once. In the event what is
    between double quotes or square brackets is one field. Raises InvalidPattern."""

    def __init__(self, text: str) -> None:
        parts = _parts(text)
        ellipses = [index for index, part in enumerate(parts) if part == _ELLIPSIS]
        if len(ellipses) > 1:
            raise InvalidPattern(f"'{_ELLIPSIS}' can be given once only: {text.strip()!r}")
        self._open = bool(ellipses)
        first = ellipses[0] if ellipses else len(parts)
        self._before = [_Field(part) for part in parts[:first]]
        self._after = [_Field(part) for part in parts[first + 1 :]]

    def match(self, message: str) -> FieldEvent | None:
        found = [next(filter(None, groups), "") for groups in _FIELD.findall(message)]
        needed = len(self._before) + len(self._after)
        if len(found) < needed or (len(found) > needed and not self._open):
            return None
        last: Sequence[str] = found[len(found) - len(self._after) :]
        pairs = [*zip(self._before, found, strict=False), *zip(self._after, last, strict=True)]
        if not all(field.matches(text) for field, text in pairs):
            return None
        return FieldEvent({field.name: text for field, text in pairs})


def _parts(text: str) -> list[str]:
    """Between commas that are in no quotes and no expression."""
    parts, place = [""], 0
    while place < len(text):
        if text[place] == ",":
            parts.append("")
            place += 1
            continue
        piece = _PIECE.match(text, place)
        if piece is None:
            raise InvalidPattern(f"Cannot read {text[place : place + 40].strip()!r}")
        parts[-1] += piece.group()
        place = piece.end()
    return [part.strip() for part in parts]
