"""What ``/_local/*`` answers: the state of the local cloud, its logs, its restart of hosting and its end."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from aiohttp import web

from local_cloud.gateway import Gateway
from local_cloud.logs import container_logs, function_logs
from local_cloud.sagemaker.endpoint import Endpoint
from local_cloud.sagemaker.rehosting import StillChanging

if TYPE_CHECKING:
    from local_cloud.cloud import LocalCloud

_LEAVE: Final = "X-Serving-Local"
"""A header that a web page cannot send without being asked: see the gateway's refusals."""
_MOST_LINES: Final = 10_000


class LocalRoutes:
    """Of one local cloud, which closes it."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud
        self._restart: asyncio.Task[list[Endpoint]] | None = None

    def add_to(self, gateway: Gateway) -> None:
        """Has the gateway answer all of them."""
        gateway.add_local_route("GET", "status", self._status)
        gateway.add_local_route("POST", "shutdown", self._shutdown)
        gateway.add_local_route("GET", "logs", self._logs)
        gateway.add_local_route("POST", "hosting/restart", self._restart_hosting)

    async def close(self) -> None:
        """Ends a restart of hosting that is going on."""
        if self._restart is not None:
            self._restart.cancel()
            await asyncio.wait({self._restart})

    async def _status(self, request: web.BaseRequest) -> web.Response:
        return web.json_response(self._cloud.state())

    async def _shutdown(self, request: web.BaseRequest) -> web.Response:
        if request.headers.get(_LEAVE) != "1":
            return web.Response(status=403, text=f"Send the header {_LEAVE}: 1 to stop the local cloud.\n")
        self._cloud.stopping.set()
        return web.json_response({"stopping": True})

    async def _restart_hosting(self, request: web.BaseRequest) -> web.Response:
        if request.headers.get(_LEAVE) != "1":
            return web.Response(status=403, text=f"Send the header {_LEAVE}: 1 to restart hosting.\n")
        if self._restart is not None and not self._restart.done():
            return web.Response(status=409, text="Hosting is being restarted already.\n")
        clock = self._cloud.clock
        began = clock.monotonic()
        # In a task of its own: a caller who leaves does not leave half a restart behind.
        self._restart = asyncio.create_task(self._cloud.restart_hosting(), name="restart of hosting")
        try:
            restarted = await asyncio.shield(self._restart)
        except StillChanging as error:
            text = f"Hosting was not restarted: {', '.join(error.names)} did not settle in time. Try again.\n"
            return web.Response(status=409, text=text)
        endpoints = [
            {
                "name": endpoint.name,
                "status": endpoint.status.value,
                "failure_reason": endpoint.failure_reason,
            }
            for endpoint in restarted
        ]
        return web.json_response({"seconds": round(clock.monotonic() - began, 3), "endpoints": endpoints})

    async def _logs(self, request: web.BaseRequest) -> web.Response:
        assert self._cloud.info is not None
        query = request.query
        lines = query.get("lines", "100")
        if not lines.isdecimal() or not 1 <= int(lines) <= _MOST_LINES:
            return web.Response(status=400, text=f"lines={lines!r} is not a number from 1 to {_MOST_LINES}\n")
        endpoint, function = query.get("endpoint"), query.get("function")
        if bool(endpoint) == bool(function):
            return web.Response(
                status=400,
                text="Name an endpoint or a function: /_local/logs?endpoint=…&container=…&lines=… or "
                "/_local/logs?function=…&lines=…\n",
            )
        url, region, count = self._cloud.info.url, self._cloud.settings.region, int(lines)
        found: dict[str, object]
        if endpoint:
            events = await container_logs(url, region, endpoint, query.get("container"), count)
            found = {"endpoint": endpoint, "events": events}
        else:
            group = self._cloud.function_log_group(str(function))
            found = {"function": function, "events": await function_logs(url, region, group, count)}
        return web.Response(body=json.dumps(found).encode(), content_type="application/json")
