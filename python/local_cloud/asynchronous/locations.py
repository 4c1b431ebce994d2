"""S3 locations as SageMaker takes them: ``s3://bucket/key``, or one of S3's https forms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

_VIRTUAL_HOST: Final = re.compile(r"(?P<bucket>.+)\.s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?")
_PATH_HOST: Final = re.compile(r"s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?")


class InvalidLocation(ValueError):
    """Not the URL of an S3 object or prefix; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Location:
    """``key`` may be empty where a prefix is meant: that is the whole bucket."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def under(self, *names: str) -> Location:
        """The location of ``names`` under this prefix, whether or not it ends in a slash."""
        parts = [self.key.strip("/"), *(name.strip("/") for name in names)]
        return Location(self.bucket, "/".join(part for part in parts if part))


def parse(url: str) -> Location:
    """The location that ``url`` names. Raises InvalidLocation."""
    scheme, _, rest = url.partition("://")
    if scheme == "s3":
        # Everything after the bucket is the key, as it stands: S3 allows "?" and "%" in keys.
        bucket, _, key = rest.partition("/")
        if bucket:
            return Location(bucket, key)
    if scheme == "https":
        parts = urlsplit(url, allow_fragments=False)
        host, path = parts.netloc, unquote(parts.path.removeprefix("/"))
        if (virtual := _VIRTUAL_HOST.fullmatch(host)) is not None:
            return Location(virtual["bucket"], path)
        if _PATH_HOST.fullmatch(host) and path:
            bucket, _, key = path.partition("/")
            return Location(bucket, key)
    raise InvalidLocation(f"{url!r} is not a location in S3: write s3://bucket/key")


def parse_object(url: str) -> Location:
    """The object that ``url`` names. Raises InvalidLocation, for a bucket without a key too."""
    location = parse(url)
    if not location.key:
        raise InvalidLocation(f"{url!r} names a bucket and no object in it: write s3://bucket/key")
    return location
