"""The body of a request on its way from S3, or from the queue, to a container."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from local_cloud.asynchronous.locations import InvalidLocation, parse_object
from local_cloud.asynchronous.objects import PIECE_BYTES, QUICK_BYTES, ObjectError, Objects
from local_cloud.asynchronous.threads import Threads
from local_cloud.s3 import Content
from serving_contracts.limits import ASYNC_PAYLOAD_BYTES


class InputFailed(Exception):
    """The body cannot be had; the message says why, for the failure's reason."""


class ObjectBody:
    """A body that is read from S3 in pieces while it is sent: a BodySource.

    ``error`` is set once reading has failed: the container then saw a request that breaks off.
    """

    def __init__(self, location: str, content: Content, threads: Threads) -> None:
        self.size = len(content)
        self.error: InputFailed | None = None
        self._location = location
        self._content = content
        self._threads = threads

    async def pieces(self) -> AsyncIterator[bytes]:
        """The object from its beginning, about PIECE_BYTES at a time. Raises InputFailed."""
        source = iter(self._content)
        while True:
            try:
                piece = await self._threads.run(_next_piece, source)
            except OSError as error:
                self.error = _failed(self._location, error)
                raise self.error from error
            if not piece:
                return
            yield piece


class Inputs:
    """Opens the bodies of requests."""

    def __init__(self, objects: Objects, threads: Threads) -> None:
        self._objects = objects
        self._threads = threads

    async def open(self, location: str) -> bytes | ObjectBody:
        """The object at ``location``: whole if it is no larger than one piece. Its size is known before
        anything is read. Raises InputFailed."""
        try:
            content = self._open(location)
            size = len(content)
            if size <= QUICK_BYTES:
                return content.read()
            if size <= PIECE_BYTES:
                return await self._threads.run(content.read)
            return ObjectBody(location, content, self._threads)
        except InvalidLocation as error:
            raise InputFailed(f"{error}.") from error
        except (ObjectError, OSError) as error:
            raise _failed(location, error) from error

    def _open(self, location: str) -> Content:
        content = self._objects.open(parse_object(location))
        size = len(content)
        if size > ASYNC_PAYLOAD_BYTES:
            raise ObjectError(
                "EntityTooLarge",
                f"The object has {size} bytes; an asynchronous request takes at most "
                f"{ASYNC_PAYLOAD_BYTES} bytes (1 GB). Nothing of it was read.",
            )
        return content


def _next_piece(source: Iterator[bytes]) -> bytes:
    """About PIECE_BYTES of it: to change threads for each piece would cost more than to read it."""
    pieces: list[bytes] = []
    size = 0
    for piece in source:
        pieces.append(piece)
        size += len(piece)
        if size >= PIECE_BYTES:
            break
    return b"".join(pieces)


def _failed(location: str, error: ObjectError | OSError) -> InputFailed:
    return InputFailed(f"Could not read the input {location}. {error}")
