"""Where moto stops short of what this project needs: every gap mended, each with its reason. Those of
CloudWatch, its Logs, Application Auto Scaling and SQS have modules of their own.

moto looks an action up as a method of the service's response class, so a missing action is a method added to
it. A mend is applied when moto first loads the service: none costs anything until it is used.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from serving_contracts.limits import SNS_HTTP_SECONDS

_mended: set[str] = set()
_mending = threading.RLock()


def mend(service: str) -> None:
    """Applies the mends of one moto service (moto's name for it, such as ``applicationautoscaling``), once in
    the life of the process."""
    apply = _MENDS.get(service)
    with _mending:
        if apply is not None and service not in _mended:
            _mended.add(service)
            apply()


def _mend_application_autoscaling() -> None:
    from local_cloud import autoscaling_gaps

    autoscaling_gaps.mend(mend_cloudwatch=lambda: mend("cloudwatch"))


def _mend_sqs() -> None:
    from local_cloud import sqs_gaps

    sqs_gaps.mend()


def _mend_sns() -> None:
    """Subscribers by HTTP: moto waits for their answer for ever, and with it whoever publishes."""
    import functools
    from types import SimpleNamespace

    import requests
    from moto.sns import models

    module: Any = models
    module.requests = SimpleNamespace(post=functools.partial(requests.post, timeout=SNS_HTTP_SECONDS))


def _mend_cloudwatch() -> None:
    from local_cloud import cloudwatch_gaps

    cloudwatch_gaps.mend()


def _mend_logs() -> None:
    from local_cloud import logs_gaps

    logs_gaps.mend(mend_cloudwatch=lambda: mend("cloudwatch"))


def _mend_s3() -> None:
    """Conditions of bucket policies: moto leaves them out of account, so "deny what comes without TLS" denies
    everything. A statement with conditions is left out instead: loopback has no TLS, and no credentials."""
    from moto.iam.access_control import IAMPolicy, PermissionResult
    from moto.s3.models import FakeBucket

    def get_permission(self: Any, action: str, resource: str) -> Any:
        if self.policy is None:
            return PermissionResult.NEUTRAL
        policy = json.loads(self.policy)
        statements = policy.get("Statement", [])
        listed = statements if isinstance(statements, list) else [statements]
        policy["Statement"] = [statement for statement in listed if not statement.get("Condition")]
        return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)

    _add(FakeBucket, get_permission)


def _mend_ecr() -> None:
    """Image digests: moto makes them of the layers' digests or at random, yet ours deploys by digest. And the
    refusals of PutImage that keep a repository of immutable tags what it is."""
    from moto.core.exceptions import ServiceException
    from moto.ecr.exceptions import ImageAlreadyExistsException
    from moto.ecr.models import ECRBackend, Image

    put = ECRBackend.put_image
    get = ECRBackend.batch_get_image

    class ImageDigestDoesNotMatchException(ServiceException):
        code = "ImageDigestDoesNotMatchException"

    class ImageTagAlreadyExistsException(ServiceException):
        code = "ImageTagAlreadyExistsException"

    def _create_digest(self: Any) -> None:
        self._image_digest = _digest(self.image_manifest)

    def put_image(
        self: Any,
        repository_name: str,
        image_manifest: str,
        image_tag: Any,
        image_manifest_mediatype: str | None = None,
        digest: str | None = None,
    ) -> Any:
        repository = self._get_repository(repository_name)
        actual = _digest(image_manifest)
        if digest not in (None, actual):
            raise ImageDigestDoesNotMatchException(f"The digest of the manifest is {actual}, not {digest}.")
        same = [image for image in repository.images if image.get_image_digest() == actual]
        if same and (image_tag is None or image_tag in same[0].image_tags):
            raise ImageAlreadyExistsException(repository_name, repository.registry_id, actual, image_tag)
        taken = image_tag is not None and any(image_tag in image.image_tags for image in repository.images)
        if taken and repository.is_tag_immutable():
            raise ImageTagAlreadyExistsException(
                f"The image tag '{image_tag}' already exists in the '{repository_name}' repository "
                "and cannot be overwritten because the tag is immutable."
            )
        return put(self, repository_name, image_manifest, image_tag, image_manifest_mediatype, actual)

    def batch_get_image(
        self: Any, repository_name: str, registry_id: str | None = None, image_ids: Any = None
    ) -> Any:
        answer = get(self, repository_name, registry_id, image_ids)
        missing = iter(answer["failures"])
        found = {
            id_of for image in answer["images"] for id_of in [image.get_image_digest(), *image.image_tags]
        }
        for image_id in image_ids or []:
            if found.isdisjoint(image_id.values()):
                next(missing)["imageId"] = image_id  # moto names no digest that it lacks
        return answer

    _add(Image, _create_digest)
    _add(ECRBackend, put_image, batch_get_image)


def _digest(manifest: str) -> str:
    return "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()


def _add(owner: type, *functions: Callable[..., Any]) -> None:
    for function in functions:
        setattr(owner, function.__name__, function)


_MENDS: Final[Mapping[str, Callable[[], None]]] = {
    "applicationautoscaling": _mend_application_autoscaling,
    "cloudwatch": _mend_cloudwatch,
    "ecr": _mend_ecr,
    "logs": _mend_logs,
    "s3": _mend_s3,
    "sns": _mend_sns,
    "sqs": _mend_sqs,
}
