"""The on-demand environments of one version: the most recently used first, so that surplus ones age out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from local_cloud.functions.execution.environment import Environment, Status


class Pool:
    """Holds idle environments, and those who wait for one. ``end`` is called with each that has to go."""

    def __init__(self, idle_s: float, end: Callable[[Environment], None]) -> None:
        self._idle_s = idle_s
        self._end = end
        self._idle: dict[Environment, asyncio.TimerHandle] = {}
        self._waiters: deque[asyncio.Future[Environment]] = deque()
        self._closed = False

    def take(self) -> Environment | None:
        """The environment that was used last, None where none is idle."""
        while self._idle:
            environment, timer = self._idle.popitem()
            timer.cancel()
            if environment.alive:
                environment.status = Status.BUSY
                return environment
            self._end(environment)
        return None

    def wait(self) -> asyncio.Future[Environment]:
        """Done with the next environment that comes free. ``forget`` it when it is not wanted any more."""
        waiter: asyncio.Future[Environment] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter

    def forget(self, waiter: asyncio.Future[Environment]) -> None:
        """If it has got an environment, that goes to the next one."""
        if waiter.done():
            self.give_back(waiter.result())
        else:
            waiter.cancel()
            self._waiters.remove(waiter)

    def give_back(self, environment: Environment) -> None:
        """The environment can take another invocation."""
        if not environment.alive:
            self._end(environment)
            return
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                environment.status = Status.BUSY
                waiter.set_result(environment)
                return
        if self._closed:
            self._end(environment)
            return
        environment.status = Status.IDLE
        environment.on_end = lambda: self._remove(environment)
        self._idle[environment] = asyncio.get_running_loop().call_later(
            self._idle_s, self._remove, environment
        )

    def close(self) -> None:
        """End what is idle, and from now on whatever comes back once nobody waits. Idempotent."""
        self._closed = True
        for environment in list(self._idle):
            self._remove(environment)

    def _remove(self, environment: Environment) -> None:
        """It was idle for too long, or its process has ended."""
        timer = self._idle.pop(environment, None)
        if timer is not None:
            timer.cancel()
            self._end(environment)
