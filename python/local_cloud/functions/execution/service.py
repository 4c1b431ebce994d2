"""The execution side as a whole: its start, what the control plane and the Invoke API ask, its end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from local_cloud.functions.execution.concurrency import Concurrency
from local_cloud.functions.execution.environment import Environment, Status
from local_cloud.functions.execution.failures import Failure
from local_cloud.functions.execution.images import FunctionImages
from local_cloud.functions.execution.invocation import Invocation, Obtained
from local_cloud.functions.execution.metrics import LambdaMetrics
from local_cloud.functions.execution.parts import Parts
from local_cloud.functions.execution.pool import Pool
from local_cloud.functions.execution.provisioned import Provisioned
from local_cloud.functions.execution.settings import ExecutionSettings
from local_cloud.functions.specs import (
    FunctionVersion,
    ImageFacts,
    InvocationRequest,
    InvocationResult,
    ProvisionedState,
    Stopping,
    Throttled,
)
from local_cloud.hosting.archive import remove_tree
from local_cloud.hosting.aws import Aws
from local_cloud.hosting.process_runner import ProcessRunner, platform_environment
from local_cloud.hosting.resource_watch import ResourceWatch
from local_cloud.hosting.start_queue import StartQueue
from local_cloud.hosting.telemetry.logs import LAST_FLUSH_S, LogShipper
from local_cloud.hosting.telemetry.metrics import MetricHub

CLOSE_S: Final = LAST_FLUSH_S + 5.0
"""How long the end waits for processes to be gone and for their last log lines to be taken."""
_STOPPING: Final = "the local cloud is stopping: no function runs any more"


class Execution:
    """Implements :class:`~local_cloud.functions.specs.ExecutionService`.

    Make it inside the event loop that it is to run in. ``runner``: one of its own unless another is given,
    which then outlives it.
    """

    def __init__(self, settings: ExecutionSettings, runner: ProcessRunner | None = None) -> None:
        # What an earlier cloud left behind: nothing of it is known any more.
        remove_tree(settings.work_dir)
        settings.work_dir.mkdir(parents=True, mode=0o700)
        self._settings = settings
        self._own_runner = runner is None
        aws = Aws(settings.aws_url, settings.region)
        self._parts = Parts(
            settings=settings,
            aws=aws,
            runner=runner or ProcessRunner(platform_environment(settings.region, settings.aws_url)),
            logs=LogShipper(aws, settings.clock),
            starts=StartQueue(settings.parallel_inits),
            watch=ResourceWatch(),
        )
        self._images = FunctionImages(aws, settings.images_dir, settings.account)
        self._hub = MetricHub(aws, settings.clock)
        self._provisioned = Provisioned(
            settings.clock, self._start_provisioned, self._end, self._parts.chores
        )
        self._concurrency = Concurrency(settings.account_concurrency, self._provisioned.counts)
        self._metrics = LambdaMetrics(self._hub, settings.clock, self._concurrency, self._provisioned.uses)
        self._pools: dict[tuple[str, str, str], Pool] = {}
        self._environments: dict[Environment, None] = {}
        self._invocations: set[asyncio.Task[InvocationResult]] = set()
        self._closed = False

    async def inspect_image(self, image_uri: str) -> ImageFacts:
        """Finds the image. Raises ImageRejected."""
        return await self._images.facts(image_uri)

    async def invoke(self, version: FunctionVersion, request: InvocationRequest) -> InvocationResult:
        """As :meth:`ExecutionService.invoke`. A caller that is cancelled leaves; its invocation goes on."""
        if self._closed:
            raise Stopping(_STOPPING)
        try:
            invocation, obtained = self._admit(version, request)
        except Throttled:
            self._metrics.throttled(version.function_name, request.resource, version.version)
            raise
        task = asyncio.create_task(invocation.run(obtained), name=f"invocation {request.request_id}")
        self._invocations.add(task)
        task.add_done_callback(self._invoked)
        try:
            return await asyncio.shield(task)
        except Throttled:
            self._metrics.throttled(version.function_name, request.resource, version.version)
            raise
        except asyncio.CancelledError:
            if task.cancelled():
                raise Stopping(_STOPPING) from None
            raise

    def set_reserved(self, function_name: str, count: int | None) -> None:
        """ReservedConcurrentExecutions of a function; None removes it, 0 throttles everything."""
        self._concurrency.set_reserved(function_name, count)

    def reserved(self) -> Mapping[str, int]:
        """Function → its reserved concurrency."""
        return self._concurrency.reserved()

    def set_provisioned(self, version: FunctionVersion, qualifier: str, count: int) -> None:
        """Keeps ``count`` initialised environments of the version for the qualifier; 0 lets them go."""
        if self._closed:
            return
        self._provisioned.set(version, qualifier, count)
        if count:
            self._metrics.start()

    def provisioned(self, function_name: str, qualifier: str) -> ProvisionedState | None:
        """The state of all that is provisioned for a qualifier; None where nothing is."""
        return self._provisioned.state(function_name, qualifier)

    async def retire(self, function_name: str, version: str | None = None) -> None:
        """Ends idle environments of a version (of all, when None) before it returns, and busy ones after
        their invocation. What is provisioned of them is let go."""
        self._provisioned.drop(function_name, version)
        for key in [key for key in self._pools if key[0] == function_name and version in (None, key[1])]:
            self._pools.pop(key).close()
        ending = [
            environment
            for environment in self._environments
            if environment.status is Status.IDLE
            and environment.version.function_name == function_name
            and version in (None, environment.version.version)
        ]
        await asyncio.gather(*(environment.end() for environment in ending))

    def state(self) -> list[dict[str, object]]:
        """Every environment, for ``/_local/status``. Memory in MB, the most that was seen."""
        return [
            {
                "function": environment.version.function_name,
                "version": environment.version.version,
                "environment": environment.environment_id,
                "status": environment.status.value,
                "pid": environment.pid,
                "initialization_type": environment.init_type,
                "invocations": environment.invocations,
                "memory_mb": environment.version.memory_mb,
                "max_memory_used_mb": environment.used_mb,
                "started_at": environment.started_at.isoformat(),
                "log_group": environment.version.log_group,
                "log_stream": environment.log.stream.name,
            }
            for environment in self._environments
            if environment.status is not Status.ENDED
        ]

    async def close(self) -> None:
        """Ends everything: what runs is killed, and its callers are told so. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._provisioned.close()
        for pool in self._pools.values():
            pool.close()
        await self._metrics.close()
        for environment in list(self._environments):
            self._end(environment)
        if self._invocations:
            # Killed runtimes end theirs; those that wait for their turn to start one are cancelled.
            await asyncio.wait(set(self._invocations), timeout=1)
        if self._invocations:
            for task in self._invocations:
                task.cancel()
            await asyncio.wait(set(self._invocations), timeout=5)
        await self._parts.chores.finish(CLOSE_S)
        await self._parts.watch.close()
        await self._parts.logs.close()
        await self._hub.close()
        if self._own_runner:
            await self._parts.runner.close()
        await self._parts.aws.run(remove_tree, self._settings.work_dir)
        self._parts.aws.close()

    # --- inside

    def _admit(
        self, version: FunctionVersion, request: InvocationRequest
    ) -> tuple[Invocation, Obtained | None]:
        """Raises Throttled."""
        function, resource = version.function_name, request.resource
        taken = None
        if not self._concurrency.is_off(function):
            taken = self._provisioned.take(version, resource.partition(":")[2])
        if taken is not None:
            admission = self._concurrency.admit_provisioned(function, resource)
        else:
            admission = self._concurrency.admit(function, resource)
        obtained = None
        if taken is not None:
            allocation, environment = taken
            environment.log.begin_tail()
            obtained = Obtained(environment, allocation, "provisioned")
        invocation = Invocation(
            version,
            request,
            admission=admission,
            pool=self._pool(version),
            spillover=self._provisioned.is_provisioned(version),
            new=self._new,
            keep=self._keep,
            metrics=self._metrics,
            parts=self._parts,
        )
        return invocation, obtained

    def _pool(self, version: FunctionVersion) -> Pool:
        key = (version.function_name, version.version, version.revision)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(self._settings.clock.scaled(self._settings.idle_s), self._end)
        return pool

    async def _new(self, version: FunctionVersion) -> Environment:
        image = await self._images.image(version)
        environment = Environment(version, image, "on-demand", self._parts)
        self._keep(environment)
        return environment

    async def _start_provisioned(self, version: FunctionVersion) -> tuple[Environment, Failure | None]:
        async with self._parts.starts.turn():
            environment = Environment(
                version, await self._images.image(version), "provisioned-concurrency", self._parts
            )
            self._keep(environment)
            limit_s = max(self._settings.provisioned_init_s, float(version.timeout_s))
            _, failure = await environment.init(limit_s, "init")
        return environment, failure

    def _keep(self, environment: Environment) -> None:
        """Raises Stopping where nothing may be started any more."""
        if self._closed:
            raise Stopping(_STOPPING)
        self._environments[environment] = None
        environment.on_gone = lambda: self._environments.pop(environment, None)

    def _end(self, environment: Environment) -> None:
        self._parts.chores.begin(environment.end(), f"end of environment {environment.environment_id}")

    def _invoked(self, task: asyncio.Task[InvocationResult]) -> None:
        self._invocations.discard(task)
        if not task.cancelled():
            task.exception()  # its caller may have gone: nobody else looks at it
