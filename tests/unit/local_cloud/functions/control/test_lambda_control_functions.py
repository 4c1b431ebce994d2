"""Functions: created of an image, read back as they were sent, changed, deleted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lambda_control_parts import ARN, IMAGE, REPOSITORY, ROLE, LambdaApi

QUEUE = "arn:aws:sqs:ap-northeast-2:123456789012:dead"
EVERYTHING: dict[str, Any] = {
    "Description": "finds objects",
    "Timeout": 30,
    "MemorySize": 2048,
    "Environment": {"Variables": {"THRESHOLD": "0.5", "EMPTY": ""}},
    "ImageConfig": {"Command": ["app.handler"], "EntryPoint": ["python"], "WorkingDirectory": "/var/task"},
    "DeadLetterConfig": {"TargetArn": QUEUE},
    "TracingConfig": {"Mode": "Active"},
    "EphemeralStorage": {"Size": 1024},
    "Architectures": ["arm64"],
    "KMSKeyArn": "arn:aws:kms:ap-northeast-2:123456789012:key/1",
    "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
}


async def test_a_new_function_is_pending_and_then_active(api: LambdaApi) -> None:
    api.clock.gate.clear()
    created = await api.create()
    assert api.status == 201
    assert created["State"] == "Pending"
    assert created["StateReasonCode"] == "Creating"
    assert "LastUpdateStatus" not in created
    api.clock.gate.set()
    found = (await api("GetFunction", FunctionName="detect"))["Configuration"]
    assert found["State"] == "Active"
    assert found["LastUpdateStatus"] == "Successful"
    assert "StateReason" not in found


async def test_what_is_not_sent_has_awss_defaults(api: LambdaApi) -> None:
    await api.create()
    found = await api("GetFunctionConfiguration", FunctionName="detect")
    assert (found["Timeout"], found["MemorySize"], found["Description"]) == (3, 128, "")
    assert (found["CodeSize"], found["Version"]) == (0, "$LATEST")
    assert found["FunctionArn"] == ARN
    assert found["PackageType"] == "Image"
    assert found["Architectures"] == ["x86_64"]
    assert found["EphemeralStorage"] == {"Size": 512}
    assert found["TracingConfig"] == {"Mode": "PassThrough"}
    assert found["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    assert found["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/detect"}
    assert found["CodeSha256"] == "1" * 64
    for member in ("Environment", "ImageConfigResponse", "DeadLetterConfig", "VpcConfig", "KMSKeyArn"):
        assert member not in found


async def test_what_is_sent_comes_back_as_it_was_sent(api: LambdaApi) -> None:
    await api.create(**EVERYTHING, Tags={"team": "vision"})
    answer = await api("GetFunction", FunctionName="detect")
    found = answer["Configuration"]
    for member, value in EVERYTHING.items():
        if member == "ImageConfig":
            assert found["ImageConfigResponse"] == {"ImageConfig": value}
        else:
            assert found[member] == value
    assert answer["Tags"] == {"team": "vision"}
    assert answer["Code"] == {
        "RepositoryType": "ECR",
        "ImageUri": IMAGE,
        "ResolvedImageUri": f"{REPOSITORY}@sha256:{'1' * 64}",
    }
    assert "Concurrency" not in answer


async def test_settings_that_are_sent_empty_are_gone(api: LambdaApi) -> None:
    await api.create(**EVERYTHING)
    await api(
        "UpdateFunctionConfiguration",
        FunctionName="detect",
        Environment={"Variables": {}},
        ImageConfig={},
        DeadLetterConfig={"TargetArn": ""},
        KMSKeyArn="",
        VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
        Description="",
    )
    found = await api("GetFunctionConfiguration", FunctionName="detect")
    for member in ("Environment", "ImageConfigResponse", "DeadLetterConfig", "VpcConfig", "KMSKeyArn"):
        assert member not in found
    assert found["Description"] == ""
    assert found["MemorySize"] == 2048, "what an update does not name stays"


async def test_json_logs_have_levels_and_text_logs_have_none(api: LambdaApi) -> None:
    created = await api.create(
        LoggingConfig={"LogFormat": "JSON", "LogGroup": "/own", "SystemLogLevel": "WARN"}
    )
    assert created["LoggingConfig"] == {
        "LogFormat": "JSON", "LogGroup": "/own", "SystemLogLevel": "WARN", "ApplicationLogLevel": "INFO"
    }  # fmt: skip
    updated = await api(
        "UpdateFunctionConfiguration", FunctionName="detect", LoggingConfig={"LogFormat": "Text"}
    )
    assert updated["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/own"}


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        pytest.param({"MemorySize": 64}, "ValidationException", "greater than or equal to 128", id="memory"),
        pytest.param(
            {"MemorySize": 10241}, "ValidationException", "less than or equal to 10240", id="memory"
        ),
        pytest.param({"Timeout": 901}, "ValidationException", "at 'timeout'", id="time-out"),
        pytest.param({"Timeout": 0}, "ValidationException", "at 'timeout'", id="no time at all"),
        pytest.param({"EphemeralStorage": {"Size": 511}}, "ValidationException", "Size", id="/tmp too small"),
        pytest.param(
            {"EphemeralStorage": {"Size": 10241}},
            "ValidationException",
            "less than or equal to 10240",
            id="/tmp too large",
        ),
        pytest.param({"Role": "execution"}, "ValidationException", "at 'role'", id="role without ARN"),
        pytest.param({"FunctionName": "a b"}, "ValidationException", "functionName", id="name"),
        pytest.param(
            {"FunctionName": "x" * 65}, "InvalidParameterValueException", "equal to 64", id="long name"
        ),
        pytest.param(
            {"FunctionName": "detect:1"},
            "InvalidParameterValueException",
            "no qualifier",
            id="qualified name",
        ),
        pytest.param(
            {"Architectures": ["x86_64", "arm64"]},
            "ValidationException",
            "architectures",
            id="two architectures",
        ),
        pytest.param(
            {"Environment": {"Variables": {"AWS_REGION": "x", "_HANDLER": "y"}}},
            "ValidationException",
            "environment.variables",
            id="a variable's name",
        ),
        pytest.param(
            {"Environment": {"Variables": {"AWS_REGION": "x", "AWS_SESSION_TOKEN": "y"}}},
            "InvalidParameterValueException",
            "Reserved keys used in this request: AWS_REGION, AWS_SESSION_TOKEN",
            id="reserved variables",
        ),
        pytest.param(
            {"Environment": {"Variables": {"LONG": "가" * 1366}}},
            "InvalidParameterValueException",
            "exceeded the 4KB limit",
            id="variables over 4 KB",
        ),
        pytest.param(
            {"LoggingConfig": {"LogFormat": "Text", "SystemLogLevel": "INFO"}},
            "InvalidParameterValueException",
            'LogLevel is not supported when LogFormat is set to "Text"',
            id="levels of text logs",
        ),
        pytest.param(
            {"DeadLetterConfig": {"TargetArn": "arn:aws:s3:::bucket"}},
            "InvalidParameterValueException",
            "SQS queue or SNS topic",
            id="dead letters to a bucket",
        ),
        pytest.param(
            {"Handler": "app.handler", "Runtime": "python3.12"},
            "InvalidParameterValueException",
            "when the intended function PackageType is Image",
            id="handler of an image",
        ),
        pytest.param(
            {"Layers": ["arn:aws:lambda:ap-northeast-2:123456789012:layer:l:1"]},
            "InvalidParameterValueException",
            "PackageType is Image",
            id="layers of an image",
        ),
        pytest.param(
            {"Code": {}}, "InvalidParameterValueException", "Please provide ImageUri", id="no image"
        ),
        pytest.param(
            {"Code": {"ImageUri": IMAGE, "S3Bucket": "bucket", "S3Key": "key"}},
            "InvalidParameterValueException",
            "other FunctionCode parameters",
            id="image and archive",
        ),
        pytest.param(
            {"Code": {"ImageUri": f"{REPOSITORY}:none"}},
            "InvalidParameterValueException",
            f"Source image {REPOSITORY}:none does not exist. Provide a valid source image.",
            id="an image that does not exist",
        ),
        pytest.param(
            {"PackageType": "Zip", "Handler": "h", "Runtime": "python3.12", "Code": {"ZipFile": b"x"}},
            "InvalidParameterValueException",
            "PackageType Zip is not offered by the local cloud",
            id="an archive",
        ),
        pytest.param(
            {"PackageType": "Zip"},
            "InvalidParameterValueException",
            "Runtime and Handler",
            id="archive by default",
        ),
        pytest.param(
            {
                "FileSystemConfigs": [
                    {
                        "Arn": "arn:aws:elasticfilesystem:ap-northeast-2:123456789012:access-point/fsap-"
                        "01234567890abcdef",
                        "LocalMountPath": "/mnt/data",
                    }
                ]
            },
            "InvalidParameterValueException",
            "FileSystemConfigs is not offered",
            id="a file system",
        ),
        pytest.param({"Tags": {"aws:x": "y"}}, "InvalidParameterValueException", "reserved", id="aws: tag"),
        pytest.param(
            {"Tags": {f"t{number}": "" for number in range(51)}},
            "InvalidParameterValueException",
            "Number of tags exceeds",
            id="51 tags",
        ),
    ],
)
async def test_a_function_that_aws_refuses_is_refused(
    api: LambdaApi, members: dict[str, Any], code: str, words: str
) -> None:
    assert (await api.refusal("CreateFunction", **_function(members)))[0] == code
    assert words.lower() in (await api.refusal("CreateFunction", **_function(members)))[1].lower()
    assert (await api("ListFunctions"))["Functions"] == []


def _function(members: dict[str, Any]) -> dict[str, Any]:
    return {
        "FunctionName": "detect",
        "Role": ROLE,
        "PackageType": "Image",
        "Code": {"ImageUri": IMAGE},
        **members,
    }


async def test_a_function_exists_once(api: LambdaApi) -> None:
    await api.create()
    code, message = await api.refusal("CreateFunction", **_function({}))
    assert (code, message) == ("ResourceConflictException", "Function already exist: detect")


async def test_of_two_that_create_the_same_function_at_once_one_wins(api: LambdaApi) -> None:
    api.execution.looking.clear()
    both = [asyncio.create_task(api.create()), asyncio.create_task(api.create())]
    for _ in both:
        await asyncio.wait_for(api.execution.looked_at.get(), 10)
    api.execution.looking.set()
    results = await asyncio.gather(*both, return_exceptions=True)
    assert len([result for result in results if isinstance(result, dict)]) == 1
    assert "Function already exist" in str(
        next(result for result in results if isinstance(result, Exception))
    )


async def test_while_an_update_is_in_progress_others_are_refused_and_the_old_code_runs(
    api: LambdaApi,
) -> None:
    await api.create()
    before = api.control.resolve("detect").version
    api.clock.gate.clear()
    updated = await api("UpdateFunctionCode", FunctionName="detect", ImageUri=f"{REPOSITORY}:2")
    assert updated["LastUpdateStatus"] == "InProgress"
    assert updated["CodeSha256"] == "2" * 64
    assert api.control.resolve("detect").version == before
    for operation, members in (
        ("UpdateFunctionCode", {"ImageUri": IMAGE}),
        ("UpdateFunctionConfiguration", {"Timeout": 9}),
        ("PublishVersion", {}),
    ):
        code, message = await api.refusal(operation, FunctionName="detect", **members)
        assert code == "ResourceConflictException"
        assert message.endswith(f"An update is in progress for resource: {ARN}")
    assert api.execution.retired == []
    api.clock.gate.set()
    found = await api("GetFunctionConfiguration", FunctionName="detect")
    assert found["LastUpdateStatus"] == "Successful"
    after = api.control.resolve("detect").version
    assert after.image_uri == f"{REPOSITORY}@sha256:{'2' * 64}"
    assert after.revision != before.revision
    assert api.execution.retired == [("detect", "$LATEST")]


async def test_an_update_that_changes_nothing_keeps_environments(api: LambdaApi) -> None:
    await api.create()
    before = api.control.resolve("detect").version
    await api("UpdateFunctionCode", FunctionName="detect", ImageUri=IMAGE)
    assert (await api("GetFunction", FunctionName="detect"))["Configuration"][
        "LastUpdateStatus"
    ] == "Successful"
    assert api.control.resolve("detect").version == before
    assert api.execution.retired == []


async def test_a_pending_function_is_not_changed(api: LambdaApi) -> None:
    api.clock.gate.clear()
    await api.create()
    code, message = await api.refusal("UpdateFunctionConfiguration", FunctionName="detect", Timeout=9)
    assert code == "ResourceConflictException"
    assert "following state: Pending" in message


async def test_a_dry_run_changes_nothing(api: LambdaApi) -> None:
    await api.create()
    new = f"{REPOSITORY}:2"
    answer = await api("UpdateFunctionCode", FunctionName="detect", ImageUri=new, DryRun=True, Publish=True)
    assert answer["CodeSha256"] == "2" * 64
    assert (await api("GetFunction", FunctionName="detect"))["Code"]["ImageUri"] == IMAGE
    assert len((await api("ListVersionsByFunction", FunctionName="detect"))["Versions"]) == 1


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("UpdateFunctionCode", {"ImageUri": f"{REPOSITORY}:2"}),
        ("UpdateFunctionConfiguration", {"Timeout": 9}),
        ("PublishVersion", {}),
    ],
)
async def test_a_revision_that_is_not_the_latest_is_refused(
    api: LambdaApi, operation: str, members: dict[str, Any]
) -> None:
    await api.create()
    latest = (await api("GetFunctionConfiguration", FunctionName="detect"))["RevisionId"]
    other = "00000000-0000-0000-0000-000000000000"
    code, message = await api.refusal(operation, FunctionName="detect", RevisionId=other, **members)
    assert code == "PreconditionFailedException"
    assert message.startswith("The Revision Id provided does not match the latest Revision Id")
    await api(operation, FunctionName="detect", RevisionId=latest, **members)


async def test_an_update_is_checked_like_a_creation(api: LambdaApi) -> None:
    await api.create()
    for operation, members, words in (
        ("UpdateFunctionConfiguration", {"MemorySize": 20000}, "less than or equal to 10240"),
        ("UpdateFunctionConfiguration", {"Environment": {"Variables": {"AWS_REGION": ""}}}, "AWS_REGION"),
        ("UpdateFunctionCode", {"ZipFile": b"x"}, "Please provide ImageUri"),
        ("UpdateFunctionCode", {}, "Please provide ImageUri"),
        ("UpdateFunctionCode", {"ImageUri": f"{REPOSITORY}:none"}, "does not exist"),
    ):
        assert words in (await api.refusal(operation, FunctionName="detect", **members))[1]
    found = (await api("GetFunction", FunctionName="detect"))["Configuration"]
    assert found["LastUpdateStatus"] == "Successful"
    assert found["MemorySize"] == 128


async def test_a_published_version_is_not_changed(detect: LambdaApi) -> None:
    code, _ = await detect.refusal("UpdateFunctionConfiguration", FunctionName="detect:1", Timeout=9)
    assert code == "InvalidParameterValueException"


async def test_deleting_a_function_ends_all_that_was_its(detect: LambdaApi) -> None:
    await detect("PutFunctionConcurrency", FunctionName="detect", ReservedConcurrentExecutions=5)
    await detect(
        "PutProvisionedConcurrencyConfig",
        FunctionName="detect",
        Qualifier="live",
        ProvisionedConcurrentExecutions=2,
    )
    url = await detect("CreateFunctionUrlConfig", FunctionName="detect", AuthType="NONE")
    await detect("DeleteFunction", FunctionName="detect")
    assert detect.status == 204
    code, message = await detect.refusal("GetFunction", FunctionName="detect")
    assert (code, message) == ("ResourceNotFoundException", f"Function not found: {ARN}")
    assert detect.execution.retired[-1] == ("detect", None)
    assert detect.execution.reservations == {}
    assert detect.execution.kept == {}
    assert detect.control.url_of(url["FunctionUrl"].rstrip("/").rpartition("/")[2]) is None
    assert detect.control.state() == []
    created = await detect.create()
    assert created["Version"] == "$LATEST"
    versions = (await detect("ListVersionsByFunction", FunctionName="detect"))["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST"]


async def test_a_function_can_be_deleted_and_made_again_while_it_is_pending(api: LambdaApi) -> None:
    api.clock.gate.clear()
    await api.create()
    await api("DeleteFunction", FunctionName="detect")
    await api.create()
    api.clock.gate.set()
    assert (await api("GetFunction", FunctionName="detect"))["Configuration"]["State"] == "Active"


async def test_functions_are_listed_by_name_in_pages(api: LambdaApi) -> None:
    for name in ("c", "a", "b"):
        await api.create(name)
    first = await api("ListFunctions", MaxItems=2)
    assert [function["FunctionName"] for function in first["Functions"]] == ["a", "b"]
    assert "State" not in first["Functions"][0]
    second = await api("ListFunctions", MaxItems=2, Marker=first["NextMarker"])
    assert [function["FunctionName"] for function in second["Functions"]] == ["c"]
    assert "NextMarker" not in second
    assert (await api.refusal("ListFunctions", Marker="?"))[0] == "InvalidParameterValueException"


async def test_all_versions_of_all_functions_can_be_listed(detect: LambdaApi) -> None:
    every = await detect("ListFunctions", FunctionVersion="ALL")
    assert [function["FunctionArn"] for function in every["Functions"]] == [
        f"{ARN}:$LATEST",
        f"{ARN}:1",
        f"{ARN}:2",
    ]


async def test_a_control_plane_that_ends_takes_no_more_changes(api: LambdaApi) -> None:
    await api.create()
    await api.control.close()
    assert (await api.refusal("CreateFunction", **_function({"FunctionName": "b"})))[
        0
    ] == "ServiceUnavailable"
    assert (await api.refusal("DeleteFunction", FunctionName="detect"))[0] == "ServiceUnavailable"
    await api("GetFunction", FunctionName="detect")
