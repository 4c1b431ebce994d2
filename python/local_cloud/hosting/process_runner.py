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
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_cloud.hosting import launch as launch_script
from local_cloud.hosting.output import OutputReader
from local_cloud.hosting.reaper import Reaper
from local_cloud.hosting.runner import Exit, Launch, LaunchFailed, LogSink, RunningContainer
from local_cloud.image_store import ProcessImage

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
        return await self.run(
            container_command(launch),
            environment=container_environment(launch, self._platform_environment),
            directory=launch.working_dir,
            log=log,
        )

    async def run(
        self, command: Sequence[str], *, environment: Mapping[str, str], directory: Path, log: LogSink
    ) -> ContainerProcess:
        """Start a command (an absolute program and its arguments) in ``directory`` with this environment and
        no other variable. Raises LaunchFailed."""
        program, *arguments = command
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
                cwd=directory,
                env=dict(environment),
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
        return ContainerProcess(process, OutputReader(read_end, log), self._reaper)

    async def close(self) -> None:
        await asyncio.to_thread(self._reaper.close)


class ContainerProcess:
    """A started process with its group, its output reader and its end: a RunningContainer."""

    def __init__(self, process: asyncio.subprocess.Process, output: OutputReader, reaper: Reaper) -> None:
        self._process = process
        self._output = output
        self._reaper = reaper
        self._end = asyncio.create_task(self._watch(), name=f"end of {process.pid}")

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

    def drain(self) -> None:
        """Have every line in the log that the process has written until now."""
        self._output.drain()

    async def _watch(self) -> Exit:
        code = await self._process.wait()
        # Children that the container left behind end with it; they would hold its port and its output open.
        self._signal_group(signal.SIGKILL)
        self._reaper.forget(self.pid)
        # The last lines say why it ended: have them before anyone learns that it did.
        await self._output.wait_end(_OUTPUT_DRAIN_S)
        return Exit(code)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def platform_environment(region: str, aws_url: str) -> dict[str, str]:
    """What the platform gives every container.

    The endpoint and the dummy credentials stand for the execution role: a handler that calls AWS stays inside
    the local cloud.
    """
    return {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


def container_command(launch: Launch) -> list[str]:
    """The image's entry point and command as absolute program and arguments. Raises LaunchFailed."""
    return image_command(launch.image, [*launch.image.entrypoint, *launch.image.cmd])


def image_command(image: ProcessImage, command: Sequence[str]) -> list[str]:
    """A command of an image as absolute program and arguments. Raises LaunchFailed."""
    name = command[0]
    beside = image.python.parent
    if name in ("python", "python3"):
        program = image.python
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
    return {
        **image_environment(
            launch.image,
            home=launch.working_dir,
            temporary=launch.working_dir / "tmp",
            platform={**platform_environment, "SERVING_THREADS": str(launch.threads)},
            own=launch.environment,
        ),
        "SAGEMAKER_BIND_TO_PORT": str(launch.port),
        "SAGEMAKER_SAFE_PORT_RANGE": f"{launch.safe_ports[0]}-{launch.safe_ports[1]}",
        "SERVING_HOST": "127.0.0.1",
        "SERVING_MODEL_DIR": str(launch.model_dir),
        "SM_MODEL_DIR": str(launch.model_dir),
    }


def image_environment(
    image: ProcessImage,
    *,
    home: Path,
    temporary: Path,
    platform: Mapping[str, str],
    own: Mapping[str, str],
) -> dict[str, str]:
    """The variables of any container of an image: the image's, the platform's, those that whoever deployed it
    gave (``own``), and the paths, which none of the others may change."""
    bundle = image.app_dir.parent
    merged = {
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "PYTHONUNBUFFERED": "1",
        **image.env,
        **platform,
        **own,
    }
    paths = [path for path in image.env.get("PYTHONPATH", "").split(":") if path]
    own_path = own.get("PYTHONPATH")
    # Where the interpreter itself was built against a shared library, it does not start without this.
    loader = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {
        **loader,
        **merged,
        "PATH": f"{image.python.parent}:{_SYSTEM_PATH}",
        "PYTHONPATH": ":".join([*(str(bundle / path) for path in paths), *([own_path] if own_path else [])]),
    }
