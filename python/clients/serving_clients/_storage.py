"""Objects in S3: their locations, whether they are there, what they hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from serving_clients._connection import Connection
from serving_clients._deadline import Deadline
from serving_clients.errors import InvalidRequest, ServingError
from serving_contracts import limits

SERVICE = "s3"
_LOCATION = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^\x00-\x1f\x7f]*)")


@dataclass(frozen=True, slots=True)
class Location:
    """A place in S3. key: of an object, or a prefix."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: object, *, field: str | None = None) -> Self:
        """``s3://bucket/key``; raises InvalidRequest."""
        match = _LOCATION.fullmatch(uri) if isinstance(uri, str) else None
        if match is None or len(match[0]) > limits.INPUT_LOCATION_CHARACTERS:
            most = limits.INPUT_LOCATION_CHARACTERS
            raise InvalidRequest(
                f"{uri!r:.200} is no location in S3",
                field=field,
                hint=f"s3://bucket/key, at most {most} characters",
            )
        return cls(match[1], match[2])

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def is_there(connection: Connection, place: Location, deadline: Deadline) -> bool:
    """Whether the object exists; raises a ServingError.

    AccessDenied also means "not there" where the caller may not list the bucket: S3 then answers 403 instead
    of 404 (HeadObject, Amazon S3 API reference).
    """
    try:
        connection.call(
            SERVICE,
            "head_object",
            {"Bucket": place.bucket, "Key": place.key},
            deadline,
            action="s3:GetObject (and s3:ListBucket, to see that an object is not there yet)",
            subject=str(place),
        )
    except InvalidRequest as error:
        if error.not_there:
            return False
        raise
    return True


def read(connection: Connection, place: Location, deadline: Deadline) -> bytes | None:
    """What the object holds; None where there is none; raises a ServingError."""
    try:
        answer = connection.call(
            SERVICE,
            "get_object",
            {"Bucket": place.bucket, "Key": place.key},
            deadline,
            action="s3:GetObject",
            subject=str(place),
        )
    except InvalidRequest as error:
        if error.not_there:
            return None
        raise
    return bytes(answer["Body"])


def delete_quietly(connection: Connection, place: Location, deadline: Deadline) -> None:
    """Take the object away, if that is allowed: a lifecycle rule does it in the end."""
    try:
        connection.call(
            SERVICE,
            "delete_object",
            {"Bucket": place.bucket, "Key": place.key},
            deadline,
            action="s3:DeleteObject",
            subject=str(place),
            only_once=True,
        )
    except ServingError:
        return
