"""A model's folder under ``python/model_code`` as its ``model.toml`` describes it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.errors import DeliveryError
from delivery.project import Project

DESCRIPTION = "model.toml"
REPOSITORY = "repository"
"""The source of weights that lie beside model.toml."""


@dataclass(frozen=True, slots=True)
class SmokeCase:
    """A known input and what its answer must be.

    Attributes:
        request: the request as JSON.
        expect: field → the value it must have, or ``{"min": …, "max": …}``.
    """

    request: Mapping[str, Any]
    expect: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """One model: what it is, what goes into its archive, how it is made and tried.

    Attributes:
        image: the image that a SageMaker endpoint runs it in; empty for a model that only functions serve.
        workbench: the image in whose environment it is trained and exported.
        files: archive path → the file it comes from.
        source: where its weights come from unless a caller says otherwise: ``repository`` or one of sources.
        sources: other sources of weights by name (``hub`` …).
        entries: ``train`` and ``evaluate`` → ``module:function``.
    """

    folder: Path
    name: str
    task: str
    image: str
    workbench: str
    description: str
    files: Mapping[str, Path]
    weights: Sequence[Path]
    source: str
    sources: Mapping[str, Mapping[str, Any]]
    entries: Mapping[str, str]
    smoke_cases: Sequence[SmokeCase]

    def missing_weights(self) -> list[Path]:
        """Weights that model.toml names and that are not there."""
        return [path for path in self.weights if not path.is_file()]


def find_models(project: Project) -> list[ModelFolder]:
    """Every model of the project, by name."""
    folders = sorted(path.parent for path in project.model_code_dir.glob(f"*/{DESCRIPTION}"))
    return sorted((read_model(folder) for folder in folders), key=lambda model: model.name)


def find_model(project: Project, name: str) -> ModelFolder:
    """One model by its name.

    Raises:
        DeliveryError: there is none; lists those there are.
    """
    models = find_models(project)
    for model in models:
        if model.name == name:
            return model
    raise DeliveryError(
        f"There is no model {name!r}.",
        cause=f"known models: {', '.join(model.name for model in models) or 'none'}",
        next_step="see `invoke models.list`; a new model is a folder with a model.toml",
    )


def read_model(folder: Path) -> ModelFolder:
    """Reads and checks ``model.toml``.

    Raises:
        DeliveryError: it is not TOML, a key is missing or of the wrong type, or a code file is not there.
            Missing weights are no error here: a model without weights can still be listed and trained.
    """
    path = folder / DESCRIPTION
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeliveryError(f"{path} cannot be read.", cause=str(error)) from error
    reader = _Reader(path, found)
    files: dict[str, Path] = {DESCRIPTION: path}
    weights = [folder / name for name in reader.names("weights", "files", required=False)]
    for weight in weights:
        _add(files, f"weights/{weight.name}", weight.resolve(), path)
    for pattern in reader.names("code", "files"):
        for archive_path, source in _code_files(folder, pattern, path):
            _add(files, archive_path, source, path)
    if "code/handler.py" not in files:
        raise DeliveryError(f"{path} names no handler.py.", next_step='add "handler.py" to [code] files')
    image = reader.text("model", "image", required=False)
    sources = dict(reader.table("sources", required=False))
    chosen = (reader.text("weights", "source", required=False) if "weights" in found else "") or REPOSITORY
    if chosen != REPOSITORY and chosen not in sources:
        raise DeliveryError(
            f"{path}: [weights] source is {chosen!r}, which it does not describe.",
            next_step=f'add [sources.{chosen}] with entry = "module:function", or write "{REPOSITORY}"',
        )
    return ModelFolder(
        folder=folder,
        name=reader.text("model", "name"),
        task=reader.text("model", "task"),
        image=image,
        workbench=reader.text("model", "workbench", required=False) or image,
        description=reader.text("model", "description", required=False),
        files=dict(sorted(files.items())),
        weights=weights,
        source=chosen,
        sources=sources,
        entries={kind: reader.text(kind, "entry") for kind in ("train", "evaluate") if kind in found},
        smoke_cases=reader.smoke_cases(),
    )


def _code_files(folder: Path, pattern: str, described_in: Path) -> list[tuple[str, Path]]:
    """Files inside the folder keep their path under ``code/``; ``../package/x.py`` becomes
    ``code/package/x.py``.
    """
    base, rest = (folder.parent, pattern[3:]) if pattern.startswith("../") else (folder, pattern)
    if Path(rest).is_absolute() or ".." in Path(rest).parts:
        raise DeliveryError(
            f"{described_in}: [code] files may not name {pattern!r}.", next_step="use ../<package>/*.py"
        )
    found = sorted(path for path in base.glob(rest) if path.is_file() and "__pycache__" not in path.parts)
    if not found:
        raise DeliveryError(f"{described_in}: [code] files {pattern!r} matches no file.")
    return [(f"code/{path.relative_to(base).as_posix()}", path) for path in found]


def _add(files: dict[str, Path], archive_path: str, source: Path, described_in: Path) -> None:
    other = files.setdefault(archive_path, source)
    if other != source:
        raise DeliveryError(f"{described_in}: {other} and {source} would both be archived as {archive_path}.")


class _Reader:
    """Reads keys of a decoded model.toml with errors that name the key."""

    def __init__(self, path: Path, found: Mapping[str, Any]) -> None:
        self.path = path
        self.found = found

    def fail(self, key: str, wanted: str) -> DeliveryError:
        return DeliveryError(
            f"{self.path}: {key} must be {wanted}.", next_step="compare with another model.toml"
        )

    def table(self, name: str, *, required: bool = True) -> Mapping[str, Any]:
        value = self.found.get(name, None if required else {})
        if not isinstance(value, dict):
            raise self.fail(f"[{name}]", "a table")
        return value

    def text(self, table: str, key: str, *, required: bool = True) -> str:
        value = self.table(table).get(key, None if required else "")
        if not isinstance(value, str) or (required and not value):
            raise self.fail(f"[{table}] {key}", "a non-empty string")
        return value

    def names(self, table: str, key: str, *, required: bool = True) -> list[str]:
        value = self.table(table, required=required).get(key, None if required else [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fail(f"[{table}] {key}", "a list of file names")
        return value

    def smoke_cases(self) -> list[SmokeCase]:
        cases = self.table("smoke", required=False).get("cases", [])
        if not isinstance(cases, list):
            raise self.fail("[smoke] cases", "a list")
        read = []
        for number, case in enumerate(cases, 1):
            if not isinstance(case, dict) or not isinstance(case.get("request"), dict):
                raise self.fail(f"[smoke] case {number}", "a table with request = { … } and expect = { … }")
            read.append(SmokeCase(case["request"], case.get("expect", {})))
        return read
