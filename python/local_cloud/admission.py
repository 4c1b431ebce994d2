"""What the gateway looks at before it answers: who calls, what for, and whether a web page is behind it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

_LOCAL_HOST: Final = re.compile(
    r"(?:127\.0\.0\.1|\[::1\]|(?:[a-z0-9.-]+\.)?localhost)(?::\d+)?", re.IGNORECASE
)
_UNKNOWN_ORIGIN: Final = "null"
_CREDENTIAL_SERVICE: Final = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request")


def host_refusal(request: web.BaseRequest) -> str | None:
    """Why a request is not for us by its Host, None if it is.

    A web page can make a browser call 127.0.0.1 by DNS rebinding; the rebound name shows in Host.
    """
    host = request.headers.get("Host", "")
    if _LOCAL_HOST.fullmatch(host):
        return None
    return f"Host {host!r} is refused: only 127.0.0.1, localhost and *.localhost are answered to.\n"


def foreign_origin(request: web.BaseRequest) -> str | None:
    """The origin of the web page that a request comes from, None if it comes from none, or one of this
    machine's. Neither SDKs nor command lines send these headers.

    For an image or a link a browser names no Origin (it is ``null`` here), but says that it leads elsewhere.
    """
    origin = request.headers.get("Origin")
    if origin is None and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        origin = request.headers.get("Referer", _UNKNOWN_ORIGIN)
    if origin is None or _LOCAL_HOST.fullmatch(urlsplit(origin).netloc):
        return None
    return origin if "Origin" in request.headers else _UNKNOWN_ORIGIN


def origin_refusal(origin: str) -> str:
    """What a web page is told."""
    return f"Origin {origin!r} is refused: the local cloud does not answer web pages.\n"


def signed_for(request: web.BaseRequest) -> str | None:
    """The service a request is signed for, None if it is not signed in its headers."""
    scope = _CREDENTIAL_SERVICE.search(request.headers.get("Authorization", ""))
    return scope.group(1) if scope else None


def raw_target(request: web.BaseRequest) -> str:
    """Path and query as they came, percent-encoded; of a request to a proxy, without scheme and host."""
    raw = request.raw_path
    if raw.startswith("/"):
        return raw
    netloc = urlsplit(raw).netloc
    return raw.split(netloc, 1)[1] if netloc else raw
