"""S3 for the parts of the local cloud that run in this very process: objects without HTTP, in pieces.

It reads and writes what callers of the gateway see: the same buckets, versions, default encryption and
notifications. Bucket policies are not asked. Every call may touch the disk: call it from a thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from local_cloud.s3.content import Content
from local_cloud.s3.mends import mend
from local_cloud.s3.moto_keys import complete_from_the_start
from local_cloud.s3.store import ObjectStore

_OCTETS: Final = "binary/octet-stream"


class NoSuchObject(LookupError):
    """There is no such bucket, object or version; the message is S3's."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it was when it was opened: overwriting or deleting it changes nothing here.

    Attributes:
        content: its bytes: ``len(content)``, ``for piece in content``, ``content.open()`` for a file. They
            stay on the disk as long as this is referred to.
        etag: without quotes.
        metadata: by lower-case name, what the object was put with (``content-type``, ``x-amz-meta-…``).
    """

    content: Content
    content_type: str
    etag: str
    version_id: str
    metadata: Mapping[str, str]


class S3Objects:
    """The objects of one local cloud."""

    def __init__(self, store: ObjectStore, account: str) -> None:
        self._store = store
        self._account = account

    def open_object(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject:
        """Raises NoSuchObject."""
        from moto.s3.exceptions import S3ClientError

        try:
            found = self._backend().get_object(bucket, key, version_id=version_id)
        except S3ClientError as error:
            raise NoSuchObject(f"s3://{bucket}/{key}: {error.message}") from None
        content: Content | None = None if found is None else found._content
        if content is None:  # also if it is deleted at this very moment
            raise NoSuchObject(f"s3://{bucket}/{key}: The specified key does not exist.")
        return _opened(found, content)

    def put_object(
        self, bucket: str, key: str, pieces: Iterable[bytes], content_type: str = _OCTETS
    ) -> StoredObject:
        """Stores what ``pieces`` yields. An object of that name is replaced when all has arrived, and stays
        if ``pieces`` raises.

        Raises:
            NoSuchObject: there is no such bucket.
            StorageFailed: the disk is full or broken.
        """
        from moto.s3.exceptions import MissingBucket

        content = self._store.collect(pieces)
        with complete_from_the_start(key, {"Content-Type": content_type}):
            try:
                made = self._backend().put_object(bucket, key, content)
            except MissingBucket as error:
                raise NoSuchObject(f"s3://{bucket}: {error.message}") from None
        return _opened(made, content)

    def _backend(self) -> Any:
        mend()
        from moto.s3.models import s3_backends

        return s3_backends[self._account]["aws"]


def _opened(key: Any, content: Content) -> StoredObject:
    metadata = {name.lower(): value for name, value in key.metadata.items()}
    return StoredObject(
        content=content,
        content_type=metadata.get("content-type", _OCTETS),
        etag=key.etag.strip('"'),
        version_id=key.version_id,
        metadata=metadata,
    )
