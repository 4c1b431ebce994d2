"""One container: started, watched, restarted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from local_cloud.hosting import reasons
from local_cloud.hosting.images import ResolvedImage
from local_cloud.hosting.model_data import ModelData
from local_cloud.hosting.ports import NoPortFree, PortBlock, reserve_ports
from local_cloud.hosting.proxy import Proxy
from local_cloud.hosting.runner import Exit, Launch, LaunchFailed, Runner, RunningContainer
from local_cloud.hosting.specs import ContainerSpec, ContainerState, ContainerStatus, HostingSettings
from local_cloud.hosting.telemetry.logs import LogStream

FIRST_BACK_OFF_S: Final = 0.2
MAX_BACK_OFF_S: Final = 10.0
STABLE_S: Final = 60.0
STABLE_PAUSES: Final = 20
"""A container that ran for a minute, or for twenty times its last pause, before it ended is restarted as if
it never had: only one that ends again and again waits longer and longer."""
STARTS_BEFORE_GIVING_UP: Final = 3
"""While an endpoint is created: a container that ends this often before its first 200 will not do better."""
STARTUP_PING_INTERVAL_S: Final = 0.05
SLOW_STARTUP_PING_INTERVAL_S: Final = 0.5
FAST_PINGS: Final = 200
MIN_HEALTH_INTERVAL_S: Final = 0.25
"""However fast the clock runs, pings must not become a load."""
PINGS_BEFORE_UNHEALTHY: Final = 3
HUNG_GRACE_S: Final = 5.0

_log = logging.getLogger(__name__)


class ContainerFailed(Exception):
    """The container did not come up; the message is our detail to AWS's sentence."""


@dataclass(frozen=True)
class ContainerParts:
    """What a container is made of. ``label`` is its name in AWS's messages ("primary" when it is alone)."""

    name: str
    label: str
    spec: ContainerSpec
    image: ResolvedImage
    model: ModelData
    threads: int
    working_dir: Path
    log: LogStream


class Container:
    """Runs until it is stopped: a crash is followed by a restart, with a growing pause.

    ``disposable``: it lives once. When its process ends it is Stopped, and after its first 200 it is not
    pinged any more, as nothing runs in a serverless container between requests.
    """

    def __init__(
        self,
        parts: ContainerParts,
        runner: Runner,
        proxy: Proxy,
        settings: HostingSettings,
        *,
        disposable: bool = False,
    ) -> None:
        self.name = parts.name
        self.label = parts.label
        self.log = parts.log
        self.on_status: Callable[[], None] = lambda: None
        """Called after each change of ``status``; the instance sets it."""
        self.runs = 0
        """Processes that were started so far: tells whether the process that got a request still runs."""
        self._status = ContainerStatus.STARTING
        self._changes: set[asyncio.Future[None]] = set()
        self.port: int | None = None
        self.restarts = 0
        self.last_exit: str | None = None
        self._parts = parts
        self._runner = runner
        self._proxy = proxy
        self._settings = settings
        self._disposable = disposable
        self._ports: PortBlock | None = None
        self._process: RunningContainer | None = None
        self._started_at: datetime | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._ever_healthy = False
        self._startup_timeout_s = settings.ping_timeout_s

    async def start(self, startup_timeout_s: float) -> None:
        """Return once ``/ping`` answers 200. Raises ContainerFailed; the container is stopped then."""
        self._startup_timeout_s = startup_timeout_s
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._supervisor = asyncio.create_task(self._supervise(ready), name=f"container {self.name}")
        try:
            async with asyncio.timeout(startup_timeout_s):
                await ready
        except TimeoutError as error:
            await self.stop(grace_s=1)
            raise ContainerFailed(
                f"it did not answer GET /ping with 200 within {startup_timeout_s:g} s{self._last_words()}"
            ) from error
        except BaseException:
            await asyncio.shield(self.stop(grace_s=1))
            raise

    @property
    def status(self) -> ContainerStatus:
        return self._status

    @status.setter
    def status(self, status: ContainerStatus) -> None:
        if status is self._status:
            return
        self._status = status
        for change in self._changes:
            if not change.done():
                change.set_result(None)
        self.on_status()

    async def has_ended(self, run: int, within_s: float) -> bool:
        """Whether the process of run ``run`` ends within ``within_s`` seconds.

        A process that dies closes its sockets a moment before its end is noticed.
        """
        deadline = asyncio.get_running_loop().time() + within_s
        while self.runs == run and self._status in (ContainerStatus.HEALTHY, ContainerStatus.UNHEALTHY):
            change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._changes.add(change)
            try:
                async with asyncio.timeout_at(deadline):
                    await change
            except TimeoutError:
                return False
            finally:
                self._changes.discard(change)
        return True

    @property
    def is_available(self) -> bool:
        return self.status is ContainerStatus.HEALTHY

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def state(self) -> ContainerState:
        return ContainerState(
            name=self.name,
            status=self.status,
            pid=self.pid,
            port=self.port,
            restarts=self.restarts,
            last_exit=self.last_exit,
            started_at=self._started_at,
            log_stream=self.log.name,
            hostname=self._parts.spec.hostname,
        )

    async def stop(self, grace_s: float | None = None) -> None:
        """SIGTERM, and SIGKILL after the grace. May be called more than once."""
        self.status = ContainerStatus.STOPPED
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.cancel()
            await asyncio.wait({supervisor})
            self.status = ContainerStatus.STOPPED  # a ping that was under way may have said otherwise
        await self._end_process(self._settings.stop_grace_s if grace_s is None else grace_s)

    def kill(self) -> None:
        """SIGKILL to all its processes, now; what follows is as when it ends by itself."""
        if self._process is not None:
            self._process.kill()

    async def _supervise(self, ready: asyncio.Future[None]) -> None:
        back_off = FIRST_BACK_OFF_S
        clock = asyncio.get_running_loop().time
        try:
            while True:
                began = clock()
                reason = await self._run_once(lambda: _resolve(ready))
                starts = 1 if self._disposable else STARTS_BEFORE_GIVING_UP
                if not self._ever_healthy and self.restarts + 1 >= starts:
                    raise ContainerFailed(f"{reason} before it answered /ping with 200{self._last_words()}")
                if self._disposable:
                    self.status = ContainerStatus.STOPPED
                    return
                if clock() - began >= self._settings.clock.scaled(min(STABLE_S, STABLE_PAUSES * back_off)):
                    back_off = FIRST_BACK_OFF_S
                self.status = ContainerStatus.RESTARTING
                _log.warning(
                    "container %s ended (%s); it is restarted in %.1f s", self.log.name, reason, back_off
                )
                await asyncio.sleep(self._settings.clock.scaled(back_off))
                back_off = min(back_off * 2, MAX_BACK_OFF_S)
                self.restarts += 1
        except asyncio.CancelledError:
            raise
        except ContainerFailed as error:
            self.status = ContainerStatus.STOPPED
            _fail(ready, error)
        except Exception as error:
            _log.exception("the supervisor of container %s failed", self.log.name)
            self.status = ContainerStatus.STOPPED
            _fail(ready, ContainerFailed(f"the platform failed: {error!r}"))

    async def _run_once(self, on_healthy: Callable[[], None]) -> str:
        """From a start to the end of that process. Returns how it ended."""
        try:
            process = await self._launch()
        except (LaunchFailed, NoPortFree, OSError) as error:
            self.last_exit = str(error)
            return self.last_exit
        ended = asyncio.create_task(process.wait())
        health = asyncio.create_task(self._watch_health(on_healthy))
        try:
            await asyncio.wait({ended, health}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():  # it hangs: pings failed for too long
                self.log.write(
                    "[local cloud] /ping has failed for too long; the container is ended and started anew"
                )
                await self._end_process(min(HUNG_GRACE_S, self._settings.stop_grace_s))
            end: Exit = await ended
        finally:
            health.cancel()
            ended.cancel()
            await asyncio.wait({health, ended})
        if self.status is not ContainerStatus.STOPPED and not self._disposable:
            self.status = ContainerStatus.RESTARTING
        self._process = None
        self._release_ports()
        self.last_exit = str(end)
        return self.last_exit

    async def _launch(self) -> RunningContainer:
        self._ports = reserve_ports()
        self.port = self._ports.port
        launch = Launch(
            image=self._parts.image.image,
            environment=self._parts.spec.environment,
            model_dir=self._parts.model.path,
            port=self._ports.port,
            safe_ports=self._ports.safe_ports,
            threads=self._parts.threads,
            working_dir=self._parts.working_dir,
        )
        start = asyncio.ensure_future(self._runner.start(launch, self.log))
        try:
            self._process = await asyncio.shield(start)
        except asyncio.CancelledError:
            # Whoever stops us must find the process that was being started.
            await asyncio.wait({start})
            if not start.cancelled() and start.exception() is None:
                self._process = start.result()
            raise
        except BaseException:
            self._release_ports()
            raise
        self.runs += 1
        self._started_at = datetime.now(UTC)
        if self.status is not ContainerStatus.RESTARTING:
            self.status = ContainerStatus.STARTING
        return self._process

    async def _watch_health(self, on_healthy: Callable[[], None]) -> None:
        """Ping for ever; returns when pings have failed for so long that the container must be ended."""
        settings, port = self._settings, self.port
        assert port is not None
        clock = asyncio.get_running_loop().time
        began, pings = clock(), 0
        while not await self._proxy.ping(port, settings.ping_timeout_s):
            if clock() - began > self._startup_timeout_s:
                return
            pings += 1
            await asyncio.sleep(
                STARTUP_PING_INTERVAL_S if pings < FAST_PINGS else SLOW_STARTUP_PING_INTERVAL_S
            )
        self._ever_healthy = True
        self.status = ContainerStatus.HEALTHY
        on_healthy()
        if self._disposable:
            await asyncio.Event().wait()  # until its process ends, or it is stopped
        failed, failing_since = 0, 0.0
        interval = max(MIN_HEALTH_INTERVAL_S, settings.clock.scaled(settings.health_interval_s))
        while True:
            await asyncio.sleep(interval)
            if await self._proxy.ping(port, settings.ping_timeout_s):
                failed = 0
                self.status = ContainerStatus.HEALTHY
                continue
            failed += 1
            if failed == 1:
                failing_since = clock()
            if failed >= PINGS_BEFORE_UNHEALTHY:
                self.status = ContainerStatus.UNHEALTHY
                if clock() - failing_since >= settings.unhealthy_restart_s:
                    return

    async def _end_process(self, grace_s: float) -> None:
        process = self._process
        if process is None:
            self._release_ports()
            return
        process.terminate()
        try:
            async with asyncio.timeout(grace_s):
                end = await process.wait()
        except TimeoutError:
            process.kill()
            end = await process.wait()
        self.last_exit = str(end)
        self._process = None
        self._release_ports()

    def _release_ports(self) -> None:
        if self._ports is not None:
            self._ports.release()
        self._ports = None
        self.port = None

    def _last_words(self) -> str:
        words = reasons.last_words(self.log.last_line)
        return f"; its last log line: {words}" if words else "; it logged nothing"


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
