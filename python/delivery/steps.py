"""The steps of a deployment, each usable on its own: package, build, release, plan, apply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from delivery import images, packaging
from delivery.console import Reporter
from delivery.environments import RELEASE_FILE, Environment
from delivery.errors import DeliveryError
from delivery.foundation import Foundation
from delivery.model_folder import ModelFolder, find_models
from delivery.model_sources import SourceChoice, with_sources
from delivery.packaging import Archive
from delivery.plan_summary import PlanSummary, summarise
from delivery.project import Project
from delivery.release import Release, ReleasedModel, describe_changes, read_release, write_release
from delivery.settling import wait_until_settled
from delivery.terraform import STATE_FOLDER, PlanResult, Terraform
from delivery.terraform_binary import TerraformBinary
from local_cloud.image_store import ProcessImage

SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Job:
    """What every step needs: for which environment, with which Terraform, telling whom.

    Attributes:
        image_overrides: image name → URI by digest, given by the caller in place of a build.
        sources: model → where its weights come from, where that is not the repository.
    """

    environment: Environment
    binary: TerraformBinary
    reporter: Reporter
    image_overrides: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, SourceChoice] = field(default_factory=dict)


def chosen_models(job: Job) -> list[ModelFolder]:
    """Every model, with its weights from where the job says; fetches them where they are not here yet.

    Outside the local cloud those that only functions serve are left out: their images are built elsewhere.
    """
    project = job.environment.project
    models = [model for model in find_models(project) if model.image or job.environment.is_local]
    return with_sources(job.sources, models, project, job.reporter)


def package(job: Job, foundation: Foundation, models: Sequence[ModelFolder] | None = None) -> dict[str, str]:
    """Archives the models (default: :func:`chosen_models`) and uploads those that the bucket does not have.
    Returns model → ``s3://`` URI.
    """
    uris: dict[str, str] = {}
    project = job.environment.project
    found = [model for model in (chosen_models(job) if models is None else models) if model.image]
    with job.reporter.step("package") as step:
        if not found:
            raise DeliveryError(
                "There is no model to package.",
                next_step="a model is a folder with a model.toml in python/model_code",
            )
        uploaded = 0
        s3 = job.environment.client("s3")
        for model in found:
            step.working_on(model.name)
            digest = packaging.content_digest(model)
            key = packaging.archive_key(model.name, digest)
            uris[model.name] = f"s3://{foundation.artifact_bucket}/{key}"
            if packaging.is_uploaded(s3, foundation.artifact_bucket, key):
                continue
            archive = packaging.build_archive(model, project.archives_dir, digest)
            packaging.upload(s3, foundation.artifact_bucket, archive)
            uploaded += 1
            size = archive.path.stat().st_size / 1e6
            step.note(f"{model.name}: {size:.1f} MB uploaded as {digest[:SHOWN_DIGITS]}")
        step.outcome = f"{_archives(len(uris))}, " + (
            f"{uploaded} uploaded" if uploaded else "nothing to upload"
        )
    return uris


def prepare_archives(job: Job, models: Sequence[ModelFolder]) -> None:
    """Compresses in advance what a fresh local cloud will be missing; later steps find it made."""
    for model in models:
        if model.image:
            packaging.build_archive(model, job.environment.project.archives_dir)


def archive_only(reporter: Reporter, project: Project, models: Sequence[ModelFolder]) -> list[Archive]:
    """Archives the models on this machine without uploading them."""
    made = []
    with reporter.step("package") as step:
        for model in models:
            step.working_on(model.name)
            archive = packaging.build_archive(model, project.archives_dir)
            size = archive.path.stat().st_size / 1e6
            step.note(f"{model.name}: {project.show(archive.path)} ({size:.1f} MB)")
            made.append(archive)
        step.outcome = _archives(len(made))
    return made


def build_images(job: Job, models: Callable[[], Sequence[ModelFolder]]) -> dict[str, ProcessImage]:
    """Builds every image for the local cloud that is not built yet; for other environments there is nothing
    to build.

    Args:
        models: waits for the models with their weights; asked when an image is to hold one.
    """
    if not job.environment.is_local:
        return {}
    project = job.environment.project
    built = {}
    with job.reporter.step("images") as step:
        progress = images.told_by(step, verbose=job.reporter.verbose)
        before = _manifests(project.images_dir)
        # Those that hold a model come last: its weights may still be on their way.
        for folder in sorted(images.find_images(project), key=lambda image: bool(image.model)):
            step.working_on(folder.name)
            held = models() if folder.model else ()
            built[folder.name] = images.build(project, folder, progress, held)
        new = _manifests(project.images_dir) - before
        step.outcome = f"{len(built)} image{'s' * (len(built) != 1)}, " + (
            "built" if new else "nothing to build"
        )
    return built


def push_images(job: Job, foundation: Foundation, built: Mapping[str, ProcessImage]) -> dict[str, str]:
    """Pushes what was built, or finds what was given by digest. Returns image → URI by digest."""
    environment = job.environment
    with job.reporter.step("push") as step:
        if not environment.is_local:
            released = (read_release(environment.release_file) or Release()).images
            uris = {}
            for folder in images.find_images(environment.project):
                if folder.model and folder.name not in {**job.image_overrides, **released}:
                    # Whether a function needs it is known when Terraform plans, which says so.
                    step.note(
                        f"no image {folder.name} is known: functions with the model {folder.model} need "
                        f"--image {folder.name}=<registry>/<repository>@sha256:<digest>"
                    )
                    continue
                uris[folder.name] = images.released_elsewhere(
                    environment, folder.name, job.image_overrides, released
                )
            step.outcome = f"{len(uris)} images by digest, nothing to build"
            return uris
        ecr = environment.client("ecr")
        uris, pushed = {}, 0
        for name, image in built.items():
            uris[name], is_new = images.push(ecr, foundation.repository(name), image)
            pushed += is_new
        uris.update(job.image_overrides)
        step.outcome = f"{pushed} image{'s' * (pushed != 1)} pushed" if pushed else "nothing to push"
    return uris


def release(job: Job, archives: Mapping[str, str], image_uris: Mapping[str, str]) -> Release:
    """Writes the release file if it changes."""
    path = job.environment.release_file
    with job.reporter.step("release") as step:
        before = read_release(path)
        holders = images.function_images(job.environment.project)
        after = Release(
            images=image_uris,
            models={
                model.name: ReleasedModel(
                    task=model.task,
                    image=model.image or None,
                    archive=archives[model.name] if model.image else None,
                    function_image=holder if (holder := holders.get(model.name)) in image_uris else None,
                )
                for model in find_models(job.environment.project)
            },
        )
        changed = write_release(path, after)
        for line in describe_changes(before, after):
            step.note(line)
        step.outcome = f"{job.environment.project.show(path)} {'written' if changed else 'unchanged'}"
    return after


def environment_terraform(job: Job) -> Terraform:
    """Terraform on the environment's root module."""
    environment = job.environment
    environment.check_backend()
    if environment.is_local:
        _remove_leftover_release(job)
    data_dir = environment.project.terraform_state_dir / environment.name
    state = data_dir / STATE_FOLDER / "terraform.tfstate"
    return Terraform(
        environment.root,
        binary=job.binary,
        data_dir=data_dir,
        environment=environment.aws_variables(),
        backend_config={"path": str(state)} if environment.is_local else {},
        # In AWS Terraform finds the file by itself, in the root.
        var_files=[environment.release_file] if environment.is_local else [],
        verbose=job.reporter.verbose,
    )


def _remove_leftover_release(job: Job) -> None:
    """Earlier versions wrote the local release into the root, where Terraform would read it in place of a
    release that is not made yet.
    """
    leftover = job.environment.root / RELEASE_FILE
    if leftover.is_file():
        leftover.unlink(missing_ok=True)
        told = job.environment.project.show
        job.reporter.line(
            " ",
            "release",
            f"{told(leftover)} removed: the local release is {told(job.environment.release_file)}",
            style="dim",
        )


def init(job: Job, terraform: Terraform) -> None:
    """``terraform init`` where something changed since the last one."""
    with job.reporter.step("init") as step:
        step.working_on(f"terraform init of {terraform.root.name}")
        step.outcome = "providers and modules ready" if terraform.init(step) else "nothing to do"


def plan(
    job: Job, terraform: Terraform, path: Path, *, destroy: bool = False
) -> tuple[PlanResult, PlanSummary]:
    """Plans, saves the plan and prints its summary."""
    with job.reporter.step("plan", f"terraform plan of {terraform.root.name}") as step:
        result = terraform.plan(step, path, destroy=destroy)
        if not result.has_changes:
            step.outcome = "no changes"
            return result, PlanSummary((), ())
        step.working_on("reading the plan")
        summary = summarise(terraform.show(step, path))
        step.outcome = summary.headline
    _, *details = summary.render().splitlines()
    for line in details:
        style = (
            "bold red" if line.startswith(("- DESTROY", "± REPLACE")) else "yellow" if line[0] == "~" else ""
        )
        job.reporter.line(" ", "", line, style=style)
    return result, summary


def apply(job: Job, terraform: Terraform, plan_path: Path) -> None:
    """Applies exactly the saved plan, then forgets it."""
    with job.reporter.step("apply", "terraform apply of exactly that plan") as step:
        if terraform.root == job.environment.root:
            wait_until_settled(job.environment, step)
        step.outcome = terraform.apply(step, plan_path)
    plan_path.unlink(missing_ok=True)


def _archives(count: int) -> str:
    return f"{count} model archive{'s' * (count != 1)}"


def _manifests(store: Path) -> set[str]:
    return {path.name for path in (store / "blobs" / "sha256").glob("*")}
