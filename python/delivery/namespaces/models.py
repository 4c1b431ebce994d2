"""``invoke models.*``: the models of this repository."""

from __future__ import annotations

import shlex

from invoke.collection import Collection
from invoke.context import Context
from rich.table import Table

from delivery.console import Reporter
from delivery.errors import DeliveryError
from delivery.model_entries import run_entry
from delivery.model_folder import REPOSITORY, find_model, find_models
from delivery.project import Project
from delivery.task_support import command


@command(name="list", default=True)
def list_models(_: Context) -> None:
    """Every model: its task, image, weights and where else its weights could come from."""
    project, reporter = Project.here(), Reporter()
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "task", "image", "weights", "other sources", "description"):
        table.add_column(heading)
    for model in find_models(project):
        size = sum(path.stat().st_size for path in model.weights if path.is_file()) / 1e6
        weights = (
            "[red]missing[/]"
            if model.missing_weights()
            else f"{size:.1f} MB"
            if model.weights
            else f"from {model.source}"
            if model.source != REPOSITORY
            else "none needed"
        )
        sources = ", ".join(
            f"{name}: {source['id']}" if source.get("id") else name for name, source in model.sources.items()
        )
        table.add_row(
            model.name, model.task, model.image or "(functions only)", weights, sources, model.description
        )
    reporter.console.print(table, soft_wrap=False)


@command(
    changes="train a model and write its weights",
    help={
        "model": "which model (see models.list)",
        "options": "what its training takes, e.g. --options='--epochs 1'",
    },
)
def train(_: Context, model: str, options: str = "") -> None:
    """Make a model's weights anew, as [train] in its model.toml says; --options=--help lists what it
    takes.
    """
    _run_entry(model, "train", options)


@command(help={"model": "which model (see models.list)", "options": "what its evaluation takes"})
def evaluate(_: Context, model: str, options: str = "") -> None:
    """Measure a model's quality on rows that it never saw, as [evaluate] in its model.toml says."""
    _run_entry(model, "evaluate", options)


def _run_entry(name: str, kind: str, options: str) -> None:
    """Calls ``module:function`` with the options as its list of arguments, in the model's own environment."""
    project = Project.here()
    model = find_model(project, name)
    entry = model.entries.get(kind)
    if entry is None:
        raise DeliveryError(
            f"The model {name!r} has no [{kind}].",
            cause=f"{project.show(model.folder)}/model.toml names none",
        )
    status = run_entry(project, model, entry, shlex.split(options))
    if status:
        raise DeliveryError(f"{entry} ended with status {status}.")


namespace = Collection("models", list_models, train, evaluate)
