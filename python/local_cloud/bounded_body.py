"""Reading a request's body up to a limit, without keeping what is over it."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web


async def read_bounded(request: web.BaseRequest, limit: int, too_large: Callable[[int], Exception]) -> bytes:
    """The whole body. Raises ``too_large(bytes, as far as is known)`` once it is over ``limit`` bytes."""
    declared = request.content_length
    if declared is not None and declared > limit:
        raise too_large(declared)
    if not request.body_exists:
        return b""
    pieces: list[bytes] = []
    size = 0
    async for piece in request.content.iter_any():
        size += len(piece)
        if size > limit:
            raise too_large(size)
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
