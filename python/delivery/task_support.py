"""What every Invoke task has in common: errors that say what to do, ``--dry``, ``--debug``."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from delivery.console import Reporter
from delivery.environments import Environment, find_environment
from delivery.errors import DeliveryError
from delivery.project import Project
from delivery.steps import Job
from delivery.terraform_binary import check_version, find_terraform

Function = TypeVar("Function", bound=Callable[..., Any])

HELP = {
    "env": "environment: a folder of terraform/envs (local, dev, staging, prod)",
    "verbose": "print everything that Terraform and the installers say",
    "yes": "apply without asking (an environment in AWS asks otherwise)",
}


def command(*, changes: str = "", **options: Any) -> Callable[[Function], Any]:
    """An Invoke task whose errors are sentences.

    Args:
        changes: what the task changes, for ``--dry``, which prints this in place of doing it. Invoke's own
            ``--dry``
            reaches only ``Context.run``; AWS calls and Terraform would still be made. Empty: the task only
            reads.
        **options: for :func:`invoke.task`.
    """

    def decorate(function: Function) -> Any:
        @functools.wraps(function)
        def run(context: Context, *args: Any, **kwargs: Any) -> None:
            if changes and context.config.run.dry:
                given = ", ".join(
                    f"{name}={value!r}" for name, value in kwargs.items() if value not in (None, [], False)
                )
                print(f"--dry: would {changes}" + (f" ({given})" if given else ""))
                return
            try:
                function(context, *args, **kwargs)
            except (DeliveryError, Exit) as error:
                if debugging() and isinstance(error, DeliveryError):
                    raise
                raise error if isinstance(error, Exit) else Exit(f"\n{error}", code=1) from error
            except KeyboardInterrupt:
                raise Exit("\nInterrupted.", code=130) from None
            except Exception as error:
                if debugging():
                    raise
                unexpected = DeliveryError(
                    "Something unexpected went wrong.",
                    cause=f"{type(error).__name__}: {error}",
                    next_step="`invoke --debug …` shows where",
                )
                raise Exit(f"\n{unexpected}", code=1) from error

        return task(run, **options)

    return decorate


def debugging() -> bool:
    """Whether ``invoke --debug`` was asked for."""
    return logging.getLogger("invoke").isEnabledFor(logging.DEBUG)


def environment_of(name: str) -> Environment:
    """The environment called ``name`` in this checkout.

    Raises:
        DeliveryError: there is none; or it is in AWS, and the shell leads AWS calls to this machine.
    """
    environment = find_environment(Project.here(), name)
    environment.check_endpoint_urls()
    return environment


def job_for(
    name: str,
    *,
    verbose: bool = False,
    image: list[str] | None = None,
    source: list[str] | None = None,
) -> Job:
    """A job for the environment called ``name``, with the Terraform of this machine.

    Raises:
        DeliveryError: as :func:`environment_of`; ``image`` or ``source`` is not understood; no Terraform, or
            one that is too old.
    """
    from delivery.images import parse_overrides
    from delivery.model_sources import parse_sources

    environment = environment_of(name)
    images, sources = parse_overrides(image or []), parse_sources(source or [])
    binary = find_terraform()
    check_version(binary.version())
    return Job(environment, binary, Reporter(verbose=verbose), images, sources)


def confirmation(yes: bool) -> Callable[[str], bool]:
    """A question on the terminal, or always yes."""

    def ask(headline: str) -> bool:
        if yes:
            return True
        try:
            return input(f"\nApply ({headline})? Type yes: ").strip().lower() == "yes"
        except EOFError:
            return False

    return ask
