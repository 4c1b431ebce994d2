"""Weights from somewhere else than the repository: ``[sources.<name>]`` of model.toml, used when asked
for.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from delivery.console import Reporter
from delivery.errors import DeliveryError
from delivery.model_folder import ModelFolder


def with_weights_from(source: str, model: ModelFolder, cache: Path, reporter: Reporter) -> ModelFolder:
    """The same model with its weights taken from ``[sources.<source>]``.

    The table names ``entry = "module:function"``, called as the command line it is: each other key of the
    table as an option, and ``--output FOLDER``, where it writes files under the names that they have in the
    archive's ``weights/``. What was fetched once for the same table is not fetched again.

    Raises:
        DeliveryError: there is no such source, it names no entry, or it could not be fetched.
    """
    table = model.sources.get(source)
    if table is None:
        raise DeliveryError(
            f"The model {model.name!r} has no source {source!r}.",
            cause=f"its model.toml has: {', '.join(['repository', *model.sources])}",
        )
    entry = str(table.get("entry", ""))
    if not entry:
        raise DeliveryError(
            f"[sources.{source}] of model {model.name!r} does not say how it is fetched.",
            next_step='add entry = "module:function" to it',
        )
    folder = cache / f"{model.name}-{source}-{_fingerprint(table)}"
    if not folder.is_dir():
        with reporter.step("fetch", f"{model.name} from {source}: {table.get('id', entry)}"):
            _fetch(entry, table, folder)
    files = {name: path for name, path in model.files.items() if not name.startswith("weights/")}
    weights = sorted(path for path in folder.iterdir() if path.is_file())
    files.update({f"weights/{path.name}": path for path in weights})
    return dataclasses.replace(model, files=files, weights=weights)


def _fetch(entry: str, table: Mapping[str, Any], folder: Path) -> None:
    module_name, _, function_name = entry.partition(":")
    arguments = [
        word for name, value in table.items() if name != "entry" for word in (f"--{name}", str(value))
    ]
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        main = getattr(importlib.import_module(module_name), function_name)
        status = main([*arguments, "--output", str(unfinished)])
        if status:
            raise RuntimeError(f"it ended with status {status}")
    except (Exception, SystemExit) as error:  # whatever a download can end in; the person needs its words
        raise DeliveryError(
            f"The weights could not be fetched by {entry}.",
            cause=f"{type(error).__name__}: {error}",
            next_step="check the network, and that requirements/dev.txt and torch.txt are installed",
        ) from error
    unfinished.replace(folder)


def _fingerprint(table: Mapping[str, Any]) -> str:
    text = json.dumps(table, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
