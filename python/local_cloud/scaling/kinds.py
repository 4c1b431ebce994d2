"""What can be scaled here: the kinds of capacity, and what AWS calls each.

Sources: "Services that you can use with Application Auto Scaling" and "Define cooldown periods", Application
Auto Scaling user guide; "Automatically scale Provisioned Concurrency for a serverless endpoint", SageMaker
developer guide; "Managing Lambda provisioned concurrency", Lambda developer guide. How Lambda's activities
read was seen in a public account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from serving_contracts.limits import LAMBDA_COOLDOWN_SECONDS, SCALING_COOLDOWN_SECONDS


@dataclass(frozen=True, slots=True)
class PredefinedMetric:
    """What a PredefinedMetricType stands for. ``dimensions``: of a resource id."""

    namespace: str
    name: str
    statistic: str
    dimensions: Callable[[str], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class CapacityKind:
    """``noun``: what activities say they set. ``check``: raises ValueError for what is no resource id.
    ``cooldown``: seconds, of policies that give none. ``role``: the service-linked role, by account."""

    namespace: str
    dimension: str
    noun: str
    check: Callable[[str], object]
    role: str
    cooldown: float = SCALING_COOLDOWN_SECONDS
    metrics: Mapping[str, PredefinedMetric] = field(default_factory=dict)


def variant_of(resource: str) -> tuple[str, str]:
    """Endpoint and variant of a resource id. Raises ValueError."""
    parts = resource.split("/")
    if len(parts) != 4 or parts[0] != "endpoint" or parts[2] != "variant" or not parts[1] or not parts[3]:
        raise ValueError(f"{resource!r} is not endpoint/<endpoint name>/variant/<variant name>.")
    return parts[1], parts[3]


def function_of(resource: str) -> tuple[str, str]:
    """Function and qualifier (alias or version) of a resource id. Raises ValueError."""
    parts = resource.split(":")
    if len(parts) != 3 or parts[0] != "function" or not parts[1] or not parts[2] or parts[2] == "$LATEST":
        raise ValueError(
            f"{resource!r} is not function:<function name>:<alias or version>, other than $LATEST."
        )
    return parts[1], parts[2]


def _of_variant(resource: str) -> Mapping[str, str]:
    endpoint, variant = variant_of(resource)
    return {"EndpointName": endpoint, "VariantName": variant}


def _of_function(resource: str) -> Mapping[str, str]:
    function, qualifier = function_of(resource)
    return {"FunctionName": function, "Resource": f"{function}:{qualifier}"}


def _role(service: str, name: str) -> str:
    return (
        "arn:aws:iam::{account}:role/aws-service-role/"
        f"{service}.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_{name}"
    )


INSTANCES: Final = CapacityKind(
    namespace="sagemaker",
    dimension="sagemaker:variant:DesiredInstanceCount",
    noun="instance count",
    check=variant_of,
    role=_role("sagemaker", "SageMakerEndpoint"),
    metrics={
        "SageMakerVariantInvocationsPerInstance": PredefinedMetric(
            "AWS/SageMaker", "InvocationsPerInstance", "Sum", _of_variant
        )
    },
)

SERVERLESS: Final = CapacityKind(
    namespace="sagemaker",
    dimension="sagemaker:variant:DesiredProvisionedConcurrency",
    noun="provisioned concurrency",
    check=variant_of,
    role=_role("sagemaker", "SageMakerEndpoint"),
    metrics={
        "SageMakerVariantProvisionedConcurrencyUtilization": PredefinedMetric(
            "AWS/SageMaker", "ServerlessProvisionedConcurrencyUtilization", "Average", _of_variant
        )
    },
)

LAMBDA: Final = CapacityKind(
    namespace="lambda",
    dimension="lambda:function:ProvisionedConcurrency",
    noun="concurrency",
    check=function_of,
    role=_role("lambda", "LambdaConcurrency"),
    cooldown=LAMBDA_COOLDOWN_SECONDS,
    metrics={
        "LambdaProvisionedConcurrencyUtilization": PredefinedMetric(
            "AWS/Lambda", "ProvisionedConcurrencyUtilization", "Average", _of_function
        )
    },
)

KINDS: Final[Mapping[str, CapacityKind]] = {kind.dimension: kind for kind in (INSTANCES, SERVERLESS, LAMBDA)}
"""By scalable dimension."""
