"""A question to a function as an HTTP event, and its answer: the payload format 2.0 of function URLs.

Source: "Working with AWS Lambda proxy integrations for HTTP APIs", Amazon API Gateway developer guide, which
function URLs follow ("Invoking Lambda function URLs", AWS Lambda developer guide).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final

import orjson

from serving_contracts import limits, media_types

ATTRIBUTES: Final = "x-amzn-sagemaker-custom-attributes"
ENVELOPE_BYTES: Final = 4096
"""What an event has beside its body, generously: headers and names."""
MAX_BODY_BYTES: Final = (limits.LAMBDA_PAYLOAD_BYTES - ENVELOPE_BYTES) // 4 * 3
"""The largest body that fits into an event as base64, which takes four bytes for three."""

_TEXT: Final = (media_types.JSON, media_types.JSON_LINES, media_types.NDJSON)


class MalformedAnswer(Exception):
    """What a function returned cannot be read as an answer over HTTP."""


class RefusedByFunction(Exception):
    """An answer with an error status. status: 400 or more. headers: names in lower case."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(f"the function answered {status}")
        self.status = status
        self.headers = headers
        self.body = body


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer that is none of an error. headers: names in lower case."""

    headers: dict[str, str]
    body: bytes


def dump_event(
    body: bytes, content_type: str, accept: str | None = None, custom_attributes: str | None = None
) -> bytes:
    """The event as JSON: a body of JSON as text, any other (and one that would be longer so) as base64."""
    named = {"content-type": content_type, "accept": accept, ATTRIBUTES: custom_attributes}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/",
        "rawQueryString": "",
        "headers": {name: value for name, value in named.items() if value is not None},
        "requestContext": {"http": {"method": "POST", "path": "/", "protocol": "HTTP/1.1"}},
    }
    if content_type in _TEXT and (text := _text(body)) is not None:
        payload = orjson.dumps(event | {"body": text, "isBase64Encoded": False})
        if len(payload) <= limits.LAMBDA_PAYLOAD_BYTES:
            return payload
    packed = base64.b64encode(body).decode()
    return orjson.dumps(event | {"body": packed, "isBase64Encoded": True})


def parse_answer(payload: bytes) -> HttpAnswer:
    """What a function returned; raises RefusedByFunction, MalformedAnswer.

    JSON without a ``statusCode`` is itself the body, as API Gateway takes it.
    """
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise MalformedAnswer(f"is not JSON: {_shown(payload)}") from None
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return HttpAnswer({"content-type": media_types.JSON}, payload)
    status = answer["statusCode"]
    if isinstance(status, str) and status.isascii() and status.isdigit():
        status = int(status)
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
        raise MalformedAnswer(f"has the statusCode {status!r:.100}")
    headers = answer.get("headers") or {}
    if not isinstance(headers, dict):
        raise MalformedAnswer(f"has headers that are no object: {headers!r:.100}")
    headers = {str(name).lower(): str(value) for name, value in headers.items()}
    body = _body(answer.get("body"), answer.get("isBase64Encoded") is True)
    if status >= 400:
        raise RefusedByFunction(status, headers, body)
    return HttpAnswer(headers, body)


def _body(body: object, packed: bool) -> bytes:
    if body is None:
        return b""
    if not isinstance(body, str):
        return orjson.dumps(body)
    if not packed:
        return body.encode(errors="surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedAnswer(f"has a body that is not base64: {body[:100]!r}") from None


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _shown(payload: bytes) -> str:
    return repr(payload[:100].decode(errors="replace"))
