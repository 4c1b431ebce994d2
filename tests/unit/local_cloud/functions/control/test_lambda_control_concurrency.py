"""Reserved and provisioned concurrency: the rules, and what the execution side is told."""

from __future__ import annotations

from typing import Any

import pytest
from lambda_control_parts import ARN, REPOSITORY, LambdaApi

from local_cloud.functions.specs import ProvisionedState
from local_cloud.sagemaker.errors import AwsError


async def provision(api: LambdaApi, qualifier: str, count: int) -> dict[str, Any]:
    return await api(
        "PutProvisionedConcurrencyConfig",
        FunctionName="detect",
        Qualifier=qualifier,
        ProvisionedConcurrentExecutions=count,
    )


async def refused(api: LambdaApi, qualifier: str, count: int) -> tuple[str, str]:
    return await api.refusal(
        "PutProvisionedConcurrencyConfig",
        FunctionName="detect",
        Qualifier=qualifier,
        ProvisionedConcurrentExecutions=count,
    )


def kept(api: LambdaApi) -> dict[tuple[str, str], int]:
    """(version, qualifier) → how many environments the execution side keeps."""
    return {(version, qualifier): count for (_, version, qualifier), count in api.execution.kept.items()}


async def test_reserved_concurrency_is_put_read_and_deleted(api: LambdaApi) -> None:
    await api.create()
    assert await api("GetFunctionConcurrency", FunctionName="detect") == {}
    await api("PutFunctionConcurrency", FunctionName="detect", ReservedConcurrentExecutions=20)
    assert api.execution.reservations == {"detect": 20}
    assert await api("GetFunctionConcurrency", FunctionName="detect") == {"ReservedConcurrentExecutions": 20}
    found = await api("GetFunction", FunctionName="detect")
    assert found["Concurrency"] == {"ReservedConcurrentExecutions": 20}
    await api("PutFunctionConcurrency", FunctionName="detect", ReservedConcurrentExecutions=0)
    assert api.execution.reservations == {"detect": 0}
    await api("DeleteFunctionConcurrency", FunctionName="detect")
    assert api.status == 204
    assert api.execution.reservations == {}
    assert "Concurrency" not in await api("GetFunction", FunctionName="detect")


async def test_a_hundred_environments_stay_unreserved(api: LambdaApi) -> None:
    await api.create("a")
    await api.create("b")
    await api("PutFunctionConcurrency", FunctionName="a", ReservedConcurrentExecutions=500)
    await api("PutFunctionConcurrency", FunctionName="b", ReservedConcurrentExecutions=400)
    for count in (401, 5000):
        code, message = await api.refusal(
            "PutFunctionConcurrency", FunctionName="b", ReservedConcurrentExecutions=count
        )
        assert code == "InvalidParameterValueException"
        assert message.endswith("below its minimum value of [100].")
    account = await api("GetAccountSettings")
    assert account["AccountLimit"]["ConcurrentExecutions"] == 1000
    assert account["AccountLimit"]["UnreservedConcurrentExecutions"] == 100
    assert account["AccountUsage"]["FunctionCount"] == 2


async def test_concurrency_of_a_function_that_is_not_there(api: LambdaApi) -> None:
    for operation, members in (
        ("GetFunctionConcurrency", {}),
        ("PutFunctionConcurrency", {"ReservedConcurrentExecutions": 1}),
        ("DeleteFunctionConcurrency", {}),
        ("ListProvisionedConcurrencyConfigs", {}),
    ):
        found = await api.refusal(operation, FunctionName="detect", **members)
        assert found == ("ResourceNotFoundException", f"Function not found: {ARN}")
    code, _ = await api.refusal(
        "PutFunctionConcurrency", FunctionName="detect", ReservedConcurrentExecutions=-1
    )
    assert code == "ValidationException"


async def test_provisioned_concurrency_of_an_alias_is_kept_by_its_version(detect: LambdaApi) -> None:
    put = await provision(detect, "live", 3)
    assert detect.status == 202
    assert put["Status"] == "IN_PROGRESS"
    assert put["RequestedProvisionedConcurrentExecutions"] == 3
    assert put["AvailableProvisionedConcurrentExecutions"] == 0
    assert kept(detect) == {("1", "live"): 3}
    detect.execution.states["live"] = ProvisionedState(3, 3, 2, "READY")
    found = await detect("GetProvisionedConcurrencyConfig", FunctionName="detect", Qualifier="live")
    assert found["Status"] == "READY"
    assert found["AllocatedProvisionedConcurrentExecutions"] == 3
    assert found["AvailableProvisionedConcurrentExecutions"] == 2
    listed = await detect("ListProvisionedConcurrencyConfigs", FunctionName="detect")
    assert [config["FunctionArn"] for config in listed["ProvisionedConcurrencyConfigs"]] == [f"{ARN}:live"]
    await detect("DeleteProvisionedConcurrencyConfig", FunctionName="detect", Qualifier="live")
    assert detect.status == 204
    assert kept(detect) == {}
    await detect("DeleteProvisionedConcurrencyConfig", FunctionName="detect", Qualifier="live")


async def test_a_failed_init_is_told_with_its_reason(detect: LambdaApi) -> None:
    await provision(detect, "live", 1)
    detect.execution.states["live"] = ProvisionedState(1, 0, 0, "FAILED", "FUNCTION_ERROR_INIT_FAILURE")
    found = await detect("GetProvisionedConcurrencyConfig", FunctionName="detect", Qualifier="live")
    assert (found["Status"], found["StatusReason"]) == ("FAILED", "FUNCTION_ERROR_INIT_FAILURE")


async def test_provisioned_environments_move_with_the_alias(detect: LambdaApi) -> None:
    await provision(detect, "live", 3)
    detect.execution.calls.clear()
    await detect("UpdateAlias", FunctionName="detect", Name="live", FunctionVersion="2")
    assert kept(detect) == {("2", "live"): 3}
    assert detect.execution.calls == [("2", "live", 3), ("1", "live", 0)], "the new ones are asked for first"


@pytest.mark.parametrize(
    ("weight", "count", "shares"),
    [
        (0.1, 10, {"2": 1, "1": 9}),
        (0.5, 4, {"2": 2, "1": 2}),
        (0.1, 3, {"2": 1, "1": 2}),
        (0.9, 2, {"2": 1, "1": 1}),
        (0.1, 1, {"1": 1}),
        (0.0, 4, {"1": 4}),
        (1.0, 4, {"2": 4}),
    ],
)
async def test_a_weighted_alias_splits_its_environments(
    detect: LambdaApi, weight: float, count: int, shares: dict[str, int]
) -> None:
    await provision(detect, "live", count)
    await detect(
        "UpdateAlias",
        FunctionName="detect",
        Name="live",
        RoutingConfig={"AdditionalVersionWeights": {"2": weight}},
    )
    assert kept(detect) == {(version, "live"): share for version, share in shares.items()}


async def test_provisioned_environments_count_within_the_reservation(detect: LambdaApi) -> None:
    await detect("PutFunctionConcurrency", FunctionName="detect", ReservedConcurrentExecutions=5)
    await provision(detect, "live", 3)
    await provision(detect, "2", 2)
    code, message = await refused(detect, "2", 3)
    assert code == "InvalidParameterValueException"
    assert message == (
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for "
        "function"
    )
    assert kept(detect) == {("1", "live"): 3, ("2", "2"): 2}
    code, message = await detect.refusal(
        "PutFunctionConcurrency", FunctionName="detect", ReservedConcurrentExecutions=4
    )
    assert "should not be lower than function's total provisioned concurrency [5]" in message
    account = await detect("GetAccountSettings")
    assert account["AccountLimit"]["UnreservedConcurrentExecutions"] == 995


async def test_provisioned_environments_leave_a_hundred_unreserved(detect: LambdaApi) -> None:
    await provision(detect, "live", 900)
    code, message = await refused(detect, "live", 901)
    assert code == "InvalidParameterValueException"
    assert message.endswith("below its minimum value of [100].")
    assert kept(detect) == {("1", "live"): 900}


@pytest.mark.parametrize(
    ("qualifier", "code", "words"),
    [
        ("$LATEST", "InvalidParameterValueException", "cannot be applied to unpublished function versions"),
        ("9", "ResourceNotFoundException", f"Function not found: {ARN}:9"),
        ("none", "ResourceNotFoundException", f"Cannot find alias arn: {ARN}:none"),
        ("head", "InvalidParameterValueException", "cannot be applied to unpublished function versions"),
    ],
)
async def test_only_published_versions_keep_environments(
    detect: LambdaApi, qualifier: str, code: str, words: str
) -> None:
    await detect("CreateAlias", FunctionName="detect", Name="head", FunctionVersion="$LATEST")
    found = await refused(detect, qualifier, 1)
    assert found[0] == code
    assert words in found[1]


async def test_a_version_keeps_environments_for_itself_or_for_one_alias(detect: LambdaApi) -> None:
    await detect("CreateAlias", FunctionName="detect", Name="other", FunctionVersion="1")
    await provision(detect, "live", 1)
    assert (await refused(detect, "1", 1)) == (
        "ResourceConflictException",
        "Version is pointed by a Provisioned Concurrency alias",
    )
    assert (await refused(detect, "other", 1))[0] == "ResourceConflictException"
    await provision(detect, "2", 1)
    code, message = await detect.refusal(
        "UpdateAlias", FunctionName="detect", Name="live", FunctionVersion="2"
    )
    assert code == "ResourceConflictException"
    assert "already Provisioned version" in message
    code, _ = await detect.refusal(
        "UpdateAlias", FunctionName="detect", Name="live", FunctionVersion="$LATEST"
    )
    assert code == "InvalidParameterValueException"
    await detect("UpdateAlias", FunctionName="detect", Name="other", FunctionVersion="2")
    code, _ = await detect.refusal("DeleteFunction", FunctionName="detect", Qualifier="2")
    assert code == "ResourceConflictException"


async def test_a_pending_version_keeps_no_environments_yet(api: LambdaApi) -> None:
    await api.create()
    api.clock.gate.clear()
    await api("UpdateFunctionCode", FunctionName="detect", ImageUri=f"{REPOSITORY}:2", Publish=True)
    code, message = await refused(api, "1", 1)
    assert code == "ResourceConflictException"
    assert "Pending" in message
    api.clock.gate.set()
    await api("GetFunction", FunctionName="detect")
    await provision(api, "1", 1)


async def test_without_a_configuration_there_is_none_to_read(detect: LambdaApi) -> None:
    code, message = await detect.refusal(
        "GetProvisionedConcurrencyConfig", FunctionName="detect", Qualifier="live"
    )
    assert code == "ProvisionedConcurrencyConfigNotFoundException"
    assert message == "No Provisioned Concurrency Config found for this function"
    for count in (0, -1):
        assert (await refused(detect, "live", count))[0] == "ValidationException"


async def test_autoscaling_reads_and_sets_provisioned_concurrency(detect: LambdaApi) -> None:
    assert detect.control.provisioned("detect", "live") is None
    assert detect.control.provisioned("none", "live") is None
    detect.control.provision("detect", "live", 4)
    assert kept(detect) == {("1", "live"): 4}
    state = detect.control.provisioned("detect", "live")
    assert state is not None
    assert (state.requested, state.status) == (4, "IN_PROGRESS")
    detect.control.provision("detect", "live", 0)
    assert kept(detect) == {}
    assert detect.control.provisioned("detect", "live") is None
    for count in (0, 1):
        with pytest.raises(AwsError, match="Cannot find alias arn"):
            detect.control.provision("detect", "none", count)
