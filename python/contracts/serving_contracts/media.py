"""What a handler of a media task gets and gives: a file on disk, and an answer or a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class MediaRequest:
    """A request whose body is a file.

    path: the file, of *size* bytes; it lies in a folder of its own, where an answer may be written beside it.
    The folder is removed when the request has been answered. content_type: one of the task's ``accepts``, as
    named by the caller or else as the file's first bytes say. accepts: which of the task's ``answers`` the
    caller takes, best first; never empty. options: of the task's ``options_type``.
    wanted: whether somebody still waits for the answer. A handler that works for seconds calls :meth:`check`
    now and then.
    """

    path: Path
    size: int
    content_type: str
    accepts: tuple[str, ...]
    options: Any
    wanted: Callable[[], bool] = _always

    def check(self) -> None:
        """Raises NobodyWaits where the caller has gone, or the deadline has passed."""
        if not self.wanted():
            raise NobodyWaits("the caller has gone, or the deadline has passed")


@dataclass(frozen=True, slots=True)
class MediaAnswer:
    """An answer that is a file. body: its bytes, or where it lies, in the folder of the request."""

    content_type: str
    body: bytes | Path


class NobodyWaits(Exception):
    """Work was stopped because its request has ended."""
