"""Requests as they travel: which are the control plane's, how errors look, what cannot be read."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from lambda_control_parts import ARN, LambdaApi


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/2015-03-31/functions", True),
        ("GET", "/2015-03-31/functions/", True),
        ("GET", "/2015-03-31/functions/detect", True),
        ("GET", "/2015-03-31/functions/arn%3Aaws%3Alambda/configuration", True),
        ("GET", "/2017-03-31/tags/arn%3Aaws%3Alambda", True),
        ("POST", "/2015-03-31/event-source-mappings", True),
        ("GET", "/2015-03-31/functions/detect/something-new", True),
        ("POST", "/2015-03-31/functions/detect/invocations", False),
        ("POST", "/2014-11-13/functions/detect/invoke-async", False),
        ("POST", "/2021-11-15/functions/detect/response-streaming-invocations", False),
        ("GET", "/2015-02-01/tags/fs-1", False),
        ("GET", "/2013-04-01/hostedzone", False),
        ("POST", "/", False),
        ("GET", "/bucket/2015-03-31/functions", False),
    ],
)
async def test_the_control_plane_knows_its_requests(
    api: LambdaApi, method: str, path: str, expected: bool
) -> None:
    assert api.control.matches(method, path) is expected


async def send(api: LambdaApi, method: str, path: str, body: bytes = b"") -> tuple[int, str, dict[str, Any]]:
    """Status, error code and body of one raw request."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, api.url + path, data=body) as answer,
    ):
        assert answer.headers["x-amzn-RequestId"]
        return answer.status, answer.headers.get("x-amzn-ErrorType", ""), json.loads(await answer.read())


async def test_errors_have_awss_shape(detect: LambdaApi) -> None:
    status, code, body = await send(detect, "GET", "/2015-03-31/functions/none")
    assert (status, code) == (404, "ResourceNotFoundException")
    assert body == {"Type": "User", "Message": f"Function not found: {ARN.replace('detect', 'none')}"}
    status, code, body = await send(
        detect,
        "POST",
        "/2015-03-31/functions/detect/aliases",
        json.dumps({"Name": "live", "FunctionVersion": "1"}).encode(),
    )
    assert (status, code) == (409, "ResourceConflictException")
    assert body == {"Type": "User", "message": f"Alias already exists: {ARN}:live"}
    status, code, body = await send(detect, "GET", "/2015-03-31/functions?MaxItems=0")
    assert (status, code) == (400, "ValidationException")
    assert set(body) == {"message"}


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("GET", "/2015-03-31/functions/detect/something-new", "Lambda has no such operation"),
        ("POST", "/2015-03-31/event-source-mappings", "It offers: AddPermission"),
        ("POST", "/2018-10-31/layers/x/versions", "does not offer this operation"),
    ],
)
async def test_what_is_not_offered_is_refused_at_once(
    api: LambdaApi, method: str, path: str, words: str
) -> None:
    status, code, body = await send(api, method, path)
    assert (status, code) == (400, "UnknownOperationException")
    assert words in body["message"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "InvalidRequestContentException"),
        (b'"\xff"', "InvalidRequestContentException"),
        (b"[]", "SerializationException"),
        (b'{"FunctionName": 7}', "SerializationException"),
        (b'{"FunctionName": "f", "Color": "red"}', "ValidationException"),
        (b"", "ValidationException"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(api: LambdaApi, body: bytes, code: str) -> None:
    status, found, _ = await send(api, "POST", "/2015-03-31/functions", body)
    assert (status, found) == (400, code)


async def test_texts_of_the_query_are_read_as_their_types(detect: LambdaApi) -> None:
    status, code, _ = await send(detect, "GET", "/2015-03-31/functions?MaxItems=many")
    assert (status, code) == (400, "SerializationException")
    status, _, body = await send(detect, "GET", "/2015-03-31/functions/detect/versions?MaxItems=1")
    assert (status, len(body["Versions"])) == (200, 1)
    status, _, body = await send(detect, "GET", "/2015-03-31/functions/detect?Qualifier=")
    assert body["Configuration"]["Version"] == "$LATEST", "an empty qualifier is none"


async def test_two_operations_of_one_path_are_told_apart_by_the_query(detect: LambdaApi) -> None:
    path = "/2019-09-30/functions/detect/provisioned-concurrency"
    status, _, body = await send(detect, "GET", path + "?List=ALL")
    assert (status, body) == (200, {"ProvisionedConcurrencyConfigs": []})
    status, code, _ = await send(detect, "GET", path + "?Qualifier=live")
    assert code == "ProvisionedConcurrencyConfigNotFoundException"


async def test_members_that_are_null_count_as_not_given(detect: LambdaApi) -> None:
    status, _, body = await send(
        detect,
        "PUT",
        "/2015-03-31/functions/detect/configuration",
        json.dumps({"Timeout": 9, "Environment": None, "Layers": None}).encode(),
    )
    assert (status, body["Timeout"]) == (200, 9)


async def test_environment_variables_are_not_logged(api: LambdaApi, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="local_cloud")
    await api.create(Environment={"Variables": {"TOKEN": "secret-1"}})
    await api.refusal("CreateFunction", FunctionName="f", Environment={"Variables": {"9": "secret-2"}})
    assert "Lambda CreateFunction" in caplog.text
    assert "secret" not in caplog.text


async def test_the_small_reads_of_the_provider_are_answered(detect: LambdaApi) -> None:
    assert await detect("GetFunctionCodeSigningConfig", FunctionName="detect") == {}
    assert (await detect("GetRuntimeManagementConfig", FunctionName="detect"))["UpdateRuntimeOn"] == "Auto"
    assert await detect("GetFunctionRecursionConfig", FunctionName="detect") == {"RecursiveLoop": "Terminate"}
    await detect("PutFunctionRecursionConfig", FunctionName="detect", RecursiveLoop="Allow")
    assert await detect("GetFunctionRecursionConfig", FunctionName="detect") == {"RecursiveLoop": "Allow"}
    assert (await detect("ListEventSourceMappings"))["EventSourceMappings"] == []


def test_every_pattern_of_the_service_model_compiles() -> None:
    from local_cloud.functions.control.rest import service_model
    from local_cloud.sagemaker.validation import java_pattern

    model = service_model()
    patterns = {
        pattern
        for name in model.shape_names
        if (pattern := model.shape_for(name).metadata.get("pattern")) is not None
    }
    assert len(patterns) > 50
    for pattern in patterns:
        java_pattern(pattern)
