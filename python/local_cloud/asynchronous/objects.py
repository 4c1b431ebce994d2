"""S3's objects for asynchronous requests, read and written within this process.

Through HTTP each object would cost more of this process's time than a small request takes in its container.
What S3 decides is asked of moto: which buckets and objects there are, what a bucket policy denies, how a
bucket encrypts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from local_cloud.asynchronous.locations import Location
from local_cloud.s3 import Content, NoSuchObject, S3Objects, StorageFailed
from local_cloud.s3.store import IN_MEMORY_BYTES

PIECE_BYTES: Final = 1024 * 1024
"""What is held of a large body on its way to a container."""
QUICK_BYTES: Final = IN_MEMORY_BYTES
"""Objects up to this size are kept in memory by S3: to read or write one takes less time than to tell another
thread to do it, some ten microseconds."""


class ObjectError(Exception):
    """S3 refused: ``code`` is its error code (NoSuchKey, NoSuchBucket, AccessDenied, …)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Objects:
    """S3 as the execution role sees it, as far as moto can say: a statement of a bucket policy that denies
    without a condition denies; IAM is not asked."""

    def __init__(self, s3: S3Objects, region: str, account: str) -> None:
        self._s3 = s3
        self._region = region
        self._account = account

    def open(self, location: Location) -> Content:
        """What an object holds now; it stays readable when the object is overwritten or deleted.

        Touches no disk. Raises ObjectError.
        """
        self._ask_for("s3:GetObject", location)
        try:
            return self._s3.open_object(location.bucket, location.key).content
        except NoSuchObject:
            raise ObjectError("NoSuchKey", "The specified key does not exist.") from None

    def put(self, location: Location, pieces: Iterable[bytes], content_type: str | None) -> None:
        """Writes an object, which appears when all ``pieces`` are there. Blocks, unless ``is_quick``.

        Raises ObjectError.
        """
        self._ask_for("s3:PutObject", location)
        named = {} if content_type is None else {"content_type": content_type}
        try:
            self._s3.put_object(location.bucket, location.key, pieces, **named)
        except NoSuchObject as error:  # the bucket was deleted at this very moment
            raise ObjectError("NoSuchBucket", str(error)) from error
        except StorageFailed as error:
            raise ObjectError("InsufficientStorage", str(error)) from error

    def is_quick(self, location: Location, size: int) -> bool:
        """Whether ``put`` of so many bytes neither writes to the disk nor tells anybody of the new object.

        Raises ObjectError.
        """
        return size <= QUICK_BYTES and self._bucket(location).notification_configuration is None

    def _bucket(self, location: Location) -> Any:
        from moto.s3.exceptions import MissingBucket
        from moto.s3.models import s3_backends
        from moto.utilities.utils import get_partition

        try:
            return s3_backends[self._account][get_partition(self._region)].get_bucket(location.bucket)
        except MissingBucket as error:
            raise ObjectError("NoSuchBucket", f"{error.message}: {location.bucket}.") from error

    def _ask_for(self, action: str, location: Location) -> None:
        """Raises ObjectError if there is no such bucket, or its policy denies the action."""
        from moto.iam.access_control import PermissionResult

        bucket = self._bucket(location)
        resource = f"arn:{bucket.partition}:s3:::{location.bucket}/{location.key}"
        if bucket.policy is not None and bucket.get_permission(action, resource) is PermissionResult.DENIED:
            raise ObjectError("AccessDenied", f"Access Denied: the bucket's policy denies {action}.")
