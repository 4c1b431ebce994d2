"""What DescribeEndpoint and the status page say of an endpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from local_cloud.hosting.specs import ServerlessSpec, VariantState
from local_cloud.sagemaker.endpoint import Deployment, Endpoint, EndpointStatus


def endpoint_description(endpoint: Endpoint) -> dict[str, Any]:
    """The members of DescribeEndpointOutput; moments are epoch seconds, members without a value are left
    out."""
    answer: dict[str, Any] = {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": endpoint.config_name,
        "EndpointStatus": endpoint.status.value,
        "CreationTime": endpoint.created.timestamp(),
        "LastModifiedTime": endpoint.modified.timestamp(),
    }
    if endpoint.failure_reason is not None:
        answer["FailureReason"] = endpoint.failure_reason
    if endpoint.last_deployment_config is not None:
        answer["LastDeploymentConfig"] = endpoint.last_deployment_config
    if endpoint.live is not None:
        answer["ProductionVariants"] = [_variant_summary(state) for state in endpoint.live.fleet.describe()]
        answer |= _data_capture(endpoint.live.config)
        if endpoint.live.asynchronous is not None:
            answer["AsyncInferenceConfig"] = endpoint.live.config["AsyncInferenceConfig"]
    if endpoint.pending is not None and endpoint.status is EndpointStatus.UPDATING:
        answer["PendingDeploymentSummary"] = _pending_summary(endpoint.pending)
    return answer


def endpoint_summary(endpoint: Endpoint) -> dict[str, Any]:
    """An entry of ListEndpoints."""
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "CreationTime": endpoint.created.timestamp(),
        "LastModifiedTime": endpoint.modified.timestamp(),
        "EndpointStatus": endpoint.status.value,
    }


def endpoint_state(endpoint: Endpoint) -> dict[str, Any]:
    """An entry of the status page: the endpoint down to the process of every container, ready for JSON."""
    return {
        "name": endpoint.name,
        "status": endpoint.status.value,
        "failure_reason": endpoint.failure_reason,
        "config": endpoint.config_name,
        "created_at": endpoint.created.isoformat(),
        "modified_at": endpoint.modified.isoformat(),
        "variants": _states(endpoint.live),
        "pending_variants": _states(endpoint.pending),
        "async_queue": endpoint.asynchronous.state() if endpoint.asynchronous is not None else None,
    }


def _states(deployment: Deployment | None) -> list[dict[str, Any]]:
    if deployment is None:
        return []
    return [json_ready(dataclasses.asdict(state)) for state in deployment.fleet.describe()]


def json_ready(value: Any) -> Any:
    """``value`` with every datetime as ISO 8601 text, down to the leaves."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: json_ready(entry) for key, entry in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [json_ready(entry) for entry in value]
    return value


def _serverless_config(spec: ServerlessSpec) -> dict[str, Any]:
    """ProvisionedConcurrency is left out where there is none, as in the request."""
    config = {"MemorySizeInMB": spec.memory_mb, "MaxConcurrency": spec.max_concurrency}
    return config | ({"ProvisionedConcurrency": spec.provisioned} if spec.provisioned else {})


def _variant_summary(state: VariantState) -> dict[str, Any]:
    summary = {
        "VariantName": state.name,
        "DeployedImages": [
            {
                "SpecifiedImage": image.specified,
                "ResolvedImage": image.resolved,
                "ResolutionTime": image.resolution_time.timestamp(),
            }
            for image in state.deployed_images
        ],
        "CurrentWeight": state.current_weight,
        "DesiredWeight": state.desired_weight,
        "CurrentInstanceCount": state.current_instance_count,
    }
    if state.serverless is None:
        return summary | {"DesiredInstanceCount": state.desired_instance_count}
    return summary | {
        "CurrentServerlessConfig": _serverless_config(state.serverless.current),
        "DesiredServerlessConfig": _serverless_config(state.serverless.desired),
    }


def _pending_summary(pending: Deployment) -> dict[str, Any]:
    types = {spec.name: spec.instance_type for spec in pending.specs}
    started = pending.started.timestamp()
    variants = [
        _variant_summary(state)
        | ({"InstanceType": types[state.name]} if types[state.name] else {})
        | {"VariantStatus": [{"Status": "Creating", "StartTime": started}]}
        for state in pending.fleet.describe()
    ]
    return {"EndpointConfigName": pending.config_name, "ProductionVariants": variants, "StartTime": started}


def _data_capture(config: Mapping[str, Any]) -> dict[str, Any]:
    """DataCaptureConfigSummary. The local cloud records the setting and captures nothing."""
    capture = config.get("DataCaptureConfig")
    if capture is None:
        return {}
    summary = {
        "EnableCapture": capture.get("EnableCapture", False),
        "CaptureStatus": "Stopped",
        "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
        "DestinationS3Uri": capture["DestinationS3Uri"],
        "KmsKeyId": capture.get("KmsKeyId", ""),
    }
    return {"DataCaptureConfig": summary}
