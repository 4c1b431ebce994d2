"""A real local cloud with a real image in it, and plain boto3 to call it with."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import WaiterError

from local_cloud.image_store import ImageStore
from local_cloud.state import CloudInfo

TOY = Path(__file__).resolve().parents[1] / "unit" / "local_cloud" / "hosting" / "toy_server"
ROLE = "arn:aws:iam::123456789012:role/contract"
LABELS = {"com.amazonaws.sagemaker.capabilities.accept-bind-to-port": "true"}
WAIT = {"Delay": 1, "MaxAttempts": 60}


@dataclass(frozen=True)
class Cloud:
    """``image``: URI of the toy server's image, which answers as the first word of a request's body says."""

    info: CloudInfo
    directory: Path
    image: str = ""

    def client(self, service: str, **options: Any) -> Any:
        """A plain boto3 client; its requests are tried once, so that every error shows."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=options.pop("endpoint_url", self.info.url),
            region_name=self.info.region,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=70, **options),
        )

    def container(self, hostname: str | None = None, **environment: str) -> dict[str, Any]:
        definition: dict[str, Any] = {
            "Image": self.image,
            "Environment": {"TOY_NAME": hostname or "toy", **environment},
        }
        return definition | ({"ContainerHostname": hostname} if hostname else {})

    def create_model(self, *containers: Mapping[str, Any], mode: str | None = None) -> str:
        name = unique("model")
        request: dict[str, Any] = {"ModelName": name, "ExecutionRoleArn": ROLE}
        if mode is None and len(containers) == 1:
            request["PrimaryContainer"] = containers[0]
        else:
            request["Containers"] = list(containers)
        if mode is not None:
            request["InferenceExecutionConfig"] = {"Mode": mode}
        self.client("sagemaker").create_model(**request)
        return name

    def create_config(self, model: str, **variant: Any) -> str:
        name = unique("config")
        self.client("sagemaker").create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[production_variant(model, **variant)]
        )
        return name

    def create_endpoint(self, config: str, *, wait: bool = True) -> str:
        name = unique("endpoint")
        self.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=config)
        if wait:
            self.settle(name)
        return name

    def settle(self, endpoint: str) -> dict[str, Any]:
        """Waits until the endpoint is InService or Failed; returns its description."""
        sagemaker = self.client("sagemaker")
        try:
            sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=endpoint, WaiterConfig=WAIT)
        except WaiterError as error:
            if error.last_response.get("EndpointStatus") != "Failed":
                raise
        description: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=endpoint)
        return description

    def delete_endpoint(self, endpoint: str) -> None:
        sagemaker = self.client("sagemaker")
        sagemaker.delete_endpoint(EndpointName=endpoint)
        sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=endpoint, WaiterConfig=WAIT)


def production_variant(model: str, **changes: Any) -> dict[str, Any]:
    return {
        "VariantName": "blue",
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
        **changes,
    }


def unique(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex[:10]}"


def push_toy_image(cloud: Cloud, images: Path) -> str:
    """Builds the toy server's image, pushes its manifest to ECR; returns its URI by digest."""
    images.mkdir(parents=True, exist_ok=True)
    requirements = images / "requirements.txt"
    requirements.write_text("# the toy server needs only Python\n", encoding="utf-8")
    image = ImageStore(images).create(
        sources={"toy_server": TOY},
        requirements=requirements,
        command=["python", "-m", "toy_server", "serve"],
        labels=LABELS,
    )
    ecr = cloud.client("ecr")
    repository = ecr.create_repository(repositoryName="toy")["repository"]["repositoryUri"]
    ecr.put_image(repositoryName="toy", imageManifest=image.manifest, imageTag="1")
    return f"{repository}@{image.digest}"


def without_metadata(response: Mapping[str, Any], *members: str) -> dict[str, Any]:
    return {key: value for key, value in response.items() if key not in ("ResponseMetadata", *members)}
