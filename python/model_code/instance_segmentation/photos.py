"""Real photographs as backgrounds: those that Python packages carry, where the packages are installed.

No package is imported, its files are read.  Photographs with objects of the classes in plain sight (coins, a
retina) are left out.
"""

from __future__ import annotations

import bz2
import functools
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Split = Literal["training", "unseen"]
Picture = NDArray[np.uint8]

# (package, file inside it); scipy's two are bz2-compressed raw pixels of the shape given with them.
_RAW_SHAPES = {"misc/face.dat": (768, 1024, 3)}
_PHOTOS: dict[Split, tuple[tuple[str, str], ...]] = {
    "training": (
        ("skimage", "data/astronaut.png"),
        ("skimage", "data/brick.png"),
        ("skimage", "data/camera.png"),
        ("skimage", "data/coffee.png"),
        ("skimage", "data/grass.png"),
        ("skimage", "data/hubble_deep_field.jpg"),
        ("skimage", "data/ihc.png"),
        ("skimage", "data/moon.png"),
        ("skimage", "data/page.png"),
        ("skimage", "data/rocket.jpg"),
        ("sklearn", "datasets/images/flower.jpg"),
        ("scipy", "misc/face.dat"),
    ),
    "unseen": (
        ("skimage", "data/chelsea.png"),
        ("skimage", "data/gravel.png"),
        ("skimage", "data/motorcycle_left.png"),
        ("sklearn", "datasets/images/china.jpg"),
        ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    ),
}


def _read(package: str, name: str) -> Picture | None:
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0], name)
    if not path.is_file():
        return None
    if path.suffix == ".dat":
        raw = np.frombuffer(bz2.decompress(path.read_bytes()), np.uint8)
        return raw.reshape(_RAW_SHAPES[name])
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@functools.cache
def photos(split: Split) -> tuple[Picture, ...]:
    """The photographs of one split that are installed, each of shape (height, width, 3); maybe none.

    No photograph is in both splits, so those of ``"unseen"`` measure what training never showed.
    """
    found = (_read(package, name) for package, name in _PHOTOS[split])
    return tuple(picture for picture in found if picture is not None)


def photo_background(rng: np.random.Generator, height: int, width: int, split: Split) -> Picture:
    """A random part of a random photograph: enlarged or reduced, mirrored, recoloured.

    Raises:
        LookupError: no photograph of the split is installed.
    """
    pictures = photos(split)
    if not pictures:
        raise LookupError(
            f"No photograph of the {split} split is installed: "
            "install scikit-image, scikit-learn, matplotlib or scipy, or draw scenes without photographs."
        )
    picture = pictures[rng.integers(len(pictures))]
    tall, wide = picture.shape[:2]
    largest = min(tall / height, wide / width)
    scale = rng.uniform(0.35, 1.0) * largest
    part_height, part_width = max(1, int(height * scale)), max(1, int(width * scale))
    top = int(rng.integers(tall - part_height + 1))
    left = int(rng.integers(wide - part_width + 1))
    part = Image.fromarray(picture[top : top + part_height, left : left + part_width])
    pixels = np.asarray(part.resize((width, height), Image.Resampling.BILINEAR), np.float32)
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    if rng.random() < 0.3:
        pixels = pixels[..., rng.permutation(3)]
    recoloured = (pixels - 128) * rng.uniform(0.6, 1.2) + 128 + rng.uniform(-30, 30)
    background: Picture = np.clip(recoloured, 0, 255).astype(np.uint8)
    return background
