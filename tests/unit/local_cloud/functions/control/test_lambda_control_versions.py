"""Versions freeze what $LATEST was; aliases point to one, or to two by weight."""

from __future__ import annotations

from typing import Any

import pytest
from lambda_control_parts import ARN, REPOSITORY, LambdaApi


async def test_creating_with_publish_makes_version_1(api: LambdaApi) -> None:
    created = await api.create(Publish=True)
    assert created["Version"] == "1"
    assert created["FunctionArn"] == ARN
    found = await api("GetFunctionConfiguration", FunctionName="detect", Qualifier="1")
    assert found["FunctionArn"] == f"{ARN}:1"
    assert (found["State"], found["LastUpdateStatus"]) == ("Active", "Successful")


async def test_a_version_stays_as_it_was_published(api: LambdaApi) -> None:
    await api.create(Publish=True, Timeout=5)
    updated = await api("UpdateFunctionCode", FunctionName="detect", ImageUri=f"{REPOSITORY}:2", Publish=True)
    assert (updated["Version"], updated["FunctionArn"]) == ("2", f"{ARN}:2")
    await api("UpdateFunctionConfiguration", FunctionName="detect", Timeout=9)
    versions = (await api("ListVersionsByFunction", FunctionName="detect"))["Versions"]
    assert [(version["Version"], version["Timeout"], version["CodeSha256"][0]) for version in versions] == [
        ("$LATEST", 9, "2"),
        ("1", 5, "1"),
        ("2", 5, "2"),
    ]
    assert [version["FunctionArn"] for version in versions] == [f"{ARN}:$LATEST", f"{ARN}:1", f"{ARN}:2"]


async def test_publishing_what_has_not_changed_gives_the_last_version(api: LambdaApi) -> None:
    await api.create(Publish=True)
    before = await api("GetFunctionConfiguration", FunctionName="detect", Qualifier="1")
    assert await api("PublishVersion", FunctionName="detect", Description="again") == before
    await api("UpdateFunctionConfiguration", FunctionName="detect", MemorySize=256)
    assert (await api("PublishVersion", FunctionName="detect"))["Version"] == "2"
    await api("UpdateFunctionCode", FunctionName="detect", ImageUri=f"{REPOSITORY}:1")
    assert (await api("PublishVersion", FunctionName="detect"))["Version"] == "2"
    await api("UpdateFunctionConfiguration", FunctionName="detect", MemorySize=128)
    assert (await api("PublishVersion", FunctionName="detect"))["Version"] == "3", "1 is not the last one"


async def test_a_version_has_a_description_of_its_own(api: LambdaApi) -> None:
    await api.create(Description="function")
    published = await api("PublishVersion", FunctionName="detect", Description="version")
    assert (published["Version"], published["Description"]) == ("1", "version")
    assert (await api("GetFunctionConfiguration", FunctionName="detect"))["Description"] == "function"


async def test_a_version_of_other_code_than_expected_is_not_published(api: LambdaApi) -> None:
    await api.create()
    code, message = await api.refusal("PublishVersion", FunctionName="detect", CodeSha256="2" * 64)
    assert code == "InvalidParameterValueException"
    assert message.startswith(f"CodeSHA256 ({'2' * 64}) is different from current CodeSHA256 in $LATEST")
    await api("PublishVersion", FunctionName="detect", CodeSha256="1" * 64)


async def test_versions_come_in_pages_in_the_order_of_their_numbers(api: LambdaApi) -> None:
    await api.create()
    for memory in range(200, 211):
        await api("UpdateFunctionConfiguration", FunctionName="detect", MemorySize=memory)
        await api("PublishVersion", FunctionName="detect")
    numbers: list[str] = []
    marker: dict[str, Any] = {}
    while True:
        page = await api("ListVersionsByFunction", FunctionName="detect", MaxItems=5, **marker)
        assert len(page["Versions"]) <= 5
        numbers += [version["Version"] for version in page["Versions"]]
        if "NextMarker" not in page:
            break
        marker = {"Marker": page["NextMarker"]}
    assert numbers == ["$LATEST", *(str(number) for number in range(1, 12))]


async def test_a_version_is_deleted_unless_an_alias_points_to_it(detect: LambdaApi) -> None:
    code, message = await detect.refusal("DeleteFunction", FunctionName="detect", Qualifier="1")
    assert code == "ResourceConflictException"
    assert message == "Unable to delete version because the following aliases reference it: [live]"
    await detect("DeleteFunction", FunctionName="detect", Qualifier="2")
    assert detect.execution.retired[-1] == ("detect", "2")
    code, message = await detect.refusal("GetFunction", FunctionName="detect", Qualifier="2")
    assert (code, message) == ("ResourceNotFoundException", f"Function not found: {ARN}:2")
    retired = len(detect.execution.retired)
    await detect("DeleteFunction", FunctionName="detect", Qualifier="2")
    assert len(detect.execution.retired) == retired
    assert (await detect("PublishVersion", FunctionName="detect"))["Version"] == "3", "numbers are not reused"


@pytest.mark.parametrize(
    ("qualifier", "words"),
    [("$LATEST", "cannot be deleted without deleting the function"), ("live", "Deletion of aliases")],
)
async def test_what_is_no_published_version_is_not_deleted_as_one(
    detect: LambdaApi, qualifier: str, words: str
) -> None:
    code, message = await detect.refusal("DeleteFunction", FunctionName="detect", Qualifier=qualifier)
    assert code == "InvalidParameterValueException"
    assert words in message


async def test_an_alias_comes_back_as_it_was_made(detect: LambdaApi) -> None:
    created = await detect(
        "CreateAlias",
        FunctionName="detect",
        Name="canary",
        FunctionVersion="1",
        Description="new",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}},
    )
    assert detect.status == 201
    assert created["AliasArn"] == f"{ARN}:canary"
    assert created["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.1}}
    assert await detect("GetAlias", FunctionName="detect", Name="canary") == created
    live = await detect("GetAlias", FunctionName="detect", Name="live")
    assert live["Description"] == ""
    assert "RoutingConfig" not in live
    listed = (await detect("ListAliases", FunctionName="detect"))["Aliases"]
    assert [alias["Name"] for alias in listed] == ["canary", "live"]
    of_two = (await detect("ListAliases", FunctionName="detect", FunctionVersion="2"))["Aliases"]
    assert [alias["Name"] for alias in of_two] == ["canary"]


async def test_a_canary_is_begun_and_ended_by_updates(detect: LambdaApi) -> None:
    begun = await detect(
        "UpdateAlias",
        FunctionName="detect",
        Name="live",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}},
    )
    assert begun["FunctionVersion"] == "1"
    kept = await detect("UpdateAlias", FunctionName="detect", Name="live", Description="canary runs")
    assert kept["RoutingConfig"] == begun["RoutingConfig"]
    assert kept["RevisionId"] != begun["RevisionId"]
    ended = await detect(
        "UpdateAlias", FunctionName="detect", Name="live", FunctionVersion="2", RoutingConfig={}
    )
    assert ended["FunctionVersion"] == "2"
    assert "RoutingConfig" not in ended
    assert ended["Description"] == "canary runs"


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        pytest.param({"Name": "7"}, "ValidationException", "at 'name'", id="a number"),
        pytest.param({"Name": "a.b"}, "ValidationException", "at 'name'", id="a dot"),
        pytest.param({"Name": "live"}, "ResourceConflictException", f"exists: {ARN}:live", id="taken"),
        pytest.param(
            {"FunctionVersion": "9"}, "ResourceNotFoundException", f"not found: {ARN}:9", id="no version"
        ),
        pytest.param({"FunctionVersion": "live"}, "ValidationException", "functionVersion", id="an alias"),
        pytest.param({"Weights": {"2": 1.1}}, "ValidationException", "equal to 1.0", id="weight over 1"),
        pytest.param({"Weights": {"2": -0.1}}, "ValidationException", "equal to 0.0", id="weight under 0"),
        pytest.param({"Weights": {"$LATEST": 0.1}}, "ValidationException", "[0-9]+", id="$LATEST as second"),
        pytest.param(
            {"Weights": {"9": 0.1}},
            "ResourceNotFoundException",
            f"not found: {ARN}:9",
            id="no second version",
        ),
        pytest.param(
            {"Weights": {"1": 0.1}}, "InvalidParameterValueException", "already included", id="twice the same"
        ),
        pytest.param(
            {"Weights": {"1": 0.1, "2": 0.1}},
            "InvalidParameterValueException",
            "cannot be greater than 1",
            id="three versions",
        ),
        pytest.param(
            {"FunctionVersion": "$LATEST", "Weights": {"2": 0.1}},
            "InvalidParameterValueException",
            "$LATEST is not supported",
            id="$LATEST with weights",
        ),
    ],
)
async def test_an_alias_that_aws_refuses_is_refused(
    detect: LambdaApi, members: dict[str, Any], code: str, words: str
) -> None:
    members = {"Name": "canary", "FunctionVersion": "1", **members}
    weights = members.pop("Weights", None)
    if weights is not None:
        members["RoutingConfig"] = {"AdditionalVersionWeights": weights}
    found = await detect.refusal("CreateAlias", FunctionName="detect", **members)
    assert found[0] == code
    assert words in found[1]
    assert len((await detect("ListAliases", FunctionName="detect"))["Aliases"]) == 1


async def test_an_alias_does_not_move_to_the_version_that_it_splits_with(detect: LambdaApi) -> None:
    await detect(
        "UpdateAlias",
        FunctionName="detect",
        Name="live",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}},
    )
    code, _ = await detect.refusal("UpdateAlias", FunctionName="detect", Name="live", FunctionVersion="2")
    assert code == "InvalidParameterValueException"
    assert (await detect("GetAlias", FunctionName="detect", Name="live"))["FunctionVersion"] == "1"


async def test_an_alias_that_is_not_there(detect: LambdaApi) -> None:
    for operation in ("GetAlias", "UpdateAlias"):
        found = await detect.refusal(operation, FunctionName="detect", Name="none")
        assert found == ("ResourceNotFoundException", f"Cannot find alias arn: {ARN}:none")
    await detect("DeleteAlias", FunctionName="detect", Name="none")
    assert detect.status == 204


async def test_an_alias_of_another_revision_is_not_updated(detect: LambdaApi) -> None:
    code, _ = await detect.refusal(
        "UpdateAlias", FunctionName="detect", Name="live", RevisionId="00000000-0000-0000-0000-000000000000"
    )
    assert code == "PreconditionFailedException"


async def test_deleting_an_alias_ends_what_was_configured_for_it(detect: LambdaApi) -> None:
    await detect(
        "PutProvisionedConcurrencyConfig",
        FunctionName="detect",
        Qualifier="live",
        ProvisionedConcurrentExecutions=2,
    )
    await detect("CreateFunctionUrlConfig", FunctionName="detect", Qualifier="live", AuthType="AWS_IAM")
    await detect(
        "PutFunctionEventInvokeConfig", FunctionName="detect", Qualifier="live", MaximumRetryAttempts=0
    )
    await detect("DeleteAlias", FunctionName="detect", Name="live")
    assert detect.execution.kept == {}
    assert (await detect("ListFunctionUrlConfigs", FunctionName="detect"))["FunctionUrlConfigs"] == []
    configs = await detect("ListFunctionEventInvokeConfigs", FunctionName="detect")
    assert configs["FunctionEventInvokeConfigs"] == []
    assert (await detect.refusal("GetFunction", FunctionName="detect", Qualifier="live"))[0] == (
        "ResourceNotFoundException"
    )


async def test_a_function_is_read_by_its_alias(detect: LambdaApi) -> None:
    found = (await detect("GetFunction", FunctionName="detect", Qualifier="live"))["Configuration"]
    assert (found["FunctionArn"], found["Version"]) == (f"{ARN}:live", "1")
    by_arn = await detect("GetFunctionConfiguration", FunctionName=f"{ARN}:live")
    assert by_arn["CodeSha256"] == "1" * 64
