"""The command line of the project. `invoke --list` shows every task, `invoke --help <task>` its flags."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit

from delivery.errors import DeliveryError
from delivery.namespaces import images, local, models
from delivery.task_support import HELP, command, confirmation, environment_of, job_for

SOURCE_HELP = (
    "model=source, such as sentiment=hub: take the weights of that [sources.…] of model.toml; "
    "sentiment=hub@<40 hex digits> takes that commit (may be given several times)"
)
IMAGE_HELP = "name=uri@sha256:…; take this image in place of building one (may be given several times)"


@command(help={"env": HELP["env"]})
def doctor(_: Context, env: str = "local") -> None:
    """Say what this machine has, what is missing and what to do about it."""
    from delivery.doctor import report

    if not report(env):
        raise Exit("Something is missing: see the lines marked ✗.", code=1)


@command(
    changes="package models, build images, write the release file, plan, apply and call every endpoint",
    iterable=["image", "source"],
    help={
        **HELP,
        "image": IMAGE_HELP,
        "source": SOURCE_HELP,
        "smoke": "call every endpoint afterwards",
    },
)
def deploy(
    _: Context,
    env: str = "local",
    yes: bool = False,
    smoke: bool = True,
    image: list[str] | None = None,
    source: list[str] | None = None,
    verbose: bool = False,
) -> None:
    """Bring an environment to what this repository says: package, images, release, plan, apply, smoke."""
    from delivery.deploy import deploy as run

    job = job_for(env, verbose=verbose, image=image, source=source)
    run(job, confirm=confirmation(yes), smoke=smoke)


@command(help={"env": HELP["env"], "destroy": "plan to destroy everything", "verbose": HELP["verbose"]})
def plan(_: Context, env: str = "local", destroy: bool = False, verbose: bool = False) -> None:
    """Show what Terraform would change, and keep that plan for `invoke apply`."""
    from delivery.deploy import plan_only

    plan_only(job_for(env, verbose=verbose), destroy=destroy)


@command(
    changes="apply the plan that `invoke plan` kept", help={"env": HELP["env"], "verbose": HELP["verbose"]}
)
def apply(_: Context, env: str = "local", verbose: bool = False) -> None:
    """Apply exactly the plan that `invoke plan` showed; a stale one is refused."""
    from delivery.deploy import apply_kept_plan

    apply_kept_plan(job_for(env, verbose=verbose))


@command(
    changes="destroy everything that Terraform made in the environment",
    help={
        "env": HELP["env"],
        "yes": "destroy without asking",
        "foundation": "destroy the foundation too; archives and images only where its force_destroy is true",
        "verbose": HELP["verbose"],
    },
)
def destroy(
    _: Context, env: str = "local", yes: bool = False, foundation: bool = False, verbose: bool = False
) -> None:
    """Destroy everything that Terraform made in an environment (the foundation only with --foundation)."""
    from delivery.deploy import destroy as run

    run(job_for(env, verbose=verbose), confirm=confirmation(yes), foundation=foundation)


@command(changes="make or update the environment's bucket, repositories and keys", help=HELP)
def foundation(_: Context, env: str = "local", yes: bool = False, verbose: bool = False) -> None:
    """Make or update what an environment stands on: artifact bucket, image repositories, keys. Once each."""
    from delivery.deploy import apply_foundation

    apply_foundation(job_for(env, verbose=verbose), confirm=confirmation(yes))


@command(
    changes="archive models",
    iterable=["source"],
    help={
        "env": "upload to this environment's bucket (default: only archive, into .local/archives)",
        "model": "only this model (default: all)",
        "source": SOURCE_HELP,
    },
)
def package(_: Context, env: str = "", model: str = "", source: list[str] | None = None) -> None:
    """Make each model's model.tar.gz: the same input gives the same bytes, stored under their hash."""
    from delivery.package_task import package as run

    run(env, model, source or [])


@command(
    changes="upload archives, push images and write the release file",
    iterable=["image", "source"],
    help={
        "env": HELP["env"],
        "image": IMAGE_HELP,
        "source": SOURCE_HELP,
        "verbose": HELP["verbose"],
    },
)
def release(
    _: Context,
    env: str = "local",
    image: list[str] | None = None,
    source: list[str] | None = None,
    verbose: bool = False,
) -> None:
    """Package, build and push, then write digests and archives to the release file. Deploys nothing."""
    from delivery.deploy import release_only

    release_only(job_for(env, verbose=verbose, image=image, source=source))


@command(help={"env": HELP["env"]})
def smoke(_: Context, env: str = "local") -> None:
    """Call every container of every endpoint with known inputs; a wrong answer fails."""
    from delivery.console import Reporter
    from delivery.smoke import run_smoke

    run_smoke(environment_of(env), Reporter())


@command(
    changes="ask a model about every line of a file",
    help={
        "env": HELP["env"],
        "task": "sentiment, similarity or summarization",
        "input": 'JSON lines: {"text": "…"}, or {"texts": ["…", "…"]} for similarity',
        "output": "where the answers go: a line for each line, in order",
        "resume": "go on after the last answer of a run that was cut short",
    },
)
def predict(
    _: Context,
    task: str,
    input: str,
    output: str,
    env: str = "local",
    resume: bool = False,
) -> None:
    """Bulk work: ask a model about every line of a file, with a progress bar."""
    from delivery.predict_task import predict as run

    run(environment_of(env), task, input, output, resume=resume)


@command(
    changes="start the local cloud, deploy to it and ask every model something",
    help={"verbose": HELP["verbose"]},
)
def demo(_: Context, verbose: bool = False) -> None:
    """What `make demo` runs: start the local cloud, deploy, ask every model, show answers and latencies."""
    from delivery.demo import run_demo

    run_demo(job_for("local", verbose=verbose))


@command(changes="run ruff, mypy and terraform fmt")
def lint(_: Context) -> None:
    """Check style, types and Terraform's format: ruff, mypy, terraform fmt."""
    from delivery.checks import lint as run

    run()


@command(changes="run lint and every test")
def test(context: Context) -> None:
    """Lint, then every test; what stands after -- goes to pytest: `invoke test -- -k packaging`."""
    from delivery.checks import lint as run_lint
    from delivery.checks import run_tests

    fault: DeliveryError | None = None
    if not context.remainder:
        try:
            run_lint()
        except DeliveryError as error:
            fault = error  # told at the end: the tests are worth running all the same
    status = run_tests(context.remainder)
    if status:
        raise Exit(code=status)
    if fault:
        raise fault


@command(changes="run the benchmarks")
def bench(context: Context) -> None:
    """Measure against the usual ways of serving, and print ratios; what stands after -- is passed on."""
    from delivery.checks import run_benchmarks

    run_benchmarks(context.remainder)


namespace = Collection(
    doctor,
    deploy,
    plan,
    apply,
    destroy,
    foundation,
    package,
    release,
    smoke,
    predict,
    demo,
    lint,
    test,
    bench,
    models.namespace,
    images.namespace,
    local.namespace,
)
