"""The body of a request that brings an object, in pieces: sent as it is, or framed as ``aws-chunked``.

aws-chunked is ``<size in hex>[;chunk-signature=…]\\r\\n<data>\\r\\n`` for each chunk, a chunk of size 0, then
trailers such as a checksum. Source: "Signature calculations … transferring a payload in multiple chunks" and
"… including trailing headers", Amazon S3 API reference. Signatures are not checked.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from local_cloud.s3.content import PIECE_BYTES
from local_cloud.s3.refusals import S3Refusal
from serving_contracts.limits import S3_PUT_BYTES

_LONGEST_LINE: Final = 4096
_MOST_TRAILERS: Final = 16
_CHUNK_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,16})(?:;.*)?")


class Body:
    """A request's body; iterate it once.

    Attributes:
        trailers: what came after the data, by lower-case name; complete when the iteration is.
    """

    def __init__(self, stream: Any, headers: Mapping[str, str]) -> None:
        """``stream``: a raw binary stream that ends, or raises, where the body ends."""
        self._stream = stream
        signed = headers.get("x-amz-content-sha256", "")
        encodings = {part.strip() for part in headers.get("Content-Encoding", "").split(",")}
        self._is_chunked = signed.startswith("STREAMING-") or "aws-chunked" in encodings
        self._length = _announced(
            headers, "x-amz-decoded-content-length" if self._is_chunked else "Content-Length"
        )
        self.trailers: dict[str, str] = {}

    def __iter__(self) -> Iterator[bytes]:
        """Raises S3Refusal: the body ends early, is larger than S3 takes, or is framed wrongly."""
        size = 0
        for piece in self._chunks() if self._is_chunked else self._plain():
            size += len(piece)
            if size > S3_PUT_BYTES:
                raise _too_large()
            yield piece
        if self._length is not None and size != self._length:
            raise incomplete(f"{size} of {self._length} bytes arrived")

    def drain(self) -> None:
        """Reads the rest and forgets it: a client that still sends takes no answer."""
        while self._stream.read(PIECE_BYTES):
            pass

    def _plain(self) -> Iterator[bytes]:
        while piece := self._stream.read(PIECE_BYTES):
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        stream = io.BufferedReader(self._stream, PIECE_BYTES)
        try:
            while left := _chunk_size(stream):
                while left:
                    piece = stream.read(min(left, PIECE_BYTES))
                    if not piece:
                        raise incomplete("it ends within a chunk")
                    left -= len(piece)
                    yield piece
                if stream.read(2) != b"\r\n":
                    raise _malformed("a chunk is not followed by a line break")
            self.trailers.update(_trailers(stream))
        finally:
            stream.detach()  # the server still has a use for the stream underneath


def _announced(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise S3Refusal("InvalidArgument", f"{name}: {text!r} is not a number of bytes.")
    if int(text) > S3_PUT_BYTES:
        raise _too_large()
    return int(text)


def _chunk_size(stream: io.BufferedReader) -> int:
    line = _line(stream)
    found = _CHUNK_SIZE.fullmatch(line)
    if found is None:
        if not line:
            raise incomplete("the last chunk, of size 0, is missing")
        raise _malformed(f"{line[:80]!r} is not the beginning of a chunk")
    return int(found.group(1), 16)


def _trailers(stream: io.BufferedReader) -> Iterator[tuple[str, str]]:
    for _ in range(_MOST_TRAILERS):
        line = _line(stream)
        if not line:
            break
        name, _, value = line.decode("latin-1").partition(":")
        yield name.strip().lower(), value.strip()
    while stream.read(PIECE_BYTES):
        pass


def _line(stream: io.BufferedReader) -> bytes:
    return stream.readline(_LONGEST_LINE).rstrip(b"\r\n")


def incomplete(why: str) -> S3Refusal:
    return S3Refusal(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header "
        f"or by x-amz-decoded-content-length: {why}.",
    )


def _malformed(why: str) -> S3Refusal:
    return S3Refusal("InvalidRequest", f"The body is not what Content-Encoding: aws-chunked promises: {why}.")


def _too_large() -> S3Refusal:
    return S3Refusal(
        "EntityTooLarge",
        f"Your proposed upload exceeds the maximum allowed size of {S3_PUT_BYTES} bytes: "
        "upload it in parts (CreateMultipartUpload).",
    )
