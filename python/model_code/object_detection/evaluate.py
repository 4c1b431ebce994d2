"""What a network finds in photographs: a table to read, since COCO's pictures are in no package.

Run it as ``python -m object_detection.evaluate --weights FOLDER``.  It needs no MXNet.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from korean_text.commands import MakingError, command
from object_detection.detector import Detector
from object_detection.handler import annotate
from object_detection.photos import NAMES, photo
from serving_contracts.errors import InvalidInput
from serving_contracts.limits import DEFAULT_SCORE_THRESHOLD, MAX_OBJECTS_RANGE
from vision.pictures import Picture


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is found in each photograph, with its score and box, and how long that took."""
    parser = argparse.ArgumentParser(prog="python -m object_detection.evaluate", description=main.__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="a folder that a source has written")
    parser.add_argument("--score-threshold", type=float, default=DEFAULT_SCORE_THRESHOLD)
    parser.add_argument("--output", type=Path, help="folder for the photographs with the objects drawn in")
    parser.add_argument("photos", nargs="*", type=Path, help="files to look at instead of the packages' own")
    given = parser.parse_args(arguments)
    sources: dict[str, Path | bytes] = {path.stem: path for path in given.photos}
    sources = sources or {name: photo(name) for name in NAMES}
    try:
        detector = Detector(given.weights)
    except Exception as error:  # ONNX Runtime's errors have no class in common
        raise MakingError(f"{given.weights} holds no weights that can be used: {error}") from error
    for name, source in sources.items():
        started = time.perf_counter()
        try:
            picture = Picture(source, "image/*")
            found = detector.find(picture, given.score_threshold, MAX_OBJECTS_RANGE[1])
        except (InvalidInput, OSError) as error:
            raise MakingError(f"{name}: {error}") from error
        taken_ms = (time.perf_counter() - started) * 1000
        print(f"{name}  {picture.width} × {picture.height}  {taken_ms:.0f} ms")
        for each in found:
            print(f"  {each.score:.2f}  {each.label}  {' '.join(f'{edge:.0f}' for edge in each.box)}")
        if given.output:
            given.output.mkdir(parents=True, exist_ok=True)
            (given.output / f"{name}.jpg").write_bytes(annotate(picture, found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
