"""A light load generator: one thread, raw HTTP/1.1 over kept connections, a closed loop a connection.

It costs about 30 µs of CPU a request, so that on a small machine the servers keep the cores. Every peer is
measured with it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvloop

CONTENT_LENGTH = b"content-length: "


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go and in which form."""

    port: int
    path: str
    content_type: str


@dataclass(slots=True)
class Outcome:
    """What a run of the generator saw. Latencies in seconds."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return self.statuses.get(200, 0) / self.seconds

    def to_dict(self) -> dict[str, float]:
        """The JSON form."""
        return {
            "per_second": self.per_second,
            "p50_ms": self.percentile(0.5),
            "p99_ms": self.percentile(0.99),
            "answers": len(self.latencies),
        }

    def percentile(self, share: float) -> float:
        """A latency in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def encode(target: Target, requests: Sequence[Any]) -> list[bytes]:
    """The bytes of each request, made before the clock starts."""
    encoded = []
    for request in requests:
        body = json.dumps(request, ensure_ascii=False).encode()
        head = (
            f"POST {target.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {target.content_type}\r\n"
            f"Accept: {target.content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        encoded.append(head.encode() + body)
    return encoded


class _Client(asyncio.Protocol):
    """One connection: sends a request, waits for its whole answer, sends the next."""

    def __init__(self, requests: Sequence[bytes], first: int, outcome: Outcome, stop_at: float) -> None:
        self._requests = requests
        self._next = first
        self._outcome = outcome
        self._stop_at = stop_at
        self._received = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport: Any = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._received[: head_end + 2].lower()
        at = head.find(CONTENT_LENGTH)
        if at < 0:
            self._fail("an answer without Content-Length")
            return
        length = int(head[at + len(CONTENT_LENGTH) : head.find(b"\r\n", at)])
        if len(self._received) < head_end + 4 + length:
            return
        now = time.perf_counter()
        status = int(head[9:12])
        self._received = b""
        self._outcome.latencies.append(now - self._sent_at)
        self._outcome.statuses[status] = self._outcome.statuses.get(status, 0) + 1
        if now >= self._stop_at:
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            if time.perf_counter() < self._stop_at:
                self.done.set_exception(exc or ConnectionError("the server closed the connection"))
            else:
                self.done.set_result(None)

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += 1

    def _fail(self, message: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(message))
        self._transport.close()


async def _run(target: Target, requests: Sequence[bytes], clients: int, seconds: float) -> Outcome:
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    outcome = Outcome(0.0)
    connections = []
    for number in range(clients):
        client = _Client(requests, number * 7, outcome, started + seconds)
        connections.append(client.done)
        await loop.create_connection(lambda client=client: client, "127.0.0.1", target.port)
    async with asyncio.timeout(seconds + 120):
        await asyncio.gather(*connections)
    outcome.seconds = time.perf_counter() - started
    return outcome


def run(target: Target, requests: Sequence[bytes], *, clients: int, seconds: float) -> Outcome:
    """Keep ``clients`` requests in flight for ``seconds``, then finish those sent."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcome = runner.run(_run(target, requests, clients, seconds))
    wrong = {status: count for status, count in outcome.statuses.items() if status != 200}
    if wrong:
        raise RuntimeError(f"{target.path} on port {target.port} answered {wrong} beside 200")
    return outcome


def run_alone(target: Target, requests: Iterator[bytes], seconds: float) -> list[float]:
    """Latencies in seconds of one request after the other on one kept connection, with a blocking socket."""
    latencies = []
    stop_at = time.perf_counter() + seconds
    with socket.create_connection(("127.0.0.1", target.port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in requests:
            started = time.perf_counter()
            connection.sendall(request)
            status = _receive_answer(connection)
            ended = time.perf_counter()
            if status != 200:
                raise RuntimeError(f"{target.path} on port {target.port} answered {status}")
            latencies.append(ended - started)
            if ended >= stop_at:
                break
    return latencies


def _receive_answer(connection: socket.socket) -> int:
    received = b""
    expected = None
    while expected is None or len(received) < expected:
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("the server closed the connection")
        received += part
        head_end = received.find(b"\r\n\r\n")
        if expected is None and head_end >= 0:
            head = received[: head_end + 2].lower()
            at = head.index(CONTENT_LENGTH) + len(CONTENT_LENGTH)
            expected = head_end + 4 + int(head[at : head.index(b"\r\n", at)])
    return int(received[9:12])
