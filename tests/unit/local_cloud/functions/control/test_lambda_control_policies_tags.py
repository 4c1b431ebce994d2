"""Resource policies and tags of functions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lambda_control_parts import ACCOUNT, ARN, LambdaApi


async def allow(api: LambdaApi, sid: str, **members: Any) -> dict[str, Any]:
    answer = await api(
        "AddPermission",
        **{
            "FunctionName": "detect",
            "StatementId": sid,
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
            **members,
        },
    )
    statement: dict[str, Any] = json.loads(answer["Statement"])
    return statement


async def test_a_permission_is_a_statement_of_the_policy(detect: LambdaApi) -> None:
    rule = "arn:aws:events:ap-northeast-2:123456789012:rule/r"
    statement = await allow(detect, "events", SourceArn=rule, SourceAccount=ACCOUNT)
    assert detect.status == 201
    assert statement == {
        "Sid": "events",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": ACCOUNT},
            "ArnLike": {"AWS:SourceArn": rule},
        },
    }
    found = json.loads((await detect("GetPolicy", FunctionName="detect"))["Policy"])
    assert found == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}


@pytest.mark.parametrize(
    ("principal", "written"),
    [
        (ACCOUNT, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        (f"arn:aws:iam::{ACCOUNT}:role/caller", {"AWS": f"arn:aws:iam::{ACCOUNT}:role/caller"}),
        ("*", "*"),
        ("s3.amazonaws.com", {"Service": "s3.amazonaws.com"}),
    ],
)
async def test_a_principal_is_written_as_its_kind(detect: LambdaApi, principal: str, written: Any) -> None:
    assert (await allow(detect, "s", Principal=principal))["Principal"] == written


async def test_each_qualifier_has_a_policy_and_a_revision_of_its_own(detect: LambdaApi) -> None:
    before = (await detect("GetAlias", FunctionName="detect", Name="live"))["RevisionId"]
    statement = await allow(detect, "s", Qualifier="live", RevisionId=before)
    assert statement["Resource"] == f"{ARN}:live"
    policy = await detect("GetPolicy", FunctionName="detect", Qualifier="live")
    assert policy["RevisionId"] != before
    assert (
        policy["RevisionId"] == (await detect("GetAlias", FunctionName="detect", Name="live"))["RevisionId"]
    )
    assert (await detect.refusal("GetPolicy", FunctionName="detect"))[0] == "ResourceNotFoundException"
    await allow(detect, "s")
    code, message = await detect.refusal(
        "RemovePermission", FunctionName="detect", StatementId="s", Qualifier="live", RevisionId=before
    )
    assert code == "PreconditionFailedException"
    await detect("RemovePermission", FunctionName="detect", StatementId="s", Qualifier="live")
    assert detect.status == 204
    code, message = await detect.refusal("GetPolicy", FunctionName="detect", Qualifier="live")
    assert (code, message) == ("ResourceNotFoundException", "The resource you requested does not exist.")


async def test_a_policy_does_not_change_what_environments_run(detect: LambdaApi) -> None:
    before = detect.control.resolve("detect").version
    await allow(detect, "s")
    assert detect.control.resolve("detect").version == before


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        ({"StatementId": "s"}, "ResourceConflictException", "The statement id (s) provided already exists"),
        ({"StatementId": "a.b"}, "ValidationException", "statementId"),
        ({"Principal": "somebody"}, "InvalidParameterValueException", "provided principal was invalid"),
        ({"Action": "s3:GetObject"}, "ValidationException", "at 'action'"),
        ({"Qualifier": "$LATEST"}, "InvalidParameterValueException", "policies for $LATEST"),
        ({"Qualifier": "none"}, "ResourceNotFoundException", "Cannot find alias arn"),
        ({"FunctionName": "none"}, "ResourceNotFoundException", "Function not found"),
        ({"FunctionUrlAuthType": "NONE"}, "InvalidParameterValueException", "lambda:InvokeFunctionUrl"),
        ({"RevisionId": "0" * 36}, "PreconditionFailedException", "latest Revision Id"),
    ],
)
async def test_a_permission_that_aws_refuses_is_refused(
    detect: LambdaApi, members: dict[str, Any], code: str, words: str
) -> None:
    await allow(detect, "s")
    request = {
        "FunctionName": "detect",
        "StatementId": "t",
        "Action": "lambda:InvokeFunction",
        "Principal": "*",
    }
    found = await detect.refusal("AddPermission", **(request | members))
    assert found[0] == code
    assert words in found[1]


async def test_a_policy_has_at_most_20_kb(detect: LambdaApi) -> None:
    long = f"arn:aws:s3:::{'b' * 4000}"
    for number in range(4):
        await allow(detect, f"s{number}", SourceArn=long)
    code, message = await detect.refusal(
        "AddPermission",
        FunctionName="detect",
        StatementId="s4",
        Action="lambda:InvokeFunction",
        Principal="*",
        SourceArn=long,
    )
    assert code == "PolicyLengthExceededException"
    assert message.endswith("is bigger than the limit (20480).")
    policy = json.loads((await detect("GetPolicy", FunctionName="detect"))["Policy"])
    assert len(policy["Statement"]) == 4


async def test_removing_what_is_not_there(detect: LambdaApi) -> None:
    code, message = await detect.refusal("RemovePermission", FunctionName="detect", StatementId="s")
    assert (code, message) == (
        "ResourceNotFoundException",
        "No policy is associated with the given resource.",
    )
    await allow(detect, "s")
    code, message = await detect.refusal("RemovePermission", FunctionName="detect", StatementId="t")
    assert message == "Statement t is not found in resource policy."


async def test_a_url_without_authentication_is_public_once_its_policy_says_so(detect: LambdaApi) -> None:
    created = await detect(
        "CreateFunctionUrlConfig", FunctionName="detect", Qualifier="live", AuthType="NONE"
    )
    url_id = created["FunctionUrl"].split("/")[-2]

    def is_public() -> bool:
        url = detect.control.url_of(url_id)
        assert url is not None
        return url.public

    assert not is_public()
    for_urls = {"Action": "lambda:InvokeFunctionUrl", "Qualifier": "live"}
    await allow(detect, "iam", **for_urls, Principal="*", FunctionUrlAuthType="AWS_IAM")
    assert not is_public()
    statement = await allow(detect, "all", **for_urls, Principal="*", FunctionUrlAuthType="NONE")
    assert statement["Condition"] == {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}
    assert is_public()


async def test_tags_are_put_replaced_and_removed(api: LambdaApi) -> None:
    await api.create(Tags={"team": "vision"})
    await api("TagResource", Resource=ARN, Tags={"team": "nlp", "모델": "yolo"})
    assert api.status == 204
    assert (await api("ListTags", Resource=ARN))["Tags"] == {"team": "nlp", "모델": "yolo"}
    await api("UntagResource", Resource=ARN, TagKeys=["team", "none"])
    assert (await api("ListTags", Resource=ARN))["Tags"] == {"모델": "yolo"}
    assert (await api("GetFunction", FunctionName="detect"))["Tags"] == {"모델": "yolo"}
    await api("UntagResource", Resource=ARN, TagKeys=["모델"])
    assert "Tags" not in await api("GetFunction", FunctionName="detect")


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (f"{ARN}:live", "InvalidParameterValueException"),
        (f"{ARN}er", "ResourceNotFoundException"),
        ("arn:aws:lambda:ap-northeast-2:123456789012:event-source-mapping:" + "0" * 8, "ValidationException"),
        ("detect", "ValidationException"),
    ],
)
async def test_only_functions_have_tags(detect: LambdaApi, arn: str, code: str) -> None:
    assert (await detect.refusal("TagResource", Resource=arn, Tags={"a": "b"}))[0] == code
    assert (await detect.refusal("ListTags", Resource=arn))[0] == code


async def test_a_function_has_at_most_50_tags(api: LambdaApi) -> None:
    await api.create(Tags={f"t{number}": "" for number in range(50)})
    code, _ = await api.refusal("TagResource", Resource=ARN, Tags={"one more": ""})
    assert code == "InvalidParameterValueException"
    await api("TagResource", Resource=ARN, Tags={"t0": "changed"})
    assert len((await api("ListTags", Resource=ARN))["Tags"]) == 50
