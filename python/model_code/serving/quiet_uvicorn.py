"""uvicorn as the HTTP side of the server, without what a container does not need.

Imported late: see :mod:`serving.server`.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator

import uvicorn

from serving.app import App

# Longer than the idle time-outs of common proxies: this end is never the one that closes a reused connection.
_KEEP_ALIVE_S = 350


class QuietServer(uvicorn.Server):
    """Serves until the awaitable that ``until_stopped`` returns is done.

    uvicorn's own main loop wakes ten times a second to look at a flag and at the clock; an idle container
    must cost nothing. Signals are the caller's business.
    """

    def __init__(
        self,
        app: App,
        listener: socket.socket,
        until_stopped: Callable[[QuietServer], Awaitable[None]],
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,  # uvicorn's main loop would keep it up to date
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=1,  # by then only sockets are left to close
            )
        )
        self._listener = listener
        self._until_stopped = until_stopped

    async def main_loop(self) -> None:
        """Called by uvicorn when it serves; it shuts down when this returns."""
        await self._until_stopped(self)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    def stop_accepting(self) -> None:
        """Refuse new connections; those there are stay."""
        for server in self.servers:
            server.close()
        self._listener.close()  # the kernel would go on completing connections that nobody serves

    async def serve_on_listener(self) -> None:
        """Serve on the socket that listens already."""
        await self.serve(sockets=[self._listener])
