"""What a function returned, as an HTTP answer.

Source: "Response payload format", function URLs, Lambda developer guide. Without a ``statusCode`` the answer
is 200 with the returned JSON itself as its body.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

_JSON: Final = "application/json"
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNFIT_FOR_A_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of characters, which JSON can say and no encoding has."""
_OURS: Final = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"})
"""Headers that concern the connection: the gateway's, never the function's."""


class InvalidAnswer(Exception):
    """The function's answer cannot be one of HTTP; the message says why, for the log."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """headers: pairs; ``set-cookie`` may come several times."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


def http_answer(payload: bytes) -> HttpAnswer:
    """Raises InvalidAnswer; the caller of the URL then gets 502."""
    try:
        returned = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise InvalidAnswer(f"the function did not return JSON: {error}") from None
    if not isinstance(returned, dict) or "statusCode" not in returned:
        return HttpAnswer(200, [("Content-Type", _JSON)], payload)
    headers = [*_headers(returned.get("headers")), *_cookies(returned.get("cookies"))]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", _JSON))
    return HttpAnswer(
        _status(returned["statusCode"]),
        headers,
        _body(returned.get("body"), is_base64=bool(returned.get("isBase64Encoded"))),
    )


def _status(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 200 <= value <= 599:
        raise InvalidAnswer(f"statusCode is {value!r}; it has to be a number from 200 to 599")
    return value


def _headers(value: Any) -> list[tuple[str, str]]:
    if value is None:
        return []
    if not isinstance(value, dict):
        raise InvalidAnswer(f"headers is a {type(value).__name__}; it has to be an object of texts")
    return [(name, _header_value(name, text)) for name, text in value.items() if name.lower() not in _OURS]


def _header_value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, (int, float)):
        value = str(value)
    if not isinstance(value, str) or not _NAME.fullmatch(name) or _UNFIT_FOR_A_VALUE.search(value):
        raise InvalidAnswer(f"the header {name!r}: {value!r} cannot be sent")
    return value


def _cookies(value: Any) -> list[tuple[str, str]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidAnswer(f"cookies is a {type(value).__name__}; it has to be a list of texts")
    return [("Set-Cookie", _header_value("Set-Cookie", cookie)) for cookie in value]


def _body(value: Any, *, is_base64: bool) -> bytes:
    if value is None:
        return b""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if not is_base64:
        return text.encode(errors="replace")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidAnswer(f"isBase64Encoded is true, but body is no base64: {error}") from None
