"""What an invocation of a name and a qualifier reaches."""

from __future__ import annotations

import pytest
from lambda_control_parts import ACCOUNT, ARN, REGION, REPOSITORY, LambdaApi

from local_cloud.sagemaker.errors import AwsError


@pytest.mark.parametrize(
    "name",
    [
        "detect",
        "function:detect",
        f"{ACCOUNT}:function:detect",
        f"{REGION}:{ACCOUNT}:function:detect",
        ARN,
    ],
)
@pytest.mark.parametrize("qualifier", [None, "1", "live", "$LATEST"])
async def test_names_and_arns_reach_the_same(detect: LambdaApi, name: str, qualifier: str | None) -> None:
    beside = detect.control.resolve(name, qualifier)
    within = detect.control.resolve(name if qualifier is None else f"{name}:{qualifier}")
    assert beside == within
    assert beside == detect.control.resolve(name if qualifier is None else f"{name}:{qualifier}", qualifier)
    assert beside.version.version == {None: "$LATEST", "live": "1"}.get(qualifier, qualifier)
    assert beside.invoked_arn == (ARN if qualifier is None else f"{ARN}:{qualifier}")
    assert beside.resource == ("detect" if qualifier is None else f"detect:{qualifier}")
    assert beside.qualifier == qualifier


@pytest.mark.parametrize(
    ("name", "qualifier", "code", "words"),
    [
        ("none", None, "ResourceNotFoundException", f"Function not found: {ARN.replace('detect', 'none')}"),
        ("none", "live", "ResourceNotFoundException", f"{ARN.replace('detect', 'none')}:live"),
        ("detect", "9", "ResourceNotFoundException", f"Function not found: {ARN}:9"),
        ("detect", "none", "ResourceNotFoundException", f"Cannot find alias arn: {ARN}:none"),
        ("detect:1", "2", "InvalidParameterValueException", "does not match the specified qualifier"),
        (ARN.replace(REGION, "us-east-1"), None, "ResourceNotFoundException", "not reachable in this region"),
        (ARN.replace(ACCOUNT, "999999999999"), None, "AccessDeniedException", "999999999999"),
        ("a b", None, "ValidationException", "at 'functionName'"),
        ("", None, "ValidationException", "at 'functionName'"),
        ("detect\n", None, "ValidationException", "at 'functionName'"),
    ],
)
async def test_what_cannot_be_reached_is_told_in_awss_words(
    detect: LambdaApi, name: str, qualifier: str | None, code: str, words: str
) -> None:
    with pytest.raises(AwsError) as refused:
        detect.control.resolve(name, qualifier)
    assert refused.value.code == code
    assert words in refused.value.message


async def test_a_weighted_alias_sends_its_share_to_the_second_version(detect: LambdaApi) -> None:
    await detect(
        "UpdateAlias",
        FunctionName="detect",
        Name="live",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}},
    )
    detect.draws += [0.0, 0.0999, 0.1, 0.5, 0.9999]
    reached = [detect.control.resolve("detect", "live") for _ in range(5)]
    assert [resolved.version.version for resolved in reached] == ["2", "2", "1", "1", "1"]
    assert {resolved.invoked_arn for resolved in reached} == {f"{ARN}:live"}


async def test_a_pending_function_is_not_invoked(api: LambdaApi) -> None:
    api.clock.gate.clear()
    await api.create(Publish=True)
    for qualifier in (None, "1"):
        with pytest.raises(AwsError, match="following state: Pending") as refused:
            api.control.resolve("detect", qualifier)
        assert refused.value.http_status == 409


async def test_the_execution_side_gets_all_that_it_runs_by(api: LambdaApi) -> None:
    dead = "arn:aws:sqs:ap-northeast-2:123456789012:dead"
    await api.create(
        Publish=True,
        MemorySize=2048,
        Timeout=30,
        EphemeralStorage={"Size": 1024},
        Environment={"Variables": {"MODE": "b"}},
        ImageConfig={"EntryPoint": ["python", "-m"], "Command": ["handler"], "WorkingDirectory": "/var/task"},
        LoggingConfig={"LogFormat": "JSON", "LogGroup": "/own"},
        DeadLetterConfig={"TargetArn": dead},
    )
    await api("GetFunction", FunctionName="detect")
    resolved = api.control.resolve("detect", "1")
    assert resolved.dead_letter_arn == dead
    version = resolved.version
    assert (version.function_name, version.version, version.arn) == ("detect", "1", f"{ARN}:1")
    assert version.image_uri == f"{REPOSITORY}@sha256:{'1' * 64}"
    assert (version.memory_mb, version.timeout_s, version.tmp_mb) == (2048, 30, 1024)
    assert (version.log_group, version.log_format) == ("/own", "JSON")
    assert version.environment == {"MODE": "b"}
    assert (version.entry_point, version.command) == (("python", "-m"), ("handler",))
    assert version.working_directory == "/var/task"
    latest = api.control.resolve("detect").version
    assert latest.arn == ARN
    assert latest.revision != version.revision


async def test_the_status_page_tells_of_versions_aliases_and_urls(detect: LambdaApi) -> None:
    url = await detect("CreateFunctionUrlConfig", FunctionName="detect", Qualifier="live", AuthType="NONE")
    detect.control.provision("detect", "live", 2)
    (state,) = detect.control.state()
    assert (state["name"], state["state"], state["updating"]) == ("detect", "Active", False)
    assert [version["version"] for version in state["versions"]] == ["$LATEST", "1", "2"]
    assert state["aliases"] == [{"name": "live", "version": "1", "weights": {}}]
    assert state["urls"] == {"live": url["FunctionUrl"]}
    assert state["provisioned_concurrency"]["live"]["versions"] == {"1": 2}
