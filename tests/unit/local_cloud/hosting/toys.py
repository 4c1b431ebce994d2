"""What the hosting tests are made of: a real image around the toy server, real moto, real child processes."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3

from local_cloud.clock import Clock
from local_cloud.hosting import ContainerSpec, HostingSettings, InvokeRequest, VariantSpec
from local_cloud.image_store import ImageStore

ACCOUNT = "123456789012"
REGION = "ap-northeast-2"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
LABEL = {"com.amazonaws.sagemaker.capabilities.accept-bind-to-port": "true"}
BUCKET = "models"


@dataclass
class Aws:
    """moto, and clients to it."""

    url: str

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )


@dataclass
class World:
    """moto with a bucket, an image store with the toy image, and settings to make a Hosting of."""

    aws: Aws
    settings: HostingSettings
    image: str
    unlabelled_image: str

    def put_archive(self, key: str, files: Mapping[str, bytes] | bytes) -> str:
        """Upload a tar.gz of these files (or these very bytes); returns its URL."""
        body = files if isinstance(files, bytes) else tar_gz(files)
        self.aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def container(self, hostname: str | None = None, **options: Any) -> ContainerSpec:
        environment = {"TOY_NAME": hostname or "toy", **options.pop("environment", {})}
        return ContainerSpec(
            hostname=hostname,
            image=options.pop("image", self.image),
            model_data_url=options.pop("model_data_url", None),
            environment=environment,
        )

    def variant(self, *containers: ContainerSpec, **options: Any) -> VariantSpec:
        spec = VariantSpec(
            name="blue",
            model_name="model",
            containers=containers or (self.container(),),
            mode="Serial",
            instance_type="ml.m5.large",
            instance_count=1,
            weight=1.0,
            startup_timeout_s=20,
            download_timeout_s=20,
        )
        return replace(spec, **options)


def tar_gz(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return target.getvalue()


def build_toy_image(store: Path, aws: Aws) -> tuple[str, str]:
    """Build the toy image with and without the label, push both; returns their URIs."""
    requirements = store / "requirements.txt"
    store.mkdir(parents=True, exist_ok=True)
    requirements.write_text("# nothing: the toy needs only Python\n")
    uris = []
    ecr = aws.client("ecr")
    for repository, labels in (("toy", LABEL), ("unlabelled", {})):
        image = ImageStore(store).create(
            sources={"toy_server": Path(__file__).parent / "toy_server"},
            requirements=requirements,
            command=["python", "-m", "toy_server", "serve"],
            labels=labels,
        )
        ecr.create_repository(repositoryName=repository)
        ecr.put_image(
            repositoryName=repository, imageManifest=image.manifest, imageDigest=image.digest, imageTag="1"
        )
        uris.append(f"{REGISTRY}/{repository}@{image.digest}")
    return uris[0], uris[1]


def make_world(aws: Aws, root: Path, images: Path, uris: tuple[str, str]) -> World:
    settings = HostingSettings(
        instances_dir=root / "instances",
        images_dir=images,
        aws_url=aws.url,
        region=REGION,
        account=ACCOUNT,
        clock=Clock(time_scale=10),
    )
    return World(aws, settings, *uris)


def request(body: str, **options: Any) -> InvokeRequest:
    return InvokeRequest(body=body.encode(), content_type="text/plain", **options)


def is_running(pid: int) -> bool:
    """Whether the process exists and is not merely waiting for its parent to collect it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def wait_until(condition: Callable[[], bool], within_s: float = 15) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


async def becomes(condition: Callable[[], bool], within_s: float = 15) -> bool:
    """Wait, without blocking the event loop, until the condition holds. False at the deadline."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True
