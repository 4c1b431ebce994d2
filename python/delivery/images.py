"""Images: built from ``python/model_code/images/<image>/image.toml``, kept in a repository, named by
digest.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from delivery.console import Step
from delivery.environments import Environment
from delivery.errors import DeliveryError
from delivery.model_folder import ModelFolder
from delivery.packaging import demand_weights
from delivery.project import Project
from local_cloud.image_store import ImageStore, ImageStoreError, ProcessImage

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient

DESCRIPTION = "image.toml"
WORKBENCH = "requirements-dev.txt"
"""Beside an image's requirements: the same and what training and tests need besides, locked by hashes."""
MANIFEST_MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """An image as ``image.toml`` describes it.

    Attributes:
        sources: name inside the image → folder in the repository.
        requirements: the hash-locked requirements file.
        python: the versions of Python it can run with, such as ``>=3.11,<3.12``.
        no_deps: the requirements are whole, whatever their packages declare to need.
        system_libraries: shared library that must be on the machine → Debian's package that has it.
        model: the model whose files are put into the image, under ``model/``: a function's image is whole.
            Empty where models come as archives.
    """

    folder: Path
    name: str
    sources: Mapping[str, Path]
    requirements: Path
    command: Sequence[str]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    python: str = ""
    no_deps: bool = False
    system_libraries: Mapping[str, str] = field(default_factory=dict)
    model: str = ""

    @property
    def workbench(self) -> Path | None:
        """The requirements of what its models are trained and tested in; None where there are none."""
        path = self.folder / WORKBENCH
        return path if path.is_file() else None


def find_images(project: Project) -> list[ImageFolder]:
    """Every image of the project, by name."""
    found = project.model_code_dir.glob(f"images/*/{DESCRIPTION}")
    return [read_image(project, path.parent) for path in sorted(found)]


def find_image(project: Project, name: str) -> ImageFolder:
    """One image by its name.

    Raises:
        DeliveryError: there is none; lists those there are.
    """
    images = find_images(project)
    for image in images:
        if image.name == name:
            return image
    raise DeliveryError(
        f"There is no image {name!r}.",
        cause=f"python/model_code/images has: {', '.join(image.name for image in images) or 'none'}",
        next_step="see `invoke images.list`",
    )


def read_image(project: Project, folder: Path) -> ImageFolder:
    """Reads ``image.toml``. Sources are relative to python/model_code, else to python.

    Raises:
        DeliveryError: it cannot be read, lacks a key, or names a source that is not there.
    """
    path = folder / DESCRIPTION
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        found = {**document, **document.get("image", {})}
        sources = {name.rsplit("/", 1)[-1]: _source(project, name, path) for name in found["sources"]}
        return ImageFolder(
            folder=folder,
            name=str(found["name"]),
            sources=sources,
            requirements=folder / str(found.get("requirements", "requirements.txt")),
            command=[str(word) for word in found["command"]],
            environment={str(k): str(v) for k, v in document.get("environment", {}).items()},
            labels={str(k): str(v) for k, v in document.get("labels", {}).items()},
            python=str(found.get("python", "")),
            no_deps=found.get("no_deps", False) is True,
            system_libraries={str(k): str(v) for k, v in document.get("system_libraries", {}).items()},
            model=str(found.get("model", "")),
        )
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DeliveryError(f"{path} cannot be read.", cause=str(error)) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise DeliveryError(
            f"{path} is incomplete.",
            cause=f"{type(error).__name__}: {error}",
            next_step="it needs name, sources (a list of folders) and command (a list of words)",
        ) from error


def _source(project: Project, name: str, described_in: Path) -> Path:
    for base in (project.model_code_dir, project.root / "python"):
        if (base / name).exists():
            return base / name
    raise DeliveryError(f"{described_in}: the source {name!r} is neither in python/model_code nor in python.")


def told_by(step: Step, *, verbose: bool = False) -> Callable[[str], None]:
    """Tells of a build in a step: what takes long as a line of its own, the rest as what it is working on."""

    def progress(text: str) -> None:
        step.working_on(text)
        if verbose or text.startswith(("creating", "installing", "waiting", "fetching")):
            step.note(text)

    return progress


def function_images(project: Project) -> dict[str, str]:
    """Model → the image that holds it.

    Raises:
        DeliveryError: two images hold the same model.
    """
    found: dict[str, str] = {}
    for image in find_images(project):
        if image.model and found.setdefault(image.model, image.name) != image.name:
            raise DeliveryError(
                f"The images {found[image.model]!r} and {image.name!r} both hold the model {image.model!r}.",
                next_step="a release names one image a model: remove the other",
            )
    return found


def build(
    project: Project,
    image: ImageFolder,
    progress: Callable[[str], None],
    models: Iterable[ModelFolder] = (),
) -> ProcessImage:
    """Builds an image into the image store, or finds it there.

    Args:
        models: where the model is, with its weights, that the image is to hold.

    Raises:
        DeliveryError: its requirements cannot be installed, or its model is not there.
    """
    try:
        return ImageStore(project.images_dir).create(
            sources={**image.sources, **_model_files(image, models)},
            requirements=image.requirements,
            command=image.command,
            environment=image.environment,
            labels=image.labels,
            python=image.python,
            no_deps=image.no_deps,
            progress=progress,
        )
    except ImageStoreError as error:
        raise DeliveryError(f"The image {image.name!r} could not be built.", cause=str(error)) from error


def _model_files(image: ImageFolder, models: Iterable[ModelFolder]) -> dict[str, Path]:
    if not image.model:
        return {}
    for model in models:
        if model.name == image.model:
            demand_weights(model)
            return {f"model/{name}": path for name, path in model.files.items()}
    raise DeliveryError(
        f"The image {image.name!r} is to hold the model {image.model!r}: there is none of that name.",
        next_step="see `invoke models.list`, and `model` in the image's image.toml",
    )


def workbench_python(project: Project, image: ImageFolder, progress: Callable[[str], None]) -> Path | None:
    """The Python of the environment that an image's models are trained and tested in, made if need be.

    None for an image without one: then the running Python will do.

    Raises:
        DeliveryError: it cannot be made.
    """
    if image.workbench is None:
        return None
    try:
        return ImageStore(project.images_dir).environment(
            image.workbench, python=image.python, no_deps=image.no_deps, progress=progress
        )
    except ImageStoreError as error:
        raise DeliveryError(
            f"The environment to train and test models of the image {image.name!r} could not be made.",
            cause=str(error),
        ) from error


def push(ecr: ECRClient, repository: Mapping[str, str], image: ProcessImage) -> tuple[str, bool]:
    """Puts the manifest into its repository unless it is there. Returns the URI by digest, and whether it was
    new.

    Raises:
        DeliveryError: the repository refuses.
    """
    from botocore.exceptions import ClientError

    uri = f"{repository['url']}@{image.digest}"
    try:
        known = ecr.batch_get_image(
            repositoryName=repository["name"], imageIds=[{"imageDigest": image.digest}]
        )
        if known.get("images"):
            return uri, False
        ecr.put_image(
            repositoryName=repository["name"],
            imageManifest=image.manifest,
            imageManifestMediaType=MANIFEST_MEDIA_TYPE,
            imageDigest=image.digest,
            # A tag for people who look into the registry; what is deployed is the digest.
            imageTag=image.digest.removeprefix("sha256:")[:16],
        )
    except ClientError as error:
        raise DeliveryError(
            f"The image could not be pushed to {repository['name']}.",
            cause=str(error),
            next_step="check that `invoke foundation` was applied and that the credentials may push",
        ) from error
    return uri, True


def parse_overrides(texts: Sequence[str]) -> dict[str, str]:
    """``name=uri@sha256:…`` as given with ``--image`` → name to URI.

    Raises:
        DeliveryError: not of that form.
    """
    parsed = {}
    for text in texts:
        name, separator, uri = text.partition("=")
        if not separator or not name or "@sha256:" not in uri:
            raise DeliveryError(
                f"--image {text!r} is not understood.",
                next_step="write --image <name>=<registry>/<repository>@sha256:<digest>",
            )
        parsed[name] = uri
    return parsed


def released_elsewhere(
    environment: Environment, name: str, overrides: Mapping[str, str], released: Mapping[str, str]
) -> str:
    """The URI of an image of an environment in AWS: what ``--image`` says, else what is released already.

    Process images of the local cloud cannot run in SageMaker or Lambda, so they are never pushed there.

    Raises:
        DeliveryError: neither is there.
    """
    if name in overrides:
        return overrides[name]
    if name in released:
        return released[name]
    raise DeliveryError(
        f"Environment {environment.name!r} needs a container image for {name!r}, and none is known.",
        cause="this version builds process images for the local cloud only; AWS runs container images",
        next_step=f"build and push it, then pass --image {name}=<registry>/<repository>@sha256:<digest> "
        "(docs/deploy.md)",
    )
