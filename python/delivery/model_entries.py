"""The commands that a model brings (training, evaluation, sources of weights), run where its packages are."""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
from collections.abc import Sequence
from typing import Any

from delivery import images
from delivery.console import Reporter
from delivery.errors import DeliveryError
from delivery.model_folder import ModelFolder
from delivery.project import Project

_CALL = (
    "import importlib, sys; module, _, function = sys.argv[1].partition(':'); "
    "sys.exit(getattr(importlib.import_module(module), function)(sys.argv[2:]))"
)


def run_entry(project: Project, model: ModelFolder, entry: str, arguments: Sequence[str]) -> int:
    """Calls ``module:function`` with *arguments*, as the command line it is; returns its exit status.

    A model whose image has a ``requirements-dev.txt`` needs packages that this Python cannot have beside its
    own; the Python of that environment makes the call then.

    Raises:
        DeliveryError: the environment cannot be made, or the entry cannot be loaded.
    """
    python = _workbench(project, model)
    if python is not None:
        paths = (project.model_code_dir, project.root / "python" / "contracts")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
        words = [python, "-c", _CALL, entry, *arguments]
        return subprocess.run(words, cwd=project.root, env=environment, check=False).returncode
    function = _load(model, entry)
    with contextlib.chdir(project.root):
        return int(function(list(arguments)) or 0)


def _workbench(project: Project, model: ModelFolder) -> str | None:
    reporter = Reporter()
    for image in images.find_images(project):
        if image.name == model.workbench and image.workbench is not None:
            with reporter.step("environment") as step:
                python = images.workbench_python(project, image, images.told_by(step))
                step.outcome = f"{project.show(image.workbench)} is installed"
            return str(python)
    return None


def _load(model: ModelFolder, entry: str) -> Any:
    module_name, _, function_name = entry.partition(":")
    try:
        return getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise DeliveryError(
            f"{entry} of model {model.name!r} cannot be loaded.",
            cause=str(error),
            next_step="training needs the packages of `make test` (requirements/dev.txt and torch.txt)",
        ) from error
