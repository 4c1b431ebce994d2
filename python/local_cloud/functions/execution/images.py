"""A function's image: found when the function is made, and pinned for as long as the version holds."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Final

from local_cloud.functions.specs import FunctionVersion, ImageFacts, ImageRejected
from local_cloud.hosting.aws import Aws
from local_cloud.hosting.images import ImageResolver, ImageUnavailable, ResolvedImage
from local_cloud.image_store import ProcessImage

MAX_PINNED: Final = 256
"""Versions whose image is remembered; another one is asked for again."""
_REGISTRY: Final = ".dkr.ecr."


class FunctionImages:
    """Resolves image URIs in ECR and the image store."""

    def __init__(self, aws: Aws, images_dir: Path, account: str) -> None:
        self._resolver = ImageResolver(aws, images_dir, account)
        self._pinned: OrderedDict[tuple[str, str], ProcessImage] = OrderedDict()

    async def facts(self, uri: str) -> ImageFacts:
        """Raises ImageRejected."""
        found = await self._resolve(uri)
        return ImageFacts(resolved_uri=found.resolved, code_sha256=found.resolved.rpartition("@sha256:")[2])

    async def image(self, version: FunctionVersion) -> ProcessImage:
        """What the version runs: a tag that moves changes nothing. Raises ImageRejected where it has gone."""
        key = (version.image_uri, version.revision)
        image = self._pinned.get(key)
        if image is None or not image.python.exists() or not image.app_dir.is_dir():
            image = self._pinned[key] = (await self._resolve(version.image_uri)).image
            while len(self._pinned) > MAX_PINNED:
                self._pinned.popitem(last=False)
        self._pinned.move_to_end(key)
        return image

    async def _resolve(self, uri: str) -> ResolvedImage:
        try:
            return await self._resolver.resolve(uri)
        except ImageUnavailable as error:
            sentence = "does not exist" if _REGISTRY in uri else "is not valid"
            raise ImageRejected(
                f"Source image {uri} {sentence}. Provide a valid source image. ({error})"
            ) from error
