"""Sending a source to S3 in bounded memory: in one piece where it is small, else as a multipart upload.

boto3's own ``upload_file`` knows no deadline and cannot be ended by another thread; this does not need more
than its three calls. A piece is read when its turn comes and forgotten when it is sent.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import Any, Final

from serving_clients._connection import Connection
from serving_clients._deadline import LOOK_UP_SECONDS, Deadline
from serving_clients._sources import File, Memory
from serving_clients._storage import SERVICE, Location, is_there
from serving_clients.errors import InvalidRequest, ServingError, ServingTimeout
from serving_contracts import limits

PIECE_BYTES: Final = 8 * limits.MIB  # S3 takes 10,000 parts of at least 5 MiB; 1 GiB makes 128 of these
ABORT_SECONDS: Final = 15.0
Progress = Callable[[int, int], object]

_ACTION: Final = "s3:PutObject"
_CHECKSUM: Final = "CRC32"  # computed with zlib; the others need awscrt
_log = logging.getLogger("serving_clients")


class Meter:
    """Adds up what has been sent, and tells the caller. Thread-safe; calls back one at a time."""

    def __init__(self, on_progress: Progress | None) -> None:
        self._tell = on_progress
        self._lock = threading.Lock()
        self._done = self._total = 0

    def expect(self, count: int) -> None:
        """*count* more bytes are to be sent."""
        with self._lock:
            self._total += count
            self._report()

    def add(self, count: int) -> None:
        """*count* bytes have arrived."""
        with self._lock:
            self._done += count
            self._report()

    def _report(self) -> None:
        if self._tell is not None:
            self._tell(self._done, self._total)


def upload(
    connection: Connection,
    source: File | Memory,
    place: Location,
    content_type: str,
    deadline: Deadline,
    meter: Meter,
) -> None:
    """Put *source* there; raises a ServingError, and then nothing of it is left behind."""
    target = {"Bucket": place.bucket, "Key": place.key}
    if source.size <= PIECE_BYTES:
        piece = connection.pieces.submit(
            lambda: connection.call(
                SERVICE,
                "put_object",
                {**target, "Body": source.piece(0, source.size), "ContentType": content_type},
                deadline,
                action=_ACTION,
                subject=str(place),
            )
        )
        _all_of([piece], place, deadline)
        meter.add(source.size)
        return
    started = connection.call(
        SERVICE,
        "create_multipart_upload",
        {**target, "ContentType": content_type, "ChecksumAlgorithm": _CHECKSUM},
        deadline,
        action=_ACTION,
        subject=str(place),
    )
    target["UploadId"] = started["UploadId"]
    own = Deadline(deadline.seconds, within=deadline)  # so that one piece that fails ends the others
    parts: list[Future[dict[str, Any]]] = []
    try:
        parts += [
            connection.pieces.submit(_send_part, connection, source, offset, target, str(place), own, meter)
            for offset in range(0, source.size, PIECE_BYTES)
        ]
        _complete(connection, target, _all_of(parts, place, own), place, deadline)
    except BaseException:
        own.cancel()
        for part in parts:
            part.cancel()
        wait(parts)  # a part that arrives after the abort would stay, and be paid for
        _abort(connection, target, place)
        raise


def _send_part(
    connection: Connection,
    source: File | Memory,
    offset: int,
    target: dict[str, Any],
    subject: str,
    deadline: Deadline,
    meter: Meter,
) -> dict[str, Any]:
    length = min(PIECE_BYTES, source.size - offset)
    number = offset // PIECE_BYTES + 1
    deadline.left()
    answer = connection.call(
        SERVICE,
        "upload_part",
        {
            **target,
            "PartNumber": number,
            "Body": source.piece(offset, length),
            "ChecksumAlgorithm": _CHECKSUM,
        },
        deadline,
        action=_ACTION,
        subject=subject,
    )
    meter.add(length)
    name = f"Checksum{_CHECKSUM}"
    checksum = {name: answer[name]} if answer.get(name) else {}
    return {"PartNumber": number, "ETag": answer["ETag"], **checksum}


def _complete(
    connection: Connection,
    target: dict[str, Any],
    parts: list[dict[str, Any]],
    place: Location,
    deadline: Deadline,
) -> None:
    try:
        connection.call(
            SERVICE,
            "complete_multipart_upload",
            {**target, "MultipartUpload": {"Parts": parts}},
            deadline,
            action=_ACTION,
            subject=str(place),
        )
    except InvalidRequest:  # a second try is refused where the answer to the first, which succeeded, was lost
        if not is_there(connection, place, deadline):
            raise


def _all_of(
    pieces: list[Future[dict[str, Any]]], place: Location, deadline: Deadline
) -> list[dict[str, Any]]:
    """Wait for all; raise the first failure as soon as there is one, or ServingTimeout."""
    pending: Collection[Future[dict[str, Any]]] = pieces
    while pending and deadline.remaining() > 0.0:
        seconds = min(LOOK_UP_SECONDS, deadline.remaining())
        done, pending = wait(pieces, timeout=seconds, return_when=FIRST_EXCEPTION)
        for piece in done:
            if piece.cancelled():
                raise ServingError("this session was closed during an upload", hint="connect again")
            piece.result()
    for piece in pending:
        piece.cancel()
    wait(pending)  # what runs knows the deadline too
    if any(piece.cancelled() for piece in pieces):
        raise ServingTimeout(
            f"{place} was not uploaded within {deadline.seconds:g} s", hint="give timeout= more seconds"
        )
    return [piece.result() for piece in pieces]


def _abort(connection: Connection, target: dict[str, Any], place: Location) -> None:
    try:
        connection.call(
            SERVICE,
            "abort_multipart_upload",
            target,
            Deadline(ABORT_SECONDS),
            action="s3:AbortMultipartUpload",
            subject=str(place),
        )
    except ServingError as error:
        _log.warning("parts of a broken upload may be left at %s: %s", place, error)
