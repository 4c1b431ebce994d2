"""A progress bar in plain text, for whoever has none."""

from __future__ import annotations

import sys
import threading
import time
from typing import Final, TextIO

WIDTH: Final = 30
REDRAW_SECONDS: Final = 0.1
_UNITS: Final = ("B", "KiB", "MiB", "GiB")


class ProgressBar:
    """Draws what ``on_progress=`` is told: ``upload  [#######.......]  48 % of 120.0 MiB, 9.8 MiB/s``.

    label: what stands before it. file: where it is drawn, else standard error; not a terminal: only the last
    state is written, once. Thread-safe.
    """

    def __init__(self, label: str = "upload", *, file: TextIO | None = None) -> None:
        self._label = label
        self._file = sys.stderr if file is None else file
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._drawn = -REDRAW_SECONDS
        self._finished = False

    def __call__(self, bytes_done: int, bytes_total: int) -> None:
        """Show that *bytes_done* of *bytes_total* have arrived."""
        with self._lock:
            complete = bytes_total > 0 and bytes_done >= bytes_total
            now = time.monotonic()
            if complete and self._finished:
                return
            self._finished = complete
            if not complete and (now - self._drawn < REDRAW_SECONDS or not self._file.isatty()):
                return
            self._drawn = now
            line = self._line(bytes_done, bytes_total, now - self._began)
            self._file.write(
                (f"\r{line}\033[K" if self._file.isatty() else line) + ("\n" if complete else "")
            )
            self._file.flush()

    def _line(self, done: int, total: int, seconds: float) -> str:
        share = min(1.0, done / total) if total > 0 else 0.0
        bar = ("#" * round(WIDTH * share)).ljust(WIDTH, ".")
        rate = f", {size(done / seconds)}/s" if done and seconds > 0 else ""
        return f"{self._label}  [{bar}] {share:4.0%} of {size(total)}{rate}"


def size(count: float) -> str:
    """*count* bytes for a person: ``9.8 MiB``."""
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count /= 1024
        unit += 1
    return f"{count:.1f} {_UNITS[unit]}" if unit else f"{count:.0f} {_UNITS[unit]}"
