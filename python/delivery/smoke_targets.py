"""What the smoke test calls: every variant that is deployed, and in it every container or the pipeline; of a
function every version that its alias leads to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from delivery.environments import Environment
from delivery.errors import DeliveryError
from delivery.model_folder import ModelFolder, SmokeCase
from serving_contracts.catalog import CatalogEndpoint

_ARCHIVE = re.compile(r"/models/([^/]+)/[0-9a-f]{64}/model\.tar\.gz$")  # as packaging.archive_key writes it


@dataclass(frozen=True, slots=True)
class DeployedContainer:
    """A container of a production variant. ``model``: its name, by the key of its archive."""

    hostname: str
    model: str


Variants = Mapping[str, Sequence[DeployedContainer]]
"""Production variant → its containers, in the order in which a pipeline runs them; function version → the one
model in its image.
"""


@dataclass(frozen=True, slots=True)
class Target:
    """Something to call with every one of ``cases``.

    Attributes:
        variant: the production variant or function version; empty: whichever AWS picks.
        container: the container to name in the call; None: the endpoint as a whole.
        asked: the task of the request.
        answered: the task of the answer; another one at the end of a pipeline of several tasks.
        obstacle: why there is no case, and what to do about it.
    """

    variant: str
    container: str | None
    asked: str
    answered: str
    cases: Sequence[SmokeCase] = ()
    obstacle: str = ""


def read_variants(environment: Environment, endpoint: CatalogEndpoint) -> Variants:
    """What SageMaker runs, a pipeline in its order: the catalog does not know each variant's own models.

    Raises:
        DeliveryError: SageMaker does not say.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    sagemaker = environment.client("sagemaker")
    try:
        described = sagemaker.describe_endpoint(EndpointName=endpoint.endpoint_name)
        configuration = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
        return {
            variant["VariantName"]: _containers(
                sagemaker.describe_model(ModelName=variant["ModelName"]), endpoint
            )
            for variant in configuration["ProductionVariants"]
        }
    except (BotoCoreError, ClientError) as error:
        raise DeliveryError(
            f"SageMaker does not say what runs behind endpoint {endpoint.endpoint_name!r}.",
            cause=str(error),
            next_step=f"`invoke doctor --env {environment.name}` shows whose credentials are in use; they "
            "need DescribeEndpoint, DescribeEndpointConfig and DescribeModel",
        ) from error


def read_versions(environment: Environment, endpoint: CatalogEndpoint) -> Variants:
    """The versions that a function's alias leads to: one, or two while a canary gets a share of the traffic.

    Raises:
        DeliveryError: Lambda does not say.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    assert endpoint.function is not None, "only functions have versions"
    try:
        alias = environment.client("lambda").get_alias(
            FunctionName=endpoint.endpoint_name, Name=endpoint.function.qualifier
        )
    except (BotoCoreError, ClientError) as error:
        raise DeliveryError(
            f"Lambda does not say what runs behind {endpoint.endpoint_name}:{endpoint.function.qualifier}.",
            cause=str(error),
            next_step=f"`invoke doctor --env {environment.name}` shows whose credentials are in use; they "
            "need lambda:GetAlias",
        ) from error
    weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    held = [DeployedContainer(hostname, entry.model) for hostname, entry in endpoint.containers.items()]
    return dict.fromkeys((alias["FunctionVersion"], *weights), held)


def _containers(model: Mapping[str, Any], endpoint: CatalogEndpoint) -> list[DeployedContainer]:
    found = model.get("Containers") or [model["PrimaryContainer"]]
    hostnames = list(endpoint.containers)
    containers = []
    for number, container in enumerate(found):
        # SageMaker keeps no hostname of a container that is alone.
        hostname = container.get("ContainerHostname") or (
            hostnames[0] if len(found) == len(hostnames) == 1 else f"container-{number + 1}"
        )
        archive = _ARCHIVE.search(container.get("ModelDataUrl", ""))
        entry = endpoint.containers.get(hostname)
        containers.append(
            DeployedContainer(hostname, archive.group(1) if archive else entry.model if entry else "")
        )
    return containers


def targets(
    endpoint: CatalogEndpoint, variants: Variants, models: Mapping[str, ModelFolder]
) -> Iterator[Target]:
    """Everything to call at an endpoint: at least one target a variant, and one a container where containers
    can be called one by one. A target without cases says what stands in the way.
    """
    for variant in sorted({*endpoint.variants, *variants}):
        containers = variants.get(variant, ())
        if not containers:
            yield Target(
                variant, None, "", "", obstacle="not called: the catalog names it, SageMaker does not"
            )
        elif endpoint.mode == "Direct":
            for container in containers:
                yield _container_target(endpoint, variant, container, models)
        else:
            yield _pipeline_target(endpoint, variant, containers, models)


def _container_target(
    endpoint: CatalogEndpoint, variant: str, container: DeployedContainer, models: Mapping[str, ModelFolder]
) -> Target:
    entry = endpoint.containers.get(container.hostname)
    task = entry.task if entry else ""
    target = Target(variant, container.hostname, task, task)
    if entry is None:
        return replace(target, obstacle="not called: the catalog does not name this container")
    return _with_cases(target, container, models)


def _pipeline_target(
    endpoint: CatalogEndpoint,
    variant: str,
    containers: Sequence[DeployedContainer],
    models: Mapping[str, ModelFolder],
) -> Target:
    """Asked as its first container is asked, answered as its last one answers.

    What comes out of several tasks in a row is in no model.toml: there any well-formed answer will do.
    """
    first, last = containers[0], containers[-1]
    tasks = [
        entry.task if entry else "" for entry in map(endpoint.containers.get, (first.hostname, last.hostname))
    ]
    target = Target(variant, None, asked=tasks[0], answered=tasks[1])
    if not all(tasks):
        return replace(target, obstacle="not called: the catalog does not name its first or last container")
    if endpoint.tasks:  # all of one task: the last model's expectations hold for the whole
        return _with_cases(target, last, models)
    target = _with_cases(target, first, models)
    return replace(target, cases=[SmokeCase(case.request, {}) for case in target.cases])


def _with_cases(target: Target, container: DeployedContainer, models: Mapping[str, ModelFolder]) -> Target:
    model = models.get(container.model)
    if model is None:
        known = ", ".join(sorted(models)) or "none"
        return replace(
            target,
            obstacle=f"not called: this checkout has no model {container.model!r} (it has: {known}); run the "
            "smoke test from the checkout that was deployed",
        )
    if not model.smoke_cases:
        return replace(
            target,
            obstacle=f"not called: add [smoke] cases to {model.folder.name}/model.toml of {model.name!r}",
        )
    return replace(target, cases=model.smoke_cases)
