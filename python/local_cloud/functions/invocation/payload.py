"""The event of an invocation: read up to its limit, and checked to be JSON before anything is started."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final, NoReturn

from aiohttp import web

from local_cloud.bounded_body import read_bounded
from local_cloud.functions.invocation import refusals
from serving_contracts.limits import LAMBDA_CLIENT_CONTEXT_BYTES

EMPTY: Final = b"{}"
"""The event of an invocation without a body."""
_SHOWN_CHARACTERS: Final = 500


async def read(request: web.BaseRequest, limit: int) -> bytes:
    """The body. Raises AwsError (413) once it is known to have more than ``limit`` bytes, without keeping
    it."""
    return await read_bounded(request, limit, lambda _: refusals.too_large(limit))


def event(body: bytes) -> bytes:
    """The event that a body is. Raises AwsError (400) where it is no JSON (RFC 8259, in UTF-8)."""
    if not body:
        return EMPTY
    try:
        # Numbers are only looked at: no runtime's limit on digits may decide what an event is.
        json.loads(body.decode(), parse_constant=_refuse, parse_int=_unread, parse_float=_unread)
    except UnicodeDecodeError as error:
        detail = f"Invalid UTF-8 byte 0x{body[error.start]:02x}"
        raise refusals.not_json(_placed(detail, body, body.count(b"\n", 0, error.start) + 1, 0)) from None
    except json.JSONDecodeError as error:
        raise refusals.not_json(_placed(error.msg, body, error.lineno, error.colno)) from None
    except (ValueError, RecursionError) as error:
        raise refusals.not_json(_placed(str(error), body, 1, 0)) from None
    return body


def client_context(header: str | None) -> str | None:
    """The JSON in an X-Amz-Client-Context, in ASCII. Raises AwsError (400) where there is none in it."""
    if header is None:
        return None
    if len(header) > LAMBDA_CLIENT_CONTEXT_BYTES:
        raise refusals.bad_client_context(
            f"It has {len(header)} bytes; {LAMBDA_CLIENT_CONTEXT_BYTES} are allowed."
        )
    try:
        found: Any = json.loads(base64.b64decode(header, validate=True).decode())
    except (binascii.Error, ValueError, RecursionError) as error:
        raise refusals.bad_client_context(f"{error}.") from None
    if not isinstance(found, dict):
        raise refusals.bad_client_context("It is JSON, but no object.")
    return json.dumps(found)


def _placed(detail: str, body: bytes, line: int, column: int) -> str:
    shown = body.decode(errors="replace")
    more = len(shown) - _SHOWN_CHARACTERS
    if more > 0:
        shown = f"{shown[:_SHOWN_CHARACTERS]}[truncated {more} characters]"
    return f'{detail}\n at [Source: (byte[])"{shown}"; line: {line}, column: {column}]'


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"Unrecognized token '{name}'")


def _unread(_: str) -> int:
    return 0
