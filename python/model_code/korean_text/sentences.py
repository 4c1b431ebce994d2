"""Splitting Korean text into sentences by its punctuation, line breaks and formal verb endings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

_OPENING, _CLOSING = "“‘「『《〈([", "”’」』》〉)]"
_BOUNDARY = re.compile(
    r"""
    (?<![.!?…。！？]) [.!?…。！？]+ [”’」』》〉)\]"']* (?=\s|$)   # marks, a closing quote, a blank
    | (?<=[가-힣]) [.!?]+ (?=[가-힣])               # "…했다.그는": a mark between Hangul without a blank
    | (?<=[가-힣] 니다) (?=\s+ (?!라고|라며|라는|라면|만\b|고\b|하고))     # "…합니다 그리고": no mark at all
    """,
    re.VERBOSE,
)
_NUMBERED = re.compile(r"(?:^|\s)\(?\d{1,2}\.$")  # "1." opens an item of a list and ends no sentence
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:[A-Za-z]\.)*(?:[A-Z]|Mr|Mrs|Ms|Dr|St|No|vs|Inc|Corp|Co|Ltd)\.$")


#: Characters before a mark that are searched for a number or an abbreviation: more than the longest one has.
#: The whole sentence so far would make texts of nothing but abbreviations quadratic.
_TAIL = 16


def split_sentences(text: str, most: int | None = None) -> list[str]:
    """The sentences of `text` in order, stripped, without empty ones: all of them, or the first `most`.

    A line break always ends a sentence.  Marks inside brackets or paired quotation marks do not, unless the
    line's quotation marks are not paired.  The time it takes grows with the length of the text, no faster.
    """
    sentences = (sentence for line in text.splitlines() for sentence in _split_line(line))
    return list(islice(sentences, most))


def _split_line(line: str) -> Iterator[str]:
    protected = _quoted(line)
    start = 0
    for match in _BOUNDARY.finditer(line):
        end = match.end()
        if match.start() < len(line) and protected[match.start()]:
            continue
        # Bounds rather than a slice: `^` then stands for the start of the line only.  No sentence but the
        # line's first begins with anything that may follow it: a blank or Hangul comes after each boundary.
        tail = max(start, end - _TAIL)
        if _NUMBERED.search(line, tail, end) or _ABBREVIATION.search(line, tail, end):
            continue
        if sentence := line[start:end].strip():
            yield sentence
        start = end
    if rest := line[start:].strip():
        yield rest


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
