"""Ports for containers, handed out without races between local clouds on one machine.

Every container gets a block of ports: the first is its ``SAGEMAKER_BIND_TO_PORT``, the rest its
``SAGEMAKER_SAFE_PORT_RANGE``. Blocks lie below the ports that kernels give to outgoing connections (32768 on
Linux, 49152 elsewhere), so none is taken between our look and the container's bind. A lock file per block,
held for as long as the block is used, keeps two clouds apart; the kernel frees it when its holder dies.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import Final

FIRST_PORT: Final = 20_000
LAST_PORT: Final = 29_999
BLOCK: Final = 10
HOST: Final = "127.0.0.1"


class NoPortFree(Exception):
    """Every block is taken."""


class PortBlock:
    """A held block. ``port`` to serve on; ``safe_ports`` is the inclusive range of the others."""

    def __init__(self, first: int, descriptor: int) -> None:
        self.port = first
        self.safe_ports = (first + 1, first + BLOCK - 1)
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Give the block back. May be called more than once."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def reserve_ports() -> PortBlock:
    """Hold a block whose ports are free on 127.0.0.1. Raises NoPortFree."""
    directory = _lock_directory()
    blocks = list(range(FIRST_PORT, LAST_PORT, BLOCK))
    start = random.randrange(len(blocks))
    for first in blocks[start:] + blocks[:start]:
        descriptor = os.open(directory / f"{first}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            continue
        if _is_free(first):
            return PortBlock(first, descriptor)
        os.close(descriptor)
    raise NoPortFree(f"no port between {FIRST_PORT} and {LAST_PORT} is free on {HOST}")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port with connections in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _lock_directory() -> Path:
    path = Path(tempfile.gettempdir()) / f"serving-platform-ports-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if status.st_uid != os.getuid() or path.is_symlink():
        raise PermissionError(
            f"{path} belongs to somebody else. Next: remove it, or set TMPDIR to a private folder"
        )
    return path
