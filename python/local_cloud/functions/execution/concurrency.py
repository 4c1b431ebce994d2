"""Who may run: the account's concurrency, what is reserved of it, and what is provisioned.

Source: "Understanding Lambda function scaling", AWS Lambda developer guide. Every invocation counts from its
admission, through a cold start too, until its environment is free again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from local_cloud.functions.specs import Throttled

RESERVED_EXCEEDED = "ReservedFunctionConcurrentInvocationLimitExceeded"
ACCOUNT_EXCEEDED = "ConcurrentInvocationLimitExceeded"

ACCOUNT = ""
"""The key of the account's own gauge."""


class Gauges:
    """Counts that rise and fall; ``peaks`` tells the highest of each since it was asked last."""

    def __init__(self) -> None:
        self.now: Counter[str] = Counter()
        self._peaks: Counter[str] = Counter()

    def change(self, key: str, by: int) -> None:
        self.now[key] += by
        self._peaks[key] = max(self._peaks[key], self.now[key])
        if not self.now[key]:
            del self.now[key]

    def peaks(self) -> dict[str, int]:
        peaks = {key: peak for key, peak in self._peaks.items() if peak}
        self._peaks = Counter(self.now)
        return peaks


class Admission:
    """One admitted invocation. ``release`` it once; more often does no harm."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release

    def release(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            release()


class Concurrency:
    """Counts running invocations. ``provisioned``: function → environments provisioned, all qualifiers."""

    def __init__(self, account_limit: int, provisioned: Callable[[], Mapping[str, int]]) -> None:
        self._limit = account_limit
        self._provisioned = provisioned
        self._reserved: dict[str, int] = {}
        self._on_demand: Counter[str] = Counter()
        self.running = Gauges()
        """By function, by resource (``name:qualifier``), and of the account."""
        self.unreserved = Gauges()
        """Of the account: invocations of functions without a reservation."""

    def set_reserved(self, function: str, count: int | None) -> None:
        if count is None:
            self._reserved.pop(function, None)
        else:
            self._reserved[function] = count

    def reserved(self) -> Mapping[str, int]:
        return dict(self._reserved)

    def is_off(self, function: str) -> bool:
        """Whether its reserved concurrency is 0, which throttles everything."""
        return self._reserved.get(function) == 0

    def admit_provisioned(self, function: str, resource: str) -> Admission:
        """An invocation that has a provisioned environment: that is within all limits already.
        Raises Throttled where the function is off."""
        if self.is_off(function):
            raise Throttled(RESERVED_EXCEEDED)
        return self._count(function, resource, on_demand=False)

    def admit(self, function: str, resource: str) -> Admission:
        """An invocation on demand. Raises Throttled."""
        provisioned = self._provisioned()
        reserved = self._reserved.get(function)
        if reserved is not None:
            if self._on_demand[function] >= reserved - provisioned.get(function, 0):
                raise Throttled(RESERVED_EXCEEDED)
        else:
            taken = sum(self._reserved.values()) + sum(
                count for name, count in provisioned.items() if name not in self._reserved
            )
            running = sum(count for name, count in self._on_demand.items() if name not in self._reserved)
            if running >= self._limit - taken:
                raise Throttled(ACCOUNT_EXCEEDED)
        return self._count(function, resource, on_demand=True)

    def _count(self, function: str, resource: str, *, on_demand: bool) -> Admission:
        keys = {ACCOUNT, function, resource}
        unreserved = function not in self._reserved
        if on_demand:
            self._on_demand[function] += 1
        for key in keys:
            self.running.change(key, 1)
        if unreserved:
            self.unreserved.change(ACCOUNT, 1)

        def release() -> None:
            if on_demand:
                self._on_demand[function] -= 1
                if not self._on_demand[function]:
                    del self._on_demand[function]
            for key in keys:
                self.running.change(key, -1)
            if unreserved:
                self.unreserved.change(ACCOUNT, -1)

        return Admission(release)
