"""Reading an object out of a request: S3's own framing, digests, and requests that break their promises."""

from __future__ import annotations

import base64
import hashlib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum
from werkzeug.datastructures import Headers

from local_cloud.s3 import ObjectStore
from local_cloud.s3.receiving import receive
from local_cloud.s3.refusals import S3Refusal
from serving_contracts.limits import S3_PUT_BYTES

DATA = bytes(range(256)) * 1000
CRC32 = base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()
MD5 = base64.b64encode(hashlib.md5(DATA).digest()).decode()
UNSIGNED = {
    "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "x-amz-trailer": "x-amz-checksum-crc32",
    "x-amz-decoded-content-length": str(len(DATA)),
    "Content-Encoding": "aws-chunked",
}
SIGNED = UNSIGNED | {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    store = ObjectStore(tmp_path / "objects")
    store.open()
    yield store
    store.close()


def stored(store: ObjectStore, body: bytes, **headers: str) -> bytes:
    stream = io.FileIO(_file(store, body))
    with stream:
        return receive(store, stream, Headers(headers)).read()


def _file(store: ObjectStore, body: bytes) -> str:
    path = store.directory.parent / "body"
    path.write_bytes(body)
    return str(path)


def refusal(store: ObjectStore, body: bytes, **headers: str) -> S3Refusal:
    with pytest.raises(S3Refusal) as refused:
        stored(store, body, **headers)
    error = refused.value.with_traceback(None)
    del refused  # a traceback refers to what its frames refer to, and so would keep the file
    assert list(store.directory.iterdir()) == [], "nothing is left of it"
    return error


def framed(data: bytes, sizes: tuple[int, ...], extension: str = "", trailers: str = "") -> bytes:
    """``data`` in chunks of ``sizes``, the last of them repeated."""
    out, start, number = [], 0, 0
    while start < len(data):
        size = sizes[min(number, len(sizes) - 1)]
        piece = data[start : start + size]
        out.append(f"{len(piece):x}{extension}\r\n".encode() + piece + b"\r\n")
        start, number = start + size, number + 1
    return b"".join(out) + f"0{extension}\r\n{trailers}\r\n".encode()


def test_a_plain_body_is_taken_as_it_is(store: ObjectStore) -> None:
    assert stored(store, DATA, **{"Content-Length": str(len(DATA)), "Content-MD5": MD5}) == DATA


def test_what_botocore_frames_is_unframed(store: ObjectStore) -> None:
    wrapper = AwsChunkedWrapper(
        io.BytesIO(DATA), checksum_cls=Crc32Checksum, checksum_name="x-amz-checksum-crc32", chunk_size=65536
    )
    assert stored(store, wrapper.read(), **UNSIGNED) == DATA


@pytest.mark.parametrize("sizes", [(1, 2, 70_000), (len(DATA),), (262_144,), (8192,)])
def test_signed_chunks_of_any_size_are_unframed(store: ObjectStore, sizes: tuple[int, ...]) -> None:
    signature = ";chunk-signature=" + "a" * 64
    trailers = f"x-amz-checksum-crc32:{CRC32}\r\nx-amz-trailer-signature:{'b' * 64}\r\n"
    assert stored(store, framed(DATA, sizes, signature, trailers), **SIGNED) == DATA


def test_an_empty_object_can_be_framed_too(store: ObjectStore) -> None:
    assert stored(store, b"0\r\n\r\n", **(UNSIGNED | {"x-amz-decoded-content-length": "0"})) == b""


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (framed(DATA, (1000,))[:5000], "IncompleteBody"),
        (framed(DATA, (1000,)).removesuffix(b"0\r\n\r\n"), "IncompleteBody"),
        (framed(DATA[:-1], (1000,)), "IncompleteBody"),
        (b"", "IncompleteBody"),
        (b"zz\r\nabc\r\n0\r\n\r\n", "InvalidRequest"),
        (b"-5\r\nabc\r\n0\r\n\r\n", "InvalidRequest"),
        (b"3\r\nabcd\r\n0\r\n\r\n", "InvalidRequest"),
        (b"1" * 10_000, "InvalidRequest"),
        (framed(DATA, (1000,), trailers="x-amz-checksum-crc32:AAAAAA==\r\n"), "BadDigest"),
        (framed(DATA, (1000,), trailers="x-amz-checksum-crc32:AAAA\r\n"), "InvalidRequest"),
    ],
)
def test_a_broken_frame_is_refused(store: ObjectStore, body: bytes, code: str) -> None:
    assert refusal(store, body, **UNSIGNED).code == code


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-Length": str(len(DATA) + 1)}, "IncompleteBody"),
        ({"Content-Length": str(S3_PUT_BYTES + 1)}, "EntityTooLarge"),
        ({"Content-Length": "many"}, "InvalidArgument"),
        ({"Content-MD5": base64.b64encode(bytes(16)).decode()}, "BadDigest"),
        ({"Content-MD5": "not base64"}, "InvalidDigest"),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest"),
        ({"x-amz-checksum-sha256": base64.b64encode(bytes(32)).decode()}, "BadDigest"),
        ({"x-amz-checksum-sha256": "AAAA"}, "InvalidRequest"),
    ],
)
def test_promises_that_the_body_breaks_are_refused(
    store: ObjectStore, headers: dict[str, str], code: str
) -> None:
    refused = refusal(store, DATA, **headers)
    assert (refused.code, refused.status) == (code, 400)


def test_a_refusal_is_an_s3_error_in_xml(store: ObjectStore) -> None:
    status, headers, body = refusal(store, b"a<b", **UNSIGNED).response()
    assert (status, headers["content-type"]) == (400, "application/xml")
    assert b"<Code>InvalidRequest</Code>" in body
    assert b"a&lt;b" in body
