"""Runs a container as plain processes of this machine: one virtual environment an image, no container engine.

What isolation there is: a session and process group of its own, an environment that holds only what a
container would have, a private working folder, a read-only model, 127.0.0.1. It keeps nothing out of
reach of the user who runs the local cloud.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from local_cloud.hosting import launch as launch_script
from local_cloud.hosting.reaper import Reaper
from local_cloud.hosting.runner import Exit, Launch, LaunchFailed, LogSink, RunningContainer

MAX_LINE_BYTES: Final = 64 * 1024
"""A longer line is cut: CloudWatch Logs takes events of at most 256 KiB, and memory is bounded."""

_OUTPUT_DRAIN_S = 1.0
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


class ProcessRunner:
    """Implements :class:`~local_cloud.hosting.runner.Runner`.

    ``platform_environment``: what the platform gives every container (region, endpoint of the local cloud…);
    a model's own environment may override it.
    """

    def __init__(self, platform_environment: Mapping[str, str]) -> None:
        self._platform_environment = dict(platform_environment)
        self._reaper = Reaper()

    async def start(self, launch: Launch, log: LogSink) -> RunningContainer:
        launch.working_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        (launch.working_dir / "tmp").mkdir(exist_ok=True)
        program, *arguments = container_command(launch)
        # A pipe of our own: asyncio's would keep ``wait`` from returning for as long as any child of the
        # container's, perhaps left behind by a crash, holds its other end.
        read_end, write_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                launch_script.__file__,
                str(os.getpid()),
                program,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,  # one stream, so that the order of lines is kept
                cwd=launch.working_dir,
                env=container_environment(launch, self._platform_environment),
                start_new_session=True,
            )
        except BaseException as error:
            os.close(read_end)
            if isinstance(error, OSError):
                raise LaunchFailed(f"{program} could not be started: {error}") from error
            raise
        finally:
            os.close(write_end)
        self._reaper.register(process.pid)
        return _Process(process, read_end, log, self._reaper)

    async def close(self) -> None:
        await asyncio.to_thread(self._reaper.close)


class _Process:
    """A started process with its group, its output reader and its end."""

    def __init__(
        self, process: asyncio.subprocess.Process, output: int, log: LogSink, reaper: Reaper
    ) -> None:
        self._process = process
        self._reaper = reaper
        reader = asyncio.create_task(_copy_lines(output, log), name=f"output of {process.pid}")
        self._end = asyncio.create_task(self._watch(reader), name=f"end of {process.pid}")

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> Exit:
        return await asyncio.shield(self._end)

    def terminate(self) -> None:
        if self._process.returncode is None:
            self._signal_group(signal.SIGTERM)

    def kill(self) -> None:
        if self._process.returncode is None:
            self._signal_group(signal.SIGKILL)

    async def _watch(self, reader: asyncio.Task[None]) -> Exit:
        code = await self._process.wait()
        # Children that the container left behind end with it; they would hold its port and its output open.
        self._signal_group(signal.SIGKILL)
        self._reaper.forget(self.pid)
        # The last lines say why it ended: have them before anyone learns that it did.
        await asyncio.wait({reader}, timeout=_OUTPUT_DRAIN_S)
        reader.cancel()
        return Exit(code)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def container_command(launch: Launch) -> list[str]:
    """The image's entry point and command as absolute program and arguments. Raises LaunchFailed."""
    command = [*launch.image.entrypoint, *launch.image.cmd]
    name = command[0]
    beside = launch.image.python.parent
    if name in ("python", "python3"):
        program = launch.image.python
    elif Path(name).is_absolute():
        program = Path(name)
    else:
        candidates = [Path(folder, name) for folder in [str(beside), *_SYSTEM_PATH.split(":")]]
        program = next((path for path in candidates if path.is_file()), beside / name)
    if not program.is_file():
        raise LaunchFailed(f"the image's entry point {name!r} is not in its environment ({beside})")
    return [str(program), *command[1:]]


def container_environment(launch: Launch, platform_environment: Mapping[str, str]) -> dict[str, str]:
    """Only what a container would have: the image's variables, the platform's, the model's own, and the paths
    and ports of this container, which none of the others may change."""
    bundle = launch.image.app_dir.parent
    temporary = str(launch.working_dir / "tmp")
    merged = {
        "LANG": "C.UTF-8",
        "HOME": str(launch.working_dir),
        "TMPDIR": temporary,
        "PYTHONUNBUFFERED": "1",
        **launch.image.env,
        **platform_environment,
        "SERVING_THREADS": str(launch.threads),
        **launch.environment,
    }
    paths = [path for path in launch.image.env.get("PYTHONPATH", "").split(":") if path]
    own = launch.environment.get("PYTHONPATH")
    # Where the interpreter itself was built against a shared library, it does not start without this.
    loader = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {
        **loader,
        **merged,
        "PATH": f"{launch.image.python.parent}:{_SYSTEM_PATH}",
        "PYTHONPATH": ":".join([*(str(bundle / path) for path in paths), *([own] if own else [])]),
        "SAGEMAKER_BIND_TO_PORT": str(launch.port),
        "SAGEMAKER_SAFE_PORT_RANGE": f"{launch.safe_ports[0]}-{launch.safe_ports[1]}",
        "SERVING_HOST": "127.0.0.1",
        "SERVING_MODEL_DIR": str(launch.model_dir),
        "SM_MODEL_DIR": str(launch.model_dir),
    }


async def _copy_lines(descriptor: int, log: LogSink) -> None:
    """Read the container's output as fast as it comes, so that it never waits on a full pipe."""
    stream = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(descriptor, "rb", buffering=0)
    )
    rest = b""
    try:
        while chunk := await stream.read(MAX_LINE_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                _write_line(log, line)
            while len(rest) > MAX_LINE_BYTES:
                _write_line(log, rest[:MAX_LINE_BYTES])
                rest = rest[MAX_LINE_BYTES:]
    finally:
        if rest:
            _write_line(log, rest)
        transport.close()


def _write_line(log: LogSink, line: bytes) -> None:
    log.write(line.rstrip(b"\r").decode("utf-8", errors="replace"))
