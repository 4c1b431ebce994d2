"""From what the control plane remembers to what hosting starts: configurations as variant specs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, Literal

from local_cloud.hosting.specs import ContainerSpec, ServerlessSpec, VariantSpec, VariantState
from local_cloud.sagemaker.errors import AwsError, too_many_instances, validation_exception
from local_cloud.sagemaker.resources import Collection, Resource
from local_cloud.sagemaker.rules import containers_of, mode_of
from local_cloud.sagemaker.serverless_rules import check_serverless_model
from serving_contracts.limits import (
    DOWNLOAD_TIMEOUT_RANGE_SECONDS,
    SERVERLESS_STARTUP_SECONDS,
    STARTUP_TIMEOUT_SECONDS,
)

MOST_INSTANCES: Final = 20
"""Instances of one variant: a quota, as AWS has them, so that a slip of the finger does not exhaust the
machine."""


def check_instance_count(instance_type: str, count: int) -> None:
    """Raises AwsError for more instances than the local cloud starts."""
    if count > MOST_INSTANCES:
        raise too_many_instances(instance_type, count, MOST_INSTANCES)


def variant_specs(config: Resource, models: Collection) -> tuple[VariantSpec, ...]:
    """What to host for ``config``.

    Raises:
        AwsError: a model was deleted meanwhile, or the configuration asks for what is not hosted locally.
    """
    request = config.request
    if request.get("ShadowProductionVariants"):
        raise not_hosted(config, "shadow variants (ShadowProductionVariants)")
    return tuple(_variant_spec(config, variant, models) for variant in request["ProductionVariants"])


def _variant_spec(config: Resource, variant: Mapping[str, Any], models: Collection) -> VariantSpec:
    if variant.get("ModelName") is None:
        raise not_hosted(config, "inference components (a production variant without ModelName)")
    model = models.get(variant["ModelName"])
    if variant.get("ServerlessConfig") is not None:
        return _serverless_spec(config, variant, model)
    if variant.get("InstanceType") is None or variant.get("InitialInstanceCount") is None:
        raise not_hosted(config, "instance pools (a production variant without InstanceType)")
    check_instance_count(variant["InstanceType"], variant["InitialInstanceCount"])
    mode: Literal["Direct", "Serial"] = "Direct" if mode_of(model.request) == "Direct" else "Serial"
    startup = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_TIMEOUT_SECONDS)
    download = variant.get("ModelDataDownloadTimeoutInSeconds", DOWNLOAD_TIMEOUT_RANGE_SECONDS[1])
    return VariantSpec(
        name=variant["VariantName"],
        model_name=model.name,
        containers=tuple(_container_spec(model, container) for container in containers_of(model.request)),
        mode=mode,
        instance_type=variant["InstanceType"],
        instance_count=variant["InitialInstanceCount"],
        weight=float(variant.get("InitialVariantWeight", 1.0)),
        startup_timeout_s=float(startup),
        download_timeout_s=float(download),
    )


def _serverless_spec(config: Resource, variant: Mapping[str, Any], model: Resource) -> VariantSpec:
    # Again: it was checked when the configuration was made, but a model may have been made anew since.
    check_serverless_model(model.request, str(variant["VariantName"]))
    serverless = variant["ServerlessConfig"]
    return VariantSpec(
        name=variant["VariantName"],
        model_name=model.name,
        containers=tuple(_container_spec(model, container) for container in containers_of(model.request)),
        mode="Serial",
        instance_type="",
        instance_count=0,
        weight=float(variant.get("InitialVariantWeight", 1.0)),
        startup_timeout_s=SERVERLESS_STARTUP_SECONDS,
        download_timeout_s=SERVERLESS_STARTUP_SECONDS,
        serverless=ServerlessSpec(
            memory_mb=serverless["MemorySizeInMB"],
            max_concurrency=serverless["MaxConcurrency"],
            provisioned=serverless.get("ProvisionedConcurrency") or 0,
        ),
    )


def _container_spec(model: Resource, container: Mapping[str, Any]) -> ContainerSpec:
    if container.get("Image") is None:
        raise not_hosted(model, "model packages (ModelPackageName)")
    if container.get("Mode") == "MultiModel":
        raise not_hosted(model, "multi-model containers (Mode MultiModel)")
    # CreateModel's reference: the hostname of a PrimaryContainer is ignored.
    ignored = model.request.get("PrimaryContainer") is not None
    return ContainerSpec(
        hostname=None if ignored else container.get("ContainerHostname"),
        image=container["Image"],
        model_data_url=_model_data_url(model, container),
        environment=dict(container.get("Environment") or {}),
    )


def _model_data_url(model: Resource, container: Mapping[str, Any]) -> str | None:
    source = (container.get("ModelDataSource") or {}).get("S3DataSource")
    if source is None:
        url = container.get("ModelDataUrl")
        return None if url is None else str(url)
    if source["S3DataType"] != "S3Object" or source["CompressionType"] != "Gzip":
        raise not_hosted(model, "uncompressed model data (ModelDataSource other than S3Object with Gzip)")
    return str(source["S3Uri"])


def not_hosted(resource: Resource, feature: str) -> AwsError:
    """What is refused because it is not hosted locally, by name."""
    return validation_exception(f'The local cloud does not host {feature}, which "{resource.arn}" asks for.')


def with_retained_properties(
    specs: tuple[VariantSpec, ...],
    current: Mapping[str, VariantState],
    *,
    keep_count: bool,
    keep_weight: bool,
) -> tuple[VariantSpec, ...]:
    """``specs`` with the desired counts and weights that variants of the same name have now
    (RetainAllVariantProperties). A serverless variant's count is its concurrency."""
    retained: list[VariantSpec] = []
    for spec in specs:
        state = current.get(spec.name)
        if state is not None:
            count = state.desired_instance_count if keep_count else spec.instance_count
            weight = state.desired_weight if keep_weight else spec.weight
            spec = dataclasses.replace(spec, instance_count=count, weight=weight)
            if keep_count and spec.serverless is not None and state.serverless is not None:
                spec = _with_concurrency(spec, spec.serverless, state.serverless.desired)
        retained.append(spec)
    return tuple(retained)


def _with_concurrency(spec: VariantSpec, wanted: ServerlessSpec, now: ServerlessSpec) -> VariantSpec:
    kept = dataclasses.replace(
        wanted, max_concurrency=now.max_concurrency, provisioned=min(now.provisioned, now.max_concurrency)
    )
    return dataclasses.replace(spec, serverless=kept)
