"""HTTP events: function URLs and API Gateway (payload versions 2.0 and 1.0), and the bare body of AWS's labs.

Source of the fields: "Working with AWS Lambda proxy integrations for HTTP APIs" and "Set up Lambda proxy
integrations" in the Amazon API Gateway developer guide, "Invoking Lambda function URLs" in AWS Lambda's.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from serving.errors import ServingError
from serving_contracts import media_types
from serving_contracts._checks import json_type
from serving_contracts.errors import InvalidInput
from serving_lambda.encoding import from_base64

_TEXT = (media_types.JSON, media_types.JSON_LINES, media_types.NDJSON)
#: What an HTTP answer's JSON has around the body and the headers, generously.
_ENVELOPE_BYTES = 512


def is_http(event: Mapping[str, Any]) -> bool:
    """Whether an event is a request over HTTP, or written like one."""
    if "body" in event or "httpMethod" in event or event.get("version") == "2.0":
        return True
    context = event.get("requestContext")
    return isinstance(context, dict) and "http" in context


class HttpRequest:
    """A request as a function gets it.

    ``headers``: names in lower case. ``query``: the query string's parameters. ``bare``: the event is only a
    body, as AWS's labs send it.
    """

    __slots__ = ("_event", "bare", "headers", "method", "path", "query")

    def __init__(self, event: Mapping[str, Any]) -> None:
        context = event.get("requestContext")
        called = context.get("http") if isinstance(context, dict) else None
        called = called if isinstance(called, dict) else {}
        self._event = event
        self.bare = not called and "httpMethod" not in event and event.get("version") != "2.0"
        self.method = str(event.get("httpMethod") or called.get("method") or "POST").upper()
        self.path = str(event.get("rawPath") or event.get("path") or called.get("path") or "/")
        self.headers = {name.lower(): value for name, value in _texts(event, "headers").items()}
        self.query = _texts(event, "queryStringParameters")

    def body(self) -> bytes:
        """The bytes of the body, out of base64 where it came so; raise InvalidInput or ServingError."""
        body = self._event.get("body")
        if body is None or body == "":
            raise ServingError("EmptyBatch", "The body is empty.", hint="Send what is asked as the body.")
        if not isinstance(body, str):
            raise InvalidInput(
                f"must be a string, not {json_type(body)}", field="body", hint="send the JSON as a text"
            )
        if self._event.get("isBase64Encoded") is True:
            return from_base64(body, field="body")
        try:
            return body.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput(
                f"holds half of a surrogate pair (U+{ord(body[error.start]):04X}) at character {error.start}",
                field="body",
            ) from None


class HttpAnswer:
    """An answer over HTTP. ``headers`` are sent beside Content-Type."""

    __slots__ = ("_body", "_content_type", "_headers", "_status")

    def __init__(
        self, status: int, content_type: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        self._status = status
        self._content_type = content_type
        self._body = body
        self._headers = headers or {}

    @classmethod
    def of_error(cls, error: ServingError) -> HttpAnswer:
        """The error body that the inference server answers with too."""
        return cls(error.status, media_types.JSON, error.to_json(), error.headers)

    def to_event(self) -> dict[str, Any]:
        """``{"statusCode", "headers", "body", "isBase64Encoded"}``; JSON as it is, the rest in base64."""
        text = self._content_type in _TEXT
        return {
            "statusCode": self._status,
            "headers": {"Content-Type": self._content_type, **self._headers},
            "body": self._body.decode() if text else base64.b64encode(self._body).decode(),
            "isBase64Encoded": not text,
        }

    def bytes_of_event(self) -> int:
        """How many bytes :meth:`to_event` has as JSON in UTF-8, or up to 512 more.

        Counted rather than written: a picture has megabytes. The body is base64, or JSON without blanks, in
        which no other characters than the counted ones are escaped.
        """
        if self._content_type in _TEXT:
            return len(self._body) + sum(map(self._body.count, (b'"', b"\\", b"\n"))) + _ENVELOPE_BYTES
        return (len(self._body) + 2) // 3 * 4 + _ENVELOPE_BYTES


def _texts(event: Mapping[str, Any], name: str) -> dict[str, str]:
    fields = event.get(name)
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        raise InvalidInput(f"must be an object, not {json_type(fields)}", field=name)
    return {str(key): str(value) for key, value in fields.items() if value is not None}
