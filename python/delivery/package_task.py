"""``invoke package``: archives on this machine, or in the bucket of an environment."""

from __future__ import annotations

from collections.abc import Sequence

from delivery import steps
from delivery.console import Reporter
from delivery.deploy import ensure_foundation
from delivery.model_folder import find_model, find_models
from delivery.model_sources import parse_sources, with_sources
from delivery.project import Project
from delivery.task_support import job_for


def package(environment: str, model: str, sources: Sequence[str]) -> None:
    """Archives one model or all.

    Args:
        environment: where to upload; empty: nowhere.
        model: its name; empty: all of them.
        sources: ``MODEL=SOURCE`` each, see :func:`delivery.model_sources.parse_sources`.

    Raises:
        DeliveryError: no such model or source, or its weights cannot be had.
    """
    project, reporter = Project.here(), Reporter()
    choices = parse_sources(sources)
    models = [find_model(project, model)] if model else find_models(project)
    # Without an image there is nothing that would unpack an archive: functions hold their model themselves.
    models = [found for found in models if found.image or model]
    models = with_sources(choices, models, project, reporter)
    if not environment:
        steps.archive_only(reporter, project, models)
        return
    job = job_for(environment)
    uris = steps.package(job, ensure_foundation(job), models)
    for name, uri in uris.items():
        reporter.line(" ", "package", f"{name}: {uri}")
