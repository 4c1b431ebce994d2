"""One target: cooldowns, changes that take time, and failures."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from scaling_fakes import RESOURCE, FakeClock, FakeVariants
from test_decisions import step, tracking

from local_cloud.scaling.activities import ActivityLog
from local_cloud.scaling.decisions import Limits, Trigger
from local_cloud.scaling.target import ScalableTarget


class Target:
    def __init__(self, variants: FakeVariants, clock: FakeClock) -> None:
        self.log = ActivityLog(clock)
        self.variants = variants
        self.limits: Limits | None = Limits(0, 10)
        self.target = ScalableTarget(RESOURCE, variants, self.log, clock, limits=lambda: self.limits)

    async def consider(self, *triggers: Trigger, limits: Limits | None = None) -> int:
        self.target.consider(triggers, limits or Limits(0, 10), tracking_agrees=True)
        await self.target.settled()
        return self.variants.counts[RESOURCE]

    def begin(self, *triggers: Trigger) -> None:
        self.target.consider(triggers, Limits(0, 10), tracking_agrees=True)

    @property
    def activities(self) -> list[dict[str, Any]]:
        return self.log.described()


@pytest.fixture
def target(variants: FakeVariants, clock: FakeClock) -> Target:
    return Target(variants, clock)


async def test_a_successful_activity_reads_as_on_aws(target: Target) -> None:
    assert await target.consider(step(1, 1.0)) == 2
    (activity,) = target.activities
    assert activity["Description"] == "Setting desired instance count to 2."
    assert activity["Cause"] == "monitor alarm step-alarm in state ALARM triggered policy step"
    assert activity["StatusCode"] == "Successful"
    assert activity["StatusMessage"] == (
        "Successfully set desired instance count to 2. Change successfully fulfilled by sagemaker."
    )
    assert activity["EndTime"] >= activity["StartTime"]


async def test_scaling_out_goes_on_after_its_cooldown_and_within_it_only_further(
    target: Target, clock: FakeClock
) -> None:
    assert await target.consider(step(1, 1.0, Cooldown=300)) == 2
    clock.pass_minutes(4.9)
    assert await target.consider(step(1, 1.0, Cooldown=300)) == 2
    assert await target.consider(step(3, 1.0, Cooldown=300)) == 4
    clock.pass_minutes(4.9)
    assert await target.consider(step(1, 1.0, Cooldown=300)) == 4
    clock.pass_minutes(0.2)
    assert await target.consider(step(1, 1.0, Cooldown=300)) == 5


async def test_scaling_in_waits_for_its_cooldown_which_scaling_out_ends(
    target: Target, variants: FakeVariants, clock: FakeClock
) -> None:
    variants.counts[RESOURCE] = 5
    assert await target.consider(step(-1, 0.5, below=True, Cooldown=300)) == 4
    clock.pass_minutes(4)
    assert await target.consider(step(-1, 0.5, below=True, Cooldown=300)) == 4
    assert await target.consider(step(1, 1.0, Cooldown=0)) == 5
    assert await target.consider(step(-1, 0.5, below=True, Cooldown=300)) == 4


async def test_nothing_is_taken_away_after_a_change_that_someone_else_makes(
    target: Target, variants: FakeVariants
) -> None:
    variants.counts[RESOURCE] = 5
    variants.is_ready.clear()  # an update by Terraform, say
    target.begin(tracking(0.0, below=True))
    variants.is_ready.set()
    await target.target.settled()
    assert variants.changes == []
    assert await target.consider(tracking(0.0, below=True)) == 0


@pytest.mark.parametrize("limits", [None, Limits(0, 1)])
async def test_what_waits_is_given_up_when_the_target_goes_or_its_limits_change(
    target: Target, variants: FakeVariants, limits: Limits | None
) -> None:
    variants.is_ready.clear()
    target.begin(step(1, 1.0))
    target.limits = limits
    variants.is_ready.set()
    await target.target.settled()
    assert variants.changes == []
    (activity,) = target.activities
    assert activity["StatusCode"] == "Overridden"
    assert "deregistered or its limits were changed" in activity["StatusMessage"]


async def test_a_further_scale_out_waits_for_the_one_under_way(
    target: Target, variants: FakeVariants
) -> None:
    variants.may_change.clear()
    target.begin(step(1, 1.0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert target.activities[0]["StatusCode"] == "InProgress"
    target.begin(tracking(30.0))
    target.begin(tracking(20.0))  # less than what waits already
    variants.may_change.set()
    await target.target.settled()
    assert variants.changes == [2, 6]
    assert [each["StatusCode"] for each in target.activities] == ["Successful", "Successful"]


async def test_while_the_endpoint_is_changed_the_newest_decision_waits(
    target: Target, variants: FakeVariants
) -> None:
    variants.is_ready.clear()
    target.begin(step(1, 1.0))
    await asyncio.sleep(0)
    assert target.activities[0]["StatusCode"] == "Pending"
    target.begin(tracking(30.0))
    variants.is_ready.set()
    await target.target.settled()
    assert variants.changes == [6]
    assert [each["StatusCode"] for each in target.activities] == ["Successful", "Overridden"]


async def test_a_failure_is_recorded_and_scaling_goes_on_after_a_pause(
    target: Target, variants: FakeVariants, clock: FakeClock
) -> None:
    variants.fails_with = (
        "The primary container for production variant blue did not pass the ping health check."
    )
    assert await target.consider(step(1, 1.0)) == 1
    (failed,) = target.activities
    assert failed["StatusCode"] == "Failed"
    assert (
        failed["StatusMessage"] == f"Failed to set desired instance count to 2. Reason: {variants.fails_with}"
    )
    variants.fails_with = None
    assert await target.consider(step(1, 1.0)) == 1
    clock.seconds += 5
    assert await target.consider(step(1, 1.0)) == 2


async def test_repeated_failures_are_tried_less_and_less_often(
    target: Target, variants: FakeVariants, clock: FakeClock
) -> None:
    variants.fails_with = "no"
    for _ in range(600):  # ten real minutes
        await target.consider(step(1, 1.0))
        clock.seconds += 1
    assert 10 <= len(target.activities) <= 16


async def test_an_unexpected_error_is_a_failed_activity_too(
    target: Target, variants: FakeVariants, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*args: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(variants, "set", broken)
    await target.consider(step(1, 1.0))
    assert "RuntimeError: broken" in target.activities[0]["StatusMessage"]


async def test_what_is_not_scaled_is_said_once(target: Target) -> None:
    for _ in range(5):
        await target.consider(tracking(50.0), limits=Limits(1, 1))
    (activity,) = target.activities
    assert activity["NotScaledReasons"] == [{"Code": "AlreadyAtMaxCapacity", "MaxCapacity": 1}]
    assert activity["Description"] == "Attempting to scale due to alarm triggered"


async def test_a_variant_that_is_gone_is_left_alone(target: Target, variants: FakeVariants) -> None:
    del variants.counts[RESOURCE]
    target.begin(step(1, 1.0))
    target.target.hold_to(Limits(3, 4))
    await target.target.settled()
    assert target.activities == []


async def test_closing_gives_up_what_runs(target: Target, variants: FakeVariants) -> None:
    variants.is_ready.clear()
    target.begin(step(1, 1.0))
    await asyncio.sleep(0)
    await target.target.close()
    assert target.activities[0]["StatusMessage"] == "The local cloud is stopping."
    assert variants.changes == []
