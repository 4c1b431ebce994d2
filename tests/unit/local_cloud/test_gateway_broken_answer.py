"""What the gateway does when the service behind it breaks off: a real gateway before a server that does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from unittest.mock import Mock

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout

from local_cloud.backing_services import BackingServices
from local_cloud.functions.service import LambdaService
from local_cloud.gateway import Gateway, listen
from local_cloud.sagemaker.api import ControlPlane


class Breaking(BackingServices):
    """Listens where it is told and is never started: the test has a server of its own there."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._breaking_url = url

    @property
    def url(self) -> str:
        return self._breaking_url


async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Promise 1000 bytes and send 4."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    await writer.drain()
    writer.close()


@pytest.fixture
async def url(plane: ControlPlane) -> AsyncIterator[str]:
    server = await asyncio.start_server(break_off, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    functions = Mock(LambdaService)
    functions.url_call.return_value, functions.matches.return_value = None, False
    gateway = Gateway(plane, Breaking(f"http://{host}:{port}"), functions, account="123456789012")
    listener = listen(0)
    await gateway.start(listener)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    await gateway.stop()
    server.close()


async def test_half_an_answer_ends_in_a_broken_connection_and_not_in_a_second_answer(url: str) -> None:
    seen = b""
    async with ClientSession(timeout=ClientTimeout(total=10)) as session:
        with pytest.raises(ClientError):
            async with session.get(f"{url}/bucket/key") as answer:
                async for piece in answer.content.iter_any():
                    seen += piece
    assert seen in (b"", b"half")
