"""An environment by its name: its root module, its backend, and how AWS is reached for it."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from delivery.errors import DeliveryError
from delivery.project import Project

LOCAL = "local"
RELEASE_FILE = "release.auto.tfvars.json"
LOCAL_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
_AMBIENT_CREDENTIALS = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_REGION = re.compile(r'^\s*region\s*=\s*"([a-z0-9-]+)"', re.MULTILINE)
_REGION_DEFAULT = re.compile(r'variable\s+"region"\s*\{[^}]*?default\s*=\s*"([a-z0-9-]+)"', re.DOTALL)
_BACKEND = re.compile(r'backend\s+"s3"\s*\{(.*?)\}', re.DOTALL)
_BUCKET = re.compile(r"^\s*bucket\s*=", re.MULTILINE)


def loopback_endpoints(environ: Mapping[str, str]) -> dict[str, str]:
    """``AWS_ENDPOINT_URL`` and ``AWS_ENDPOINT_URL_<SERVICE>`` that lead to this machine, by name."""
    return {
        name: url
        for name, url in sorted(environ.items())
        if (name == "AWS_ENDPOINT_URL" or name.startswith("AWS_ENDPOINT_URL_")) and _is_loopback(url)
    }


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    except ValueError:  # no URL at all: whoever uses it will say so
        return False
    host = host.rstrip(".")
    if host in ("localhost", "localhost.localdomain") or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def _first(pattern: re.Pattern[str], path: Path) -> str | None:
    found = pattern.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    return found.group(1) if found else None


@dataclass(frozen=True, slots=True)
class LocalCloud:
    """What ``.local/cloud/cloud.json`` says of the running local cloud."""

    url: str
    region: str
    account: str
    identity: str

    @classmethod
    def read(cls, project: Project) -> LocalCloud | None:
        """None when no local cloud was started (whether it still answers is asked elsewhere)."""
        try:
            found = json.loads(project.cloud_file.read_text(encoding="utf-8"))
            return cls(
                found["url"], found["region"], found["account"], f"{found['started_at']} pid {found['pid']}"
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise DeliveryError(
                f"{project.show(project.cloud_file)} cannot be read.",
                cause=f"{type(error).__name__}: {error}",
                next_step="`invoke local.down`, then `invoke local.up`",
            ) from error


@dataclass(frozen=True, slots=True)
class Environment:
    """One folder under ``terraform/envs``.

    Attributes:
        name: as in ``--env``.
        project: the checkout.
    """

    name: str
    project: Project

    @property
    def root(self) -> Path:
        """The root module's folder."""
        return self.project.terraform_dir / "envs" / self.name

    @property
    def is_local(self) -> bool:
        """Whether the local cloud stands in for AWS."""
        return self.name == LOCAL

    @property
    def release_file(self) -> Path:
        """Image digests and model archives: the variable ``release``.

        That of an environment in AWS lies in its root, where Terraform finds it and git keeps it. That of the
        local cloud is state of this machine, beside Terraform's, so that two local clouds of one checkout (a
        demo and a test) do not share it.
        """
        folder = self.project.terraform_state_dir / self.name if self.is_local else self.root
        return folder / RELEASE_FILE

    @property
    def state_names(self) -> tuple[str, str]:
        """The data directories of this environment's two roots under ``.local/terraform``."""
        return self.name, f"foundation-{self.name}"

    @property
    def region(self) -> str:
        """The AWS region: the local cloud's, else the one that Terraform will use.

        Raises:
            DeliveryError: it is said nowhere.
        """
        if self.is_local:
            return self.local_cloud().region
        tfvars = self.root / "terraform.tfvars"
        region = (  # in the order in which Terraform itself decides
            _first(_REGION, tfvars)
            or os.environ.get("TF_VAR_region")  # noqa: SIM112 - Terraform's spelling
            or _first(_REGION_DEFAULT, self.root / "variables.tf")
            or os.environ.get("AWS_REGION")
            or os.environ.get("AWS_DEFAULT_REGION")
        )
        if not region:
            raise DeliveryError(
                f"The region of environment {self.name!r} is not known.",
                next_step=f'set region = "…" in {self.project.show(tfvars)}, or AWS_REGION',
            )
        return region

    def check_backend(self) -> None:
        """Refuses a root whose state bucket was not written into it yet.

        Raises:
            DeliveryError: its ``backend "s3"`` names no bucket.
        """
        main = self.root / "main.tf"
        backend = _BACKEND.search(main.read_text(encoding="utf-8"))
        if backend and not _BUCKET.search(backend.group(1)):
            raise DeliveryError(
                f"The Terraform state of environment {self.name!r} has no bucket yet.",
                cause=f'{self.project.show(main)}: backend "s3" names none',
                next_step=f"`invoke foundation --env {self.name}` makes it; write its state_bucket there",
            )

    def check_endpoint_urls(self) -> None:
        """Refuses to act on the local cloud in the name of an environment in AWS.

        SDKs and Terraform follow ``AWS_ENDPOINT_URL`` wherever it leads, so a shell that was set up for the
        local cloud would deploy there and call it ``prod``.

        Raises:
            DeliveryError: this is not the local environment, and such a variable leads to this machine.
        """
        if self.is_local:
            return
        found = loopback_endpoints(os.environ)
        if not found:
            return
        placeholders = [name for name, value in LOCAL_CREDENTIALS.items() if os.environ.get(name) == value]
        raise DeliveryError(
            f"Environment {self.name!r} is in AWS, but this shell sends AWS calls to this machine.",
            cause="\n".join(f"{name}={url}" for name, url in found.items()),
            next_step=f"unset {' '.join([*found, *placeholders])}",
        )

    def local_cloud(self) -> LocalCloud:
        """The running local cloud.

        Raises:
            DeliveryError: none was started.
        """
        cloud = LocalCloud.read(self.project)
        if cloud is None:
            raise DeliveryError(
                "The local cloud is not running.", next_step="`invoke local.up` (or `invoke deploy`)"
            )
        return cloud

    def aws_variables(self) -> Mapping[str, str | None]:
        """Environment variables for whatever talks to AWS; None means: remove it.

        For the local cloud the credentials are dummies and every ambient one is removed, so that nothing
        meant for it can ever reach a real account.

        Raises:
            DeliveryError: no local cloud was started; or this is an environment in AWS, and the shell leads
                its calls to this machine.
        """
        self.check_endpoint_urls()
        if not self.is_local:
            return {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region}
        cloud = self.local_cloud()
        return {
            **dict.fromkeys(_AMBIENT_CREDENTIALS),
            **{name: None for name in os.environ if name.startswith("AWS_ENDPOINT_URL_")},
            **LOCAL_CREDENTIALS,
            "AWS_ENDPOINT_URL": cloud.url,
            "AWS_REGION": cloud.region,
            "AWS_DEFAULT_REGION": cloud.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service: str) -> Any:
        """A boto3 client for this environment.

        Raises:
            DeliveryError: as :meth:`aws_variables`.
        """
        self.check_endpoint_urls()
        if self.is_local:
            cloud = self.local_cloud()
            return _client(service, cloud.region, cloud.url)
        return _client(service, self.region, None)


@cache
def _client(service: str, region: str, url: str | None) -> Any:
    import boto3  # half a second: only for tasks that talk to AWS
    import botocore.session
    from botocore.config import Config

    config = Config(
        connect_timeout=10,
        read_timeout=120,
        retries={"mode": "standard", "total_max_attempts": 4},
        s3={"addressing_style": "path"} if url else {},
    )
    if url is None:
        return boto3.client(service, region_name=region, config=config)  # type: ignore[call-overload]
    # AWS_PROFILE may name a profile that does not exist here, and must not matter for the local cloud.
    core = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    session = boto3.Session(
        aws_access_key_id=LOCAL_CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=LOCAL_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        botocore_session=core,
    )
    return session.client(service, region_name=region, endpoint_url=url, config=config)  # type: ignore[call-overload]


def known_environments(project: Project) -> list[str]:
    """The environments that have a root module, by name."""
    return sorted(path.parent.name for path in (project.terraform_dir / "envs").glob("*/main.tf"))


def find_environment(project: Project, name: str) -> Environment:
    """The environment called ``name``.

    Raises:
        DeliveryError: there is none; lists those there are.
    """
    known = known_environments(project)
    if name not in known:
        raise DeliveryError(
            f"There is no environment {name!r}.",
            cause=f"terraform/envs has: {', '.join(known) or 'none'}",
            next_step=f"pass --env with one of these, or copy a folder to terraform/envs/{name}",
        )
    return Environment(name, project)
