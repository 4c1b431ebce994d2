"""Bytes that came as base64 in JSON."""

from __future__ import annotations

import binascii

from serving_contracts.errors import InvalidInput

_HINT = "send the bytes in base64 (RFC 4648, 4), without a prefix such as data:image/jpeg;base64,"


def from_base64(text: str, *, field: str) -> bytes:
    """The bytes; raise InvalidInput that names the field. Line breaks, as tools add, are passed over."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:  # binascii.Error is one; so is what a character beyond ASCII raises
        fault = error
    lines = text.split()
    if len(lines) > 1 or (lines and len(lines[0]) != len(text)):
        return from_base64("".join(lines), field=field)
    raise InvalidInput(f"is not base64: {fault}", field=field, hint=_HINT) from None
