"""The foundation of an environment: artifact bucket, image repositories, keys. Made once, read from SSM."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from delivery.console import Reporter
from delivery.environments import Environment
from delivery.errors import DeliveryError
from delivery.terraform import PLAN_FILE, STATE_FOLDER, Terraform
from delivery.terraform_binary import TerraformBinary


@dataclass(frozen=True, slots=True)
class Foundation:
    """What ``terraform/foundation`` published. ``repositories``: image → repository name and URL."""

    artifact_bucket: str
    repositories: Mapping[str, Mapping[str, str]]

    def repository(self, image: str) -> Mapping[str, str]:
        """The repository of an image.

        Raises:
            DeliveryError: the foundation has none for it.
        """
        try:
            return self.repositories[image]
        except KeyError:
            raise DeliveryError(
                f"The foundation has no repository for the image {image!r}.",
                cause=f"it has: {', '.join(sorted(self.repositories)) or 'none'}",
                next_step="add it to the variable `images` of terraform/foundation, then `invoke foundation`",
            ) from None


def parameter_name(environment: str) -> str:
    """The SSM parameter that Terraform writes."""
    return f"/serving/{environment}/foundation"


def read_foundation(environment: Environment) -> Foundation | None:
    """The published foundation; None when it was not made yet.

    Raises:
        DeliveryError: AWS refused or cannot be reached, or the parameter is not what it should be.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    name = parameter_name(environment.name)
    try:
        text = environment.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ParameterNotFound":
            return None
        raise DeliveryError(
            f"SSM parameter {name} cannot be read.",
            cause=str(error),
            next_step=f"`invoke doctor --env {environment.name}` shows whose credentials are in use",
        ) from error
    except BotoCoreError as error:
        raise DeliveryError(
            f"AWS cannot be reached for environment {environment.name!r}.",
            cause=str(error),
            next_step=f"`invoke doctor --env {environment.name}`",
        ) from error
    try:
        found = json.loads(text)
        return Foundation(found["artifact_bucket"], found["repositories"])
    except (ValueError, KeyError, TypeError) as error:
        raise DeliveryError(
            f"SSM parameter {name} is not a foundation.",
            cause=f"{type(error).__name__}: {error}",
            next_step=f"`invoke foundation --env {environment.name}` writes it anew",
        ) from error


def foundation_terraform(
    environment: Environment, binary: TerraformBinary, *, verbose: bool = False
) -> Terraform:
    """Terraform on ``terraform/foundation`` with the state of this environment's foundation.

    The foundation makes the bucket that other states live in, so its own state is a file: under ``.local``
    for the local cloud, else beside the root (never committed; docs/terraform.md shows how to keep a copy
    in the bucket).

    Raises:
        DeliveryError: there is no ``<environment>.tfvars`` for it.
    """
    project = environment.project
    root = project.terraform_dir / "foundation"
    data_dir = project.terraform_state_dir / f"foundation-{environment.name}"
    state = (
        data_dir / STATE_FOLDER / "terraform.tfstate"
        if environment.is_local
        else root / f"{environment.name}.tfstate"
    )
    var_file = root / f"{environment.name}.tfvars"
    if not var_file.is_file():
        raise DeliveryError(
            f"The foundation knows no environment {environment.name!r}.",
            next_step=f"write {project.show(var_file)}; the others beside it show how",
        )
    return Terraform(
        root,
        binary=binary,
        data_dir=data_dir,
        environment={"TF_VAR_region": environment.region, **environment.aws_variables()},
        backend_config={"path": str(state)},
        var_files=[var_file],
        verbose=verbose,
    )


def plan_file(terraform: Terraform) -> Path:
    """Where this root's plan is kept between plan and apply."""
    return terraform.data_dir / PLAN_FILE


def bootstrap_local(environment: Environment, binary: TerraformBinary, reporter: Reporter) -> Foundation:
    """Makes the local cloud's foundation: nothing there is worth a review.

    Raises:
        DeliveryError: Terraform failed, or published nothing.
    """
    terraform = foundation_terraform(environment, binary, verbose=reporter.verbose)
    with reporter.step("foundation", "bucket, repositories and key of the local cloud") as step:
        terraform.init(step)
        planned = terraform.plan(step, plan_file(terraform))
        step.outcome = terraform.apply(step, planned.path) if planned.has_changes else "no changes"
    made = read_foundation(environment)
    if made is None:
        raise DeliveryError(
            "The foundation was applied but published nothing.",
            cause=f"SSM parameter {parameter_name(environment.name)} does not exist",
            next_step="`invoke local.down` and deploy again",
        )
    return made
