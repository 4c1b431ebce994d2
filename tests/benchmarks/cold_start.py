"""From the start of a process to its first answer: a function, the least that could answer, the labs' way."""

from __future__ import annotations

import json
import os
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import servers
from results import Result

from delivery import images
from delivery.console import Reporter
from delivery.model_folder import find_model
from delivery.model_sources import with_sources
from delivery.project import Project
from local_cloud.image_store import ProcessImage

sys.path.append(str(servers.ROOT / "tests/unit/model_code/serving_lambda"))

from lambda_runtime_api import FunctionProcess

if TYPE_CHECKING:
    from sections import Setup

ROUNDS = 15
LABS_ROUNDS = 3
ANSWER_S = 120.0
TEXT = "배우들의 연기가 훌륭하고 이야기도 탄탄해서 시간 가는 줄 몰랐다."
#: The memory of one vCPU.
MEMORY_MB = "1769"


@dataclass(frozen=True, slots=True)
class Start:
    """One start. seconds: from the start of the process to its answer. peak_mb: the most memory it had."""

    seconds: float
    peak_mb: float


def function_image(name: str) -> ProcessImage:
    """The image of a function, with its model inside, built as a deployment builds it."""
    project, reporter = Project.here(), Reporter()
    image = images.find_image(project, name)
    models = with_sources({}, [find_model(project, image.model)], project, reporter)
    return images.build(project, image, lambda text: reporter.line(" ", "images", text), models)


def function_process(image: ProcessImage) -> FunctionProcess:
    """The function, as the execution environment starts it: the image's command, Lambda's variables."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR", "LANG")}
    environment = {
        **kept,
        **image.env,
        "PYTHONPATH": str(image.app_dir),
        "LAMBDA_TASK_ROOT": str(image.app_dir),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": MEMORY_MB,
    }
    log = servers.ROOT / ".local/bench/function.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    return FunctionProcess(image.python, environment, log, image.entrypoint[1:])


def start_function(image: ProcessImage, event: bytes) -> Start:
    """One cold start of the function, to the answer that the Runtime API gets."""
    with function_process(image) as function:
        answered = _answered(function, event)
        return Start(answered - function.started, _peak_mb(function.process.pid))


def seconds_of(function: FunctionProcess, event: bytes) -> float:
    """How long a function takes for an event, from the Runtime API and back to it."""
    started = time.perf_counter()
    return _answered(function, event) - started


def _answered(function: FunctionProcess, event: bytes) -> float:
    posted = function.invoke(event)
    if posted.what != "response" or posted.json().get("statusCode") != 200:
        raise RuntimeError(f"the function answered {posted.body[:500]!r}")
    return posted.at


def start_script(arguments: Sequence[str | Path]) -> Start:
    """One start of a script that prints its answer and then waits."""
    started = time.perf_counter()
    with subprocess.Popen(
        list(map(str, arguments)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], ANSWER_S)
            seconds = time.perf_counter() - started
            if not ready or not process.stdout.readline():
                process.kill()
                _, errors = process.communicate()
                raise RuntimeError(
                    f"{arguments[1]} gave no answer: {errors.decode(errors='replace')[-2000:]}"
                )
            return Start(seconds, _peak_mb(process.pid))
        finally:
            process.kill()


def _peak_mb(pid: int) -> float:
    """The peak of the resident memory so far (Linux's VmHWM), in MB of 1,024 kB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def sentiment(setup: Setup) -> Iterator[Result]:
    """Sentiment: the function against the floor and against the labs' way, all taking turns."""
    image = function_image("lambda_sentiment")
    checkpoint = setup.model_dir.parent / "labs-checkpoint"
    labs = [sys.executable, Path(__file__).parent / "peers/labs_cold_start.py"]
    subprocess.run(
        [*labs, "write", setup.model_dir, checkpoint],
        check=True,
        capture_output=True,
        env=servers.environment_of_servers(),
    )
    weights = image.app_dir / "model/weights"
    bare = [image.python, Path(__file__).parent / "bare_cold_start.py", weights, TEXT]
    body = json.dumps({"text": TEXT}, ensure_ascii=False)
    headers = {"content-type": "application/json"}
    event = json.dumps({"version": "2.0", "headers": headers, "body": body}).encode()
    ours, floor, peers = [], [], []
    for number in range(ROUNDS + 1):
        started = start_function(image, event), start_script(bare)
        if number:  # the first round fills the page cache
            ours.append(started[0])
            floor.append(started[1])
        if number <= LABS_ROUNDS:
            peer = start_script([*labs, "answer", checkpoint, TEXT])
            if number:
                peers.append(peer)
    yield from against_floor(setup, ours, floor)
    yield _ratio(
        setup, "cold start of the labs' way, against the function's", peers, ours, 10.0, at_least=True
    )


def against_floor(setup: Setup, ours: Sequence[Start], floor: Sequence[Start]) -> Iterator[Result]:
    """Time and memory of the function's cold starts, against those of the bare script."""
    yield _ratio(setup, "cold start, against a bare script", ours, floor, 1.4, at_least=False)
    mine, bare = (statistics.median(start.peak_mb for start in starts) for starts in (ours, floor))
    setup.say(f"peak memory: {mine:.0f} MB, bare {bare:.0f} MB")
    yield Result(
        "cold_start",
        setup.model,
        "peak memory, against a bare script",
        mine / bare,
        "×",
        1.3,
        at_least=False,
        details={"function_mb": mine, "bare_mb": bare},
    )


def _ratio(
    setup: Setup, what: str, over: Sequence[Start], under: Sequence[Start], target: float, *, at_least: bool
) -> Result:
    sides = [[start.seconds for start in starts] for starts in (over, under)]
    first, second = map(statistics.median, sides)
    setup.say(f"{what}: {first * 1000:.0f} ms, {second * 1000:.0f} ms (least {_least_ms(sides)})")
    return Result(
        "cold_start",
        setup.model,
        what,
        first / second,
        "×",
        target,
        at_least=at_least,
        details={"over_s": sides[0], "under_s": sides[1], "of_least": min(sides[0]) / min(sides[1])},
    )


def _least_ms(sides: Sequence[Sequence[float]]) -> str:
    return ", ".join(f"{min(side) * 1000:.0f}" for side in sides)
