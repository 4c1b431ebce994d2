"""Object detection as a function: cold starts and warm requests, against the least that could answer."""

from __future__ import annotations

import base64
import json
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cold_start
from results import Result

from local_cloud.image_store import ProcessImage
from object_detection.photos import photo

if TYPE_CHECKING:
    from sections import Setup

MODEL = "object_detection"
PHOTOS = ("cat", "motorcycle", "china")
WARM_ROUNDS = 3


def write_photos(folder: Path) -> list[Path]:
    """The photographs as files."""
    paths = [folder / name for name in PHOTOS]
    for path in paths:
        path.write_bytes(photo(path.name))
    return paths


def event_of(path: Path) -> bytes:
    """What a function URL makes of a file that is sent to it; its first bytes tell what it is."""
    body = base64.b64encode(path.read_bytes()).decode()
    return json.dumps({"version": "2.0", "headers": {}, "body": body, "isBase64Encoded": True}).encode()


def bare_command(image: ProcessImage, pictures: list[Path]) -> list[str]:
    """The bare script, in the image's environment."""
    weights = image.app_dir / "model/weights"
    side = json.loads((weights / "network.json").read_text())["size"]
    script = Path(__file__).parent / "bare_detection.py"
    return list(map(str, (image.python, script, weights / "network.onnx", side, *pictures)))


def cold_starts(setup: Setup) -> Iterator[Result]:
    """Cold starts of the function and of the bare script, taking turns."""
    image = cold_start.function_image("lambda_detection")
    pictures = write_photos(setup.model_dir)
    event, bare = event_of(pictures[0]), bare_command(image, pictures)
    ours, floor = [], []
    for number in range(cold_start.ROUNDS + 1):
        started = cold_start.start_function(image, event), cold_start.start_script(bare)
        if number:  # the first round fills the page cache
            ours.append(started[0])
            floor.append(started[1])
    yield from cold_start.against_floor(setup, ours, floor)


def warm_requests(setup: Setup) -> Iterator[Result]:
    """Latency of requests to a warm function, against unpacking the picture and running the network."""
    image = cold_start.function_image("lambda_detection")
    pictures = write_photos(setup.model_dir)
    events = [event_of(path) for path in pictures]
    rounds = max(4, round(setup.seconds * 4))
    served: list[list[float]] = []
    bare: list[list[float]] = []
    with (
        cold_start.function_process(image) as function,
        subprocess.Popen(
            bare_command(image, pictures), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        for number in range(WARM_ROUNDS + rounds):
            through = [cold_start.seconds_of(function, event) for event in events]
            process.stdin.write("\n")
            process.stdin.flush()
            alone = json.loads(process.stdout.readline())
            if number >= WARM_ROUNDS:
                served.append(through)
                bare.append(alone)
        process.stdin.close()
    ours_ms, bare_ms = (
        sum(map(statistics.median, zip(*side, strict=True))) / len(PHOTOS) * 1000 for side in (served, bare)
    )
    setup.say(f"a photograph: {ours_ms:.1f} ms through the function, {bare_ms:.1f} ms bare")
    yield Result(
        "latency",
        setup.model,
        "a warm request, against unpack-and-run",
        ours_ms / bare_ms,
        "×",
        1.2,
        at_least=False,
        details={"photos": PHOTOS, "served_s": served, "bare_s": bare},
    )
