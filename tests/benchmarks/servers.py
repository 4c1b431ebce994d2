"""The servers that are compared, each a process of its own on a free port."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from delivery.console import Reporter
from delivery.model_folder import read_model
from delivery.model_sources import with_sources
from delivery.project import Project

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(__file__).parent / "peers"
IMPORT_ROOTS = tuple(ROOT / "python" / part for part in ("", "contracts", "model_code"))
START_S = 90.0


class Server:
    """A server process and all the processes it started; ready when ``health_path`` answers 200."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        port: int,
        health_path: str,
        environment: Mapping[str, str],
        python: Path = Path(sys.executable),
    ) -> None:
        self.name = name
        self.port = port
        self.log = ROOT / ".local" / "bench" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(python), *arguments],
                env={**environment_of_servers(), **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that its workers can be stopped with it
            )
        try:
            self._wait_until_ready(health_path)
        except BaseException:
            self.stop()
            raise
        self.seconds_to_ready = time.perf_counter() - started

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process and its workers."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                continue

    def cpu_seconds(self) -> float:
        """CPU time of the process so far, to the nanosecond where the kernel counts so (Linux)."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9

    def _wait_until_ready(self, path: str) -> None:
        give_up = time.monotonic() + START_S
        while time.monotonic() < give_up:
            if self.process.poll() is not None:
                break
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.004)
        tail = self.log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{self.name} was not ready within {START_S:.0f} s; its log ends with:\n{tail}")


def unpack_model(name: str, folder: Path) -> Path:
    """What the archive of a model holds, as SageMaker unpacks it."""
    target = folder / name
    shutil.rmtree(target, ignore_errors=True)
    model = read_model(ROOT / "python/model_code" / name)
    (model,) = with_sources({}, [model], Project.here(), Reporter())  # weights that are not in the repository
    for archive_path, source in model.files.items():
        (target / archive_path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / archive_path)
    return target


def ours(
    model_dir: Path,
    threads: int,
    *,
    python: Path = Path(sys.executable),
    environment: Mapping[str, str] | None = None,
    name: str = "serving",
) -> Server:
    """This project's inference server, as an image starts it. ``environment``: the image's own variables."""
    port = free_port()
    settings = {
        **(environment or {}),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SERVING_HOST": "127.0.0.1",
        "SERVING_MODEL_DIR": str(model_dir),
        "SERVING_THREADS": str(threads),
    }
    return Server(
        name,
        ["-m", "serving", "serve"],
        port=port,
        health_path="/ping",
        environment=settings,
        python=python,
    )


def labs_way(model_dir: Path, threads: int) -> Server:
    """A handler as the AWS labs write it."""
    port = free_port()
    script = [str(PEERS / "labs_server.py"), str(model_dir), str(port), str(threads)]
    return Server("labs", script, port=port, health_path="/ping", environment={})


def litserve(model_dir: Path, options: Mapping[str, object]) -> Server:
    """LitServe around the same handler, hence the same ONNX model."""
    port = free_port()
    script = [str(PEERS / "litserve_server.py"), str(model_dir), str(port)]
    script += [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    return Server("litserve", script, port=port, health_path="/health", environment={})


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment_of_servers() -> dict[str, str]:
    """The environment of every server: this project on the path, no settings of the caller's shell."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("SERVING_", "SAGEMAKER_"))
    }
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, IMPORT_ROOTS)), "PYTHONUNBUFFERED": "1"}
