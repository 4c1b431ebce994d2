"""Patterns of JSON events: ``{ $.type = "platform.report" && $.record.metrics.initDurationMs = * }``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from local_cloud.log_filters.conditions import read_conditions

_STEP: Final = re.compile(
    r"""\.?\[\s*(?:(?P<index>\d+)|(?P<each>\*)|'(?P<single>[^']*)'|"(?P<double>[^"]*)")\s*\]"""
    r"""|\.(?P<member>[^\[\].]+)"""
)


class JsonEvent:
    """An event that matched."""

    def __init__(self, document: Any) -> None:
        self._document = document

    def value(self, selector: str) -> object:
        values = selected(self._document, selector) if selector.startswith("$.") else []
        return values[0] if values else None


class JsonPattern:
    """Matches objects for which its condition holds; no other text. Raises InvalidPattern."""

    def __init__(self, text: str) -> None:
        self._holds = read_conditions(text, lambda word: word.startswith("$"))

    def match(self, message: str) -> JsonEvent | None:
        if not message.lstrip().startswith("{"):  # nearly every line of most logs: not worth the parser
            return None
        try:
            document = json.loads(message)
        except (ValueError, RecursionError):
            return None
        if not self._holds(lambda selector: selected(document, selector)):
            return None
        return JsonEvent(document)


def selected(document: Any, selector: str) -> Sequence[Any]:
    """The values that ``$.a.b[0]``, ``$.a[*].b`` or ``$['a b']`` selects."""
    values = [document]
    for step in _steps(selector):
        values = [inner for value in values for inner in _inner(value, step)]
    return values


def _inner(value: Any, step: str | int | None) -> Sequence[Any]:
    if step is None:
        return value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    if isinstance(step, int):
        return value[step : step + 1] if isinstance(value, list) else []
    return [value[step]] if isinstance(value, dict) and step in value else []


@lru_cache(maxsize=512)
def _steps(selector: str) -> tuple[str | int | None, ...]:
    """None is each member of an array or object."""
    steps: list[str | int | None] = []
    for found in _STEP.finditer(selector[1:]):
        if found["index"] is not None:
            steps.append(int(found["index"]))
        elif found["each"] or found["member"] == "*":
            steps.append(None)
        else:
            steps.append(next(text for text in (found["single"], found["double"], found["member"]) if text))
    return tuple(steps)
