"""Function URLs and event invoke configs: put, read, changed, and found by those who answer requests."""

from __future__ import annotations

import re
from typing import Any

import pytest
from lambda_control_parts import ARN, LambdaApi

from local_cloud.functions.control.answers import EventInvokeConfig

QUEUE = "arn:aws:sqs:ap-northeast-2:123456789012:failed"
TOPIC = "arn:aws:sns:ap-northeast-2:123456789012:done"
CORS = {"AllowOrigins": ["*"], "AllowMethods": ["POST"], "MaxAge": 60, "AllowCredentials": False}


async def test_a_url_is_found_by_its_id(detect: LambdaApi) -> None:
    created = await detect(
        "CreateFunctionUrlConfig", FunctionName="detect", Qualifier="live", AuthType="NONE", Cors=CORS
    )
    assert detect.status == 201
    found = re.fullmatch(r"http://127\.0\.0\.1:4566/lambda-url/([a-z0-9]{32})/", created["FunctionUrl"])
    assert found is not None
    assert created["FunctionArn"] == f"{ARN}:live"
    assert created["InvokeMode"] == "BUFFERED"
    assert created["Cors"] == CORS
    url = detect.control.url_of(found.group(1))
    assert url is not None
    assert (url.function_name, url.qualifier, url.auth_type, url.cors) == ("detect", "live", "NONE", CORS)
    assert detect.control.url_of("0" * 32) is None


async def test_a_url_of_the_function_itself_has_no_qualifier(detect: LambdaApi) -> None:
    created = await detect("CreateFunctionUrlConfig", FunctionName="detect", AuthType="AWS_IAM")
    assert created["FunctionArn"] == ARN
    assert "Cors" not in created
    url = detect.control.url_of(created["FunctionUrl"].split("/")[-2])
    assert url is not None
    assert url.qualifier is None
    found = await detect("GetFunctionUrlConfig", FunctionName="detect")
    assert found == {**created, "LastModifiedTime": found["LastModifiedTime"]}


async def test_a_url_is_changed_and_deleted_under_the_same_address(detect: LambdaApi) -> None:
    created = await detect("CreateFunctionUrlConfig", FunctionName="detect", AuthType="AWS_IAM", Cors=CORS)
    updated = await detect("UpdateFunctionUrlConfig", FunctionName="detect", AuthType="NONE")
    assert updated["FunctionUrl"] == created["FunctionUrl"]
    assert (updated["AuthType"], updated["Cors"]) == ("NONE", CORS)
    assert "Cors" not in await detect("UpdateFunctionUrlConfig", FunctionName="detect", Cors={})
    await detect("DeleteFunctionUrlConfig", FunctionName="detect")
    assert detect.status == 204
    for operation in ("GetFunctionUrlConfig", "UpdateFunctionUrlConfig", "DeleteFunctionUrlConfig"):
        code, message = await detect.refusal(operation, FunctionName="detect")
        assert (code, message) == ("ResourceNotFoundException", "The resource you requested does not exist.")


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        ({"Qualifier": "1"}, "ValidationException", "at 'qualifier'"),
        ({"Qualifier": "$LATEST"}, "ValidationException", "at 'qualifier'"),
        ({"Qualifier": "none"}, "ResourceNotFoundException", "Function does not exist"),
        ({"FunctionName": "none"}, "ResourceNotFoundException", "Function does not exist"),
        ({"AuthType": "OPEN"}, "ValidationException", "[NONE, AWS_IAM]"),
        (
            {"InvokeMode": "RESPONSE_STREAM"},
            "InvalidParameterValueException",
            "RESPONSE_STREAM is not offered",
        ),
        ({"Cors": {"MaxAge": 86401}}, "ValidationException", "cors.maxAge"),
        ({"Qualifier": "live"}, "ResourceConflictException", "FunctionUrlConfig exists for this Lambda"),
    ],
)
async def test_a_url_that_aws_refuses_is_refused(
    detect: LambdaApi, members: dict[str, Any], code: str, words: str
) -> None:
    await detect("CreateFunctionUrlConfig", FunctionName="detect", Qualifier="live", AuthType="NONE")
    request = {"FunctionName": "detect", "AuthType": "NONE", **members}
    found = await detect.refusal("CreateFunctionUrlConfig", **request)
    assert found[0] == code
    assert words in found[1]
    assert len((await detect("ListFunctionUrlConfigs", FunctionName="detect"))["FunctionUrlConfigs"]) == 1


async def test_an_event_invoke_config_is_shown_with_both_destinations(detect: LambdaApi) -> None:
    put = await detect(
        "PutFunctionEventInvokeConfig",
        FunctionName="detect",
        Qualifier="live",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": QUEUE}},
    )
    assert put["FunctionArn"] == f"{ARN}:live"
    assert put["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {"Destination": QUEUE}}
    assert "MaximumEventAgeInSeconds" not in put
    found = await detect("GetFunctionEventInvokeConfig", FunctionName="detect", Qualifier="live")
    assert found == put
    assert abs((put["LastModified"] - detect.clock.now()).total_seconds()) < 60


async def test_put_replaces_a_config_and_update_changes_it(detect: LambdaApi) -> None:
    where = {"FunctionName": "detect"}
    await detect("PutFunctionEventInvokeConfig", **where, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60)
    updated = await detect("UpdateFunctionEventInvokeConfig", **where, MaximumEventAgeInSeconds=120)
    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (1, 120)
    assert updated["FunctionArn"] == f"{ARN}:$LATEST"
    put = await detect("PutFunctionEventInvokeConfig", **where, MaximumRetryAttempts=2)
    assert "MaximumEventAgeInSeconds" not in put
    await detect("DeleteFunctionEventInvokeConfig", **where)
    assert detect.status == 204
    for operation, members in (
        ("GetFunctionEventInvokeConfig", {}),
        ("DeleteFunctionEventInvokeConfig", {}),
        ("UpdateFunctionEventInvokeConfig", {"MaximumRetryAttempts": 1}),
    ):
        code, message = await detect.refusal(operation, **where, **members)
        assert code == "ResourceNotFoundException"
        assert message == f"The function {ARN}:$LATEST doesn't have an EventInvokeConfig"


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        ({}, "InvalidParameterValueException", "at least one of error handling or destination"),
        ({"MaximumRetryAttempts": 3}, "ValidationException", "maximumRetryAttempts"),
        ({"MaximumEventAgeInSeconds": 59}, "ValidationException", "maximumEventAgeInSeconds"),
        ({"Qualifier": "none", "MaximumRetryAttempts": 1}, "ResourceNotFoundException", "doesn't exist"),
        ({"OnSuccess": "arn:aws:s3:::bucket"}, "InvalidParameterValueException", "is invalid"),
        ({"OnFailure": "arn:aws:ec2:::thing"}, "InvalidParameterValueException", "onSuccess=null"),
        ({"OnFailure": "queue"}, "ValidationException", "onFailure.destination"),
        ({"OnFailure": ARN}, "InvalidParameterValueException", "destination for itself"),
        ({"OnFailure": f"{ARN}er"}, "InvalidParameterValueException", "is invalid"),
    ],
)
async def test_an_event_invoke_config_that_aws_refuses_is_refused(
    detect: LambdaApi, members: dict[str, Any], code: str, words: str
) -> None:
    destinations = {
        side: {"Destination": members.pop(side)} for side in ("OnSuccess", "OnFailure") if side in members
    }
    if destinations:
        members = {**members, "DestinationConfig": destinations}
    found = await detect.refusal("PutFunctionEventInvokeConfig", FunctionName="detect", **members)
    assert found[0] == code
    assert words in found[1]


async def test_an_invocation_gets_the_config_of_its_qualifier(detect: LambdaApi) -> None:
    assert detect.control.resolve("detect", "live").events == EventInvokeConfig(2, 21_600, None, None)
    await detect(
        "PutFunctionEventInvokeConfig",
        FunctionName="detect",
        Qualifier="live",
        MaximumRetryAttempts=0,
        MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnSuccess": {"Destination": TOPIC}, "OnFailure": {"Destination": QUEUE}},
    )
    assert detect.control.resolve("detect", "live").events == EventInvokeConfig(0, 60, TOPIC, QUEUE)
    assert detect.control.resolve("detect").events == EventInvokeConfig()
    assert detect.control.resolve("detect", "1").events == EventInvokeConfig()
    await detect("PutFunctionEventInvokeConfig", FunctionName="detect:1", MaximumRetryAttempts=1)
    await detect("DeleteFunctionEventInvokeConfig", FunctionName="detect", Qualifier="live")
    assert detect.control.resolve("detect", "live").events.maximum_retry_attempts == 1
