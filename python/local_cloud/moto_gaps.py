"""Where moto stops short of what this project needs: every gap mended here, each with its reason.

moto looks an action up as a method of the service's response class, so a missing action is a method added to
it. A mend is applied when moto first loads the service: none costs anything until it is used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final

_MOST_SAMPLES: Final = 100_000
"""Metric samples that are kept (about 50 MB): the newest, hours of them at a developer's pace."""


def mend(service: str) -> None:
    """Applies the mends of one moto service (moto's name for it, such as ``applicationautoscaling``)."""
    apply = _MENDS.get(service)
    if apply is not None:
        apply()


def _mend_application_autoscaling() -> None:
    """Tags of scalable targets: moto has none, and the AWS provider reads them after every change of a
    target."""
    from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse

    register = ApplicationAutoScalingResponse.register_scalable_target
    deregister = ApplicationAutoscalingBackend.deregister_scalable_target

    def tags_of(response: Any, arn: str) -> dict[str, str]:
        backend = response.applicationautoscaling_backend
        known = {target.arn for by_resource in backend.targets.values() for target in by_resource.values()}
        if arn not in known:
            from moto.core.exceptions import JsonRESTError

            raise JsonRESTError("ResourceNotFoundException", f"The scalable target {arn} does not exist.")
        tags: dict[str, str] = _tag_store(backend).setdefault(arn, {})
        return tags

    def register_scalable_target(self: Any) -> str:
        answer: str = register(self)
        tags = self._get_param("Tags")
        if tags:
            tags_of(self, json.loads(answer)["ScalableTargetARN"]).update(tags)
        return answer

    def deregister_scalable_target(self: Any, namespace: str, r_id: str, dimension: str) -> None:
        target = self.targets.get(dimension, {}).get(r_id)
        deregister(self, namespace, r_id, dimension)
        if target is not None:
            _tag_store(self).pop(target.arn, None)

    def list_tags_for_resource(self: Any) -> str:
        return json.dumps({"Tags": tags_of(self, self._get_param("ResourceARN"))})

    def tag_resource(self: Any) -> str:
        tags_of(self, self._get_param("ResourceARN")).update(self._get_param("Tags"))
        return json.dumps({})

    def untag_resource(self: Any) -> str:
        tags = tags_of(self, self._get_param("ResourceARN"))
        for key in self._get_param("TagKeys"):
            tags.pop(key, None)
        return json.dumps({})

    _add(
        ApplicationAutoScalingResponse,
        register_scalable_target,
        list_tags_for_resource,
        tag_resource,
        untag_resource,
    )
    _add(ApplicationAutoscalingBackend, deregister_scalable_target)


def _tag_store(backend: Any) -> dict[str, dict[str, str]]:
    """The tags of one backend (account and region), kept on it so that they live and die with it."""
    if not hasattr(backend, "scalable_target_tags"):
        backend.scalable_target_tags = {}
    store: dict[str, dict[str, str]] = backend.scalable_target_tags
    return store


def _mend_cloudwatch() -> None:
    """Composite alarms: moto keeps and describes them, but has no action that makes one.

    Metrics: moto takes metrics of several dimensions for different ones at each sample (ListMetrics repeats
    them), orders dimensions by chance (GetMetricData misses them), counts samples of further dimensions in
    (GetMetricStatistics would add a container's to its variant's), and keeps samples without end.
    """
    import moto.cloudwatch.models as models
    from moto.cloudwatch.responses import CloudWatchResponse

    statistics = models.CloudWatchBackend.get_metric_statistics
    put = models.CloudWatchBackend.put_metric_data

    def put_composite_alarm(self: Any) -> Any:
        return self.put_metric_alarm()

    def are_dimensions_same(some: Any, others: Any) -> bool:
        return _dimensions(some) == _dimensions(others)

    def __lt__(self: Any, other: Any) -> bool:
        return bool((self.name, self.value) < (other.name, other.value))

    def get_metric_statistics(
        self: Any,
        namespace: str,
        metric_name: str,
        start_time: Any,
        end_time: Any,
        period: int,
        stats: Any,
        dimensions: Any,
        unit: str | None = None,
    ) -> Any:
        wanted = frozenset((dimension["Name"], dimension["Value"]) for dimension in dimensions or [])
        # The one thing that moto's own method asks of its backend.
        samples = [sample for sample in self.get_all_metrics() if _dimensions(sample.dimensions) == wanted]
        view: Any = SimpleNamespace(get_all_metrics=lambda: samples)
        return statistics(view, namespace, metric_name, start_time, end_time, period, stats, dimensions, unit)

    def put_metric_data(self: Any, namespace: str, metric_data: Any) -> None:
        put(self, namespace, metric_data)
        del self.metric_data[:-_MOST_SAMPLES]

    setattr(models, are_dimensions_same.__name__, are_dimensions_same)
    _add(models.Dimension, __lt__)
    _add(models.CloudWatchBackend, get_metric_statistics, put_metric_data)
    _add(CloudWatchResponse, put_composite_alarm)


def _dimensions(dimensions: Any) -> frozenset[tuple[str, str]]:
    return frozenset((dimension.name, dimension.value) for dimension in dimensions)


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
    "s3": _mend_s3,
}
