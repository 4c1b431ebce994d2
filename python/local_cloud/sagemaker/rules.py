"""SageMaker's rules for models and endpoint configurations beyond what the service model states.

Sources: the API reference of CreateModel, ContainerDefinition, CreateEndpointConfig and ProductionVariant,
and "Multi-container endpoints" in the developer guide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from local_cloud.sagemaker.errors import validation_exception
from local_cloud.sagemaker.serverless_rules import check_serverless_config, check_serverless_variant
from serving_contracts.limits import CONTAINERS_PER_MODEL


def containers_of(model: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The container definitions of a CreateModel request, in order."""
    if model.get("PrimaryContainer") is not None:
        return [model["PrimaryContainer"]]
    return list(model.get("Containers") or [])


def mode_of(model: Mapping[str, Any]) -> str:
    """``Serial`` (AWS's default) or ``Direct``."""
    config = model.get("InferenceExecutionConfig") or {}
    return str(config.get("Mode", "Serial"))


def check_model(request: Mapping[str, Any]) -> None:
    """Raises AwsError if the containers of a CreateModel request do not fit together."""
    if (request.get("PrimaryContainer") is None) == (not request.get("Containers")):
        raise validation_exception(
            "Exactly one of PrimaryContainer and Containers must be provided in the request."
        )
    containers = containers_of(request)
    if len(containers) > CONTAINERS_PER_MODEL:
        raise validation_exception(
            f"A model can have at most {CONTAINERS_PER_MODEL} containers, not {len(containers)}."
        )
    for position, container in enumerate(containers, start=1):
        _check_container(container, position)
    direct = mode_of(request) == "Direct"
    if direct and not request.get("Containers"):
        raise validation_exception(
            "InferenceExecutionConfig mode Direct needs Containers, not a PrimaryContainer."
        )
    if request.get("Containers"):
        _check_hostnames([container.get("ContainerHostname") for container in containers], direct=direct)


def _check_container(container: Mapping[str, Any], position: int) -> None:
    if (container.get("Image") is None) == (container.get("ModelPackageName") is None):
        raise validation_exception(
            f"Exactly one of Image and ModelPackageName must be given for container {position}."
        )
    if container.get("ModelDataUrl") is not None and container.get("ModelDataSource") is not None:
        raise validation_exception(
            f"Only one of ModelDataUrl and ModelDataSource can be given for container {position}."
        )


def _check_hostnames(hostnames: Sequence[str | None], *, direct: bool) -> None:
    missing = [str(position) for position, hostname in enumerate(hostnames, start=1) if hostname is None]
    if missing and direct:
        raise validation_exception(
            "ContainerHostname is required for every container when the inference execution mode is Direct; "
            f"missing for container {', '.join(missing)}."
        )
    if missing and len(missing) < len(hostnames):
        raise validation_exception(
            "ContainerHostname must be given for all containers of a pipeline or for none; "
            f"missing for container {', '.join(missing)}."
        )
    given = [hostname for hostname in hostnames if hostname is not None]
    repeated = sorted({hostname for hostname in given if given.count(hostname) > 1})
    if repeated:
        raise validation_exception(
            f"ContainerHostname must be unique within a model; repeated: {', '.join(repeated)}."
        )


def check_endpoint_config(request: Mapping[str, Any]) -> None:
    """Raises AwsError if the variants of a CreateEndpointConfig request do not fit together."""
    variants = [*request["ProductionVariants"], *(request.get("ShadowProductionVariants") or [])]
    names = [variant["VariantName"] for variant in variants]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise validation_exception(
            f"VariantName must be unique within an endpoint configuration; repeated: {', '.join(repeated)}."
        )
    for variant in variants:
        _check_variant(variant)
    if request.get("AsyncInferenceConfig") is not None:
        _check_asynchronous(variants)
    if any(variant.get("ServerlessConfig") is not None for variant in variants):
        check_serverless_config(request, variants)
    if sum(variant.get("InitialVariantWeight", 1.0) for variant in request["ProductionVariants"]) <= 0:
        raise validation_exception(
            "At least one production variant must have an InitialVariantWeight greater than 0."
        )


def _check_asynchronous(variants: Sequence[Mapping[str, Any]]) -> None:
    if len(variants) != 1:
        raise validation_exception(
            "Exactly one production variant, and no shadow variant, must be given with AsyncInferenceConfig; "
            f"this configuration has {len(variants)}."
        )
    if variants[0].get("ServerlessConfig") is not None:
        raise validation_exception(
            "AsyncInferenceConfig cannot be given with a ServerlessConfig: asynchronous endpoints have "
            "instances."
        )


def _check_variant(variant: Mapping[str, Any]) -> None:
    name = variant["VariantName"]
    serverless = variant.get("ServerlessConfig")
    if serverless is None:
        for member in ("InstanceType", "InitialInstanceCount"):
            if (
                variant.get(member) is None
                and variant.get("ModelName") is not None
                and not variant.get("InstancePools")
            ):
                raise validation_exception(
                    f"{member} is required for production variant {name}, or give it a ServerlessConfig."
                )
        return
    check_serverless_variant(name, variant)
