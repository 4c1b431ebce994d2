"""From an image URI to an image that can be run: ECR says what it is, the image store holds it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from local_cloud.hosting.aws import Aws
from local_cloud.image_store import ImageNotInStore, ImageStore, ProcessImage

_ECR_URI: Final = re.compile(
    r"(?P<registry>(?P<account>\d{12})\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?)"
    r"/(?P<repository>[a-z0-9._/-]+?)(:(?P<tag>[\w][\w.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)


class ImageUnavailable(Exception):
    """The image cannot be had; the message is our detail to AWS's sentence."""


@dataclass(frozen=True)
class ResolvedImage:
    """``resolved`` is the URI with the digest, as DescribeEndpoint shows it."""

    specified: str
    resolved: str
    resolution_time: datetime
    image: ProcessImage


class ImageResolver:
    """Resolves image URIs against ECR and the image store."""

    def __init__(self, aws: Aws, images_dir: Path, account: str) -> None:
        self._aws = aws
        self._store = ImageStore(images_dir)
        self._account = account

    async def resolve(self, uri: str) -> ResolvedImage:
        """Raises ImageUnavailable."""
        return await self._aws.run(self._resolve, uri)

    def _resolve(self, uri: str) -> ResolvedImage:
        match = _ECR_URI.fullmatch(uri)
        if match is None:
            raise ImageUnavailable(
                f"{uri!r} is not the URI of an image in ECR; write "
                "<account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<digest> or :<tag>"
            )
        if match["account"] != self._account:
            raise ImageUnavailable(
                f"{uri} lies in account {match['account']}; the local cloud is {self._account}"
            )
        repository, tag, digest = match["repository"], match["tag"], match["digest"]
        manifest = self._manifest(uri, repository, tag, digest)
        try:
            image = self._store.load_manifest(manifest)
        except ImageNotInStore as error:
            raise ImageUnavailable(
                f"{uri} is in ECR, but its content is not on this machine: {error}. Next: invoke images.build"
            ) from error
        return ResolvedImage(
            specified=uri,
            resolved=f"{match['registry']}/{repository}@{digest or image.digest}",
            resolution_time=datetime.now(UTC),
            image=image,
        )

    def _manifest(self, uri: str, repository: str, tag: str | None, digest: str | None) -> str:
        try:
            answer = self._aws.ecr.batch_get_image(
                repositoryName=repository,
                imageIds=[{"imageDigest": digest} if digest else {"imageTag": tag or "latest"}],
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "RepositoryNotFoundException":
                raise ImageUnavailable(
                    f"{uri}: ECR has no repository {repository!r}. Next: invoke images.build"
                ) from error
            raise ImageUnavailable(f"ECR could not say what {uri} is: {error}") from error
        except BotoCoreError as error:
            raise ImageUnavailable(f"ECR could not be asked about {uri}: {error}") from error
        for image in answer.get("images", []):
            if manifest := image.get("imageManifest"):
                return manifest
        raise ImageUnavailable(f"{uri} is not in ECR. Next: invoke images.build")
