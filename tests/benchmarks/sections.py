"""What is measured, a function a section. Each yields results whose two sides were measured in the same
run."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import async_queue
import cold_start
import detection
import load
import segmentation
import servers
from results import Result
from texts import requests_for

CLIENTS = 32
WARM_S = 1.0
QUEUED_JOBS = 500
QUEUED_WORK_S = 0.02
QUEUE_ROUNDS = 3

#: Settings of LitServe with batching that are tried; the best one is the peer. Workers share the threads.
LITSERVE_BATCHED: tuple[Mapping[str, int | float], ...] = (
    {"max_batch_size": 8, "batch_timeout": 0.002, "workers": 1, "fast_queue": 1},
    {"max_batch_size": 32, "batch_timeout": 0.01, "workers": 1, "fast_queue": 1},
    {"max_batch_size": 4, "batch_timeout": 0.001, "workers": 2, "fast_queue": 1},
    {"max_batch_size": 8, "batch_timeout": 0.002, "workers": 2, "fast_queue": 1},
    {"max_batch_size": 16, "batch_timeout": 0.005, "workers": 2, "fast_queue": 1},
    {"max_batch_size": 8, "batch_timeout": 0.002, "workers": 2, "fast_queue": 0},
)
#: Shown beside it, without a target: small models on CPUs gain little from batches.
LITSERVE_UNBATCHED: Mapping[str, int | float] = {
    "max_batch_size": 1,
    "batch_timeout": 0.0,
    "workers": 2,
    "fast_queue": 1,
}


@dataclass(frozen=True, slots=True)
class Setup:
    """One model ready to be measured. ``seconds`` is the length of one measurement."""

    model: str
    model_dir: Path
    threads: int
    seconds: float
    say: Callable[[str], None]

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What is asked."""
        return requests_for(self.model)


def _throughput(setup: Setup, server: servers.Server, seconds: float | None = None) -> load.Outcome:
    if server.name == "litserve":
        target = load.Target(server.port, "/predict", "application/json")
    else:
        target = load.Target(server.port, "/invocations", "application/jsonlines")
    requests = load.encode(target, setup.requests)
    load.run(target, requests, clients=CLIENTS, seconds=WARM_S)
    outcome = load.run(target, requests, clients=CLIENTS, seconds=seconds or setup.seconds)
    setup.say(f"{server.name}: {outcome.per_second:.0f} answers/s, p50 {outcome.percentile(0.5):.0f} ms")
    return outcome


def _against(
    setup: Setup,
    what: str,
    start: Callable[[], servers.Server],
    *,
    target: float | None,
    rounds: int,
    **details: Any,
) -> Result:
    """Rounds of ours and of the peer, taking turns, so that both see the same machine."""
    mine, peers = [], []
    with servers.ours(setup.model_dir, setup.threads) as server:
        for _ in range(rounds):
            mine.append(_throughput(setup, server))
            with start() as peer:  # ours costs nothing while it is idle; a peer may, so it is stopped again
                peers.append(_throughput(setup, peer))
    ours_rate, peer_rate = (statistics.median(run.per_second for run in runs) for runs in (mine, peers))
    return Result(
        "throughput",
        setup.model,
        f"answers/s at {CLIENTS} clients, against {what}",
        ours_rate / peer_rate,
        "×",
        target,
        at_least=True,
        details={
            "ours": [run.to_dict() for run in mine],
            "peer": [run.to_dict() for run in peers],
            **details,
        },
    )


def against_labs(setup: Setup) -> Iterator[Result]:
    """Throughput against a handler as the AWS labs write it."""
    yield _against(
        setup,
        "the labs' way",
        lambda: servers.labs_way(setup.model_dir, setup.threads),
        target=10.0,
        rounds=1,
        peer="same architecture and size in torch, float32, random weights",
    )


def against_litserve(setup: Setup) -> Iterator[Result]:
    """Throughput against LitServe around the same handler, under the best of several settings."""
    tried = []
    for base in LITSERVE_BATCHED:
        settings = _share_threads(setup, base)
        setup.say(f"litserve with {settings}")
        with servers.litserve(setup.model_dir, settings) as peer:
            tried.append((_throughput(setup, peer, seconds=min(3.0, setup.seconds)).per_second, settings))
    best = max(tried, key=lambda pair: pair[0])[1]
    setup.say(f"the best of them: {best}")
    for what, settings, target, rounds in (
        ("LitServe with batching", best, 1.3, 3),
        ("LitServe without", _share_threads(setup, LITSERVE_UNBATCHED), None, 1),
    ):
        yield _against(
            setup,
            what,
            lambda settings=settings: servers.litserve(setup.model_dir, settings),  # type: ignore[misc]
            target=target,
            rounds=rounds,
            peer="same handler, same ONNX model",
            settings=settings,
            tried=tried if target else [],
        )


def _share_threads(setup: Setup, settings: Mapping[str, int | float]) -> dict[str, int | float]:
    """A worker a core where several workers are asked for; the threads are shared out among them."""
    workers = 1 if settings["workers"] == 1 else setup.threads
    return {**settings, "workers": workers, "threads": setup.threads // workers}


def lone_request(setup: Setup) -> Iterator[Result]:
    """The median latency of a lone request over HTTP, against the bare call."""
    rounds = 40  # short ones, taking turns: what else the machine does then burdens both sides alike
    arguments = [
        sys.executable,
        str(Path(__file__).parent / "bare.py"),
        str(setup.model_dir),
        str(setup.threads),
    ]
    over_http: list[float] = []
    bare: list[float] = []
    with (
        servers.ours(setup.model_dir, setup.threads) as server,
        subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=servers.environment_of_servers(),
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        target = load.Target(server.port, "/invocations", "application/json")
        requests = cycle(load.encode(target, setup.requests))
        for number in range(rounds + 1):
            process.stdin.write(f"{2 * setup.seconds / rounds}\n")
            process.stdin.flush()
            alone = json.loads(process.stdout.readline())
            served = load.run_alone(target, requests, 2 * setup.seconds / rounds)
            if number:  # the first round warms both up
                bare += alone
                over_http += served
        process.stdin.close()
    ours_ms, bare_ms = (statistics.median(latencies) * 1000 for latencies in (over_http, bare))
    setup.say(f"lone request: {ours_ms:.2f} ms over HTTP, {bare_ms:.2f} ms bare")
    yield Result(
        "latency",
        setup.model,
        "p50 of a lone request, against tokenise-and-run",
        ours_ms / bare_ms,
        "×",
        1.3,
        at_least=False,
        details={"http_p50_ms": ours_ms, "bare_p50_ms": bare_ms, "samples": [len(over_http), len(bare)]},
    )


def idle_cpu(setup: Setup) -> Iterator[Result]:
    """CPU that a server takes while nobody asks anything."""
    with servers.ours(setup.model_dir, setup.threads) as server:
        _throughput(setup, server, seconds=1.0)
        time.sleep(1.0)
        before, started = server.cpu_seconds(), time.perf_counter()
        time.sleep(setup.seconds)
        share = (server.cpu_seconds() - before) / (time.perf_counter() - started) * 100
    setup.say(f"idle: {share:.3f} % of a core")
    yield Result("idle", setup.model, "CPU of an idle server", share, "% of a core", 1.0, at_least=False)


def start_up(setup: Setup) -> Iterator[Result]:
    """Time from the start of the process to the first 200 of /ping."""
    times = []
    for _ in range(5):
        with servers.ours(setup.model_dir, setup.threads) as server:
            times.append(server.seconds_to_ready)
    setup.say(f"start: {', '.join(f'{seconds:.2f}' for seconds in times)} s")
    yield Result(
        "startup",
        setup.model,
        "from start to 200 on /ping",
        statistics.median(times),
        "s",
        1.5,
        at_least=False,
        details={"all_s": times},
    )


Section = Callable[[Setup], Iterator[Result]]

TEXT_SECTIONS: Mapping[str, Section] = {
    "startup": start_up,
    "idle": idle_cpu,
    "latency": lone_request,
    "labs": against_labs,
    "litserve": against_litserve,
}


def through_the_queue(setup: Setup) -> Iterator[Result]:
    """Throughput of small jobs through an asynchronous endpoint of the local cloud, against the container."""
    setup.say(f"{QUEUED_JOBS} jobs of {QUEUED_WORK_S * 1000:.0f} ms, {QUEUE_ROUNDS} rounds of each way")
    measured = async_queue.measure(
        jobs=QUEUED_JOBS, concurrency=4, work_s=QUEUED_WORK_S, rounds=QUEUE_ROUNDS, notices=True
    )
    setup.say(f"jobs/s: {measured.queued} through the queue, {measured.direct} straight to the container")
    yield Result(
        "queue",
        setup.model,
        f"{QUEUED_JOBS} small jobs through the queue, against the container",
        measured.ratio,
        "×",
        0.9,
        at_least=True,
        details={"work_s": QUEUED_WORK_S, "queued": measured.queued, "direct": measured.direct},
    )


SEGMENTATION_SECTIONS: Mapping[str, Section] = {
    "forward": segmentation.against_forward_pass,
    "containers": segmentation.two_containers,
    "queue": through_the_queue,
}

DETECTION_SECTIONS: Mapping[str, Section] = {
    "cold_start": detection.cold_starts,
    "latency": detection.warm_requests,
}

SECTIONS: Mapping[str, Mapping[str, Section]] = {
    "sentiment": {**TEXT_SECTIONS, "cold_start": cold_start.sentiment},
    "similarity": TEXT_SECTIONS,
    segmentation.MODEL: SEGMENTATION_SECTIONS,
    detection.MODEL: DETECTION_SECTIONS,
}
"""Model → what is measured of it."""
