"""What makes an endpoint asynchronous, and the queue it gets then."""

from __future__ import annotations

from local_cloud.asynchronous import AsyncConfig, AsyncEndpoint, AsyncInference, InvalidConfig
from local_cloud.hosting.specs import VariantSpec
from local_cloud.sagemaker.deployment import not_hosted
from local_cloud.sagemaker.endpoint import Deployment, Endpoint
from local_cloud.sagemaker.errors import validation_exception
from local_cloud.sagemaker.resources import Resource


def async_config(config: Resource, specs: tuple[VariantSpec, ...], *, hosted: bool) -> AsyncConfig | None:
    """What makes ``config`` asynchronous, None if nothing does. ``hosted``: whether there are queues here.

    Raises:
        AwsError: it asks for what is not hosted locally.
    """
    member = config.request.get("AsyncInferenceConfig")
    if member is None:
        return None
    if not hosted:
        raise not_hosted(config, "asynchronous inference (AsyncInferenceConfig)")
    if any(spec.mode == "Direct" for spec in specs):
        # InvokeEndpointAsync has no TargetContainerHostname: no request could reach a container.
        raise not_hosted(config, "asynchronous inference of a model in Direct mode")
    try:
        return AsyncConfig.of(member)
    except InvalidConfig as error:
        raise validation_exception(f'{error} (endpoint configuration "{config.arn}").') from None


def refuse_change_of_kind(endpoint: Endpoint, config: Resource) -> None:
    """Raises AwsError if ``config`` would make a real-time endpoint of an asynchronous one, or the reverse:
    what is queued would have nowhere to go."""
    becomes_asynchronous = config.request.get("AsyncInferenceConfig") is not None
    if becomes_asynchronous != endpoint.is_asynchronous:
        kinds = ("real-time", "asynchronous")
        raise validation_exception(
            f'Cannot update endpoint "{endpoint.arn}" from {kinds[endpoint.is_asynchronous]} to '
            f"{kinds[becomes_asynchronous]} inference. Create another endpoint."
        )


async def open_queue(
    asynchronous: AsyncInference, endpoint: Endpoint, deployment: Deployment
) -> AsyncEndpoint | None:
    """The queue of an endpoint, with what is on disk of it; None for a real-time endpoint."""
    if deployment.asynchronous is None:
        return None
    return await asynchronous.open(endpoint.name, deployment.specs[0].name, deployment.asynchronous)
