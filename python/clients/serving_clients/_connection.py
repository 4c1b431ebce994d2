"""The core under every client: the AWS clients, pools of threads, one way to try again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from serving_clients import _retries
from serving_clients._aws import Clients
from serving_clients._deadline import Deadline, active
from serving_clients._settings import Settings

if TYPE_CHECKING:
    from serving_clients._failures import Context
    from serving_clients._waiter import Waiter

Result = TypeVar("Result")

RUNTIME: Final = "sagemaker-runtime"
PIECES_AT_ONCE: Final = 6
"""Pieces of files that are read and sent at a time: what an upload holds in memory is this times a piece."""


class Connection:
    """Calls AWS in one account and region. Thread-safe; boto3 is imported with the first call."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._clients = Clients(settings)
        self._lock = threading.Lock()
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._waiters: dict[str | None, Waiter] = {}

    def client(self, service: str) -> Any:
        """boto3's client of *service*; its calls need an active deadline."""
        return self._clients.get(service)

    def prepare(self, service: str = RUNTIME) -> None:
        """Import boto3 and make the AWS client, if that is still to do: no deadline should pay for it."""
        self._clients.get(service)

    def call(
        self,
        service: str,
        operation: str,
        parameters: dict[str, Any],
        deadline: Deadline,
        *,
        action: str,
        endpoint_name: str | None = None,
        subject: str | None = None,
        only_once: bool = False,
    ) -> dict[str, Any]:
        """One AWS call, tried again within the deadline; raises a ServingError. A ``Body`` is read whole.

        action: the permission it needs. endpoint_name, subject: what it is about, for messages.
        """
        client = self._clients.get(service)

        def attempt() -> dict[str, Any]:
            with active(deadline):
                answer: dict[str, Any] = getattr(client, operation)(**parameters)
            if "Body" in answer:
                answer["Body"] = answer["Body"].read()
            return answer

        context = self._context(endpoint_name, action, subject)
        return self.run(attempt, context, deadline, only_once=only_once)

    def read_parameter(self, name: str, deadline: Deadline) -> str:
        """The SSM parameter *name*, decrypted; raises CatalogNotFound where there is none.

        By botocore's own sender, so that a process that mocks AWS at that point can mock this too.
        """

        def attempt() -> str:
            client = self._clients.parameter_store(deadline.left())
            try:
                return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
            finally:
                client.close()

        return self.run(attempt, self._context(None, "ssm:GetParameter"), deadline)

    @property
    def workers(self) -> ThreadPoolExecutor:
        """The threads of bulk calls, as many as requests may be in flight."""
        return self._pool("serving-clients", self.settings.concurrency)

    def workers_of(self, name: str, limit: int | None) -> ThreadPoolExecutor:
        """The threads of bulk calls to *name*: of its own, where it takes fewer requests at a time."""
        if limit is None or limit >= self.settings.concurrency:
            return self.workers
        return self._pool(f"serving-clients-{name}-{limit}", limit)

    @property
    def pieces(self) -> ThreadPoolExecutor:
        """The threads that read and send pieces of files; what runs in them waits for no other of them."""
        return self._pool("serving-clients-upload", PIECES_AT_ONCE)

    def waiter(self, queue_url: str | None) -> Waiter:
        """The one that waits for all jobs announced in this queue (None: of endpoints without one)."""
        from serving_clients._waiter import Waiter

        with self._lock:
            self._clients.check_open()
            if queue_url not in self._waiters:
                self._waiters[queue_url] = Waiter(self, queue_url)
            return self._waiters[queue_url]

    def close(self) -> None:
        """Let go of connections and threads. Calls that are running end with their own deadline."""
        with self._lock:
            self._clients.close()
            pools, self._pools = self._pools, {}
            waiters, self._waiters = self._waiters, {}
        for waiter in waiters.values():
            waiter.close()
        for pool in pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def _pool(self, name: str, threads: int) -> ThreadPoolExecutor:
        with self._lock:
            self._clients.check_open()
            if name not in self._pools:
                self._pools[name] = ThreadPoolExecutor(threads, name)
            return self._pools[name]

    def _context(self, endpoint_name: str | None, action: str, subject: str | None = None) -> Context:
        from serving_clients._failures import Context

        return Context(self.settings, action, endpoint_name, subject)

    def run(
        self, attempt: Callable[[], Result], context: Context, deadline: Deadline, *, only_once: bool = False
    ) -> Result:
        """*attempt*, tried again within the deadline as *context* says; raises a ServingError."""
        return _retries.call(
            attempt,
            deadline=deadline,
            only_once=only_once,
            classify=context.classify,
            timed_out=lambda: context.timed_out(deadline.seconds),
        )
