"""The provisioned concurrency of Lambda's aliases and versions, as Application Auto Scaling changes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from local_cloud.clock import Clock
from local_cloud.functions.specs import ProvisionedState
from local_cloud.sagemaker.errors import AwsError
from local_cloud.scaling.capacity import CannotScale, Reading, TookTooLong
from local_cloud.scaling.kinds import function_of

CHANGE_SECONDS: Final = 600.0
"""How long environments may take to be initialised. In real time: they are real processes."""


class ProvisionedConcurrency(Protocol):
    """What is needed of Lambda's control plane: ``functions.control.api.LambdaControl`` is it."""

    def provisioned(self, function_name: str, qualifier: str) -> ProvisionedState | None:
        """None where nothing is provisioned for an alias or version."""

    def provision(self, function_name: str, qualifier: str, count: int) -> None:
        """PutProvisionedConcurrencyConfig; returns at once. Raises AwsError."""

    def resolve(self, function_name: str, qualifier: str | None = None) -> object:
        """Raises AwsError if there is no such function or qualifier."""


class FunctionCapacity:
    """A :class:`~local_cloud.scaling.capacity.Capacity`: environments that are kept initialised."""

    def __init__(self, control: ProvisionedConcurrency, clock: Clock) -> None:
        self._control = control
        self._clock = clock

    def read(self, resource: str) -> Reading | None:
        try:
            function, qualifier = function_of(resource)
            state = self._control.provisioned(function, qualifier)
            if state is None:
                self._control.resolve(function, qualifier)
                return Reading(desired=0, steady=True)
        except ValueError:
            return None
        except AwsError as error:
            # A function that is Pending, say, is there.
            return None if error.code == "ResourceNotFoundException" else Reading(desired=0, steady=False)
        return Reading(desired=state.requested, steady=state.status != "IN_PROGRESS" or not state.requested)

    async def ready(self, resource: str) -> None:
        """At once: Lambda takes a change during another."""
        if self.read(resource) is None:
            raise CannotScale(f"Could not find {resource}.")

    async def set(self, resource: str, count: int, accepted: Callable[[], None]) -> None:
        function, qualifier = function_of(resource)
        before = self._control.provisioned(function, qualifier)
        self._provision(function, qualifier, count)
        accepted()
        deadline = self._clock.deadline(CHANGE_SECONDS)
        if not await deadline.until(lambda: self._has_ended(function, qualifier, count)):
            raise TookTooLong("The environments were not initialised in time.")
        state = self._control.provisioned(function, qualifier)
        if count and (state is None or state.requested != count):
            raise CannotScale(f"The provisioned concurrency of {resource} was changed meanwhile.")
        if state is not None and count and state.status == "FAILED":
            self._provision(function, qualifier, 0 if before is None else before.requested)
            raise CannotScale(state.status_reason or "The environments could not be initialised.")

    def _provision(self, function: str, qualifier: str, count: int) -> None:
        try:
            self._control.provision(function, qualifier, count)
        except AwsError as error:
            raise CannotScale(error.message) from None

    def _has_ended(self, function: str, qualifier: str, count: int) -> bool:
        state = self._control.provisioned(function, qualifier)
        return state is None or not count or state.requested != count or state.status != "IN_PROGRESS"
