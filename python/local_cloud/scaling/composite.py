"""The rules of composite alarms: ``ALARM("a") AND NOT (OK(b) OR INSUFFICIENT_DATA("c"))``.

Source: PutCompositeAlarm's AlarmRule, Amazon CloudWatch API reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from local_cloud.scaling.evaluation import State

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<call>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:\"(?P<quoted>[^\"]*)\"|'(?P<single>[^']*)'|"
    r"(?P<bare>[^\s()\"']+))\s*\)|(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<bracket>[()]))"
)

StateOf = Callable[[str], State | None]
"""The state of an alarm by name or ARN; None if there is no such alarm."""


class InvalidRule(ValueError):
    """The rule cannot be read; the message says where."""


class Rule:
    """A parsed AlarmRule. Raises InvalidRule."""

    def __init__(self, text: str) -> None:
        self.alarms: list[str] = []
        self._tokens: Iterator[re.Match[str]] = iter(_tokens(text))
        self._next: re.Match[str] | None = next(self._tokens, None)
        self._holds = self._any()
        if self._next is not None:
            raise InvalidRule(f"{self._next.group().strip()!r} was not expected in {text!r}")

    def holds(self, state_of: StateOf) -> bool:
        """Whether the composite alarm is in ALARM. An alarm that does not exist has no state at all."""
        return self._holds(state_of)

    def _take(self) -> re.Match[str]:
        token = self._next
        if token is None:
            raise InvalidRule("the rule ends too early")
        self._next = next(self._tokens, None)
        return token

    def _is(self, word: str) -> bool:
        if self._next is not None and self._next.group("word") == word:
            self._take()
            return True
        return False

    def _any(self) -> Callable[[StateOf], bool]:
        parts = [self._all()]
        while self._is("OR"):
            parts.append(self._all())
        return lambda state_of: any(part(state_of) for part in parts)

    def _all(self) -> Callable[[StateOf], bool]:
        parts = [self._one()]
        while self._is("AND"):
            parts.append(self._one())
        return lambda state_of: all(part(state_of) for part in parts)

    def _one(self) -> Callable[[StateOf], bool]:
        if self._is("NOT"):
            negated = self._one()
            return lambda state_of: not negated(state_of)
        token = self._take()
        if token.group("word") in ("TRUE", "FALSE"):
            fixed = token.group("word") == "TRUE"
            return lambda state_of: fixed
        if token.group("call"):
            name = token.group("quoted") or token.group("single") or token.group("bare") or ""
            wanted = State(token.group("call"))
            self.alarms.append(name)
            return lambda state_of: state_of(name) is wanted
        if token.group("bracket") == "(":
            inner = self._any()
            if self._take().group("bracket") != ")":
                raise InvalidRule("a bracket is not closed")
            return inner
        raise InvalidRule(f"{token.group().strip()!r} was not expected")


def _tokens(text: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    place = 0
    while text[place:].strip():
        token = _TOKEN.match(text, place)
        if token is None:
            raise InvalidRule(f"cannot read {text[place : place + 40].strip()!r}")
        found.append(token)
        place = token.end()
    return found
