"""One execution environment: a runtime's process, its Runtime API, its /tmp and its log stream."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from local_cloud.functions.execution import failures
from local_cloud.functions.execution.failures import Failure
from local_cloud.functions.execution.parts import Parts
from local_cloud.functions.execution.platform_log import EnvironmentLog, InitType, Phase
from local_cloud.functions.execution.runtime_api import Answer, Delivery, RuntimeApi
from local_cloud.functions.execution.variables import NoSuchFolder, runtime_start
from local_cloud.functions.specs import FunctionVersion
from local_cloud.hosting.archive import remove_tree
from local_cloud.hosting.process_runner import ContainerProcess, platform_environment
from local_cloud.hosting.resource_watch import Folder, Probe
from local_cloud.hosting.runner import Exit, LaunchFailed
from local_cloud.image_store import ProcessImage
from serving_contracts.limits import MIB

_EXIT_S: Final = 10.0
"""How long the kernel may take to end a killed process group."""


class Status(StrEnum):
    """As ``/_local/status`` shows it. FINISHING: it has answered, and has not asked for the next yet."""

    STARTING = "Starting"
    IDLE = "Idle"
    BUSY = "Busy"
    FINISHING = "Finishing"
    ENDED = "Ended"


class Environment:
    """Initialised once; then one invocation after another; ended once, and then nothing of it is left."""

    def __init__(
        self,
        version: FunctionVersion,
        image: ProcessImage,
        init_type: InitType,
        parts: Parts,
        before: Environment | None = None,
    ) -> None:
        self._image = image
        self._parts = parts
        self.version = version
        self.init_type: InitType = init_type
        self.environment_id: str = secrets.token_hex(16) if before is None else before.environment_id
        self.status = Status.STARTING
        self.invocations = 0
        self.started_at = datetime.now(UTC)
        self.on_end: Callable[[], None] = lambda: None
        """Called when the process ends by itself while the environment is idle."""
        self.on_gone: Callable[[], object] = lambda: None
        """Called once, when it is ended."""
        self.log: EnvironmentLog = self._new_log() if before is None else before.log
        self._log_handed_over = False
        self._folder = parts.settings.work_dir / secrets.token_hex(8)
        self._api: RuntimeApi | None = None
        self._process: ContainerProcess | None = None
        self._end: asyncio.Task[Exit] | None = None
        self._probe: Probe | None = None
        self._exceeded: asyncio.Future[Failure] = asyncio.get_running_loop().create_future()
        self._ending: asyncio.Task[None] | None = None

    # --- life

    def again(self) -> Environment:
        """The environment that replaces this one, whose init failed, for the same invocation: as on AWS it
        has the same name and log stream."""
        self._log_handed_over = True
        return Environment(self.version, self._image, self.init_type, self._parts, before=self)

    async def init(self, limit_s: float, phase: Phase) -> tuple[float, Failure | None]:
        """Start the runtime and wait until it asks for its first invocation, at most ``limit_s`` seconds.

        Returns the milliseconds that it took, and how it failed; the environment has ended then.
        """
        began = time.perf_counter()
        try:
            failure = await self._init(limit_s)
        except BaseException:
            self._parts.chores.begin(self.end(), f"end of environment {self.environment_id}")
            raise
        took_ms = (time.perf_counter() - began) * 1000
        if failure is not None:
            await self.end_process()
        self._drain()
        self.log.init_report(took_ms, phase, failure)
        if failure is not None:
            self._parts.chores.begin(self.end(), f"end of environment {self.environment_id}")
        return took_ms, failure

    async def _init(self, limit_s: float) -> Failure | None:
        deadline = time.perf_counter() + limit_s
        temporary = self._folder / "tmp"
        temporary.mkdir(parents=True, mode=0o700)
        self._api = api = RuntimeApi()
        await api.start()
        settings = self._parts.settings
        try:
            start = runtime_start(
                self.version,
                self._image,
                platform=platform_environment(settings.region, settings.aws_url),
                runtime_api=api.address,
                init_type=self.init_type,
                log_stream=self.log.stream.name,
                temporary=temporary,
            )
            launching = asyncio.ensure_future(
                self._parts.runner.run(
                    start.command, environment=start.environment, directory=start.directory, log=self.log
                )
            )
            try:
                self._process = await asyncio.shield(launching)
            except asyncio.CancelledError:
                # Whoever ends us must find the process that was being started.
                await asyncio.wait({launching})
                if not launching.cancelled() and launching.exception() is None:
                    self._process = launching.result()
                raise
        except LaunchFailed as error:
            return failures.invalid_entry_point(str(error))
        except NoSuchFolder as error:
            return failures.invalid_working_directory(str(error))
        self._end = asyncio.create_task(self._process.wait(), name=f"end of {self._process.pid}")
        self._end.add_done_callback(self._ended)
        self._probe = Probe(
            pid=lambda: self.pid,
            memory_bytes=self.version.memory_mb * MIB,
            exceeded=lambda _: self._exceed(failures.out_of_memory()),
            folder=Folder(
                temporary,
                self.version.tmp_mb * MIB,
                lambda used: self._exceed(failures.no_space(-(-used // MIB), self.version.tmp_mb)),
            ),
        )
        left = max(0.0, deadline - time.perf_counter())
        return await self._wait(api.initialised, left, failures.init_timed_out(limit_s))

    async def invoke(self, delivery: Delivery, deadline: float, late: Failure) -> Answer:
        """Have the runtime answer an invocation until ``deadline`` (``time.perf_counter()``).

        After a failure with ``environment_lost`` the environment is of no more use: ``end`` it.
        """
        assert self._api is not None
        self.status = Status.BUSY
        self.invocations += 1
        answer = self._api.deliver(delivery)
        failure = await self._wait(answer, max(0.0, deadline - time.perf_counter()), late)
        if failure is not None:
            await self.end_process()
            self._drain()
            return Answer(b"", failure)
        self._drain()
        self.status = Status.FINISHING
        return answer.result()

    async def end_process(self) -> None:
        """Kill what runs, and wait until it has ended; ``end`` clears away the rest."""
        self._kill()
        await self._reap()

    @property
    def fetched(self) -> bool:
        """Whether the runtime has seen the last invocation."""
        return self._api is not None and self._api.fetched

    async def wait_next(self, within_s: float) -> bool:
        """Wait until the runtime, having answered, asks for the next invocation. False where it does not."""
        assert self._api is not None
        waiting = asyncio.ensure_future(self._api.wait_next())
        try:
            return await self._wait(waiting, within_s, failures.timed_out(within_s)) is None
        finally:
            waiting.cancel()

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._end is not None and not self._end.done() and self.status is not Status.ENDED

    @property
    def used_mb(self) -> int:
        """The most memory that it has used, in MB."""
        return self._probe.peak_mb if self._probe is not None else 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def end(self) -> None:
        """Kill what runs, free the port, remove the folder, send the last lines. Idempotent."""
        if self._ending is None:
            self.status = Status.ENDED
            self.on_gone()
            self._ending = self._parts.chores.begin(self._clear(), f"end of {self.environment_id}")
        await asyncio.shield(self._ending)

    async def _clear(self) -> None:
        self._kill()
        await self._reap()
        if self._probe is not None:
            self._parts.watch.remove(self._probe)
        if self._api is not None:
            await self._api.close()
        await self._parts.aws.run(remove_tree, self._folder)
        if not self._log_handed_over:
            await self._parts.logs.forget([self.log.stream])

    # --- inside

    def _new_log(self) -> EnvironmentLog:
        name = f"{self.started_at:%Y/%m/%d}/[{self.version.version}]{self.environment_id}"
        stream = self._parts.logs.stream(self.version.log_group, name)
        return EnvironmentLog(stream, self.version.log_format, self.init_type)

    async def _wait(self, awaited: asyncio.Future[Any], within_s: float, late: Failure) -> Failure | None:
        """None once ``awaited`` is done well; else what came between, ``late`` where nothing did."""
        assert self._end is not None
        assert self._probe is not None
        probe = self._probe
        self._parts.watch.add(probe)
        try:
            await asyncio.wait(
                {awaited, self._end, self._exceeded},
                timeout=within_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            probe.look()
        finally:
            self._parts.watch.remove(probe)
        if self._exceeded.done():
            return self._exceeded.result()
        if awaited.done():
            outcome = awaited.result()
            return outcome if isinstance(outcome, Failure) else None
        if self._end.done():
            return failures.exited(self._end.result())
        return late

    def _exceed(self, failure: Failure) -> None:
        if not self._exceeded.done():
            self._exceeded.set_result(failure)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    async def _reap(self) -> None:
        if self._end is not None:
            await asyncio.wait({self._end}, timeout=_EXIT_S)

    def _drain(self) -> None:
        if self._process is not None:
            self._process.drain()

    def _ended(self, _: object) -> None:
        if self.status is Status.IDLE:
            self.on_end()
