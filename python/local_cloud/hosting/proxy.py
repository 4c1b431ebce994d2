"""HTTP to a container: one pooled client for the whole cloud."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

import aiohttp

from local_cloud.hosting.specs import BodySource

MAX_ANSWER_BYTES: Final = 25 * 1024 * 1024
"""InvokeEndpoint's payload limit holds for the answer too."""

KEEP_ALIVE_S: Final = 1.5
"""Shorter than the idle time-out of the usual servers (gunicorn 2 s, uvicorn 5 s): a request must not be sent
into a connection that the container is just closing."""

CONNECT_S: Final = 5.0

_STREAM_PIECE = 64 * 1024


class ProxyError(Exception):
    """No answer. The message says what happened, for people."""


class ConnectFailed(ProxyError):
    """The container took no connection: nothing was sent, so another one may be asked."""


class BrokenOff(ProxyError):
    """The connection ended before the whole answer was there: the container may have done the work."""


class TimedOut(ProxyError):
    """The answer was not complete in time."""


class AnswerStream:
    """The body of an answer in the pieces it comes in; each raises TimedOut or BrokenOff as ``invoke`` does.

    An object, not an async generator: closing a generator that was never started runs none of its body, and
    the connection would stay open.
    """

    def __init__(self, answer: aiohttp.ClientResponse, deadline: float, timeout_s: float) -> None:
        self._answer = answer
        self._deadline = deadline
        self._timeout_s = timeout_s
        self._closed = False  # aiohttp calls an answer closed while its last pieces still wait to be read

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._closed:
            raise StopAsyncIteration
        try:
            async with asyncio.timeout_at(self._deadline):
                piece = await self._answer.content.readany()
        except BaseException as error:
            await self.aclose()
            if isinstance(error, TimeoutError):
                raise TimedOut(f"no complete answer within {self._timeout_s:g} s") from error
            if isinstance(error, aiohttp.ClientError | OSError):
                raise _broken_off(error) from error
            raise
        if not piece:
            await self.aclose()
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        """End the connection, read to its end or not. Idempotent."""
        self._closed = True
        self._answer.close()


@dataclass(slots=True)
class Answer:
    """A container's answer. ``body`` is a stream where one was asked for and the status is 2xx."""

    status: int
    headers: Mapping[str, str]
    body: bytes | AnswerStream


class Proxy:
    """Make one in a running event loop; close it."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept", "Content-Type"),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            trust_env=False,
        )

    async def ping(self, port: int, timeout_s: float) -> bool:
        """Whether ``GET /ping`` answers 200 in time."""
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._session.get(f"http://127.0.0.1:{port}/ping", allow_redirects=False) as answer,
            ):
                await answer.read()
                return answer.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    async def invoke(
        self,
        port: int,
        body: bytes | BodySource,
        headers: Mapping[str, str],
        *,
        timeout_s: float,
        stream: bool,
    ) -> Answer:
        """``POST /invocations``. The deadline covers the whole answer, streamed or not. Raises ProxyError."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        data: bytes | AsyncIterator[bytes]
        if isinstance(body, bytes):
            data = body
        else:
            data = body.pieces()
            headers = {**headers, "Content-Length": str(body.size)}  # else it would be sent in chunks
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self._session.post(
                    f"http://127.0.0.1:{port}/invocations", data=data, headers=headers, allow_redirects=False
                )
                if stream and 200 <= answer.status < 300:
                    return Answer(answer.status, answer.headers, AnswerStream(answer, deadline, timeout_s))
                try:
                    content = await _read_all(answer)
                except BaseException:
                    answer.close()
                    raise
                return Answer(answer.status, answer.headers, content)
        except aiohttp.ConnectionTimeoutError as error:  # a TimeoutError too, but not the answer's
            raise ConnectFailed(f"the container took no connection within {CONNECT_S:g} s") from error
        except TimeoutError as error:
            raise TimedOut(f"no complete answer within {timeout_s:g} s") from error
        except aiohttp.ClientConnectorError as error:
            raise ConnectFailed("the container takes no connection") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _broken_off(error) from error

    async def close(self) -> None:
        await self._session.close()


async def _read_all(answer: aiohttp.ClientResponse) -> bytes:
    if (answer.content_length or 0) > MAX_ANSWER_BYTES:
        raise BrokenOff(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
    if answer.content_length is not None:
        return await answer.read()
    pieces: list[bytes] = []
    size = 0
    async for piece in answer.content.iter_chunked(_STREAM_PIECE):
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            raise BrokenOff(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
        pieces.append(piece)
    answer.release()
    return b"".join(pieces)


def _broken_off(error: Exception) -> BrokenOff:
    return BrokenOff(f"the connection broke off before the answer was complete: {_describe(error)}")


def _describe(error: Exception) -> str:
    """What happened to the connection, without addresses that mean nothing to a caller."""
    cause = error.__cause__ if isinstance(error, aiohttp.ClientOSError) and error.__cause__ else error
    if isinstance(cause, ConnectionResetError | BrokenPipeError):
        return "connection reset"
    if isinstance(cause, aiohttp.ServerDisconnectedError):
        return "connection closed"
    return str(cause) or type(cause).__name__
