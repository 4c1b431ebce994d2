"""Requests are checked against AWS's own service model and refused in AWS's own words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fake_fleet import ROLE

from local_cloud.sagemaker.api import ControlPlane
from local_cloud.sagemaker.errors import AwsError
from local_cloud.sagemaker.validation import matches

VARIANT = {
    "VariantName": "blue",
    "ModelName": "m",
    "InstanceType": "ml.m5.large",
    "InitialInstanceCount": 1,
}


def refusal(plane: ControlPlane, operation: str, request: object) -> AwsError:
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    with pytest.raises(AwsError) as refused:
        plane.call(operation, body)
    assert refused.value.http_status == 400
    return refused.value


@pytest.mark.parametrize(
    ("operation", "request_", "fault"),
    [
        pytest.param(
            "CreateModel",
            {"ModelName": "not_allowed"},
            "Value 'not_allowed' at 'modelName' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?",
            id="a name outside its pattern",
        ),
        pytest.param(
            "DescribeEndpoint",
            {},
            "Value null at 'endpointName' failed to satisfy constraint: Member must not be null",
            id="a required member that is missing",
        ),
        pytest.param(
            "DescribeEndpoint",
            {"EndpointName": None},
            "Value null at 'endpointName' failed to satisfy constraint: Member must not be null",
            id="a required member that is null",
        ),
        pytest.param(
            "CreateEndpointConfig",
            {"EndpointConfigName": "c", "ProductionVariants": []},
            "Value '[]' at 'productionVariants' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
            id="a list that is too short",
        ),
        pytest.param(
            "CreateEndpointConfig",
            {"EndpointConfigName": "c", "ProductionVariants": [{**VARIANT, "InitialInstanceCount": 0}]},
            "Value '0' at 'productionVariants.1.member.initialInstanceCount' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
            id="a number out of range, deep inside",
        ),
        pytest.param(
            "ListEndpoints",
            {"MaxResults": 101},
            "Value '101' at 'maxResults' failed to satisfy constraint: "
            "Member must have value less than or equal to 100",
            id="a number that is too large",
        ),
        pytest.param(
            "ListEndpoints",
            {"SortOrder": "Up"},
            "Value 'Up' at 'sortOrder' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Ascending, Descending]",
            id="a value that the enumeration lacks",
        ),
        pytest.param(
            "DescribeModel",
            {"ModelName": "x" * 64},
            f"Value '{'x' * 64}' at 'modelName' failed to satisfy constraint: "
            "Member must have length less than or equal to 63",
            id="a text that is too long",
        ),
        pytest.param(
            "CreateModel",
            {"ModelName": "m", "PrimaryContainer": {"Image": "i", "Environment": {"1X": "y"}}},
            "at 'primaryContainer.environment' failed to satisfy constraint: "
            "Map keys must satisfy constraint: "
            "[Member must satisfy regular expression pattern: [a-zA-Z_][a-zA-Z0-9_]*]",
            id="a key of a map",
        ),
        pytest.param(
            "CreateModel",
            {"ModelName": "m", "PrimaryContainer": {"Image": "i", "Environment": {"A": None, "B": "b"}}},
            "at 'primaryContainer.environment' failed to satisfy constraint: "
            "Map value must satisfy constraint: [Member must not be null]",
            id="a value of a map that is null",
        ),
        pytest.param(
            "CreateModel",
            {"ModelName": "m", "Contaners": []},
            "Unknown member 'Contaners': must be one of: ModelName, PrimaryContainer, Containers",
            id="a member that does not exist",
        ),
    ],
)
def test_a_value_that_breaks_a_constraint_is_refused_in_awss_words(
    plane: ControlPlane, operation: str, request_: dict[str, Any], fault: str
) -> None:
    error = refusal(plane, operation, request_)
    assert error.code == "ValidationException"
    assert error.message.startswith("1 validation error detected: ")
    assert fault in error.message


def test_all_faults_are_told_at_once(plane: ControlPlane) -> None:
    error = refusal(plane, "CreateEndpoint", {"EndpointName": "a_b"})
    assert error.message.startswith("2 validation errors detected: ")
    assert "'endpointConfigName'" in error.message
    assert "'endpointName'" in error.message


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        pytest.param({"ModelName": 7}, "NUMBER_VALUE can not be converted to String", id="number for text"),
        pytest.param(
            {"ModelName": True}, "BOOLEAN_VALUE can not be converted to String", id="boolean for text"
        ),
        pytest.param({"ModelName": ["m"]}, "Start of list found where not expected", id="list for text"),
        pytest.param(
            {"ModelName": "m", "Containers": {}},
            "where a list was expected (at 'containers')",
            id="map for list",
        ),
        pytest.param(
            {"ModelName": "m", "EnableNetworkIsolation": "yes"},
            "STRING_VALUE can not be converted to Boolean",
            id="text for boolean",
        ),
        pytest.param([], "Expected a JSON object", id="no object"),
        pytest.param(b"{", "not valid JSON", id="no JSON"),
        pytest.param(b'"\xff"', "not valid JSON", id="no UTF-8"),
    ],
)
def test_a_wrong_json_type_is_a_serialization_exception(
    plane: ControlPlane, request_: object, words: str
) -> None:
    error = refusal(plane, "CreateModel", request_)
    assert error.code == "SerializationException"
    assert words in error.message


def test_an_operation_that_sagemaker_lacks_is_unknown(plane: ControlPlane) -> None:
    error = refusal(plane, "CreateEverything", {})
    assert error.code == "UnknownOperationException"
    assert "CreateEverything" in error.message
    assert "no such operation" in error.message


def test_an_operation_that_is_not_offered_here_says_what_is(plane: ControlPlane) -> None:
    error = refusal(plane, "CreateTrainingJob", {})
    assert error.code == "UnknownOperationException"
    assert "UpdateEndpointWeightsAndCapacities" in error.message


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "환경 = local", True),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "a;b", False),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "a\tb", False),
        (r"\p{ASCII}*", "plain", True),
        (r"\p{ASCII}*", "한글", False),
        (r"\A\S[\p{Print}]*\z", "id-1", True),
        (r"\A\S[\p{Print}]*\z", " id", False),
        (r"[0-9]{12}", "1234567890123", False),
        (r"\d+", "१२", False),
        (r"[\S\s]*", "a\nb", True),
    ],
)
def test_patterns_mean_what_they_mean_in_java(pattern: str, value: str, expected: bool) -> None:
    assert matches(pattern, value) is expected


def test_every_pattern_of_the_offered_operations_compiles(plane: ControlPlane) -> None:
    from botocore.model import Shape

    from local_cloud.sagemaker.validation import java_pattern, service_model

    seen: set[str] = set()

    def walk(shape: Shape) -> None:
        if shape.name in seen:
            return
        seen.add(shape.name)
        if "pattern" in shape.metadata:
            java_pattern(shape.metadata["pattern"])
        for inner in [*getattr(shape, "members", {}).values()]:
            walk(inner)
        for part in ("member", "key", "value"):
            if hasattr(shape, part):
                walk(getattr(shape, part))

    for operation in ("CreateModel", "CreateEndpointConfig", "CreateEndpoint", "UpdateEndpoint", "AddTags"):
        shape = service_model().operation_model(operation).input_shape
        assert shape is not None
        walk(shape)
    assert len(seen) > 100


CONTAINER = {"Image": "image:1"}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        pytest.param({}, "Exactly one of PrimaryContainer and Containers", id="no container"),
        pytest.param(
            {"PrimaryContainer": CONTAINER, "Containers": [CONTAINER]},
            "Exactly one of PrimaryContainer and Containers",
            id="both kinds",
        ),
        pytest.param({"PrimaryContainer": {}}, "Exactly one of Image and ModelPackageName", id="no image"),
        pytest.param(
            {"Containers": [CONTAINER, CONTAINER], "InferenceExecutionConfig": {"Mode": "Direct"}},
            "ContainerHostname is required for every container",
            id="Direct without hostnames",
        ),
        pytest.param(
            {"Containers": [{**CONTAINER, "ContainerHostname": "a"}, CONTAINER]},
            "missing for container 2",
            id="a hostname for some containers only",
        ),
        pytest.param(
            {"Containers": [{**CONTAINER, "ContainerHostname": "a"}] * 2},
            "must be unique within a model; repeated: a",
            id="a hostname twice",
        ),
        pytest.param(
            {"PrimaryContainer": CONTAINER, "InferenceExecutionConfig": {"Mode": "Direct"}},
            "mode Direct needs Containers",
            id="Direct with a primary container",
        ),
        pytest.param({"Containers": [CONTAINER] * 16}, "less than or equal to 15", id="16 containers"),
        pytest.param(
            {"PrimaryContainer": CONTAINER, "Tags": [{"Key": "aws:x", "Value": ""}]},
            "reserved",
            id="aws: tag",
        ),
        pytest.param(
            {"PrimaryContainer": CONTAINER, "Tags": [{"Key": "a", "Value": ""}] * 2},
            "Duplicate tag key found: 'a'",
            id="a tag twice",
        ),
    ],
)
def test_containers_that_do_not_fit_together_are_refused(
    plane: ControlPlane, request_: dict[str, Any], words: str
) -> None:
    error = refusal(plane, "CreateModel", {"ModelName": "m", "ExecutionRoleArn": ROLE, **request_})
    assert words in error.message
    assert plane.call("ListModels", b"{}") == {"Models": []}


@pytest.mark.parametrize(
    ("variants", "words"),
    [
        pytest.param([VARIANT, VARIANT], "VariantName must be unique", id="a variant twice"),
        pytest.param([{**VARIANT, "InitialVariantWeight": 0}], "greater than 0", id="no weight at all"),
        pytest.param(
            [{**VARIANT, "ModelName": "n"}], 'Could not find model "arn:aws:sagemaker:', id="no model"
        ),
        pytest.param(
            [{k: v for k, v in VARIANT.items() if k != "InstanceType"}],
            "InstanceType is required",
            id="no type",
        ),
        pytest.param(
            [{**VARIANT, "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}],
            "InstanceType cannot be given",
            id="serverless with instances",
        ),
        pytest.param(
            [
                {
                    "VariantName": "b",
                    "ModelName": "m",
                    "ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 1},
                }
            ],
            "MemorySizeInMB 1500",
            id="serverless memory between the steps",
        ),
        pytest.param(
            [
                {
                    "VariantName": "b",
                    "ModelName": "m",
                    "ServerlessConfig": {
                        "MemorySizeInMB": 1024,
                        "MaxConcurrency": 1,
                        "ProvisionedConcurrency": 2,
                    },
                }
            ],
            "ProvisionedConcurrency 2",
            id="more provisioned than allowed",
        ),
    ],
)
def test_variants_that_do_not_fit_together_are_refused(
    plane: ControlPlane, with_config: Callable[..., Any], variants: list[dict[str, Any]], words: str
) -> None:
    error = refusal(
        plane, "CreateEndpointConfig", {"EndpointConfigName": "new", "ProductionVariants": variants}
    )
    assert words in error.message
