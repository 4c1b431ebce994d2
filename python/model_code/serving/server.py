"""The life of the server: bind, load, serve, drain.

The socket is bound and the model's thread started before uvicorn is even imported: SageMaker connects
within 250 ms of the container's start, and the imports and the load of the weights overlap.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from serving.answers import Answering
from serving.app import App
from serving.batching import Batcher
from serving.cpu import pin_thread_pools
from serving.invocations import Invocations
from serving.logs import log
from serving.media_invocations import MediaInvocations
from serving.metrics import Metrics
from serving.model_loader import LoadedModel, ModelLoadError, load_model
from serving.settings import Settings
from serving.threads import SerialThread, call_soon
from serving_contracts.tasks import MediaTask

if TYPE_CHECKING:
    from serving.quiet_uvicorn import QuietServer

#: Connections that may wait to be accepted; the kernel caps it at net.core.somaxconn.
_BACKLOG = 2048


def bind(settings: Settings) -> socket.socket:
    """A listening socket; raises OSError when the port is taken or not ours to take."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status: 0 after a stop that was asked for, else 1."""
    try:
        listener = bind(settings)
    except OSError as error:
        log.error("The port cannot be bound.", extra={"fields": {"port": settings.port, "cause": str(error)}})
        return 1
    address = {"host": settings.host, "port": listener.getsockname()[1]}
    log.info("Listening.", extra={"fields": {**address, "threads": settings.threads, "pid": os.getpid()}})
    pin_thread_pools(settings.threads)
    model_thread = SerialThread("model")
    loading: Future[LoadedModel] = Future()
    model_thread.post(partial(_load, settings, loading))
    life = _Life(settings, listener, [model_thread], loading)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        status = runner.run(life.run())
    if life.busy():
        # A thread within native code may crash the interpreter's tear-down; all that matters has been
        # written.
        sys.stdout.flush()
        os._exit(status)
    return status


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed (it does not exist for Windows), else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _load(settings: Settings, loading: Future[LoadedModel]) -> None:
    try:
        model = load_model(settings.model_dir, settings.threads, settings.concurrent_batches)
        gc.collect()
        gc.freeze()  # what was loaded stays: later collections need not walk through it
    except BaseException as error:  # whatever a handler raises, the log names it and the process ends
        loading.set_exception(error)
    else:
        loading.set_result(model)


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, ModelLoadError) else f"{type(error).__name__}: {error}"


class _Life:
    """One run on one event loop."""

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        threads: list[SerialThread],
        loading: Future[LoadedModel],
    ) -> None:
        self._settings = settings
        self._listener = listener
        self.threads = threads
        self._loading = loading
        self._metrics = Metrics()
        self._status: asyncio.Future[int]
        self._app: App
        self._invocations: Answering | None = None

    def busy(self) -> bool:
        """Whether a handler is at work in some thread."""
        running = any(thread.busy_seconds() > 0 for thread in self.threads)
        return running or (self._invocations is not None and self._invocations.busy_seconds() > 0)

    async def run(self) -> int:
        """Serve; return the exit status."""
        from serving.quiet_uvicorn import QuietServer

        loop = asyncio.get_running_loop()
        self._status = loop.create_future()
        self._app = App(self._settings, self._metrics)
        with _signals(loop, self._stop):
            self._loading.add_done_callback(lambda done: call_soon(loop, partial(self._loaded, done)))
            await QuietServer(self._app, self._listener, self._until_stopped).serve_on_listener()
        return self._status.result()

    def _loaded(self, loading: Future[LoadedModel]) -> None:
        error = loading.exception()
        if error is not None:
            log.critical(
                "The model cannot be loaded.",
                exc_info=error,
                extra={"fields": {"reason": _reason(error)}},
            )
            self._finish(1)
            return
        model = loading.result()
        self.threads += [SerialThread(f"model-{number}") for number in range(1, model.concurrent_runs)]
        batcher = Batcher(model, self.threads, self._settings, self._metrics)
        self._invocations = (
            MediaInvocations(model, model.task, batcher, self._settings)
            if isinstance(model.task, MediaTask)
            else Invocations(model, batcher, self._settings)
        )
        self._app.serve(self._invocations)
        log.info(
            "Ready.", extra={"fields": {"model": model.name, "task": model.task.name if model.task else None}}
        )

    def _stop(self, name: str) -> None:
        self._app.refuse_new()
        log.info("Stopping.", extra={"fields": {"signal": name, "in_flight": self._metrics.in_flight}})
        self._finish(0)

    def _finish(self, status: int) -> None:
        if not self._status.done():
            self._status.set_result(status)

    async def _until_stopped(self, server: QuietServer) -> None:
        if await asyncio.shield(self._status) != 0:
            return
        server.stop_accepting()
        in_time = await self._app.drain(self._settings.drain_s)
        if self._invocations is not None:
            self._invocations.close()
        log.log(
            logging.INFO if in_time else logging.WARNING,
            "Stopped." if in_time else "Stopped before every request was answered.",
            extra={"fields": {"in_flight": self._metrics.in_flight}},
        )


@contextlib.contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: Callable[[str], None]) -> Iterator[None]:
    """Call ``stop(name)`` on the loop at SIGTERM and SIGINT."""
    caught = (signal.SIGTERM, signal.SIGINT)

    def relay(number: int, _: object) -> None:
        loop.call_soon_threadsafe(stop, signal.Signals(number).name)

    for number in caught:
        try:
            loop.add_signal_handler(number, stop, number.name)
        except NotImplementedError:  # Windows
            signal.signal(number, relay)
    yield
    for number in caught:
        with contextlib.suppress(NotImplementedError):
            loop.remove_signal_handler(number)
