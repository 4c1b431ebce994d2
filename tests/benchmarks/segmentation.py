"""Instance segmentation: a container against its bare forward pass, two containers against one."""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import servers
from results import Result

from delivery import images
from delivery.project import Project
from delivery.scenes import draw_picture

if TYPE_CHECKING:
    from sections import Setup

MODEL = "instance_segmentation"
IMAGE = "gluoncv"
PICTURES = 8
ROUNDS = 12
WARM_S = 3.0


def image_python(say: Callable[[str], None]) -> tuple[Path, Mapping[str, str]]:
    """The Python that the model's image runs with, and the image's own variables."""
    project = Project.here()
    built = images.build(project, images.find_image(project, IMAGE), say)
    return built.python, {name: value for name, value in built.env.items() if name != "PYTHONPATH"}


def start_container(setup: Setup, name: str) -> servers.Server:
    """A container as on an instance with one vCPU; both sides of each ratio have one thread a container."""
    python, variables = image_python(setup.say)
    return servers.ours(setup.model_dir, 1, python=python, environment=variables, name=name)


def draw_pictures(folder: Path) -> list[Path]:
    """Scenes as PNG files, the same in every run."""
    paths = []
    for seed in range(PICTURES):
        paths.append(folder / f"scene-{seed}.png")
        paths[-1].write_bytes(draw_picture(seed).png)
    return paths


def post_for(port: int, bodies: Iterator[bytes], seconds: float) -> list[float]:
    """Latencies of requests sent one after the other over one connection; the last one is finished."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    latencies = []
    stop_at = time.perf_counter() + seconds
    while True:
        started = time.perf_counter()
        connection.request("POST", "/invocations", next(bodies), {"Content-Type": "image/png"})
        response = connection.getresponse()
        body = response.read()
        ended = time.perf_counter()
        if response.status != 200:
            raise RuntimeError(f"the container answered {response.status}: {body[:500]!r}")
        latencies.append(ended - started)
        if ended >= stop_at:
            connection.close()
            return latencies


def against_forward_pass(setup: Setup) -> Iterator[Result]:
    """Seconds a picture through the container over HTTP, against the bare forward pass, taking turns."""
    pictures = draw_pictures(setup.model_dir)
    bodies = cycle([picture.read_bytes() for picture in pictures])
    python, variables = image_python(setup.say)
    arguments = [python, Path(__file__).parent / "bare_segmentation.py", setup.model_dir, *pictures]
    served: list[float] = []
    bare: list[float] = []
    with (
        start_container(setup, "segmentation") as server,
        subprocess.Popen(
            list(map(str, arguments)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**servers.environment_of_servers(), **variables},
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(ROUNDS + 1):
            seconds = WARM_S if not number else 2 * setup.seconds / ROUNDS
            process.stdin.write(f"{seconds}\n")
            process.stdin.flush()
            alone = json.loads(process.stdout.readline())
            through = post_for(server.port, bodies, seconds)
            if number:
                bare += alone
                served += through
        process.stdin.close()
    served_ms, bare_ms = (statistics.median(latencies) * 1000 for latencies in (served, bare))
    setup.say(f"a picture: {served_ms:.1f} ms through the container, {bare_ms:.1f} ms bare")
    yield Result(
        "forward",
        setup.model,
        "seconds a picture, against the bare forward pass",
        served_ms / bare_ms,
        "×",
        1.15,
        at_least=False,
        details={"served_p50_ms": served_ms, "bare_p50_ms": bare_ms, "samples": [len(served), len(bare)]},
    )


def two_containers(setup: Setup) -> Iterator[Result]:
    """Pictures a second of two containers side by side, against those of one, taking turns."""
    bodies = [picture.read_bytes() for picture in draw_pictures(setup.model_dir)]
    rates: dict[int, list[float]] = {1: [], 2: []}
    with start_container(setup, "first") as first, start_container(setup, "second") as second:
        _rate([first, second], bodies, WARM_S)
        for _ in range(ROUNDS // 4):
            for count, chosen in ((1, [first]), (2, [first, second])):
                rates[count].append(_rate(chosen, bodies, setup.seconds))
    one, two = (statistics.median(rates[count]) for count in (1, 2))
    setup.say(f"one container: {one:.1f} pictures/s, two: {two:.1f}")
    yield Result(
        "containers",
        setup.model,
        "pictures/s of two containers, against one",
        two / one,
        "×",
        1.0,
        at_least=True,
        details={"pictures_per_second": rates},
    )


def _rate(chosen: Sequence[servers.Server], bodies: Sequence[bytes], seconds: float) -> float:
    done: list[int] = []

    def ask(server: servers.Server) -> None:
        done.append(len(post_for(server.port, cycle(bodies), seconds)))

    threads = [threading.Thread(target=ask, args=(server,)) for server in chosen]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(done) != len(chosen):
        raise RuntimeError("a container stopped answering; see its log under .local/bench")
    return sum(done) / (time.perf_counter() - started)
