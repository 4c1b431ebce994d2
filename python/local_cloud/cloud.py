"""One local cloud, put together: moto, the control plane, hosting and the gateway; its start and its end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from aiohttp import web

from local_cloud.backing_services import BackingServices
from local_cloud.clock import Clock
from local_cloud.gateway import Gateway, listen
from local_cloud.hosting.specs import HostedFleet, HostingSettings, VariantSpec
from local_cloud.logs import container_logs
from local_cloud.sagemaker.api import ControlPlane
from local_cloud.sagemaker.validation import service_model
from local_cloud.settings import HOST, CloudSettings
from local_cloud.state import INFO_FILE, CloudInfo, CloudLock, write_info

log = logging.getLogger(__name__)

STATUS_VERSION = 1
"""Of the JSON at ``/_local/status``; raised when a member changes its meaning."""


class AlreadyRunning(RuntimeError):
    """Another local cloud runs on the same state folder."""


class HostingService(Protocol):
    """What the local cloud needs of hosting; :class:`local_cloud.hosting.Hosting` is it."""

    def fleet(self, endpoint_name: str, variants: Sequence[VariantSpec]) -> HostedFleet: ...

    async def close(self) -> None: ...


def process_hosting(settings: HostingSettings) -> HostingService:
    """Hosting that runs every container as a process of this machine."""
    from local_cloud.hosting import Hosting

    return Hosting(settings)


@dataclass(slots=True)
class _Parts:
    backing: BackingServices
    hosting: HostingService
    control_plane: ControlPlane
    gateway: Gateway


class LocalCloud:
    """The whole local cloud in this process and event loop."""

    def __init__(
        self,
        settings: CloudSettings,
        make_hosting: Callable[[HostingSettings], HostingService] = process_hosting,
    ) -> None:
        self.settings = settings
        self._make_hosting = make_hosting
        self.clock = Clock(settings.time_scale)
        self.stopping = asyncio.Event()
        self._lock = CloudLock(settings.directory)
        self._parts: _Parts | None = None
        self.info: CloudInfo | None = None

    async def start(self) -> CloudInfo:
        """Starts everything and writes ``cloud.json``; the gateway answers when this returns.

        Raises:
            AlreadyRunning: another local cloud holds the state folder.
            OSError: the port is taken or the state folder cannot be written.
        """
        directory = self.settings.directory.absolute()
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._lock.acquire():
            raise AlreadyRunning(
                f"a local cloud already runs on {directory}: stop it with `invoke local.down` first"
            )
        try:
            # Bound first: a taken port is known before anything slow begins.
            listener = listen(self.settings.port)
        except OSError:
            self._lock.release()
            raise
        port: int = listener.getsockname()[1]
        url = f"http://{HOST}:{port}"
        backing = BackingServices()
        await asyncio.gather(asyncio.to_thread(backing.start), asyncio.to_thread(service_model))
        hosting = self._make_hosting(self._hosting_settings(directory, url))
        control_plane = ControlPlane(
            hosting.fleet, region=self.settings.region, account=self.settings.account, clock=self.clock
        )
        gateway = Gateway(control_plane, backing, account=self.settings.account)
        gateway.add_local_route("GET", "status", self._status)
        gateway.add_local_route("POST", "shutdown", self._shutdown)
        gateway.add_local_route("GET", "logs", self._logs)
        await gateway.start(listener)
        self._parts = _Parts(backing, hosting, control_plane, gateway)
        self.info = CloudInfo(
            url=url,
            pid=os.getpid(),
            port=port,
            started_at=self.clock.now().isoformat(),
            account=self.settings.account,
            region=self.settings.region,
        )
        write_info(directory, self.info)
        log.info("the local cloud answers at %s", url)
        return self.info

    def _hosting_settings(self, directory: Path, url: str) -> HostingSettings:
        instances = directory / "instances"
        # Nothing that runs owns these: the lock is ours. A cloud that was killed leaves its instances'
        # folders behind.
        shutil.rmtree(instances, ignore_errors=True)
        instances.mkdir(mode=0o700)
        return HostingSettings(
            instances_dir=instances,
            images_dir=self.settings.images.absolute(),
            aws_url=url,
            region=self.settings.region,
            account=self.settings.account,
            clock=self.clock,
        )

    async def stop(self) -> None:
        """Stops fleets first, while their logs and metrics still have somewhere to go; then the rest."""
        parts, self._parts = self._parts, None
        if parts is None:
            return
        (self.settings.directory / INFO_FILE).unlink(missing_ok=True)
        for what, closing in (
            ("the endpoints", parts.control_plane.close),
            ("hosting", parts.hosting.close),
            ("the gateway", parts.gateway.stop),
        ):
            try:
                await closing()
            except Exception:
                log.exception("%s did not stop cleanly", what)
        await asyncio.to_thread(parts.backing.stop)
        shutil.rmtree(self.settings.directory / "instances", ignore_errors=True)
        # The lock stays ours until the process ends, so that whoever waits for it finds nothing left of us.
        log.info("the local cloud has stopped")

    async def _status(self, request: web.BaseRequest) -> web.Response:
        assert self._parts is not None
        assert self.info is not None
        state = {
            "version": STATUS_VERSION,
            "pid": self.info.pid,
            "url": self.info.url,
            "account": self.info.account,
            "region": self.info.region,
            "time_scale": self.settings.time_scale,
            "started_at": self.info.started_at,
            "uptime_seconds": round(
                (self.clock.now() - datetime.fromisoformat(self.info.started_at)).total_seconds(), 3
            ),
            "endpoints": self._parts.control_plane.state(),
        }
        return web.json_response(state)

    async def _shutdown(self, request: web.BaseRequest) -> web.Response:
        # A header that a web page cannot send without being asked: see the gateway's refusals.
        if request.headers.get("X-Serving-Local") != "1":
            return web.Response(
                status=403, text="Send the header X-Serving-Local: 1 to stop the local cloud.\n"
            )
        self.stopping.set()
        return web.json_response({"stopping": True})

    async def _logs(self, request: web.BaseRequest) -> web.Response:
        assert self.info is not None
        query = request.query
        lines = query.get("lines", "100")
        if not lines.isdecimal() or not 1 <= int(lines) <= 10_000:
            return web.Response(status=400, text=f"lines={lines!r} is not a number from 1 to 10000\n")
        endpoint = query.get("endpoint")
        if not endpoint:
            return web.Response(
                status=400, text="Name the endpoint: /_local/logs?endpoint=…&container=…&lines=…\n"
            )
        events = await container_logs(
            self.info.url, self.settings.region, endpoint, query.get("container"), int(lines)
        )
        return web.Response(
            body=json.dumps({"endpoint": endpoint, "events": events}).encode(),
            content_type="application/json",
        )
