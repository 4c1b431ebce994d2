"""Takes the object out of a request: bytes to the store, digests compared with those that the client sent."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from local_cloud.s3 import checksums
from local_cloud.s3.bodies import Body
from local_cloud.s3.content import Content
from local_cloud.s3.refusals import S3Refusal
from local_cloud.s3.store import ObjectStore, StorageFailed


def receive(store: ObjectStore, stream: Any, headers: Mapping[str, str]) -> Content:
    """The object that a PutObject or UploadPart brings.

    Args:
        stream: the body, as the web server gives it.
        headers: looked up without regard to case.

    Raises:
        S3Refusal: the body is broken, does not match its digests, or cannot be stored. Nothing of it is left.
    """
    body = Body(stream, headers)
    algorithm = checksums.declared(headers)
    expected_md5 = _given(headers.get("Content-MD5"), "Content-MD5", 16)
    try:
        content = store.collect(body, algorithm)
    except StorageFailed as error:
        body.drain()
        raise S3Refusal(
            "InsufficientStorage",
            f"The local cloud cannot store the object under {store.directory}: {error}. "
            "Make room on that disk, or let SERVING_LOCAL_DIR name a folder on another one.",
            status=507,  # which no SDK tries again
        ) from error
    if expected_md5 is not None and expected_md5.hex() != content.md5():
        raise S3Refusal("BadDigest", "The Content-MD5 you specified did not match what we received.")
    if algorithm is not None:
        _compare(content, algorithm, headers, body.trailers)
    return content


def _compare(
    content: Content, algorithm: str, headers: Mapping[str, str], trailers: Mapping[str, str]
) -> None:
    name = checksums.header(algorithm)
    value = headers.get(name) or trailers.get(name)
    given = _given(value, name, checksums.DIGEST_BYTES[algorithm])
    if given is None:
        return
    # Where this machine cannot compute it, the client's word is what later readers are told.
    if content.checksums.setdefault(algorithm, given) != given:
        raise S3Refusal("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")


def _given(text: str | None, name: str, length: int) -> bytes | None:
    if not text:
        return None
    try:
        value = base64.b64decode(text, validate=True)
    except binascii.Error:
        value = b""
    if len(value) != length:
        code = "InvalidDigest" if name == "Content-MD5" else "InvalidRequest"
        raise S3Refusal(code, f"Value for {name} header is invalid.")
    return value
