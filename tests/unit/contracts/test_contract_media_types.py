"""Content types, and what an Accept header asks for."""

from __future__ import annotations

import pytest

from serving_contracts import InvalidInput
from serving_contracts.media_types import (
    JSON,
    JSON_LINES,
    MP4,
    NDJSON,
    PNG,
    canonical,
    matches,
    preferences,
    sniff,
)


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        ("application/json", JSON),
        ("Application/JSON; charset=utf-8", JSON),
        ('application/json;charset="UTF-8"', JSON),
        ("application/json; charset=utf8", JSON),
        ("application/jsonlines", JSON_LINES),
        ("application/jsonl", JSON_LINES),
        (" application/x-jsonlines ", JSON_LINES),
        ("application/x-ndjson", NDJSON),
        ("text/html", "text/html"),
        ("", ""),
        (";;;", ""),
    ],
)
def test_a_content_type_is_brought_to_one_spelling(header: str, media_type: str) -> None:
    assert canonical(header) == media_type


@pytest.mark.parametrize("charset", ["euc-kr", "cp949", "utf-16", ""])
def test_another_charset_is_refused(charset: str) -> None:
    with pytest.raises(InvalidInput, match="only UTF-8 is read"):
        canonical(f"application/json; charset={charset}")


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, ("*/*",)),
        ("  ", ("*/*",)),
        ("application/jsonl", (JSON_LINES,)),
        ("text/html;q=0.2, application/json, */*;q=0.1", (JSON, "text/html", "*/*")),
        ("application/json;q=0, application/x-ndjson", (NDJSON,)),
        ("application/json;q=bogus", ()),
        ("application/json;q=nan", ()),
        (",,application/json,", (JSON,)),
    ],
)
def test_an_accept_header_is_ranked(header: str | None, wanted: tuple[str, ...]) -> None:
    assert preferences(header) == wanted


def test_ranges_match_what_they_cover() -> None:
    assert all(matches(wanted, JSON) for wanted in ("*/*", "application/*", JSON))
    assert not any(matches(wanted, JSON) for wanted in ("text/*", NDJSON))


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\r", PNG),
        (b"\0\0\0\x20ftypisom", MP4),
        (b"\0\0\0\x14ftypqt  ", MP4),
        (b"\0\0\0\x18ftypheic", None),
        (b"\0\0\0\x20ftypavif", None),
        (b"RIFF\x24\0\0\0WAVE", None),
        (b"GIF89a", None),
        (b"", None),
    ],
)
def test_a_file_is_known_by_how_it_begins(head: bytes, media_type: str | None) -> None:
    assert sniff(head) == media_type
