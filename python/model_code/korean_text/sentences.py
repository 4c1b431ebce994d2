"""Splitting Korean text into sentences by its punctuation, line breaks and formal verb endings."""

from __future__ import annotations

import re

_OPENING, _CLOSING = "“‘「『《〈([", "”’」』》〉)]"
_BOUNDARY = re.compile(
    r"""
      [.!?…。！？]+ [”’」』》〉)\]"']* (?=\s|$)      # a mark, perhaps a closing quote, then a blank
    | (?<=[가-힣]) [.!?]+ (?=[가-힣])               # "…했다.그는": a mark between Hangul without a blank
    | (?<=[가-힣] 니다) (?=\s+ (?!라고|라며|라는|라면|만\b|고\b|하고))     # "…합니다 그리고": no mark at all
    """,
    re.VERBOSE,
)
_NUMBERED = re.compile(r"(?:^|\s)\(?\d{1,2}\.$")  # "1." opens an item of a list and ends no sentence
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:[A-Za-z]\.)*(?:[A-Z]|Mr|Mrs|Ms|Dr|St|No|vs|Inc|Corp|Co|Ltd)\.$")


def split_sentences(text: str) -> list[str]:
    """The sentences of `text` in order, stripped, without empty ones.

    A line break always ends a sentence.  Marks inside brackets or paired quotation marks do not, unless the
    line's quotation marks are not paired.
    """
    return [sentence for line in text.splitlines() for sentence in _split_line(line)]


def _split_line(line: str) -> list[str]:
    protected = _quoted(line)
    sentences = []
    start = 0
    for match in _BOUNDARY.finditer(line):
        end = match.end()
        if protected[match.start()] if match.start() < len(line) else False:
            continue
        candidate = line[start:end]
        if _NUMBERED.search(candidate) or _ABBREVIATION.search(candidate):
            continue
        sentences.append(candidate.strip())
        start = end
    sentences.append(line[start:].strip())
    return [sentence for sentence in sentences if sentence]


def _quoted(line: str) -> list[bool]:
    """For each character whether it lies within brackets or quotation marks; all False when these do not
    pair.
    """
    inside: list[bool] = []
    closers: list[str] = []
    for character in line:
        if closers and character == closers[-1]:
            closers.pop()
            inside.append(bool(closers))
            continue
        inside.append(bool(closers))
        if character == '"':
            closers.append('"')
        elif character in _OPENING:
            closers.append(_CLOSING[_OPENING.index(character)])
    return [False] * len(line) if closers else inside
