from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from local_cloud.scaling.decisions import Decision, Limits, Trigger, decide


def tracking(
    *datapoints: float, below: bool = False, target: float = 5.0, name: str = "track", **policy: Any
) -> Trigger:
    policy |= {"TargetValue": target}
    threshold = target * 0.9 if below else target
    return Trigger(
        name, "TargetTrackingScaling", policy, f"{name}-alarm", "ALARM", threshold, below, datapoints
    )


def step(
    adjustment: int, *datapoints: float, below: bool = False, threshold: float = 1.0, **policy: Any
) -> Trigger:
    bound = {"MetricIntervalUpperBound": 0.0} if below else {"MetricIntervalLowerBound": 0.0}
    policy = {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [bound | {"ScalingAdjustment": adjustment}],
    } | policy
    return Trigger("step", "StepScaling", policy, "step-alarm", "ALARM", threshold, below, datapoints)


def decided(
    *triggers: Trigger,
    current: int = 1,
    base: int | None = None,
    limits: Limits = Limits(0, 10),  # noqa: B008  # a value, never changed
    agrees: bool = True,
) -> Any:
    return decide(
        triggers,
        current=current,
        base=current if base is None else base,
        limits=limits,
        tracking_agrees=agrees,
    )


def capacity(found: Any) -> int:
    assert isinstance(found, Decision), found
    return found.capacity


def code(found: Any) -> str:
    assert isinstance(found, tuple), found
    return str(found[1]["Code"])


def test_the_policy_with_the_largest_capacity_wins_when_scaling_out() -> None:
    found = decided(step(1, 1.0), tracking(4.0, 12.0), step(2, 1.0), current=2)
    assert found == Decision(5, "monitor alarm track-alarm in state ALARM triggered policy track", 300.0)


def test_one_policy_that_scales_out_outweighs_all_that_scale_in() -> None:
    assert capacity(decided(tracking(6.0), step(-2, 0.5, below=True), current=4)) == 5


def test_the_policy_with_the_largest_capacity_wins_when_scaling_in() -> None:
    assert capacity(decided(tracking(1.0, below=True), tracking(3.0, below=True), current=10)) == 6
    assert capacity(decided(step(-1, 0.5, below=True), step(-4, 0.5, below=True), current=10)) == 9


def test_target_tracking_scales_in_only_when_all_of_its_policies_agree() -> None:
    assert decided(tracking(0.0, below=True), current=3, agrees=False) is None
    assert capacity(decided(tracking(0.0, below=True), current=3)) == 0


def test_a_tracking_policy_that_keeps_the_count_holds_back_the_others_but_no_step_policy() -> None:
    keeps = tracking(4.4, below=True)
    assert code(decided(keeps, tracking(0.0, below=True), current=2)) == "AlreadyAtDesiredCapacity"
    assert capacity(decided(keeps, step(-1, 0.5, below=True), current=2)) == 1


def test_during_a_cooldown_what_was_added_counts_as_part_of_what_is_wanted() -> None:
    # The user guide: 2 were added, now 3 are called for: one more.
    assert capacity(decided(step(3, 1.0), current=12, base=10, limits=Limits(0, 20))) == 13
    assert (
        code(decided(step(2, 1.0), current=12, base=10, limits=Limits(0, 20))) == "AlreadyAtDesiredCapacity"
    )
    assert capacity(decided(tracking(40.0), current=5, base=1)) == 8
    assert code(decided(tracking(25.0), current=5, base=1)) == "AlreadyAtDesiredCapacity"


def test_capacities_stay_within_the_targets_limits() -> None:
    limits = Limits(1, 4)
    assert capacity(decided(tracking(500.0), current=2, limits=limits)) == 4
    assert capacity(decided(tracking(0.0, below=True), current=3, limits=limits)) == 1
    assert code(decided(tracking(500.0), current=4, limits=limits)) == "AlreadyAtMaxCapacity"
    assert code(decided(tracking(0.0, below=True), current=1, limits=limits)) == "AlreadyAtMinCapacity"


def test_from_zero_one_step_or_a_backlog_above_the_target_leads_out() -> None:
    assert capacity(decided(step(1, 1.0), current=0)) == 1
    assert capacity(decided(tracking(12.0), current=0)) == 3


def test_suspended_directions_do_nothing() -> None:
    assert decided(tracking(50.0), limits=Limits(0, 9, out_suspended=True)) is None
    assert capacity(decided(tracking(50.0), limits=Limits(0, 9, in_suspended=True))) == 9
    assert decided(tracking(0.0, below=True), limits=Limits(0, 9, in_suspended=True)) is None


@pytest.mark.parametrize("datapoints", [(), (1.0,)])
def test_a_state_set_by_hand_takes_the_step_at_the_threshold(datapoints: Sequence[float]) -> None:
    assert capacity(decided(step(1, *datapoints), current=0)) == 1


def test_without_datapoints_target_tracking_has_nothing_to_compute_with() -> None:
    assert decided(tracking()) is None
    assert decided(step(1, 0.2)) is None  # a breach that no step is for
    assert decided() is None


def test_cooldowns_are_the_deciding_policys() -> None:
    cooldowns = {"ScaleOutCooldown": 10, "ScaleInCooldown": 20}
    assert decided(tracking(50.0, **cooldowns)).cooldown == 10
    assert decided(tracking(0.0, below=True, **cooldowns)).cooldown == 20
    assert decided(step(1, 1.0, Cooldown=0)).cooldown == 0
    assert decided(step(1, 1.0)).cooldown == 300
