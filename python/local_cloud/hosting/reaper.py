"""Sees to it that no container outlives the local cloud, however that ends.

A small helper process reads process group ids from a pipe that only the local cloud holds open. When the
pipe closes, the cloud is gone: the helper kills every group that is still registered, children of children
included. On Linux the parent-death signal (``launch``) is quicker for the first process of a container; the
helper covers the rest, and other systems.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys


class Reaper:
    """The cloud's side. Starts the helper with the first container, and again should the helper die."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._helper: subprocess.Popen[bytes] | None = None

    def register(self, group: int) -> None:
        """Have the group killed when this process ends."""
        self._groups.add(group)
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """The group has ended: its id may soon belong to somebody else."""
        self._groups.discard(group)
        if self._helper is not None:
            self._tell(f"-{group}\n")

    def close(self) -> None:
        """End the helper; what is still registered is killed by it."""
        helper, self._helper = self._helper, None
        if helper is None:
            return
        assert helper.stdin is not None
        with contextlib.suppress(OSError):
            helper.stdin.close()
        try:
            helper.wait(timeout=5)
        except subprocess.TimeoutExpired:
            helper.kill()
            helper.wait()

    def _tell(self, message: str) -> None:
        helper = self._helper
        if helper is not None and helper.poll() is None and self._write(helper, message):
            return
        self._helper = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a signal to the cloud's group must not end it first
            cwd="/",
            env={name: value for name, value in os.environ.items() if name == "LD_LIBRARY_PATH"},
        )
        self._write(self._helper, "".join(f"+{group}\n" for group in self._groups))

    @staticmethod
    def _write(helper: subprocess.Popen[bytes], message: str) -> bool:
        assert helper.stdin is not None
        try:
            os.write(helper.stdin.fileno(), message.encode())
        except OSError:
            return False
        return True


def _watch() -> None:
    """The helper's side."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        change, group = line[:1], int(line[1:])
        groups.add(group) if change == b"+" else groups.discard(group)
    for group in groups:
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    _watch()
