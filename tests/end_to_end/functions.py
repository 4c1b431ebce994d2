"""Lambda functions for the end-to-end tests: made from a handler's source, in an image of their own."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deployed import REPOSITORY, ROLE, Deployment

from local_cloud.image_store import ImageStore

REQUIREMENTS = REPOSITORY / "python" / "model_code" / "images" / "lambda_sentiment" / "requirements.txt"
REPOSITORY_NAME = "serving-lambda-sentiment"
READY_S = 60


def push_function_image(deployment: Deployment, source: str) -> str:
    """An image whose ``function.handler`` is in *source*, run by the real awslambdaric; its URI by digest."""
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "function.py"
        module.write_text(source, encoding="utf-8")
        image = ImageStore(deployment.directory / "images").create(
            sources={"function.py": module},
            requirements=REQUIREMENTS,
            no_deps=True,  # as image.toml says of the image with these requirements
            command=["python", "-m", "awslambdaric", "function.handler"],
        )
    ecr = deployment.client("ecr")
    with contextlib.suppress(ecr.exceptions.ImageAlreadyExistsException):
        ecr.put_image(
            repositoryName=REPOSITORY_NAME,
            imageManifest=image.manifest,
            imageManifestMediaType="application/vnd.oci.image.manifest.v1+json",
            imageDigest=image.digest,
            imageTag=image.digest.removeprefix("sha256:")[:16],
        )
    registry = ecr.describe_repositories(repositoryNames=[REPOSITORY_NAME])["repositories"][0]
    return f"{registry['repositoryUri']}@{image.digest}"


@contextlib.contextmanager
def function_of(deployment: Deployment, image_uri: str, **configuration: Any) -> Iterator[str]:
    """A function from the image, deleted afterwards; gives its name once it is active."""
    client = deployment.client("lambda")
    name = f"e2e-{uuid.uuid4().hex[:12]}"
    settings: Mapping[str, Any] = {"MemorySize": 512, "Timeout": 20, **configuration}
    client.create_function(
        FunctionName=name, PackageType="Image", Code={"ImageUri": image_uri}, Role=ROLE, **settings
    )
    try:
        waiter = client.get_waiter("function_active_v2")
        waiter.wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": READY_S})
        yield name
    finally:
        client.delete_function(FunctionName=name)
