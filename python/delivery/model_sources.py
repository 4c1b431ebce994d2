"""Weights from somewhere else than the repository: ``[sources.<name>]`` of model.toml, used when asked
for, or where ``[weights] source`` names it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.console import Reporter
from delivery.entry_modules import files_behind
from delivery.errors import DeliveryError
from delivery.model_entries import run_entry
from delivery.model_folder import REPOSITORY, ModelFolder
from delivery.project import Project

_CHOICE = re.compile(r"(?P<model>[^=@]+)=(?P<source>[^=@]+)(?:@(?P<revision>[0-9a-f]{40}))?")


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """Where a model's weights come from: ``repository`` or a key of ``[sources.*]``.

    Attributes:
        revision: the commit to take, 40 hex digits; empty: the one that model.toml names.
    """

    source: str
    revision: str = ""


def parse_sources(texts: Iterable[str]) -> dict[str, SourceChoice]:
    """``MODEL=SOURCE`` or ``MODEL=SOURCE@<40 hex digits>``, as given with ``--source``, by model.

    Raises:
        DeliveryError: not of that form, or a model is named twice.
    """
    parsed: dict[str, SourceChoice] = {}
    for text in texts:
        found = _CHOICE.fullmatch(text)
        if not found:
            raise DeliveryError(
                f"--source {text!r} is not understood.",
                cause="a revision is a full commit hash, 40 hex digits: branches and tags move"
                if "@" in text
                else None,
                next_step="write --source MODEL=SOURCE or MODEL=SOURCE@COMMIT, for example sentiment=hub",
            )
        if found["model"] in parsed:
            raise DeliveryError(
                f"--source names the model {found['model']!r} twice.", next_step="keep one of them"
            )
        parsed[found["model"]] = SourceChoice(found["source"], found["revision"] or "")
    return parsed


def with_sources(
    choices: Mapping[str, SourceChoice], models: Sequence[ModelFolder], project: Project, reporter: Reporter
) -> list[ModelFolder]:
    """The models, each with its weights from the source that was chosen for it, else from its own.

    Raises:
        DeliveryError: a choice names none of these models, or :func:`with_weights_from` fails.
    """
    unknown = sorted(set(choices) - {model.name for model in models})
    if unknown:
        raise DeliveryError(
            f"--source names {', '.join(map(repr, unknown))}: no model that is packaged here.",
            cause=f"these are: {', '.join(model.name for model in models) or 'none'}",
            next_step="see `invoke models.list`",
        )
    chosen = []
    for model in models:
        choice = choices.get(model.name, SourceChoice(model.source))
        if choice.source == REPOSITORY:
            if model.source != REPOSITORY:
                raise DeliveryError(
                    f"The repository holds no weights of the model {model.name!r}.",
                    next_step=f"leave --source away: they come from {model.source}",
                )
            if choice.revision:
                raise DeliveryError(
                    f"--source {model.name}={REPOSITORY} takes no revision.",
                    next_step="check out the commit whose weights you want",
                )
            chosen.append(model)
        else:
            chosen.append(
                with_weights_from(choice.source, model, project, reporter, revision=choice.revision)
            )
    return chosen


def with_weights_from(
    source: str, model: ModelFolder, project: Project, reporter: Reporter, *, revision: str = ""
) -> ModelFolder:
    """The same model with its weights taken from ``[sources.<source>]``.

    The table names ``entry = "module:function"``, called as the command line it is: each other key of the
    table as an option, and ``--output FOLDER``, where it writes files under the names that they have in the
    archive's ``weights/``. What was fetched once for the same table by the same code is not fetched again.

    Args:
        revision: takes the place of the table's ``revision``.

    Raises:
        DeliveryError: there is no such source, it names no entry or no revision, or it could not be fetched.
    """
    table = model.sources.get(source)
    if table is None:
        raise DeliveryError(
            f"The model {model.name!r} has no source {source!r}.",
            cause=f"its model.toml has: {', '.join([REPOSITORY, *model.sources])}",
        )
    entry = str(table.get("entry", ""))
    if not entry:
        raise DeliveryError(
            f"[sources.{source}] of model {model.name!r} does not say how it is fetched.",
            next_step='add entry = "module:function" to it',
        )
    if revision and "revision" not in table:
        raise DeliveryError(
            f"[sources.{source}] of model {model.name!r} takes no revision.",
            next_step=f"write --source {model.name}={source}",
        )
    if revision:
        table = {**table, "revision": revision}
    if table.get("revision") == "":
        raise DeliveryError(
            f"[sources.{source}] of model {model.name!r} is not pinned to a revision.",
            cause='model.toml has revision = ""',
            next_step=f"review a commit of {table.get('id', 'it')}, then pass "
            f"--source {model.name}={source}@<its 40 hex digits>, or write them into model.toml",
        )
    folder = project.sources_dir / f"{model.name}-{source}-{_fingerprint(project, table, entry)}"
    if not folder.is_dir():
        with reporter.step("fetch", f"{model.name} from {source}: {_told(table, entry)}"):
            _fetch(project, model, entry, table, folder)
    files = {name: path for name, path in model.files.items() if not name.startswith("weights/")}
    weights = sorted(path for path in folder.iterdir() if path.is_file())
    files.update({f"weights/{path.name}": path for path in weights})
    return dataclasses.replace(model, files=files, weights=weights)


def _fetch(project: Project, model: ModelFolder, entry: str, table: Mapping[str, Any], folder: Path) -> None:
    arguments = [
        word for name, value in table.items() if name != "entry" for word in (f"--{name}", str(value))
    ]
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        status = run_entry(project, model, entry, [*arguments, "--output", str(unfinished)])
        if status:
            raise RuntimeError(f"it ended with status {status}")
    except (Exception, SystemExit) as error:  # whatever a download can end in; the person needs its words
        raise DeliveryError(
            f"The weights could not be fetched by {entry}.",
            cause=f"{type(error).__name__}: {error}",
            next_step="see what it said above; it needs what [sources.…] of model.toml names, and the network"
            + (
                ""
                if model.source != REPOSITORY
                else ", and the packages of requirements/dev.txt and torch.txt"
            ),
        ) from error
    unfinished.replace(folder)


def _told(table: Mapping[str, Any], entry: str) -> str:
    name = str(table.get("id") or entry)
    return f"{name}@{table['revision']}" if table.get("revision") else name


def _fingerprint(project: Project, table: Mapping[str, Any], entry: str) -> str:
    """Of the table and of all code that reads it: another export makes other weights of the same source."""
    digest = hashlib.sha256(json.dumps(table, sort_keys=True, default=str).encode())
    for path in files_behind(project.model_code_dir, entry.partition(":")[0]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
