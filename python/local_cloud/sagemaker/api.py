"""SageMaker's control plane: takes a JSON 1.1 request, checks it, answers it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.model import OperationNotFoundError

from local_cloud.asynchronous import AsyncInference
from local_cloud.clock import Clock
from local_cloud.sagemaker.describe import endpoint_description, endpoint_state, endpoint_summary
from local_cloud.sagemaker.endpoints import Endpoints, FleetFactory
from local_cloud.sagemaker.errors import serialization_exception, unknown_operation, validation_exception
from local_cloud.sagemaker.listing import page_of
from local_cloud.sagemaker.resources import Arns, Collection, Resource, Tags
from local_cloud.sagemaker.rules import check_endpoint_config, check_model
from local_cloud.sagemaker.serverless_rules import check_serverless_model
from local_cloud.sagemaker.validation import check_request, service_model

Request = Mapping[str, Any]
Answer = dict[str, Any]
_KEEPS_COUNT = "DesiredInstanceCount"
_KEEPS_WEIGHT = "DesiredWeight"


class ControlPlane:
    """The operations that the local cloud offers, on the state it remembers. Not thread-safe: one event
    loop."""

    def __init__(
        self,
        make_fleet: FleetFactory,
        *,
        region: str,
        account: str,
        clock: Clock,
        asynchronous: AsyncInference | None = None,
    ) -> None:
        """Without ``asynchronous`` it refuses asynchronous endpoints."""
        arns = Arns(region, account)
        self.models = Collection("model", "model", arns, clock)
        self.configs = Collection("endpoint configuration", "endpoint-config", arns, clock)
        self.endpoints = Endpoints(self.configs, self.models, make_fleet, arns, clock, asynchronous)
        self.tags = Tags()
        self.endpoints.on_gone(self.tags.end)
        self._operations: dict[str, Callable[[Request], Answer]] = {
            "CreateModel": self._create_model,
            "DescribeModel": self._describe_model,
            "ListModels": self._list_models,
            "DeleteModel": self._delete_model,
            "CreateEndpointConfig": self._create_endpoint_config,
            "DescribeEndpointConfig": self._describe_endpoint_config,
            "ListEndpointConfigs": self._list_endpoint_configs,
            "DeleteEndpointConfig": self._delete_endpoint_config,
            "CreateEndpoint": self._create_endpoint,
            "DescribeEndpoint": self._describe_endpoint,
            "ListEndpoints": self._list_endpoints,
            "UpdateEndpoint": self._update_endpoint,
            "UpdateEndpointWeightsAndCapacities": self._update_capacity,
            "DeleteEndpoint": self._delete_endpoint,
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
            "DeleteTags": self._delete_tags,
        }

    def call(self, operation: str, body: bytes) -> Answer:
        """Answers one request; endpoints that it changes go on changing in tasks of their own.

        Args:
            operation: the name after ``SageMaker.`` in X-Amz-Target.
            body: the JSON text.

        Raises:
            AwsError: whatever AWS would refuse, and operations the local cloud does not offer.
        """
        handler = self._operations.get(operation)
        if handler is None:
            raise unknown_operation(operation, self._why_unknown(operation))
        request = check_request(service_model().operation_model(operation), _parsed(body))
        return handler(request)

    def state(self) -> list[dict[str, Any]]:
        """Every endpoint down to its processes, for the status page."""
        return [endpoint_state(endpoint) for endpoint in self.endpoints]

    async def close(self) -> None:
        """Stops every fleet."""
        await self.endpoints.close()

    def _why_unknown(self, operation: str) -> str:
        try:
            service_model().operation_model(operation)
        except OperationNotFoundError:
            return "SageMaker has no such operation."
        offered = ", ".join(sorted(self._operations))
        return f"the local cloud does not offer this operation. It offers: {offered}."

    # Models

    def _create_model(self, request: Request) -> Answer:
        self.models.refuse_existing(request["ModelName"])
        check_model(request)
        return {"ModelArn": self._add(self.models, request["ModelName"], request).arn}

    def _describe_model(self, request: Request) -> Answer:
        return _description(self.models.get(request["ModelName"]), "ModelArn")

    def _list_models(self, request: Request) -> Answer:
        return _list(request, "Models", "ModelName", [_summary(model, "Model") for model in self.models])

    def _delete_model(self, request: Request) -> Answer:
        self.tags.end(self.models.remove(request["ModelName"]).arn)
        return {}

    # Endpoint configurations

    def _create_endpoint_config(self, request: Request) -> Answer:
        self.configs.refuse_existing(request["EndpointConfigName"])
        check_endpoint_config(request)
        for variant in [*request["ProductionVariants"], *(request.get("ShadowProductionVariants") or [])]:
            if variant.get("ModelName") is not None:
                model = self.models.get(variant["ModelName"])
                if variant.get("ServerlessConfig") is not None:
                    check_serverless_model(model.request, variant["VariantName"])
        return {"EndpointConfigArn": self._add(self.configs, request["EndpointConfigName"], request).arn}

    def _describe_endpoint_config(self, request: Request) -> Answer:
        return _description(self.configs.get(request["EndpointConfigName"]), "EndpointConfigArn")

    def _list_endpoint_configs(self, request: Request) -> Answer:
        summaries = [_summary(config, "EndpointConfig") for config in self.configs]
        return _list(request, "EndpointConfigs", "EndpointConfigName", summaries)

    def _delete_endpoint_config(self, request: Request) -> Answer:
        # AWS lets a configuration in use go: the endpoint keeps what it was deployed with.
        self.tags.end(self.configs.remove(request["EndpointConfigName"]).arn)
        return {}

    # Endpoints

    def _create_endpoint(self, request: Request) -> Answer:
        tags = request.get("Tags") or []
        self.tags.check(tags)
        endpoint = self.endpoints.create(
            request["EndpointName"], request["EndpointConfigName"], request.get("DeploymentConfig")
        )
        self.tags.begin(endpoint.arn, tags)
        return {"EndpointArn": endpoint.arn}

    def _describe_endpoint(self, request: Request) -> Answer:
        return endpoint_description(self.endpoints.get(request["EndpointName"]))

    def _list_endpoints(self, request: Request) -> Answer:
        return _list(
            request, "Endpoints", "EndpointName", [endpoint_summary(endpoint) for endpoint in self.endpoints]
        )

    def _update_endpoint(self, request: Request) -> Answer:
        retain = bool(request.get("RetainAllVariantProperties"))
        excluded = {
            entry["VariantPropertyType"] for entry in request.get("ExcludeRetainedVariantProperties") or []
        }
        if excluded and not retain:
            raise validation_exception(
                "ExcludeRetainedVariantProperties can only be given when RetainAllVariantProperties is true."
            )
        deployment_config = request.get("DeploymentConfig")
        if request.get("RetainDeploymentConfig"):
            if deployment_config is not None:
                raise validation_exception(
                    "DeploymentConfig cannot be given with RetainDeploymentConfig set to true."
                )
            deployment_config = self.endpoints.get(request["EndpointName"]).last_deployment_config
        endpoint = self.endpoints.update(
            request["EndpointName"],
            request["EndpointConfigName"],
            deployment_config,
            keep_count=retain and _KEEPS_COUNT not in excluded,
            keep_weight=retain and _KEEPS_WEIGHT not in excluded,
        )
        return {"EndpointArn": endpoint.arn}

    def _update_capacity(self, request: Request) -> Answer:
        return {
            "EndpointArn": self.endpoints.update_capacity(
                request["EndpointName"], request["DesiredWeightsAndCapacities"]
            ).arn
        }

    def _delete_endpoint(self, request: Request) -> Answer:
        self.endpoints.delete(request["EndpointName"])
        return {}

    # Tags

    def _add_tags(self, request: Request) -> Answer:
        return {"Tags": self.tags.add(request["ResourceArn"], request["Tags"])}

    def _list_tags(self, request: Request) -> Answer:
        # A resource has at most 50 tags and a page at least 50: there is never a second one.
        return {"Tags": self.tags.of(request["ResourceArn"])}

    def _delete_tags(self, request: Request) -> Answer:
        self.tags.remove(request["ResourceArn"], request["TagKeys"])
        return {}

    def _add(self, collection: Collection, name: str, request: Request) -> Resource:
        tags = request.get("Tags") or []
        self.tags.check(tags)
        resource = collection.add(
            name, {member: value for member, value in request.items() if member != "Tags"}
        )
        self.tags.begin(resource.arn, tags)
        return resource


def _parsed(body: bytes) -> object:
    if not body:
        return {}
    try:
        return json.loads(body)
    except ValueError as error:  # covers text that is not UTF-8 too
        raise serialization_exception(f"The request body is not valid JSON: {error}") from None


def _description(resource: Resource, arn_member: str) -> Answer:
    return resource.copy_of_request() | {
        arn_member: resource.arn,
        "CreationTime": resource.created.timestamp(),
    }


def _summary(resource: Resource, prefix: str) -> Answer:
    return {
        f"{prefix}Name": resource.name,
        f"{prefix}Arn": resource.arn,
        "CreationTime": resource.created.timestamp(),
    }


def _list(request: Request, items_member: str, name_member: str, summaries: list[Answer]) -> Answer:
    items, token = page_of(summaries, request, name_member=name_member)
    answer: Answer = {items_member: items}
    return answer if token is None else answer | {"NextToken": token}
