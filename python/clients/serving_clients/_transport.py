"""HTTP with one deadline over connecting, sending, headers and body.

botocore's own time-outs are per client and per read: a peer that sends a byte now and then outlasts them.
This transport takes the place of botocore's sender (event ``before-send``); signing, serialising and parsing
stay botocore's.
"""

from __future__ import annotations

import http.client
import io
import os
import socket
from collections.abc import Iterator
from typing import Any, Final, cast

import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies
from urllib3 import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from serving_clients._deadline import ACTIVE, LOOK_UP_SECONDS, Deadline, DeadlinePassed
from serving_clients._settings import is_loopback

CONNECT_SECONDS: Final = 5.0  # a host that drops packets is found out and tried again within the deadline
POOL_CONNECTIONS: Final = 320  # the most that a session has in flight: 256 bulk requests and 64 awaited calls
KEEP_ALIVE_SECONDS: Final = 60


class TransportError(Exception):
    """The exchange broke. refused: nothing listens there. tls: the handshake was not accepted."""

    def __init__(self, message: str, *, refused: bool = False, tls: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
        self.tls = tls


class Transport:
    """A pool of connections. Thread-safe.

    url: where the requests will go; decides on the proxy. ca_bundle: path of the certificates to trust.
    """

    def __init__(self, url: str, *, ca_bundle: str | None = None) -> None:
        trusted = ca_bundle or os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
        options: dict[str, Any] = {
            "maxsize": POOL_CONNECTIONS,
            "socket_options": [*HTTPConnection.default_socket_options, *_alive()],
            "cert_reqs": "CERT_REQUIRED",
            "ca_certs": trusted or get_cert_path(True),
        }
        proxies = {} if is_loopback(url) else get_environ_proxies(url)
        proxy = proxies.get(url.partition(":")[0])
        self._manager = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)
        self._manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """The handler of ``before-send``, under the active deadline; reads the body unless it streams."""
        deadline = ACTIVE.get()
        if deadline is None:
            raise RuntimeError("a request was sent outside a call")
        try:
            response = self._manager.urlopen(
                request.method,
                request.url,
                body=request.body,
                headers={name: _text(value) for name, value in request.headers.items()},
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, deadline.left()), read=deadline.left()),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
                enforce_content_length=True,
            )
            streams = "vnd.amazon.eventstream" in response.headers.get("Content-Type", "")
            raw: Any = _Stream(response, deadline) if streams else _Body(response.read(decode_content=False))
        except (exceptions.HTTPError, OSError) as error:
            raise _translate(error, deadline) from error
        return AWSResponse(request.url, response.status, cast(Any, response.headers), raw)

    def close(self) -> None:
        """Close every idle connection."""
        self._manager.clear()


def _alive() -> list[tuple[int, int, int]]:
    """Options that keep a connection open on which nothing is said for minutes, as with a long invocation.

    AWS's NAT gateways and load balancers forget it after 350 s ("NAT gateway connection timeout").
    """
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", KEEP_ALIVE_SECONDS), ("TCP_KEEPINTVL", KEEP_ALIVE_SECONDS)):
        if hasattr(socket, name):  # not on every system
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options


class _Body(io.BytesIO):
    """A body that was read whole, as botocore wants a raw response."""

    def stream(self, _amount: int = 0, **_: Any) -> Iterator[bytes]:
        yield self.getvalue()


class _Stream:
    """The body of an event stream, under the deadline of its call."""

    def __init__(self, response: Any, deadline: Deadline) -> None:
        self._response = response
        self._deadline = deadline

    def stream(self, amount: int = 65536, **_: Any) -> Iterator[bytes]:
        """Pieces as they arrive: an event-stream answer is chunked, and a chunk is handed on at once."""
        try:
            yield from self._response.stream(amount, decode_content=False)
        except (exceptions.HTTPError, OSError) as error:
            raise _translate(error, self._deadline) from error

    def close(self) -> None:
        """Drop the connection: the rest of the stream is not wanted."""
        self._response.close()


def _translate(error: Exception, deadline: Deadline) -> Exception:
    ours = isinstance(error, DeadlinePassed | exceptions.ReadTimeoutError)  # reads wait for the deadline only
    if ours or deadline.remaining() <= 0.0:
        return DeadlinePassed("the deadline has passed")
    if isinstance(error, exceptions.NewConnectionError):
        return TransportError(f"cannot connect: {error}", refused=True)
    if isinstance(error, exceptions.SSLError):
        return TransportError(f"the TLS handshake failed: {error}", tls=True)
    return TransportError(f"the connection broke: {error}")


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


class _Reader(io.RawIOBase):
    """A socket whose every read takes what the deadline leaves, so that no trickle outlasts it.

    It looks up every half second: a cancelled call must not hold its thread until the deadline.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._hold = sock.makefile("rb", buffering=0)  # keeps the socket open until it is closed itself

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            self._sock.settimeout(min(LOOK_UP_SECONDS, self._deadline.left()))
            try:
                return self._sock.recv_into(buffer)
            except TimeoutError:
                continue  # left() says whether there is time for another look

    def close(self) -> None:
        self._hold.close()
        super().close()


class _Source:
    """What http.client takes for a socket: it only asks it for a file."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> Any:
        deadline = ACTIVE.get()
        return io.BufferedReader(_Reader(self._sock, deadline)) if deadline else self._sock.makefile("rb")


class _UnderDeadline(HTTPConnection):
    """Sends and reads under the active deadline (http.client's hook for that is its response class)."""

    def send(self, data: Any) -> None:
        deadline = ACTIVE.get()
        if deadline and self.sock is not None:
            self.sock.settimeout(deadline.left())
        super().send(data)

    def response_class(self, sock: socket.socket, **options: Any) -> Any:  # type: ignore[override]
        return http.client.HTTPResponse(_Source(sock), **options)  # type: ignore[arg-type]


class _Connection(_UnderDeadline):
    pass


class _SecureConnection(_UnderDeadline, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
