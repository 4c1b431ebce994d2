"""An HTTP request as the event of payload format 2.0.

Source: "Request payload format", function URLs, Lambda developer guide. What it leaves open is done as
observed: bodies of text types are text, all others (form posts too) base64; cookies are in ``cookies`` only.
The Authorization header of a signed request is left out: functions have no use for it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from local_cloud.functions.invocation.urls.signature import Signature

_STAGE: Final = "$default"
_TEXT_TYPES: Final = frozenset({"application/json", "application/javascript", "application/xml"})
_TEXT_SUFFIXES: Final = ("+json", "+xml")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What of a request goes into the event. raw_path, raw_query: still percent-encoded.

    headers: pairs, in their order, a name may come several times.
    """

    method: str
    raw_path: str
    raw_query: str
    protocol: str
    source_ip: str
    headers: Iterable[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class UrlContext:
    """What Lambda adds. port: of the gateway."""

    url_id: str
    domain_name: str
    account: str
    request_id: str
    trace_id: str
    now: datetime
    port: int
    signature: Signature | None


def http_event(request: HttpRequest, context: UrlContext) -> bytes:
    """The event, JSON."""
    headers, cookies = _headers(request, context)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": _STAGE,
        "rawPath": request.raw_path,
        "rawQueryString": request.raw_query,
    }
    if cookies:
        event["cookies"] = cookies
    event["headers"] = headers
    parameters = _joined(parse_qsl(request.raw_query, keep_blank_values=True))
    if parameters:
        event["queryStringParameters"] = parameters
    event["requestContext"] = _request_context(request, context, headers)
    is_text = _is_text(headers.get("content-type", ""))
    if request.body:
        event["body"], is_text = _body(request.body, is_text)
    event["isBase64Encoded"] = bool(request.body) and not is_text
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _headers(request: HttpRequest, context: UrlContext) -> tuple[dict[str, str], list[str]]:
    cookies = [
        cookie.strip()
        for name, value in request.headers
        if name.lower() == "cookie"
        for cookie in value.split(";")
        if cookie.strip()
    ]
    hidden = {"cookie"} | ({"authorization"} if context.signature else set())
    headers = _joined((name.lower(), value) for name, value in request.headers if name.lower() not in hidden)
    headers |= {
        "x-amzn-trace-id": context.trace_id,
        "x-forwarded-for": request.source_ip,
        "x-forwarded-port": str(context.port),
        "x-forwarded-proto": "http",
    }
    return headers, cookies


def _request_context(request: HttpRequest, context: UrlContext, headers: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "accountId": context.account if context.signature else "anonymous",
        "apiId": context.url_id,
    }
    if context.signature is not None:
        found["authorizer"] = {"iam": _identity(context.signature, context.account)}
    return found | {
        "domainName": context.domain_name,
        "domainPrefix": context.url_id,
        "http": {
            "method": request.method,
            "path": request.raw_path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": context.request_id,
        "routeKey": _STAGE,
        "stage": _STAGE,
        "time": f"{context.now:%d/%b/%Y:%H:%M:%S +0000}",
        "timeEpoch": int(context.now.timestamp() * 1000),
    }


def _identity(signature: Signature, account: str) -> dict[str, Any]:
    """The local cloud has one caller: the account itself."""
    return {
        "accessKey": signature.access_key,
        "accountId": account,
        "callerId": account,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": f"arn:aws:iam::{account}:root",
        "userId": account,
    }


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _is_text(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(_TEXT_SUFFIXES)


def _body(body: bytes, is_text: bool) -> tuple[str, bool]:
    """The body as the event has it, and whether as text: what is no UTF-8 cannot be text in JSON."""
    if is_text:
        try:
            return body.decode(), True
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), False
