"""The tables of "Configuring how CloudWatch alarms treat missing data", and what follows from its rules."""

from __future__ import annotations

import pytest

from local_cloud.scaling.evaluation import Condition, Datapoint, Missing, Outcome, State, evaluate

OK, ALARM, INSUFFICIENT = State.OK, State.ALARM, State.INSUFFICIENT_DATA
KEPT = "kept"


def outcome_of(data: str, current: State = OK, *, of: int = 3, needed: int = 3, **changes: object) -> Outcome:
    """``data``, oldest first: 0 does not breach, X breaches, - is missing."""
    values = {"0": 0.0, "X": 2.0}
    points = [
        None if mark == "-" else Datapoint(float(place), values[mark], 1.0)
        for place, mark in enumerate(data.split())
    ]
    condition = Condition("GreaterThanThreshold", 1.0, of, needed, **changes)  # type: ignore[arg-type]
    assert condition.evaluation_range == len(points)
    return evaluate(condition, points, current)


@pytest.mark.parametrize(
    ("data", "missing", "ignore", "breaching", "not_breaching"),
    [
        ("0 - X - X", OK, OK, OK, OK),
        ("0 - - - -", OK, OK, OK, OK),
        ("- - - - -", INSUFFICIENT, KEPT, ALARM, OK),
        ("0 X X - X", ALARM, ALARM, ALARM, ALARM),
        ("- - - - X", INSUFFICIENT, KEPT, ALARM, OK),
        ("- - - X -", INSUFFICIENT, KEPT, ALARM, OK),
        ("- - X - -", ALARM, KEPT, ALARM, OK),
        ("X - - - -", ALARM, KEPT, ALARM, OK),
        ("X X X 0 X", OK, OK, OK, OK),
        ("0 0 X X X", ALARM, ALARM, ALARM, ALARM),
    ],
)
def test_three_of_three(
    data: str, missing: State, ignore: object, breaching: State, not_breaching: State
) -> None:
    _check(data, 3, missing, ignore, breaching, not_breaching)


@pytest.mark.parametrize(
    ("data", "missing", "ignore", "breaching", "not_breaching"),
    [
        ("0 - X - X", ALARM, ALARM, ALARM, ALARM),
        ("0 0 X 0 X", ALARM, ALARM, ALARM, ALARM),
        ("0 - X - -", OK, OK, ALARM, OK),
        ("- - - - 0", OK, OK, ALARM, OK),
        ("- - - - X", INSUFFICIENT, KEPT, ALARM, OK),
        ("- - - X -", ALARM, KEPT, ALARM, OK),
        ("- - - X X", ALARM, ALARM, ALARM, ALARM),
    ],
)
def test_two_of_three(
    data: str, missing: State, ignore: object, breaching: State, not_breaching: State
) -> None:
    _check(data, 2, missing, ignore, breaching, not_breaching)


def _check(
    data: str, needed: int, missing: State, ignore: object, breaching: State, not_breaching: State
) -> None:
    expected = {"missing": missing, "ignore": ignore, "breaching": breaching, "notBreaching": not_breaching}
    for current in State:
        for treatment, state in expected.items():
            found = outcome_of(data, current, needed=needed, missing=Missing(treatment)).state
            assert found is (current if state == KEPT else state), (treatment, current)


def test_as_few_missing_datapoints_as_possible_are_filled_in() -> None:
    found = outcome_of("X - - 0 -", missing=Missing.BREACHING)
    assert [point.value for point in found.evaluated] == [2.0, 0.0]
    assert found.filled == 1


@pytest.mark.parametrize(
    ("comparison", "below", "at", "above"),
    [
        ("GreaterThanThreshold", False, False, True),
        ("GreaterThanOrEqualToThreshold", False, True, True),
        ("LessThanThreshold", True, False, False),
        ("LessThanOrEqualToThreshold", True, True, False),
    ],
)
def test_every_comparison(comparison: str, below: bool, at: bool, above: bool) -> None:
    condition = Condition(comparison, 5.0, 1, 1)
    assert [condition.breached_by(value) for value in (4.9, 5.0, 5.1)] == [below, at, above]


def test_a_percentile_of_few_samples_changes_nothing_where_the_alarm_says_so() -> None:
    few = [None, None, Datapoint(0.0, 9.0, 999.0)]
    enough = [None, None, Datapoint(0.0, 9.0, 1000.0)]
    condition = Condition("GreaterThanThreshold", 1.0, 1, 1, statistic="p99", ignore_low_samples=True)
    assert evaluate(condition, few, OK).state is OK
    assert evaluate(condition, enough, OK).state is ALARM
    heedless = Condition("GreaterThanThreshold", 1.0, 1, 1, statistic="p99")
    assert evaluate(heedless, few, OK).state is ALARM
