"""Room for one asynchronous request in one instance: reserved before it is sent, kept until it is done."""

from __future__ import annotations

from typing import Final

from local_cloud.hosting.errors import ContainerUnavailable, ModelError
from local_cloud.hosting.instance import Instance
from local_cloud.hosting.invocation import Invocation, NothingSent
from local_cloud.hosting.specs import InvokeRequest, InvokeResponse
from local_cloud.hosting.variant import Platform, Variant

EXIT_NOTICE_S: Final = 1.0
"""How long a broken connection waits for the news that its container has ended. Longer than for a real-time
request, whose caller waits: here it decides whether the request is tried again."""


class InstancePlace:
    """Counts as a request inside the instance from its making to ``release``."""

    def __init__(
        self, instance: Instance, variant: Variant, platform: Platform, log_group: str, *, alone: bool
    ) -> None:
        self.instance_id = instance.instance_id
        self._instance = instance
        self._variant = variant
        self._platform = platform
        self._log_group = log_group
        self._alone = alone
        self._released = False
        instance.reserved_for_one = alone
        instance.enter()

    @property
    def retiring(self) -> bool:
        """Whether the instance is being taken away."""
        return self._instance.retiring

    async def invoke(self, request: InvokeRequest) -> InvokeResponse:
        """Serve one request in this instance. Raises ContainerUnavailable, ModelError."""
        invocation = Invocation(
            request,
            variant=self._variant.spec.name,
            log_group=self._log_group,
            metrics={},  # none of a container's metrics is published for asynchronous endpoints
            proxy=self._platform.proxy,
            settings=self._platform.settings,
            exit_notice_s=EXIT_NOTICE_S,
        )
        status: int | None = None
        try:
            response = await invocation.inside(self._instance, self._instance.containers)
            status = response.status
            return response
        except NothingSent as error:
            raise ContainerUnavailable(str(error)) from error
        except ModelError as error:
            status = error.original_status
            raise
        finally:
            if status is not None:
                self._variant.metrics.answered_async(status, invocation.model_us)

    def release(self) -> None:
        """Give the room up. Idempotent."""
        if self._released:
            return
        self._released = True
        if self._alone:
            self._instance.reserved_for_one = False
        self._instance.leave()
