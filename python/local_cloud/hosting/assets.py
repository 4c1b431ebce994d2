"""The images and models of a variant: found, fetched, and given back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from local_cloud.hosting import reasons
from local_cloud.hosting.errors import DeploymentFailed
from local_cloud.hosting.images import ImageResolver, ImageUnavailable, ResolvedImage
from local_cloud.hosting.model_data import ModelData, ModelDataCache, ModelDataFailed
from local_cloud.hosting.specs import DeployedImage, VariantSpec
from serving_contracts import limits

_T = TypeVar("_T")


@dataclass
class Assets:
    """One entry a container in both lists, once :meth:`prepare` has returned."""

    images: list[ResolvedImage] = field(default_factory=list)
    models: list[ModelData] = field(default_factory=list)

    async def prepare(
        self, spec: VariantSpec, labels: Sequence[str], images: ImageResolver, models: ModelDataCache
    ) -> None:
        """Find the images and fetch the models; ``release`` gives them back, also what a failure leaves.

        ``labels``: the containers' names in messages. Raises DeploymentFailed.
        """
        containers = spec.containers
        resolved = await _gather(images.resolve(container.image) for container in containers)
        missing = [str(error) for error in resolved if isinstance(error, ImageUnavailable)]
        if missing:
            raise DeploymentFailed(reasons.joined([reasons.images_missing(spec.name, "; ".join(missing))]))
        self.images = [_checked(result) for result in resolved]
        if len(containers) > 1:
            unlabelled = [image for image in self.images if not _accepts_port(image)]
            if unlabelled:
                raise DeploymentFailed(
                    reasons.joined(
                        [reasons.label_missing(i.specified, limits.BIND_TO_PORT_LABEL) for i in unlabelled]
                    )
                )
        fetched = await _gather(
            models.acquire(container.model_data_url, label, spec.download_timeout_s)
            for container, label in zip(containers, labels, strict=True)
        )
        self.models = [result for result in fetched if isinstance(result, ModelData)]
        failed = [str(error) for error in fetched if isinstance(error, ModelDataFailed)]
        if failed:
            raise DeploymentFailed(reasons.joined(failed))
        for result in fetched:
            _checked(result)

    def release(self) -> None:
        """The models are not used any more. Idempotent."""
        models, self.models = self.models, []
        for model in models:
            model.release()

    def deployed(self) -> tuple[DeployedImage, ...]:
        """As DescribeEndpoint shows the images."""
        return tuple(
            DeployedImage(image.specified, image.resolved, image.resolution_time) for image in self.images
        )


def _accepts_port(image: ResolvedImage) -> bool:
    return image.image.labels.get(limits.BIND_TO_PORT_LABEL, "").lower() == "true"


async def _gather(awaitables: Iterable[Awaitable[_T]]) -> list[_T | BaseException]:
    """Every result or error, so that a reason can name all that failed."""
    return await asyncio.gather(*awaitables, return_exceptions=True)


def _checked(result: _T | BaseException) -> _T:
    if isinstance(result, BaseException):
        raise result
    return result
