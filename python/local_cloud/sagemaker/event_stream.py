"""The binary frames of ``application/vnd.amazon.eventstream``, as InvokeEndpointWithResponseStream answers.

A frame: total length and header length (4 bytes each, big-endian), CRC-32 of those 8 bytes, headers, payload,
CRC-32 of everything before it. Format: Smithy's "Amazon event stream" specification, which botocore parses.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from typing import Final

CONTENT_TYPE: Final = "application/vnd.amazon.eventstream"
LARGEST_PART: Final = 128 * 1024
"""Bytes of model output in one PayloadPart; larger pieces are split."""

_STRING: Final = 7
"""Header value type: UTF-8 text with a 2-byte length."""


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One frame with text headers."""
    encoded = bytearray()
    for name, value in headers.items():
        name_bytes, value_bytes = name.encode(), value.encode()
        encoded += struct.pack("!B", len(name_bytes)) + name_bytes
        encoded += struct.pack("!BH", _STRING, len(value_bytes)) + value_bytes
    prelude = struct.pack("!II", 16 + len(encoded) + len(payload), len(encoded))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + bytes(encoded) + payload
    return message + struct.pack("!I", zlib.crc32(message))


def payload_parts(data: bytes) -> Iterator[bytes]:
    """Model output as PayloadPart frames; none for empty output."""
    return events("PayloadPart", data)


def events(kind: str, data: bytes) -> Iterator[bytes]:
    """Bytes as event frames of at most LARGEST_PART; none for none."""
    for start in range(0, len(data), LARGEST_PART):
        yield event(kind, data[start : start + LARGEST_PART])


def event(kind: str, payload: bytes, content_type: str = "application/octet-stream") -> bytes:
    """One event frame."""
    return frame({":message-type": "event", ":event-type": kind, ":content-type": content_type}, payload)


def model_stream_error(message: str, error_code: str) -> bytes:
    """The model failed midway. ``error_code``: ``ModelInvocationTimeExceeded`` or ``StreamBroken``."""
    return _exception("ModelStreamError", {"Message": message, "ErrorCode": error_code})


def internal_stream_failure(message: str) -> bytes:
    """The platform, not the model, failed midway."""
    return _exception("InternalStreamFailure", {"Message": message})


def _exception(kind: str, members: dict[str, str]) -> bytes:
    headers = {":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}
    return frame(headers, json.dumps(members).encode())
