"""A gigabyte goes through upload, queue and container, and nobody on its way holds it in memory."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from asynchronous import make_async_endpoint, remove_async_endpoint
from deployed import Deployment

GIB = 1024**3
MIB = 1024**2
GROWTH_MB = 100

COUNTS_BYTES = """
from serving_contracts import Segmentation


class Model:
    def predict(self, requests):
        counted = []
        for request in requests:
            total, marks = 0, 0
            with request.path.open("rb") as file:
                while piece := file.read(1 << 20):
                    total += len(piece)
                    marks += piece[0] == 0xA5
            assert total == request.size
            counted.append(Segmentation("video", width=total >> 20, height=max(1, marks), frames=()))
        return counted


def load(model_dir, threads):
    return Model()
"""
"""Counts the megabytes, and those of them that begin with the mark that the test has written there."""

CLIENT = """
import json, sys
from serving_clients import JobsClient

def memory(name):
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024

endpoint, inputs, queue, small, large = sys.argv[1:]
with JobsClient(endpoint, task="segmentation", input_location=inputs, queue_url=queue, env="local") as client:
    client.submit(small, content_type="video/mp4").result(timeout=60)
    before = memory("VmRSS")
    answer = client.submit(large, content_type="video/mp4", timeout=120).result(timeout=120)
    grown = memory("VmHWM") - before
print(json.dumps({"grown_mb": grown, "mib": answer.width, "marks": answer.height}))
"""


@pytest.mark.timeout(300)
def test_a_gigabyte_passes_in_less_than_100_megabytes_of_anyones_memory(
    deployment: Deployment, tmp_path: Path
) -> None:
    endpoint = make_async_endpoint(
        deployment, COUNTS_BYTES, task="segmentation", environment={"SERVING_MAX_BODY_BYTES": str(GIB)}
    )
    try:
        small, large = tmp_path / "small.mp4", tmp_path / "large.mp4"
        _write_marked(small, 1)
        _write_marked(large, GIB // MIB)
        arguments = [endpoint.name, endpoint.inputs, endpoint.queue_url, str(small), str(large)]
        pids = {"the local cloud": _cloud_pid(deployment), "the container": endpoint.containers()[0]["pid"]}
        with _highest(pids) as grown:
            done = subprocess.run(
                [sys.executable, "-c", CLIENT, *arguments],
                env={**deployment.environment, "PYTHONPATH": ":".join(sys.path)},
                capture_output=True,
                text=True,
                timeout=240,
            )
        assert done.returncode == 0, done.stderr[-3000:]
        client = json.loads(done.stdout)
        assert (client["mib"], client["marks"]) == (1024, 1024)
        grown["the client"] = client["grown_mb"]
        print(", ".join(f"{who} grew by {mb:.0f} MB" for who, mb in grown.items()))
        assert all(mb < GROWTH_MB for mb in grown.values()), grown
    finally:
        remove_async_endpoint(endpoint)


def _write_marked(path: Path, mebibytes: int) -> None:
    """A sparse file whose every mebibyte begins with a mark: what is lost or moved on the way shows."""
    with path.open("wb") as file:
        for number in range(mebibytes):
            file.seek(number * MIB)
            file.write(b"\xa5")
        file.truncate(mebibytes * MIB)


def _cloud_pid(deployment: Deployment) -> int:
    return int(json.loads((deployment.directory / "cloud" / "cloud.json").read_text())["pid"])


@contextmanager
def _highest(pids: dict[str, int]) -> Iterator[dict[str, float]]:
    """By how many megabytes each process's resident memory has grown at the most, once the block is over."""
    before = {who: _resident_mb(pid) for who, pid in pids.items()}
    highest = dict(before)
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            for who, pid in pids.items():
                highest[who] = max(highest[who], _resident_mb(pid))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    grown: dict[str, float] = {}
    try:
        yield grown
    finally:
        over.set()
        looking.join(5)
        grown.update({who: highest[who] - before[who] for who in pids})


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024
