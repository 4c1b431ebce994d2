"""Production weights: a Mask R-CNN of gluoncv's model zoo, or parameters that lie in S3.

Both write a weights folder (``network.json``, ``network.params``) and run the network once before they are
content with it::

    python -m instance_segmentation.sources zoo --id mask_rcnn_fpn_resnet50_v1b_coco --output FOLDER
    python -m instance_segmentation.sources s3 --id s3://BUCKET/PREFIX/ --output FOLDER
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from instance_segmentation.network import build_zoo_network
from instance_segmentation.segmenter import (
    DEMO,
    DESCRIPTION_FILE,
    PARAMETERS_FILE,
    ZOO_PRESET,
    Description,
    Preset,
    load,
)
from korean_text.commands import MakingError, command
from vision import zoo as zoo_of_gluoncv
from vision.s3_weights import check_pin, fetch


def check(folder: Path) -> None:
    """Load and run what was fetched; a model that cannot serve is found here, not in a deployment."""
    zoo_of_gluoncv.check_parameters(folder / PARAMETERS_FILE)
    try:
        load(folder)
    except ValueError as error:
        raise MakingError(f"The fetched weights cannot be used: {error}") from error


def describe(name: str, preset: Preset, classes: Sequence[str] = ()) -> Description:
    """What ``network.json`` says of a network of the zoo; without `classes` it has the zoo's own."""
    try:
        network = build_zoo_network(name)
    except ValueError as error:
        raise MakingError(f"{error} Its Mask R-CNNs: gluoncv.model_zoo.get_model_list().") from error
    return Description(name, tuple(classes or network.classes), preset)


def preset_of(short: int, max_side: int) -> Preset:
    """The zoo's preset for images of another size, in pixels."""
    return Preset(short, max_side, ZOO_PRESET.mean, ZOO_PRESET.std)


def _parser(source: str, description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m instance_segmentation.sources {source}", description=description
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the weights to write")
    parser.add_argument("--short", type=int, default=ZOO_PRESET.short, help="pixels of an image's short side")
    parser.add_argument(
        "--max-side", type=int, default=ZOO_PRESET.max_side, help="most pixels of its long side"
    )
    return parser


@command
def zoo(arguments: Sequence[str] | None = None) -> int:
    """Fetch a network of the model zoo; the SHA-1 that gluoncv names for it is its pin."""
    parser = _parser("zoo", zoo.__doc__)
    parser.add_argument("--id", required=True, help="for example mask_rcnn_fpn_resnet18_v1b_coco")
    parser.add_argument("--cache", type=Path, default=zoo_of_gluoncv.CACHE, help="where downloads are kept")
    given = parser.parse_args(arguments)
    description = describe(given.id, preset_of(given.short, given.max_side))
    parameters = zoo_of_gluoncv.fetch_parameters(given.id, given.cache)
    given.output.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(parameters, given.output / PARAMETERS_FILE)
    description.write(given.output / DESCRIPTION_FILE)
    check(given.output)
    print(f"wrote {given.output}")
    return 0


@command
def s3(arguments: Sequence[str] | None = None) -> int:
    """Fetch weights from S3: a folder or an archive with network.params and network.json, or with one
    ``.params`` file alone, for which --network and --classes say what network.json would.
    """
    parser = _parser("s3", s3.__doc__)
    parser.add_argument("--id", required=True, help="s3://BUCKET/PREFIX/ or s3://BUCKET/KEY.tar.gz")
    parser.add_argument("--sha256", default="", help="of the parameters file; without it, none is pinned")
    parser.add_argument("--network", default="", help="a name of gluoncv's model zoo")
    parser.add_argument("--classes", default="", help="names between commas, if they are not the zoo's")
    given = parser.parse_args(arguments)
    if given.network == DEMO:
        raise MakingError("--network names a network of the zoo; demo weights bring their network.json.")
    with tempfile.TemporaryDirectory() as temporary:
        parameters, description_file = fetch(given.id, Path(temporary))
        check_pin(parameters, given.id, given.sha256)
        if given.network:
            classes = [name.strip() for name in given.classes.split(",") if name.strip()]
            description = describe(given.network, preset_of(given.short, given.max_side), classes)
        elif description_file is None:
            raise MakingError(
                f"{given.id} holds no {DESCRIPTION_FILE}, which says whose parameters these are: add it, or "
                "pass --network NAME (a name of gluoncv's model zoo) and --classes."
            )
        else:
            try:
                description = Description.read(description_file)
            except ValueError as error:
                raise MakingError(str(error)) from error
        given.output.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(parameters, given.output / PARAMETERS_FILE)
    description.write(given.output / DESCRIPTION_FILE)
    check(given.output)
    print(f"wrote {given.output}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """``zoo`` or ``s3``, then its options."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sources = {"zoo": zoo, "s3": s3}
    if not given or given[0] not in sources:
        print(__doc__, file=sys.stderr)
        return 2
    return sources[given[0]](given[1:])


if __name__ == "__main__":
    raise SystemExit(main())
