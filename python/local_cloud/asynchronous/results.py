"""The container's answer on its way to S3: a small one in memory, a large one in a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from local_cloud.asynchronous.locations import Location
from local_cloud.asynchronous.objects import PIECE_BYTES, ObjectError, Objects
from local_cloud.asynchronous.threads import Threads
from local_cloud.hosting.specs import ByteStream, InvokeResponse
from serving_contracts.limits import ASYNC_PAYLOAD_BYTES, MIB

IN_MEMORY_BYTES: Final = MIB
"""Answers up to this size are held in memory until they are uploaded."""


class AnswerRefused(Exception):
    """The container answered with something that cannot be a result; the message says what."""


class UploadFailed(Exception):
    """S3 did not take an object; the message says which and why."""


class Answer:
    """A container's answer, complete. ``close`` frees what it holds."""

    def __init__(self, content_type: str | None, size: int, content: bytes | IO[bytes]) -> None:
        self.content_type = content_type
        self.size = size
        self.content = content

    def pieces(self) -> Iterator[bytes]:
        """The answer from its beginning, in pieces."""
        if isinstance(self.content, bytes):
            yield self.content
            return
        self.content.seek(0)
        while piece := self.content.read(PIECE_BYTES):
            yield piece

    def head(self, most: int) -> bytes | None:
        """The whole answer if it is no larger than ``most`` bytes and held in memory, else None."""
        return self.content if isinstance(self.content, bytes) and self.size <= most else None

    def close(self) -> None:
        if not isinstance(self.content, bytes):
            self.content.close()


class Results:
    """Receives answers and writes objects. ``spool``: the folder of the files, which have no names in it."""

    def __init__(self, objects: Objects, threads: Threads, spool: Path) -> None:
        spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._objects = objects
        self._threads = threads
        self._spool = spool

    async def receive(self, response: InvokeResponse) -> Answer:
        """Reads an answer to its end.

        Raises:
            AnswerRefused: it has no Content-Length, or too large a one; the answer is closed.
            ModelError: it broke off, or was not complete in time.
        """
        body, length = response.body, response.content_length
        if isinstance(body, bytes):
            return Answer(response.content_type, len(body), body)
        try:
            if length is None:
                # The words of AWS, observed in its log of an endpoint.
                raise AnswerRefused(
                    "The response from container primary did not specify the required Content-Length header"
                )
            if length > ASYNC_PAYLOAD_BYTES:
                raise AnswerRefused(
                    f"The response from container primary has {length} bytes; at most {ASYNC_PAYLOAD_BYTES} "
                    "bytes (1 GB) are taken"
                )
            if length <= IN_MEMORY_BYTES:
                content = b"".join([piece async for piece in body])
                return Answer(response.content_type, len(content), content)
            return await self._receive_large(body, response.content_type)
        finally:
            await body.aclose()

    async def _receive_large(self, body: ByteStream, content_type: str | None) -> Answer:
        file: IO[bytes] = await self._threads.run(tempfile.TemporaryFile, dir=self._spool)
        size, held, held_bytes = 0, [], 0
        try:
            async for piece in body:
                held.append(piece)
                held_bytes += len(piece)
                if held_bytes >= IN_MEMORY_BYTES:
                    await self._threads.run(file.write, b"".join(held))
                    size, held, held_bytes = size + held_bytes, [], 0
            await self._threads.run(file.write, b"".join(held))
        except BaseException:
            file.close()
            raise
        return Answer(content_type, size + held_bytes, file)

    async def upload(self, location: Location, answer: Answer) -> None:
        """Writes an answer to S3. Raises UploadFailed."""
        try:
            if self._objects.is_quick(location, answer.size):
                self._objects.put(location, answer.pieces(), answer.content_type)
            else:
                await self._threads.run(self._objects.put, location, answer.pieces(), answer.content_type)
        except (ObjectError, OSError) as error:
            raise UploadFailed(f"Could not write {location}. {error}") from error
