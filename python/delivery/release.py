"""The release file ``release.auto.tfvars.json``: which image digests and model archives an environment
runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from delivery.errors import DeliveryError

_OPTIONAL = ("image", "archive", "function_image")
DIGEST_URI = re.compile(r"^[^\s@]+@sha256:[0-9a-f]{64}$")


@dataclass(frozen=True, slots=True)
class ReleasedModel:
    """A model as Terraform is told of it.

    Attributes:
        image: the image that endpoints run it in; None where only functions serve it, then without archive.
        archive: an ``s3://`` URI.
        function_image: the image that holds the model itself, for Lambda; None where there is none.
    """

    task: str
    image: str | None = None
    archive: str | None = None
    function_image: str | None = None

    def to_dict(self) -> dict[str, str]:
        """What is known of it."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Release:
    """Image name → URI with digest; model name → task, images and archive."""

    images: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, ReleasedModel] = field(default_factory=dict)

    def dump(self) -> str:
        """The file's text: the same release gives the same text."""
        models = {name: model.to_dict() for name, model in sorted(self.models.items())}
        document = {"release": {"images": dict(sorted(self.images.items())), "models": models}}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def read_release(path: Path) -> Release | None:
    """The release in a file; None when there is no file.

    Raises:
        DeliveryError: the file is not a release.
    """
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))["release"]
        return Release(
            images={str(name): str(uri) for name, uri in found["images"].items()},
            models={
                str(name): ReleasedModel(
                    task=str(model["task"]),
                    **{key: str(model[key]) for key in _OPTIONAL if model.get(key) is not None},
                )
                for name, model in found["models"].items()
            },
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DeliveryError(
            f"{path} is not a release file.",
            cause=f"{type(error).__name__}: {error}",
            next_step="remove it and run `invoke release` to write it anew",
        ) from error


def write_release(path: Path, release: Release) -> bool:
    """Writes the release; leaves the file alone, and answers False, when it says the same already.

    Raises:
        DeliveryError: an image without a digest, or a model whose image is not released.
    """
    for name, uri in release.images.items():
        if not DIGEST_URI.match(uri):
            raise DeliveryError(
                f"The image {name!r} is not given by digest.",
                cause=uri,
                next_step="write it as <registry>/<repository>@sha256:<digest>; tags are never deployed",
            )
    for name, model in release.models.items():
        for image in (model.image, model.function_image):
            if image is not None and image not in release.images:
                raise DeliveryError(
                    f"The model {name!r} wants the image {image!r}: not in the release.",
                    next_step=f"check its model.toml; released images: {', '.join(release.images) or 'none'}",
                )
    text = release.dump()
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    return True


def _held_in(model: ReleasedModel) -> str:
    return (
        f"in the image {model.function_image}" if model.function_image else "without an image that holds it"
    )


def describe_changes(before: Release | None, after: Release) -> list[str]:
    """What is new, in a line each."""
    old = before or Release()
    lines = [
        f"image {name}: {uri.rsplit('@', 1)[-1][:19]}…"
        for name, uri in after.images.items()
        if old.images.get(name) != uri
    ]
    lines += [
        f"model {name}: {model.archive or _held_in(model)}"
        for name, model in after.models.items()
        if old.models.get(name) != model
    ]
    lines += [f"model {name}: no longer released" for name in old.models if name not in after.models]
    return lines
