"""Measures the shipped weights on drawn scenes that training never saw, before photographs it never saw.

Run it as ``invoke models.evaluate --model instance_segmentation``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when MXNet is loaded; see train.py

from instance_segmentation.average_precision import Found, Precision, find, measure
from instance_segmentation.photos import photos
from instance_segmentation.scenes import Scene, draw_scene
from instance_segmentation.segmenter import Segmenter, load
from korean_text.commands import MakingError, command

FIRST_SEED = 20_000_000  # training draws from 1,000,000 on and watches scenes from 10,000,000 on


@dataclass(frozen=True)
class Quality:
    """How well a kind of scenes was segmented.

    Attributes:
        scenes, instances: how many there were.
        seconds: of an image, from pixels to masks of its size, on average.
    """

    scenes: int
    instances: int
    precision: Precision
    seconds: float


def evaluate(segmenter: Segmenter, scenes: int, *, on_photos: bool, seed: int = FIRST_SEED) -> Quality:
    """Segment scenes of 640 x 480 pixels, before unseen photographs only or before textures only."""
    instances, seconds = 0, 0.0

    def answered() -> Iterator[tuple[Scene, Found]]:
        nonlocal instances, seconds
        for index in range(scenes):
            scene = draw_scene(
                seed + index, 480, 640, photos_of="unseen" if on_photos else None, photo_share=1.0
            )
            began = time.perf_counter()
            found = find(segmenter, scene.image)
            seconds += time.perf_counter() - began
            instances += len(scene.labels)
            yield scene, found

    precision = measure(answered(), segmenter.classes)
    return Quality(scenes, instances, precision, seconds / scenes)


def table(qualities: dict[str, Quality]) -> str:
    """The figures in columns, one a kind of scenes."""
    rows = [["", *qualities]]

    def row(name: str, values: Iterator[str]) -> None:
        rows.append([name, *values])

    every = qualities.values()
    row("scenes", (str(q.scenes) for q in every))
    row("instances", (str(q.instances) for q in every))
    row("mask AP50", (f"{q.precision.ap50:.3f}" for q in every))
    row("mask AP75", (f"{q.precision.ap75:.3f}" for q in every))
    row("mask AP50:95", (f"{q.precision.ap:.3f}" for q in every))
    first = next(iter(every)).precision
    for name in first.by_class:
        row(f"{name}: AP50, AP50:95", ("{:.3f}, {:.3f}".format(*q.precision.by_class[name]) for q in every))
    for name in first.by_size:
        row(f"{name}: AP50", (f"{q.precision.by_size.get(name, 0.0):.3f}" for q in every))
    row("ms an image", (f"{1000 * q.seconds:.0f}" for q in every))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate from the command line."""
    parser = argparse.ArgumentParser(prog="python -m instance_segmentation.evaluate", description=__doc__)
    parser.add_argument(
        "--model-dir", type=Path, default=Path(__file__).parent, help="folder that holds weights/"
    )
    parser.add_argument("--scenes", type=int, default=200, help="how many of each kind")
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="of the first scene")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    given = parser.parse_args(arguments)
    if given.scenes < 1:
        raise MakingError("--scenes must be at least 1.")
    if not photos("unseen"):
        raise MakingError(
            "No photograph to draw scenes on is installed: install scikit-image, scikit-learn and matplotlib."
        )
    segmenter = load(given.model_dir / "weights")
    qualities = {
        name: evaluate(segmenter, given.scenes, on_photos=on_photos, seed=given.seed)
        for name, on_photos in (("unseen photographs", True), ("textures", False))
    }
    if given.json:
        figures = {name: asdict(quality) for name, quality in qualities.items()}
        print(json.dumps({"model": "instance_segmentation", **figures}))
    else:
        print(table(qualities))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
