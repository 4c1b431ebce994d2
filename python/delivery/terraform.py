"""Drives Terraform through python-terraform 0.10.1, with that library's faults mended here and nowhere else.

What is wrong with it on Terraform 1.11, and what mends it:

- Nothing raises, and ``plan`` answers 2 for "there are changes": :meth:`Terraform.run` raises, and
  :meth:`Terraform.plan` says whether there are changes.
- Output comes only when all is over, without a deadline, and ``synchronous=False`` lands on the command
  line: ``run`` starts the process itself, reads it line by line and stops it at its deadline.
- ``destroy()`` always sends ``-force``, which Terraform refuses: it plans the destruction and applies that.
- ``apply()`` waits for an approval, and sends ``-var`` with a saved plan: it is given the plan and no more.
- ``init()`` fails when the constructor was given a state or a parallelism: the constructor takes neither.
- Positional directories are refused by Terraform: the root is always the working directory.
- A misspelt method becomes a Terraform command: ``__getattr__`` raises.
- It reads ``.terraform/terraform.tfstate`` after each command: ``read_state_file`` does nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import python_terraform
from python_terraform import IsFlagged

from delivery.console import Step
from delivery.errors import DeliveryError
from delivery.terraform_binary import TerraformBinary, usable_environment
from delivery.terraform_events import Progress
from delivery.terraform_mirror import ProviderSource, find_mirror, locked_providers
from delivery.terraform_process import run_process

INIT_TIMEOUT_S = 600.0
PLAN_TIMEOUT_S = 900.0
# The AWS provider itself waits 60 minutes for an endpoint and then says what is wrong with it. This deadline
# lies well behind that one, so that the provider's own message comes and Terraform saves its state unhurried.
APPLY_TIMEOUT_S = 75 * 60.0
SHOW_TIMEOUT_S = 300.0

STATE_FOLDER = (
    "state"  # in the data directory; beside its own terraform.tfstate, which holds backend settings
)
PLAN_FILE = "plan.tfplan"

_INIT_ADVICE = (
    "if the registry cannot be reached, unpack the provider into a mirror folder and name that folder in "
    "SERVING_TERRAFORM_MIRROR"
)
_APPLY_ADVICE = "mend the cause and run the task again: it continues from what is there"
_TIMEOUT_ADVICE = (
    "see what hangs (`invoke local.logs`, or the AWS console) and run it again; `terraform force-unlock` "
    "releases a lock that was left behind"
)


@dataclass(frozen=True, slots=True)
class PlanResult:
    """A saved plan.

    Attributes:
        path: the plan file.
        has_changes: whether applying it would change a resource or an output.
        summary: Terraform's own sentence, as in ``Plan: 2 to add, 0 to change, 0 to destroy.``
    """

    path: Path
    has_changes: bool
    summary: str


@dataclass(frozen=True, slots=True)
class CommandOutput:
    """A finished command: its exit status, everything on its stdout, and what its events told."""

    status: int
    stdout: str
    progress: Progress


class Terraform(python_terraform.Terraform):  # type: ignore[misc]  # the library has no types
    """One root module with its own data directory, state and environment variables.

    Args:
        root: the root module's folder.
        binary: what to start.
        data_dir: ``TF_DATA_DIR``: providers and backend settings of this root.
        environment: variables for Terraform and its providers, on top of ``os.environ``; None removes one.
        backend_config: ``-backend-config`` settings for ``init``.
        var_files: ``-var-file`` of ``plan``, beside the root's own ``terraform.tfvars``. One that is not
            there when planning is left out: the root itself says what it lacks. A saved plan holds its
            variables, so ``apply`` gets none.
        verbose: print every event of Terraform's.
    """

    def __init__(
        self,
        root: Path,
        *,
        binary: TerraformBinary,
        data_dir: Path,
        environment: Mapping[str, str | None] | None = None,
        backend_config: Mapping[str, str] | None = None,
        var_files: Sequence[Path] = (),
        verbose: bool = False,
    ) -> None:
        self.root = root
        self.binary = binary
        self.data_dir = data_dir
        self.verbose = verbose
        self._environment = dict(environment or {})
        self._backend_config = dict(backend_config or {})
        self._var_files = list(var_files)
        super().__init__(working_dir=str(root), terraform_bin_path=binary.command[0])

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def read_state_file(self, file_path: str | None = None) -> None:
        """Does nothing: the state may be remote, and outputs are asked of Terraform itself."""

    def generate_cmd_string(self, cmd: str, *args: str, **kwargs: Any) -> list[str]:
        """The command line as a list of words."""
        words: list[str] = super().generate_cmd_string(cmd, *args, **kwargs)
        return [*self.binary.command, *words[1:]]

    def environment(self) -> dict[str, str]:
        """The variables that Terraform runs with."""
        merged: dict[str, str | None] = {
            **os.environ,
            "TF_DATA_DIR": str(self.data_dir),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            **self._environment,
        }
        return usable_environment({name: value for name, value in merged.items() if value is not None})

    def init(self, step: Step, *, mirror: ProviderSource | None = None) -> bool:
        """Prepares the root. Skipped, with False, when nothing that matters to it has changed since."""
        mirror = mirror or find_mirror(locked_providers(self.root), environ=self.environment())
        fingerprint = self._fingerprint(mirror)
        stamp = self.data_dir / "initialised"
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == fingerprint:
            return False
        self.data_dir.mkdir(parents=True, exist_ok=True)
        step.note(f"provider from {mirror.reason}")
        options: dict[str, Any] = {"json": IsFlagged, "input": False, "reconfigure": IsFlagged}
        if (self.root / ".terraform.lock.hcl").is_file():
            options["lockfile"] = (
                "readonly"  # what is locked is what runs; `terraform init -upgrade` changes it
            )
        if mirror.plugin_dir:
            options["plugin_dir"] = str(mirror.plugin_dir)
        if self._backend_config:
            options["backend_config"] = self._backend_config
        self.run("init", step=step, timeout_s=INIT_TIMEOUT_S, next_step=_INIT_ADVICE, **options)
        stamp.write_text(fingerprint, encoding="utf-8")
        return True

    def plan(self, step: Step, path: Path, *, destroy: bool = False) -> PlanResult:
        """Plans and saves the plan to ``path``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = {
            "json": IsFlagged,
            "input": False,
            "detailed_exitcode": IsFlagged,
            "out": str(path),
        }
        if var_files := [str(file) for file in self._var_files if file.is_file()]:
            options["var_file"] = var_files
        if destroy:
            options["destroy"] = IsFlagged
        done = self.run("plan", step=step, timeout_s=PLAN_TIMEOUT_S, accept=(0, 2), **options)
        return PlanResult(path, done.status == 2, done.progress.summary)

    def apply(self, step: Step, plan: Path) -> str:
        """Applies exactly that saved plan; returns Terraform's closing sentence."""
        done = self.run(
            "apply",
            str(plan),
            step=step,
            timeout_s=APPLY_TIMEOUT_S,
            next_step=_APPLY_ADVICE,
            json=IsFlagged,
            input=False,
        )
        return done.progress.summary

    def destroy(self, step: Step, plan: Path) -> str:
        """Destroys everything of this root: plans the destruction to ``plan`` and applies that."""
        planned = self.plan(step, plan, destroy=True)
        return self.apply(step, plan) if planned.has_changes else "Nothing to destroy."

    def show(self, step: Step, plan: Path) -> dict[str, Any]:
        """A saved plan as Terraform's JSON representation."""
        done = self.run("show", str(plan), step=step, timeout_s=SHOW_TIMEOUT_S, json=IsFlagged)
        return dict(json.loads(done.stdout))

    def output(self, step: Step) -> dict[str, Any]:
        """The values of the root's outputs by name."""
        done = self.run("output", step=step, timeout_s=SHOW_TIMEOUT_S, json=IsFlagged)
        return {name: item["value"] for name, item in json.loads(done.stdout).items()}

    def run(
        self,
        command: str,
        *args: str,
        step: Step,
        timeout_s: float,
        accept: Sequence[int] = (0,),
        next_step: str | None = None,
        **options: Any,
    ) -> CommandOutput:
        """Runs one command, reading its output as it comes.

        Raises:
            DeliveryError: an exit status not in ``accept``, with Terraform's own message; it does not start;
                or the deadline passed.
        """
        progress = Progress()
        out: list[str] = []

        def on_line(line: str) -> None:
            out.append(line)
            self._report(step, progress, line)

        step.working_on(f"terraform {command}")
        try:
            status, complaints = run_process(
                self.generate_cmd_string(command, *args, **options),
                folder=self.root,
                environment=self.environment(),
                timeout_s=timeout_s,
                on_line=on_line,
            )
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise DeliveryError(
                    f"terraform {command} did not end within {timeout_s:.0f} s and was stopped.",
                    cause=progress.doing() or None,
                    next_step=_TIMEOUT_ADVICE,
                ) from None
            raise DeliveryError(
                f"Terraform does not start ({self.binary.source}).", cause=str(error)
            ) from error
        finally:
            self.temp_var_files.clean_up()
        if status not in accept:
            raise DeliveryError(
                f"terraform {command} failed in {self.root.name} (exit status {status}).",
                cause=_cause(progress, complaints),
                next_step=next_step,
            )
        return CommandOutput(status, "\n".join(out), progress)

    def _report(self, step: Step, progress: Progress, line: str) -> None:
        seen = len(progress.diagnostics)
        message = progress.read_line(line)
        for diagnostic in progress.diagnostics[seen:]:
            if diagnostic.severity == "warning":
                step.note(f"warning: {diagnostic}")
        if doing := progress.doing():
            step.working_on(doing)
        if self.verbose and message:
            step.note(message)

    def _fingerprint(self, mirror: ProviderSource) -> str:
        """Changes whenever ``init`` has something to do: with configuration, lock, mirror or backend."""
        told = [self.binary.command, mirror.reason, sorted(self._backend_config.items())]
        digest = hashlib.sha256(json.dumps(told).encode())
        terraform_dir = next(
            (folder for folder in self.root.parents if folder.name == "terraform"), self.root
        )
        for path in sorted({*terraform_dir.rglob("*.tf"), self.root / ".terraform.lock.hcl"}):
            name = path.relative_to(terraform_dir)
            if path.is_file() and ".terraform" not in name.parts[:-1]:
                digest.update(f"{name}\0".encode() + path.read_bytes())
        return digest.hexdigest()


def remove_state(folder: Path, names: Sequence[str]) -> int:
    """Removes the states and plans of roots whose resources are gone, not their providers.

    Args:
        folder: where the data directories lie.
        names: the data directories' names.

    Returns:
        How many states there were.
    """
    removed = 0
    for name in names:
        state = folder / name / STATE_FOLDER
        removed += len(list(state.glob("*.tfstate")))
        shutil.rmtree(state, ignore_errors=True)
        (folder / name / PLAN_FILE).unlink(missing_ok=True)
    return removed


def _cause(progress: Progress, complaints: Sequence[str]) -> str:
    """Terraform's own words: its errors, else the end of what it printed."""
    if progress.errors:
        return "\n\n".join(str(error) for error in progress.errors)
    printed = "\n".join([*progress.plain[-20:], *complaints[-20:]]).strip()
    return printed or "Terraform printed nothing."
