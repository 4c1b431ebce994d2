"""``invoke package``: archives on this machine, or in the bucket of an environment."""

from __future__ import annotations

from delivery import steps
from delivery.console import Reporter
from delivery.deploy import ensure_foundation
from delivery.model_folder import find_model, find_models
from delivery.model_sources import with_weights_from
from delivery.project import Project
from delivery.task_support import job_for

REPOSITORY = "repository"


def package(environment: str, model: str, source: str) -> None:
    """Archives one model or all.

    Args:
        environment: where to upload; empty: nowhere.
        model: its name; empty: all of them.
        source: ``repository``, or the name of a ``[sources.…]`` table of model.toml.

    Raises:
        DeliveryError: no such model or source, or its weights cannot be had.
    """
    project, reporter = Project.here(), Reporter()
    models = [find_model(project, model)] if model else find_models(project)
    if source != REPOSITORY:
        models = [
            with_weights_from(source, found, project.local_dir / "sources", reporter) for found in models
        ]
    if not environment:
        steps.archive_only(reporter, project, models)
        return
    job = job_for(environment)
    uris = steps.package(job, ensure_foundation(job), models)
    for name, uri in uris.items():
        reporter.line(" ", "package", f"{name}: {uri}")
