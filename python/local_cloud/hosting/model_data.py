"""Model archives: from S3 to an unpacked, read-only folder that containers share.

The cache is keyed by the object's bucket, key and ETag, so a new upload under the same key is a new model.
A folder in use is never removed; unused ones go, oldest first, when the cache is over its size.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local_cloud.hosting import reasons
from local_cloud.hosting.archive import BadArchive, Cancelled, remove_tree, unpack
from local_cloud.hosting.aws import Aws

CACHE_BYTES: Final = 4 * 1024**3
"""How much unpacked model data is kept although no container uses it."""

_PIECE = 1024 * 1024


class ModelDataFailed(Exception):
    """The model data cannot be had. The message is AWS's sentence with our detail."""


@dataclass
class ModelData:
    """An unpacked model in use. ``path`` stays as it is until ``release``."""

    path: Path
    _entry: _Entry | None = field(repr=False, default=None)

    def release(self) -> None:
        """No longer needed. May be called more than once."""
        entry, self._entry = self._entry, None
        if entry is not None:
            entry.users -= 1
            entry.last_used = time.monotonic()


@dataclass
class _Entry:
    path: Path
    size: int
    users: int = 0
    last_used: float = 0.0


class ModelDataCache:
    """The cache under ``directory``, which belongs to one local cloud alone."""

    def __init__(self, directory: Path, aws: Aws, *, cache_bytes: int = CACHE_BYTES) -> None:
        self._directory = directory
        self._aws = aws
        self._cache_bytes = cache_bytes
        self._entries: dict[str, _Entry] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def acquire(self, url: str | None, container: str, timeout_s: float) -> ModelData:
        """The unpacked model at ``url``; an empty folder where the model has no data.

        ``container`` is its name in messages. Raises ModelDataFailed.
        """
        if url is None:
            empty = self._directory / "empty"
            await self._aws.run(_make_empty, empty)
            return ModelData(empty)
        cancelled = threading.Event()
        lock = self._locks.setdefault(url, asyncio.Lock())
        try:
            async with asyncio.timeout(timeout_s), lock:
                return await self._acquire(url, container, cancelled)
        except TimeoutError as error:
            raise ModelDataFailed(
                reasons.model_data_not_downloaded(
                    container, url, f"the download took more than {timeout_s:g} s"
                )
            ) from error
        finally:
            cancelled.set()  # the thread of a call that has been given up stops at its next piece

    async def _acquire(self, url: str, container: str, cancelled: threading.Event) -> ModelData:
        bucket, key = _bucket_and_key(url)
        etag, length = await self._aws.run(self._look_up, url, container, bucket, key)
        identity = hashlib.sha256(f"{bucket}\0{key}\0{etag}\0{length}".encode()).hexdigest()[:32]
        entry = self._entries.get(identity)
        if entry is None:
            path = self._directory / identity
            size = await self._aws.run(self._fetch, url, container, bucket, key, path, cancelled)
            entry = self._entries[identity] = _Entry(path, size)
        entry.users += 1
        await self._shrink()
        return ModelData(entry.path, entry)

    async def _shrink(self) -> None:
        unused = sorted((e.last_used, name) for name, e in self._entries.items() if e.users == 0)
        total = sum(self._entries[name].size for _, name in unused)
        for _, name in unused:
            if total <= self._cache_bytes:
                return
            entry = self._entries.pop(name)
            total -= entry.size
            await self._aws.run(remove_tree, entry.path)

    def _look_up(self, url: str, container: str, bucket: str, key: str) -> tuple[str, int]:
        with _s3_errors(url, container):
            head = self._aws.s3.head_object(Bucket=bucket, Key=key)
        return head["ETag"], head["ContentLength"]

    def _fetch(
        self, url: str, container: str, bucket: str, key: str, path: Path, cancelled: threading.Event
    ) -> int:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging = Path(tempfile.mkdtemp(prefix=".new-", dir=self._directory))
        archive = staging / "model.tar.gz"
        model = staging / "model"
        model.mkdir()
        try:
            with _s3_errors(url, container):
                self._download(bucket, key, archive, cancelled)
            try:
                size = unpack(archive, model, cancelled=cancelled)
            except BadArchive as error:
                raise ModelDataFailed(reasons.model_data_not_extracted(container, url, str(error))) from error
            remove_tree(path)  # from a cloud that was killed
            model.replace(path)
            return size
        except Cancelled as error:
            raise ModelDataFailed(
                reasons.model_data_not_downloaded(container, url, "it was given up")
            ) from error
        finally:
            remove_tree(staging)

    def _download(self, bucket: str, key: str, archive: Path, cancelled: threading.Event) -> None:
        answer = self._aws.s3.get_object(Bucket=bucket, Key=key)
        with open(archive, "xb") as file:
            for piece in answer["Body"].iter_chunks(_PIECE):
                if cancelled.is_set():
                    raise Cancelled
                file.write(piece)


@contextmanager
def _s3_errors(url: str, container: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in ("404", "NoSuchKey", "NotFound"):
            raise ModelDataFailed(reasons.model_data_not_found(url, "S3 has no such object")) from error
        if code == "NoSuchBucket":
            raise ModelDataFailed(reasons.model_data_not_found(url, "S3 has no such bucket")) from error
        raise ModelDataFailed(
            reasons.model_data_not_downloaded(container, url, f"S3 answered {code}")
        ) from error
    except (BotoCoreError, OSError) as error:
        raise ModelDataFailed(reasons.model_data_not_downloaded(container, url, str(error))) from error


def _bucket_and_key(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    bucket, key = parts.netloc, parts.path.lstrip("/")
    if parts.scheme != "s3" or not bucket or not key:
        raise ModelDataFailed(reasons.model_data_not_found(url, "write s3://<bucket>/<key of the tar.gz>"))
    return bucket, key


def _make_empty(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
