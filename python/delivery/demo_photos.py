"""The demo's photographs: a function finds the objects in them, first cold, then warm."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from delivery.callers import connect
from delivery.steps import Job
from serving_contracts.catalog import PATTERNS

TASK = "detection"
THRESHOLD = 0.35
CALLS = 5


@dataclass(frozen=True, slots=True)
class Detected:
    """One photograph and what was found in it. Milliseconds as the caller saw them."""

    photo: str
    found: Sequence[str]
    annotated: str
    first_ms: float
    p50_ms: float


@dataclass(frozen=True, slots=True)
class PhotoDemo:
    """What the demo shows of object detection. ``endpoint``: the catalog's name of what answered."""

    endpoint: str
    photos: Sequence[Detected]


def detect_everything(job: Job, folder: Path) -> PhotoDemo | None:
    """Has the objects found in some photographs, and writes the photographs with them drawn in to *folder*.

    Returns None where nothing in the environment finds objects and answers at once.

    Raises:
        ServingError: a photograph was not answered.
    """
    from object_detection.photos import NAMES, photo

    with connect(job.environment) as session:
        routes = [route for route in session.catalog.routes(TASK) if route.pattern in _AT_ONCE]
        if not routes:
            return None
        endpoint = routes[0].endpoint
        with job.reporter.step("detect", f"sending photographs to {endpoint}") as step:
            photos = []
            for name in NAMES:
                step.working_on(name)
                file = photo(name)
                seconds = []
                for _ in range(CALLS):
                    started = time.perf_counter()
                    answer = session.detect(file, score_threshold=THRESHOLD, endpoint=endpoint)
                    seconds.append(time.perf_counter() - started)
                drawn = session.detect(file, score_threshold=THRESHOLD, annotated=True, endpoint=endpoint)
                assert drawn.picture is not None, "it was asked for"
                path = folder / f"{name}.annotated.jpg"
                path.write_bytes(drawn.picture)
                photos.append(
                    Detected(
                        photo=name,
                        found=[found.label for found in answer.objects],
                        annotated=path.name,
                        first_ms=round(1000 * seconds[0], 1),
                        p50_ms=round(1000 * statistics.median(seconds), 1),
                    )
                )
            step.outcome = f"{len(photos)} photographs"
    return PhotoDemo(endpoint, photos)


_AT_ONCE = tuple(pattern for pattern in PATTERNS if pattern != "async")


def print_photo_demo(job: Job, demo: PhotoDemo) -> None:
    """What was found, and how fast."""
    table = Table(pad_edge=False)
    for heading in ("photograph", "found", "annotated"):
        table.add_column(heading, overflow="fold")
    for heading in ("first ms", "p50 ms"):
        table.add_column(heading, justify="right")
    for item in demo.photos:
        counts = Counter(item.found)
        found = ", ".join(f"{counts[label]} {label}" for label in sorted(counts)) or "nothing"
        table.add_row(item.photo, found, item.annotated, f"{item.first_ms:.0f}", f"{item.p50_ms:.0f}")
    job.reporter.console.print(table, soft_wrap=False)
