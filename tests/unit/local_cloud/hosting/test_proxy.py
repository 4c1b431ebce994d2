"""What the proxy makes of containers that take no connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from local_cloud.hosting import proxy
from local_cloud.hosting.proxy import ConnectFailed, Proxy, TimedOut


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    """To containers whose queue of connections is full: connecting goes on for ever."""

    async def connect(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(proxy, "CONNECT_S", 0.05)
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    client = Proxy()
    yield client
    await client.close()


async def test_a_connection_that_is_not_taken_in_time_is_not_the_time_out_of_an_answer(client: Proxy) -> None:
    with pytest.raises(ConnectFailed, match=r"took no connection within 0\.05 s"):
        await client.invoke(1, b"x", {}, timeout_s=900, stream=True)


async def test_the_time_of_the_request_holds_while_it_is_connecting_too(client: Proxy) -> None:
    with pytest.raises(TimedOut):
        await client.invoke(1, b"x", {}, timeout_s=0.01, stream=True)


async def test_a_ping_that_finds_no_connection_fails(client: Proxy) -> None:
    assert not await client.ping(1, 1.0)
