"""What SageMaker refuses for serverless endpoints.

Sources: "Serverless Inference", "Feature exclusions" there, and "Update a serverless endpoint", SageMaker
developer guide; the API reference of ProductionVariantServerlessConfig. "network isolation is not supported
for serverless endpoint" was seen in a public project; AWS's other sentences are not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from local_cloud.hosting.specs import ServerlessState
from local_cloud.sagemaker.errors import AwsError, validation_exception
from serving_contracts.limits import SERVERLESS_MEMORY_MB

_REFUSED_OF_VARIANT: Final = (
    "AcceleratorType",
    "CoreDumpConfig",
    "VolumeSizeInGB",
    "ModelDataDownloadTimeoutInSeconds",
    "ContainerStartupHealthCheckTimeoutInSeconds",
    "EnableSSMAccess",
    "ManagedInstanceScaling",
    "RoutingConfig",
    "InferenceAmiVersion",
    "CapacityReservationConfig",
    "InstancePools",
    "VariantInstanceProvisionTimeoutInSeconds",
)
"""Members of a production variant that are about its instances."""

_REFUSED_OF_CONFIG: Final = {
    "DataCaptureConfig": "data capture",
    "KmsKeyId": "a KMS key for the storage volume",
    "ExplainerConfig": "online explainability",
    "VpcConfig": "a VPC",
}


def check_serverless_variant(name: str, variant: Mapping[str, Any]) -> None:
    """Raises AwsError for a production variant with a ServerlessConfig that AWS refuses."""
    for member in ("InstanceType", "InitialInstanceCount"):
        if variant.get(member) is not None:
            raise validation_exception(
                f"{member} cannot be given for production variant {name}, which has a ServerlessConfig."
            )
    for member in _REFUSED_OF_VARIANT:
        if variant.get(member):
            raise validation_exception(
                f"{member} is not supported for serverless endpoints: remove it from production variant "
                f"{name}, or its ServerlessConfig."
            )
    serverless = variant["ServerlessConfig"]
    memory = serverless["MemorySizeInMB"]
    if memory not in SERVERLESS_MEMORY_MB:
        allowed = ", ".join(map(str, SERVERLESS_MEMORY_MB))
        raise validation_exception(
            f"MemorySizeInMB {memory} of production variant {name} is not one of: {allowed}."
        )
    check_concurrency(name, serverless["MaxConcurrency"], serverless.get("ProvisionedConcurrency"))


def check_concurrency(variant: str, most: int, provisioned: int | None) -> None:
    """Raises AwsError if more is provisioned than may run."""
    if provisioned is not None and provisioned > most:
        raise validation_exception(
            f"ProvisionedConcurrency {provisioned} of production variant {variant} is greater than its "
            f"MaxConcurrency {most}."
        )


def check_serverless_config(request: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> None:
    """Raises AwsError for an endpoint configuration with a serverless variant that AWS refuses."""
    if len(variants) != 1:
        raise validation_exception(
            "Exactly one production variant, and no shadow variant, must be given with a ServerlessConfig; "
            f"this configuration has {len(variants)}."
        )
    for member, what in _REFUSED_OF_CONFIG.items():
        if request.get(member) is not None:
            raise validation_exception(
                f"{member} cannot be given with a ServerlessConfig: {what} is not supported for serverless "
                "endpoints."
            )
    if request.get("EnableNetworkIsolation"):
        raise validation_exception("network isolation is not supported for serverless endpoint")


def check_serverless_model(model: Mapping[str, Any], variant: str) -> None:
    """Raises AwsError for a CreateModel request that a serverless variant cannot serve."""
    name = model["ModelName"]
    containers = [model["PrimaryContainer"]] if model.get("PrimaryContainer") else list(model["Containers"])
    if len(containers) != 1 or (model.get("InferenceExecutionConfig") or {}).get("Mode") == "Direct":
        raise _unsupported("inference pipelines and multi-container models are", name, variant)
    if model.get("VpcConfig") is not None:
        raise _unsupported("VpcConfig is", name, variant)
    if model.get("EnableNetworkIsolation"):
        raise validation_exception(
            f"network isolation is not supported for serverless endpoint (model {name})"
        )
    (container,) = containers
    if container.get("Mode") == "MultiModel":
        raise _unsupported("multi-model mode is", name, variant)
    if container.get("ModelDataSource") is not None:
        raise _unsupported("ModelDataSource is", name, variant)
    if (container.get("ImageConfig") or {}).get("RepositoryAccessMode") == "Vpc":
        raise _unsupported("a private Docker registry (ImageConfig) is", name, variant)


def check_no_guardrails(deployment_config: Mapping[str, Any] | None) -> None:
    """Raises AwsError if a serverless endpoint is to be deployed with a DeploymentConfig: "Deployment
    guardrails are currently available only for Asynchronous Inference and Real-Time Inference endpoint
    types"."""
    if deployment_config is not None:
        raise validation_exception("DeploymentConfig is not supported for serverless endpoints.")


def check_serverless_wish(wish: Mapping[str, Any], pool: ServerlessState | None) -> None:
    """Raises AwsError if a DesiredWeightAndCapacity does not fit its variant. ``pool``: None unless that is
    serverless."""
    name, update = wish["VariantName"], wish.get("ServerlessUpdateConfig")
    if pool is None:
        if update is not None:
            raise validation_exception(
                f'ServerlessUpdateConfig was given for variant "{name}", which is not serverless.'
            )
        return
    if wish.get("DesiredInstanceCount") is not None:
        raise validation_exception(
            f'DesiredInstanceCount was given for variant "{name}", which is serverless. Give it a '
            "ServerlessUpdateConfig."
        )
    if update is not None:
        provisioned = update.get("ProvisionedConcurrency", pool.current.provisioned)
        check_concurrency(name, update.get("MaxConcurrency", pool.current.max_concurrency), provisioned)


def refuse_becoming_serverless(arn: str) -> AwsError:
    """ "You cannot convert your instance-based, real-time endpoint to a serverless endpoint"; the reverse
    can be done."""
    return validation_exception(
        f'Cannot update endpoint "{arn}" from real-time to serverless inference. Create another endpoint.'
    )


def _unsupported(what: str, model: str, variant: str) -> AwsError:
    return validation_exception(
        f"{what} not supported for serverless endpoints: model {model} cannot be served by production "
        f"variant {variant}, which has a ServerlessConfig."
    )
