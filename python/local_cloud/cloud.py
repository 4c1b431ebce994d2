"""One local cloud, put together: moto, SageMaker, hosting, Lambda and the gateway; its start and its end."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from local_cloud.asynchronous import AsyncInference
from local_cloud.backing_services import BackingServices
from local_cloud.clock import Clock
from local_cloud.functions.control.api import LambdaControl
from local_cloud.functions.execution.settings import ExecutionSettings
from local_cloud.functions.service import LambdaService
from local_cloud.functions.specs import ExecutionService
from local_cloud.gateway import Gateway, listen
from local_cloud.hosting.specs import HostedFleet, HostingSettings, VariantSpec
from local_cloud.local_routes import LocalRoutes
from local_cloud.sagemaker.api import ControlPlane
from local_cloud.sagemaker.endpoint import Endpoint
from local_cloud.sagemaker.rehosting import Rehosting
from local_cloud.sagemaker.validation import service_model
from local_cloud.scaling import (
    INSTANCES,
    LAMBDA,
    SERVERLESS,
    EndpointCapacity,
    FunctionCapacity,
    ScalingEngine,
    ServerlessCapacity,
)
from local_cloud.scaling.retirement import deregister_gone_endpoints
from local_cloud.settings import HOST, CloudSettings
from local_cloud.state import INFO_FILE, CloudInfo, CloudLock, write_info

log = logging.getLogger(__name__)

RESTART_SETTLE_SECONDS = 60.0
"""How long a restart of hosting waits for endpoints that are being created, updated or deleted."""

STATUS_VERSION = 1
"""Of the JSON at ``/_local/status``; raised when a member changes its meaning."""

ASYNCHRONOUS = "asynchronous"
"""The folder of the queues in the state folder."""

FUNCTIONS = "functions"
"""The folder of Lambda's events and execution environments in the state folder."""


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


def process_execution(settings: ExecutionSettings) -> ExecutionService:
    """Lambda's execution side, which runs every environment as a process of this machine."""
    from local_cloud.functions.execution import Execution

    return Execution(settings)


@dataclass(slots=True)
class _Parts:
    backing: BackingServices
    functions: LambdaService
    hosting: HostingService
    asynchronous: AsyncInference
    control_plane: ControlPlane
    gateway: Gateway
    scaling: ScalingEngine


class LocalCloud:
    """The whole local cloud in this process and event loop."""

    def __init__(
        self,
        settings: CloudSettings,
        make_hosting: Callable[[HostingSettings], HostingService] = process_hosting,
        make_execution: Callable[[ExecutionSettings], ExecutionService] = process_execution,
    ) -> None:
        self.settings = settings
        self._make_hosting = make_hosting
        self._make_execution = make_execution
        self.clock = Clock(settings.time_scale)
        self.stopping = asyncio.Event()
        self._lock = CloudLock(settings.directory)
        self._parts: _Parts | None = None
        self._routes = LocalRoutes(self)
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
        backing = BackingServices(directory / "objects")
        await asyncio.gather(asyncio.to_thread(backing.start), asyncio.to_thread(service_model))
        hosting = self._make_hosting(self._hosting_settings(directory, url))
        # An earlier cloud's queues: its endpoints, its functions, and the objects of its requests, are gone.
        for folder in (ASYNCHRONOUS, FUNCTIONS):
            shutil.rmtree(directory / folder, ignore_errors=True)
        asynchronous = self._make_asynchronous(directory, url, backing)
        await asynchronous.start()
        control_plane = ControlPlane(
            hosting.fleet,
            region=self.settings.region,
            account=self.settings.account,
            clock=self.clock,
            asynchronous=asynchronous,
        )
        functions = self._make_functions(directory, url)
        await functions.start()
        gateway = Gateway(control_plane, backing, functions, account=self.settings.account)
        self._routes.add_to(gateway)
        deregister_gone_endpoints(control_plane.endpoints)
        await gateway.start(listener)
        scaling = ScalingEngine(
            {
                INSTANCES.dimension: EndpointCapacity(control_plane.endpoints, self.clock),
                SERVERLESS.dimension: ServerlessCapacity(control_plane.endpoints, self.clock),
                LAMBDA.dimension: FunctionCapacity(functions.control, self.clock),
            },
            self.clock,
        )
        scaling.start()
        self._parts = _Parts(backing, functions, hosting, asynchronous, control_plane, gateway, scaling)
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

    def _make_asynchronous(self, directory: Path, url: str, backing: BackingServices) -> AsyncInference:
        return AsyncInference(
            directory / ASYNCHRONOUS,
            backing.objects,
            url,
            region=self.settings.region,
            account=self.settings.account,
            clock=self.clock,
        )

    def _make_functions(self, directory: Path, url: str) -> LambdaService:
        region, account, clock = self.settings.region, self.settings.account, self.clock
        execution = ExecutionSettings(
            work_dir=directory / FUNCTIONS / "environments",
            images_dir=self.settings.images.absolute(),
            aws_url=url,
            region=region,
            account=account,
            clock=clock,
        )
        return LambdaService(
            directory / FUNCTIONS,
            lambda: self._make_execution(execution),
            lambda service: LambdaControl(service, region=region, account=account, clock=clock, url=url),
            aws_url=url,
            region=region,
            account=account,
            clock=clock,
        )

    async def restart_hosting(self) -> list[Endpoint]:
        """Ends every container and execution environment, makes hosting and the queues anew, and starts every
        endpoint that served; returns these once each is InService, or Failed with a reason. Queued requests
        and Lambda's events are read from disk.

        Raises:
            StillChanging: endpoints have been in progress for too long; nothing was done.
            OSError, sqlite3.Error: the state folder cannot be written. The endpoints are Failed.
        """
        parts = self._parts
        assert parts is not None
        rehosting = Rehosting(parts.control_plane.endpoints, self.clock)
        await rehosting.suspend(RESTART_SETTLE_SECONDS)
        log.info("hosting is being restarted")
        try:
            return await self._rehost(parts, rehosting)
        except Exception as error:
            rehosting.give_up(error)
            raise

    async def _rehost(self, parts: _Parts, rehosting: Rehosting) -> list[Endpoint]:
        assert self.info is not None
        directory = self.settings.directory.absolute()
        await parts.asynchronous.close()
        parts.asynchronous = self._make_asynchronous(directory, self.info.url, parts.backing)
        await parts.asynchronous.start()
        await rehosting.open_queues(parts.asynchronous)
        await rehosting.end_fleets()
        await parts.hosting.close()
        parts.hosting = self._make_hosting(self._hosting_settings(directory, self.info.url))
        await parts.functions.restart()
        return await rehosting.resume(parts.hosting.fleet, parts.asynchronous)

    async def stop(self) -> None:
        """Stops fleets first, while their logs and metrics still have somewhere to go; then the rest."""
        parts, self._parts = self._parts, None
        if parts is None:
            return
        await self._routes.close()
        (self.settings.directory / INFO_FILE).unlink(missing_ok=True)
        for what, closing in (
            ("scaling", parts.scaling.stop),
            ("Lambda", parts.functions.close),
            ("asynchronous inference", parts.asynchronous.close),
            ("the endpoints", parts.control_plane.close),
            ("hosting", parts.hosting.close),
            ("the gateway", parts.gateway.stop),
        ):
            try:
                await closing()
            except Exception:
                log.exception("%s did not stop cleanly", what)
        await asyncio.to_thread(parts.backing.stop)
        for folder in ("instances", ASYNCHRONOUS, FUNCTIONS):
            shutil.rmtree(self.settings.directory / folder, ignore_errors=True)
        # The lock stays ours until the process ends, so that whoever waits for it finds nothing left of us.
        log.info("the local cloud has stopped")

    def state(self) -> dict[str, Any]:
        """What ``/_local/status`` says: every process with what it is for, ready for JSON."""
        assert self._parts is not None
        assert self.info is not None
        started_at = datetime.fromisoformat(self.info.started_at)
        return {
            "version": STATUS_VERSION,
            "pid": self.info.pid,
            "url": self.info.url,
            "account": self.info.account,
            "region": self.info.region,
            "time_scale": self.settings.time_scale,
            "started_at": self.info.started_at,
            "uptime_seconds": round((self.clock.now() - started_at).total_seconds(), 3),
            "endpoints": self._parts.control_plane.state(),
            "functions": self._parts.functions.state(),
        }

    def function_log_group(self, function_name: str) -> str:
        """Where a function's lines are."""
        assert self._parts is not None
        return self._parts.functions.log_group(function_name)
