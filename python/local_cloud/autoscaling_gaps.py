"""Where moto's Application Auto Scaling stops short: tags, the alarms of target tracking policies on what is
scaled here, policies that end with their target, and scaling activities."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from local_cloud.moto_patch import patch
from local_cloud.scaling import hooks, step_scaling
from local_cloud.scaling.kinds import KINDS, SERVERLESS
from local_cloud.scaling.policy_alarms import alarms_calling, put_alarms
from local_cloud.scaling.target_tracking import AlarmSpec, alarm_specs
from serving_contracts.limits import SCALING_ACTIVITIES_PER_PAGE

SAGEMAKER: Final = "sagemaker"


def mend(mend_cloudwatch: Callable[[], None]) -> None:
    """Applied once, when moto's Application Auto Scaling is first used. ``mend_cloudwatch`` makes sure that
    CloudWatch is mended before a policy's alarms are put there."""
    _mend_dimensions()
    _mend_targets()
    _mend_tags()
    _mend_policies(mend_cloudwatch)
    _mend_activities()


def deregister_endpoint(endpoint: str) -> None:
    """Ends the scalable targets of an endpoint (in any case of letters) that is gone, with their policies and
    alarms, as SageMaker does. Does nothing if Application Auto Scaling was never used."""
    models: Any = sys.modules.get("moto.applicationautoscaling.models")
    if models is None:
        return
    for regions in list(models.applicationautoscaling_backends.values()):
        for backend in list(regions.values()):
            for dimension, by_resource in list(backend.targets.items()):
                for resource in list(by_resource):
                    if resource.lower().startswith(f"endpoint/{endpoint.lower()}/"):
                        backend.deregister_scalable_target(SAGEMAKER, resource, dimension)


def _mend_dimensions() -> None:
    """A dimension that moto does not know: the provisioned concurrency of serverless variants."""
    from moto.applicationautoscaling import models, responses

    known = {member.name: member.value for member in models.ScalableDimensionValueSet}
    known.setdefault("SAGEMAKER_VARIANT_DESIRED_PROVISIONED_CONCURRENCY", SERVERLESS.dimension)
    for module in (models, responses):
        module.ScalableDimensionValueSet = Enum("ScalableDimensionValueSet", known)  # type: ignore


def _mend_targets() -> None:
    """Limits are checked, the engine hears of changes, and a target takes its policies with it."""
    from moto.applicationautoscaling.models import ApplicationAutoscalingBackend

    register = ApplicationAutoscalingBackend.register_scalable_target
    deregister = ApplicationAutoscalingBackend.deregister_scalable_target

    def register_scalable_target(
        self: Any,
        namespace: str,
        r_id: str,
        dimension: str,
        min_capacity: int | None,
        max_capacity: int | None,
        role_arn: str,
        suspended_state: Any,
    ) -> Any:
        known = self.targets.get(dimension, {}).get(r_id)
        low = min_capacity if min_capacity is not None or known is None else known.min_capacity
        high = max_capacity if max_capacity is not None or known is None else known.max_capacity
        if low is None or high is None:
            raise _invalid("MinCapacity and MaxCapacity are required to register a scalable target.")
        if low < 0:
            raise _invalid("Minimum capacity cannot be less than 0.")
        if low > high:
            raise _invalid("Maximum capacity cannot be less than minimum capacity.")
        kind = KINDS.get(dimension)
        if kind is not None and namespace == kind.namespace:
            _check(lambda: kind.check(r_id))
            role_arn = role_arn or kind.role.format(account=self.account_id)
        target = register(self, namespace, r_id, dimension, low, high, role_arn, suspended_state)
        hooks.target_registered(self.account_id, self.region_name, namespace, dimension, r_id)
        return target

    def deregister_scalable_target(self: Any, namespace: str, r_id: str, dimension: str) -> None:
        target = self.targets.get(dimension, {}).get(r_id)
        if target is None or target.service_namespace != namespace:
            raise _not_found(
                f"No scalable target found for service namespace: {namespace}, resource ID: {r_id}, "
                f"scalable dimension: {dimension}"
            )
        deregister(self, namespace, r_id, dimension)
        _tag_store(self).pop(target.arn, None)
        for policy in list(self.policies.values()):
            if (policy.service_namespace, policy.resource_id, policy.scalable_dimension) == (
                namespace,
                r_id,
                dimension,
            ):
                self.delete_scaling_policy(policy.policy_name, namespace, r_id, dimension)

    patch(ApplicationAutoscalingBackend, register_scalable_target, deregister_scalable_target)


def _mend_tags() -> None:
    """Tags of scalable targets: moto has none, and the AWS provider reads them after every change of a
    target."""
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse

    register = ApplicationAutoScalingResponse.register_scalable_target

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

    patch(
        ApplicationAutoScalingResponse,
        register_scalable_target,
        list_tags_for_resource,
        tag_resource,
        untag_resource,
    )


def _mend_policies(mend_cloudwatch: Callable[[], None]) -> None:
    """Policies of what is scaled here are checked, make their alarms, and keep their ARN when they are put
    again: Terraform's alarms refer to it."""
    from moto.applicationautoscaling.models import (
        ApplicationAutoscalingBackend,
        FakeApplicationAutoscalingPolicy,
    )
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse

    put = ApplicationAutoscalingBackend.put_scaling_policy
    delete = ApplicationAutoscalingBackend.delete_scaling_policy
    describe = ApplicationAutoScalingResponse.describe_scaling_policies

    def put_scaling_policy(
        self: Any,
        policy_name: str,
        service_namespace: str,
        resource_id: str,
        scalable_dimension: str,
        policy_body: Any,
        policy_type: str | None,
    ) -> Any:
        names = (policy_name, service_namespace, resource_id, scalable_dimension)
        kind = KINDS.get(scalable_dimension)
        if kind is None or service_namespace != kind.namespace:
            return put(self, *names, policy_body, policy_type)
        if resource_id not in self.targets.get(scalable_dimension, {}):
            raise _not_found(
                f"No scalable target registered for service namespace: {service_namespace}, resource ID: "
                f"{resource_id}, scalable dimension: {scalable_dimension}"
            )
        key = FakeApplicationAutoscalingPolicy.formulate_key(*names[1:], policy_name)
        known = self.policies.get(key)
        policy_type = policy_type or (known.policy_type if known else "StepScaling")
        policy_body = policy_body or (known._policy_body if known else {})
        specs: list[AlarmSpec] = []
        if policy_type == "TargetTrackingScaling":
            specs = _check(lambda: alarm_specs(resource_id, policy_body, kind))
        elif policy_type == "StepScaling":
            _check(lambda: step_scaling.check(policy_body))
        policy = put(self, *names, policy_body, policy_type)
        if known is not None:
            for kept in ("_guid", "policy_arn", "creation_time"):
                setattr(policy, kept, getattr(known, kept))
        mend_cloudwatch()
        own = known.alarms if known is not None and known.policy_type == "TargetTrackingScaling" else []
        policy.alarms = put_alarms(policy, specs, own)
        return policy

    def delete_scaling_policy(
        self: Any, policy_name: str, service_namespace: str, resource_id: str, scalable_dimension: str
    ) -> None:
        names = (policy_name, service_namespace, resource_id, scalable_dimension)
        policy = self.policies.get(FakeApplicationAutoscalingPolicy.formulate_key(*names[1:], policy_name))
        if policy is None:
            raise _not_found(
                f"No scaling policy found for service namespace: {service_namespace}, resource ID: "
                f"{resource_id}, scalable dimension: {scalable_dimension}, policy name: {policy_name}"
            )
        if policy.policy_type == "StepScaling":
            policy.alarms = []  # they are others'
        delete(self, *names)

    def describe_scaling_policies(self: Any) -> str:
        for policy in list(self.applicationautoscaling_backend.policies.values()):
            if policy.scalable_dimension in KINDS and policy.policy_type == "StepScaling":
                policy.alarms = alarms_calling(policy)
        answer = json.loads(describe(self))
        # moto takes "variant/b" for the beginning of "variant/b2", and does not know PolicyNames.
        names, resource = self._get_param("PolicyNames"), self._get_param("ResourceId")
        answer["ScalingPolicies"] = [
            policy
            for policy in answer["ScalingPolicies"]
            if (not names or policy["PolicyName"] in names) and resource in (None, policy["ResourceId"])
        ]
        return json.dumps(answer)

    patch(ApplicationAutoscalingBackend, put_scaling_policy, delete_scaling_policy)
    patch(ApplicationAutoScalingResponse, describe_scaling_policies)


def _mend_activities() -> None:
    """DescribeScalingActivities: moto has no such action, as nothing scales there."""
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse

    def describe_scaling_activities(self: Any) -> str:
        self._validate_params()
        wanted = {
            name: self._get_param(name) for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")
        }
        backend = self.applicationautoscaling_backend
        found = [
            activity
            for activity in hooks.activities(backend.account_id, backend.region_name)
            if all(value in (None, activity[name]) for name, value in wanted.items())
            and (self._get_param("IncludeNotScaledActivities") or "NotScaledReasons" not in activity)
        ]
        token = self._get_param("NextToken")
        start = int(token) if token and token.isdecimal() else 0
        end = start + min(
            self._get_int_param("MaxResults") or SCALING_ACTIVITIES_PER_PAGE, SCALING_ACTIVITIES_PER_PAGE
        )
        answer: dict[str, Any] = {"ScalingActivities": found[start:end]}
        return json.dumps(answer | ({"NextToken": str(end)} if end < len(found) else {}))

    patch(ApplicationAutoScalingResponse, describe_scaling_activities)


def _tag_store(backend: Any) -> dict[str, dict[str, str]]:
    """The tags of one backend (account and region), kept on it so that they live and die with it."""
    if not hasattr(backend, "scalable_target_tags"):
        backend.scalable_target_tags = {}
    store: dict[str, dict[str, str]] = backend.scalable_target_tags
    return store


def _check(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except ValueError as error:
        raise _invalid(str(error)) from None


def _invalid(message: str) -> Exception:
    from moto.applicationautoscaling.exceptions import AWSValidationException

    refusal: Exception = AWSValidationException(message)
    return refusal


def _not_found(message: str) -> Exception:
    from moto.core.exceptions import JsonRESTError

    refusal: Exception = JsonRESTError("ObjectNotFoundException", message)
    return refusal
