"""``invoke deploy``: foundation → package → images → release → plan → apply → smoke, doing nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from delivery import steps
from delivery.environments import Environment, LocalCloud
from delivery.errors import DeliveryError
from delivery.foundation import Foundation, bootstrap_local, foundation_terraform, read_foundation
from delivery.local import ensure_running
from delivery.smoke import run_smoke
from delivery.steps import Job
from delivery.terraform import PLAN_FILE, Terraform, remove_state
from delivery.terraform_process import interrupt_all

IDENTITY_FILE = "local-cloud.json"


def deploy(job: Job, *, confirm: Callable[[str], bool], smoke: bool = True) -> bool:
    """Brings an environment to what the repository says.

    Args:
        confirm: asked before a plan of an environment in AWS is applied; gets the plan's headline.
        smoke: call every endpoint afterwards.

    Returns:
        Whether Terraform changed anything.
    """
    environment = job.environment
    if environment.is_local:
        ensure_running(environment.project, job.reporter)
        forget_stale_state(job)
    terraform = steps.environment_terraform(job)
    # Building an image waits for downloads while Terraform computes: side by side they cost as much as one.
    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="deploy") as pool:
        choosing = pool.submit(steps.chosen_models, job)
        building = pool.submit(steps.build_images, job, choosing.result)
        initialising = pool.submit(steps.init, job, terraform)
        founding = pool.submit(ensure_foundation, job)
        try:
            models = choosing.result()
            if environment.is_local:
                steps.prepare_archives(job, models)
            foundation = founding.result()
            archives = steps.package(job, foundation, models)
            image_uris = steps.push_images(job, foundation, building.result())
            steps.release(job, archives, image_uris)
            initialising.result()
        except KeyboardInterrupt:
            interrupt_all()  # else leaving the pool waits until they are done
            raise
    changed = _review_and_apply(job, terraform, confirm=confirm)
    if smoke:
        run_smoke(environment, job.reporter)
    return changed


def plan_file(environment: Environment) -> Path:
    """Where an environment's plan waits to be applied."""
    return environment.project.terraform_state_dir / environment.name / PLAN_FILE


def ensure_foundation(job: Job) -> Foundation:
    """The environment's foundation; the local one is made when it is not there.

    Raises:
        DeliveryError: an environment in AWS has none: it is made deliberately, by its own task.
    """
    environment = job.environment
    found = read_foundation(environment)
    if found is not None:
        return found
    if not environment.is_local:
        raise DeliveryError(
            f"Environment {environment.name!r} has no foundation in {environment.region}.",
            next_step=f"`invoke foundation --env {environment.name}` makes it: bucket, repositories, keys",
        )
    return bootstrap_local(environment, job.binary, job.reporter)


def forget_stale_state(job: Job) -> None:
    """Removes Terraform's local state when the local cloud it describes is gone: a new one starts empty."""
    environment = job.environment
    project = environment.project
    cloud = LocalCloud.read(project)
    assert cloud is not None, "the local cloud was just started"
    marker = project.terraform_state_dir / IDENTITY_FILE
    known = json.loads(marker.read_text(encoding="utf-8"))["identity"] if marker.is_file() else None
    if known == cloud.identity:
        return
    removed = remove_state(project.terraform_state_dir, environment.state_names)
    if removed:
        job.reporter.line(
            " ", "state", f"{removed} state files of an earlier local cloud removed: it is gone", style="dim"
        )
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text(json.dumps({"identity": cloud.identity}) + "\n", encoding="utf-8")


def plan_only(job: Job, *, destroy: bool = False) -> None:
    """``invoke plan``: shows what would change and keeps the plan for :func:`apply_kept_plan`."""
    terraform = steps.environment_terraform(job)
    steps.init(job, terraform)
    path = plan_file(job.environment)
    result, _ = steps.plan(job, terraform, path, destroy=destroy)
    if result.has_changes:
        job.reporter.say(f"Kept: `invoke apply --env {job.environment.name}` applies exactly this.")
    else:
        path.unlink(missing_ok=True)


def apply_kept_plan(job: Job) -> None:
    """``invoke apply``: applies the plan that ``invoke plan`` kept. Terraform itself refuses a stale one.

    Raises:
        DeliveryError: there is no such plan.
    """
    path = plan_file(job.environment)
    if not path.is_file():
        raise DeliveryError(
            f"There is no plan for environment {job.environment.name!r}.",
            next_step=f"`invoke plan --env {job.environment.name}` makes one, and shows it to you",
        )
    steps.apply(job, steps.environment_terraform(job), path)


def release_only(job: Job) -> None:
    """``invoke release``: everything up to the release file."""
    models = steps.chosen_models(job)
    if job.environment.is_local:
        ensure_running(job.environment.project, job.reporter)
        forget_stale_state(job)
    foundation = ensure_foundation(job)
    built = steps.build_images(job, lambda: models)
    archives = steps.package(job, foundation, models)
    steps.release(job, archives, steps.push_images(job, foundation, built))


def apply_foundation(job: Job, *, confirm: Callable[[str], bool]) -> None:
    """``invoke foundation``: plans, shows, asks where an account in AWS is concerned, applies."""
    if job.environment.is_local:
        ensure_running(job.environment.project, job.reporter)
        forget_stale_state(job)
    terraform = foundation_terraform(job.environment, job.binary, verbose=job.reporter.verbose)
    steps.init(job, terraform)
    _review_and_apply(job, terraform, confirm=confirm)
    with job.reporter.step("outputs") as step:
        outputs = terraform.output(step)
    for name, value in outputs.items():
        job.reporter.line(" ", "", f"{name} = {value if isinstance(value, str) else json.dumps(value)}")


def destroy(job: Job, *, confirm: Callable[[str], bool], foundation: bool = False) -> None:
    """``invoke destroy``: the environment's resources, and with ``foundation`` what they stand on."""
    roots = [steps.environment_terraform(job)]
    if foundation:
        roots.append(foundation_terraform(job.environment, job.binary, verbose=job.reporter.verbose))
    for terraform in roots:
        steps.init(job, terraform)
        _review_and_apply(job, terraform, confirm=confirm, destroy=True)


def _review_and_apply(
    job: Job, terraform: Terraform, *, confirm: Callable[[str], bool], destroy: bool = False
) -> bool:
    """Plans, shows, asks where an account in AWS is concerned, applies; answers whether something changed."""
    path = terraform.data_dir / PLAN_FILE
    result, summary = steps.plan(job, terraform, path, destroy=destroy)
    if not result.has_changes:
        path.unlink(missing_ok=True)
        return False
    if not job.environment.is_local and not confirm(summary.headline):
        path.unlink(missing_ok=True)
        raise DeliveryError(
            "Not applied: it was not confirmed.", next_step="run it again and type yes, or pass --yes"
        )
    steps.apply(job, terraform, path)
    return True
