"""The execution side of the local cloud's Lambda that can be ended and begun anew under its users' hands.

The control plane and the Invoke API keep this object; what is reserved and provisioned is told again to the
new execution side. Invocations that come meanwhile wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from local_cloud.functions.specs import (
    ExecutionService,
    FunctionVersion,
    ImageFacts,
    InvocationRequest,
    InvocationResult,
    ProvisionedState,
)


class RestartableExecution:
    """An :class:`ExecutionService` in front of the present one."""

    def __init__(self, make: Callable[[], ExecutionService]) -> None:
        self._make = make
        self._present = make()
        self._reserved: dict[str, int] = {}
        # By function, version and qualifier: an alias may have two versions.
        self._provisioned: dict[tuple[str, str, str], tuple[FunctionVersion, int]] = {}
        self._ready = asyncio.Event()
        self._ready.set()

    async def restart(self) -> None:
        """Ends every environment; environments start anew when they are needed, provisioned ones at once."""
        self._ready.clear()
        try:
            await self._present.close()
            self._present = self._make()
            for function_name, reserved in self._reserved.items():
                self._present.set_reserved(function_name, reserved)
            for (_, _, qualifier), (version, count) in self._provisioned.items():
                self._present.set_provisioned(version, qualifier, count)
        finally:
            self._ready.set()

    async def inspect_image(self, image_uri: str) -> ImageFacts:
        """See ExecutionService."""
        await self._ready.wait()
        return await self._present.inspect_image(image_uri)

    async def invoke(self, version: FunctionVersion, request: InvocationRequest) -> InvocationResult:
        """See ExecutionService."""
        if not self._ready.is_set():
            await self._ready.wait()
        return await self._present.invoke(version, request)

    def set_reserved(self, function_name: str, count: int | None) -> None:
        """See ExecutionService."""
        if count is None:
            self._reserved.pop(function_name, None)
        else:
            self._reserved[function_name] = count
        self._present.set_reserved(function_name, count)

    def reserved(self) -> Mapping[str, int]:
        """See ExecutionService."""
        return self._present.reserved()

    def set_provisioned(self, version: FunctionVersion, qualifier: str, count: int) -> None:
        """See ExecutionService."""
        key = (version.function_name, version.version, qualifier)
        if count:
            self._provisioned[key] = (version, count)
        else:
            self._provisioned.pop(key, None)
        self._present.set_provisioned(version, qualifier, count)

    def provisioned(self, function_name: str, qualifier: str) -> ProvisionedState | None:
        """See ExecutionService."""
        return self._present.provisioned(function_name, qualifier)

    async def retire(self, function_name: str, version: str | None = None) -> None:
        """See ExecutionService."""
        for key in [key for key in self._provisioned if key[0] == function_name]:
            if version in (None, key[1]):
                del self._provisioned[key]
        await self._ready.wait()
        await self._present.retire(function_name, version)

    def state(self) -> list[dict[str, object]]:
        """See ExecutionService."""
        return self._present.state()

    async def close(self) -> None:
        """See ExecutionService."""
        await self._present.close()
