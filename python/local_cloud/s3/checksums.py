"""The checksums that S3 knows, computed piece by piece.

Source: "Checking object integrity", Amazon S3 user guide. On the wire each is the base64 of its big-endian
bytes.
"""

from __future__ import annotations

import hashlib
import importlib
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

ALGORITHMS: Final = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
DIGEST_BYTES: Final = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}
_HEADER: Final = "x-amz-checksum-"


class Running(Protocol):
    """A checksum of what it has been given so far."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


def running(algorithm: str) -> Running | None:
    """A checksum of nothing yet; None if this machine has no code for ``algorithm`` (CRC32C and CRC64NVME
    need the package awscrt)."""
    if algorithm == "CRC32":
        return _Crc(zlib.crc32, 4)
    if algorithm == "SHA1":
        return hashlib.sha1(usedforsecurity=False)
    if algorithm == "SHA256":
        return hashlib.sha256(usedforsecurity=False)
    step = _native(algorithm)
    return None if step is None else _Crc(step, DIGEST_BYTES[algorithm])


def declared(headers: Mapping[str, str]) -> str | None:
    """The algorithm of a request's checksum, from any of the headers that name one; None if it has none."""
    named = headers.get("x-amz-sdk-checksum-algorithm", "").upper()
    if named in ALGORITHMS:
        return named
    trailer = headers.get("x-amz-trailer", "").lower()
    for algorithm in ALGORITHMS:
        name = header(algorithm)
        if name in headers or name in trailer:
            return algorithm
    return None


def header(algorithm: str) -> str:
    """The header (or trailer) that carries a checksum, such as ``x-amz-checksum-crc32``."""
    return _HEADER + algorithm.lower()


class _Crc:
    def __init__(self, step: Callable[[bytes, int], int], width: int) -> None:
        self._step, self._width, self._value = step, width, 0

    def update(self, data: bytes, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._width, "big")


def _native(algorithm: str) -> Callable[[bytes, int], int] | None:
    name = {"CRC32C": "crc32c", "CRC64NVME": "crc64nvme"}.get(algorithm)
    if name is None:
        return None
    try:
        found: Any = importlib.import_module("awscrt.checksums")
    except ImportError:
        return None
    step: Callable[[bytes, int], int] | None = getattr(found, name, None)
    return step
