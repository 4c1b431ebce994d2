"""Content types on the wire, and what an ``Accept`` header asks for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from serving_contracts.errors import InvalidInput

JSON: Final = "application/json"
JSON_LINES: Final = "application/jsonlines"
NDJSON: Final = "application/x-ndjson"
"""Answers streamed a line at a time, as they become ready."""
NPY: Final = "application/x-npy"
JPEG: Final = "image/jpeg"
PNG: Final = "image/png"
WEBP: Final = "image/webp"
MP4: Final = "video/mp4"
OCTET_STREAM: Final = "application/octet-stream"
ANY: Final = "*/*"

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {"application/jsonl": JSON_LINES, "application/x-jsonlines": JSON_LINES, "image/jpg": JPEG}
)
"""Other spellings in use, and the one this platform answers with."""

_PICTURE_BRANDS: Final = (b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
"""HEIF and AVIF pictures, as telephones take them: in the same container as MP4 (ISO/IEC 23008-12, 10)."""

KNOWN: Final = (JSON, JSON_LINES, NDJSON, NPY, JPEG, PNG, WEBP, MP4, OCTET_STREAM)


def canonical(header: str) -> str:
    """The media type of a ``Content-Type`` value: lower case, without parameters, aliases resolved.

    Raises InvalidInput where a charset other than UTF-8 is named: JSON is UTF-8 (RFC 8259).
    """
    essence, parameters = _split(header)
    charset = parameters.get("charset", "utf-8")
    if charset.lower().replace("_", "-") not in ("utf-8", "utf8", "us-ascii"):
        raise InvalidInput(
            f"names the charset {charset!r}; only UTF-8 is read",
            field="Content-Type",
            hint="encode the body as UTF-8 and leave the charset out",
        )
    return essence


def preferences(header: str | None) -> tuple[str, ...]:
    """The media types that an ``Accept`` value takes, best first (RFC 9110, 12.5.1); ``*/*`` where absent.

    Ranges (``application/*``) come back as they are; ``q=0`` drops a type.
    """
    if header is None or not header.strip():
        return (ANY,)
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")):
        essence, parameters = _split(part)
        quality = _quality(parameters.get("q", "1"))
        if essence and quality > 0:
            ranked.append((-quality, place, essence))
    return tuple(essence for _, _, essence in sorted(ranked))


def matches(wanted: str, offered: str) -> bool:
    """Whether the range *wanted* (``*/*``, ``application/*``, a type) takes the type *offered*."""
    if wanted in (ANY, offered):
        return True
    return wanted.endswith("/*") and offered.startswith(wanted[:-1])


def sniff(head: bytes) -> str | None:
    """The media type of a file that begins so, by its format's own specification; None for any other.

    head: its first 12 bytes or more.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head.startswith(b"\x93NUMPY"):
        return NPY
    if head[4:8] == b"ftyp" and head[8:12] not in _PICTURE_BRANDS:
        return MP4
    return None


def _split(header: str) -> tuple[str, dict[str, str]]:
    essence, *rest = (part.strip() for part in header.split(";"))
    parameters = {}
    for part in rest:
        name, _, value = part.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    essence = essence.lower()
    return ALIASES.get(essence, essence), parameters


def _quality(value: str) -> float:
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0
