"""A deployed local environment as the end-to-end tests see it: where it is and how to call it."""

from __future__ import annotations

import socket
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from archives import model_archive
from botocore.config import Config

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY_DEADLINE_S = 600
ROLE = "arn:aws:iam::123456789012:role/end-to-end"
SENTENCES = (
    "정말 재미있는 영화였어요. 강력 추천합니다!",
    "시간이 아까운 최악의 영화였다. 다시는 보고 싶지 않다.",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Deployment:
    """A deployed local environment and what a caller needs to reach it."""

    url: str
    environment: Mapping[str, str]
    directory: Path
    endpoint_name: str
    image: str
    bucket: str
    deploy_output: str

    @property
    def release_file(self) -> Path:
        """Image digests and archives of this environment, and of no other that runs on this machine."""
        return self.directory / "terraform" / "local" / "release.auto.tfvars.json"

    def client(self, service: str, *, read_timeout: float = 70) -> Any:
        """A plain boto3 client: only the endpoint URL tells it from one that talks to AWS."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=self.environment["AWS_DEFAULT_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            config=Config(
                read_timeout=read_timeout, retries={"total_max_attempts": 1}, max_pool_connections=80
            ),
        )

    def invoke_task(
        self, *arguments: str, deadline_s: float = DEPLOY_DEADLINE_S
    ) -> subprocess.CompletedProcess[str]:
        """Run an Invoke task as a user would, from the root of the repository."""
        return subprocess.run(
            [sys.executable, "-m", "invoke", *arguments],
            cwd=REPOSITORY,
            env=dict(self.environment),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=deadline_s,
        )

    def upload_model(self, handler: str, *, task: str = "sentiment") -> str:
        """Upload an archive whose handler is the given source; returns its s3:// URL."""
        return self.upload(model_archive(handler, task=task))

    def upload(self, archive: bytes) -> str:
        key = f"end-to-end/{uuid.uuid4()}/model.tar.gz"
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=archive)
        return f"s3://{self.bucket}/{key}"


def wait_until_settled(sagemaker: Any, name: str) -> dict[str, Any]:
    """Wait, with a deadline, until the endpoint is InService or Failed; returns its description."""
    waiter = sagemaker.get_waiter("endpoint_in_service")
    try:
        waiter.wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 90})
    except Exception:
        description = sagemaker.describe_endpoint(EndpointName=name)
        if description["EndpointStatus"] != "Failed":
            raise
        return dict(description)
    return dict(sagemaker.describe_endpoint(EndpointName=name))
