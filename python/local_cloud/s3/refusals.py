"""Errors that S3's object data path answers with itself."""

from __future__ import annotations

from xml.sax.saxutils import escape


class S3Refusal(Exception):
    """A request that is answered with an error.

    Attributes:
        code: S3's error code, such as ``BadDigest``.
        status: the HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def response(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body, as moto's handlers return them."""
        text = f"<Error><Code>{escape(self.code)}</Code><Message>{escape(self.message)}</Message></Error>"
        body = b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode()
        return self.status, {"content-type": "application/xml", "content-length": str(len(body))}, body
