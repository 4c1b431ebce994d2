"""``invoke images.*``: what the models run in."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context
from rich.table import Table

from delivery import images
from delivery.console import Reporter
from delivery.model_folder import ModelFolder, find_model
from delivery.model_sources import with_sources
from delivery.project import Project
from delivery.task_support import HELP, command


@command(name="list", default=True)
def list_images(_: Context) -> None:
    """Every image: what it holds and what it runs."""
    project, reporter = Project.here(), Reporter()
    table = Table(box=None, pad_edge=False)
    for heading in ("image", "model", "command", "sources", "requirements"):
        table.add_column(heading)
    for image in images.find_images(project):
        table.add_row(
            image.name,
            image.model or "(as an archive)",
            " ".join(image.command),
            ", ".join(image.sources),
            project.show(image.requirements),
        )
    reporter.console.print(table, soft_wrap=False)


@command(
    changes="build images into .local/images",
    help={"image": "only this one (default: every image)", "verbose": HELP["verbose"]},
)
def build(_: Context, image: str = "", verbose: bool = False) -> None:
    """Build images for the local cloud; what is built already is left as it is."""
    project, reporter = Project.here(), Reporter(verbose=verbose)
    folders = [images.find_image(project, image)] if image else images.find_images(project)
    for folder in folders:
        with reporter.step("images", folder.name) as step:
            say = step.note if verbose else step.working_on
            built = images.build(project, folder, say, _held(project, folder, reporter))
            step.outcome = f"{folder.name} {built.digest}"


@command(positional=["image"], help={"image": "which image (see images.list)"})
def inspect(_: Context, image: str) -> None:
    """Show a built image: digest, command, environment, labels, where its files lie."""
    project, reporter = Project.here(), Reporter()
    folder = images.find_image(project, image)
    built = images.build(
        project,
        folder,
        lambda text: reporter.line(" ", "images", text),
        _held(project, folder, reporter),
    )
    rows = {
        "model": folder.model or "comes as an archive",
        "digest": built.digest,
        "config": built.config_digest,
        "command": " ".join([*built.entrypoint, *built.cmd]),
        "environment": ", ".join(f"{name}={value}" for name, value in built.env.items()),
        "labels": ", ".join(f"{name}={value}" for name, value in built.labels.items()),
        "sources": project.show(built.app_dir),
        "python": project.show(built.python),
    }
    for name, value in rows.items():
        reporter.line(" ", name, value)


def _held(project: Project, image: images.ImageFolder, reporter: Reporter) -> list[ModelFolder]:
    """The model that the image is to hold, with its weights."""
    models = [find_model(project, image.model)] if image.model else []
    return with_sources({}, models, project, reporter)


namespace = Collection("images", list_images, build, inspect)
