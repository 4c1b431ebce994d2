from __future__ import annotations

import pytest

from local_cloud.scaling.composite import InvalidRule, Rule
from local_cloud.scaling.evaluation import State
from local_cloud.scaling.expressions import Expression, UnknownExpression


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("m1 + m2 * 2", 24),
        ("(m1 + m2) / -2", -7),
        ("m1 ^ 2", 16),
        ("100 * e1", 250),
        ("IF(m1 > 3, m2, 0)", 10),
        ("IF(m1 == 3, m2, 0)", 0),
        ("FILL(gone, 7) + m1", 11),
        ("FILL(gone, m1)", 4),
        ("gone + m1", None),
        ("m1 / (m1 - 4)", None),
        ("IF(gone > 1, 1, 2)", None),
        ("9 ^ 9 ^ 9 ^ 9", None),
        ("MAX([m1, m2])", 10),
        ("MIN([m2, m1 - 1])", 3),
        ("SUM([m1, m2, gone])", 14),
        ("AVG([FILL(gone, 0), m1])", 2),
        ("MAX([gone, gone])", None),
        ("IF(m1 >= 3, 100 * m1 / MAX([m1, FILL(gone, 0)]), 0)", 100),
    ],
)
def test_expressions_are_computed_period_by_period(text: str, value: float | None) -> None:
    expression = Expression(text, {"e1": "m2 / m1"})
    assert expression.value({"m1": 4.0, "m2": 10.0, "gone": None}) == value


@pytest.mark.parametrize(
    "text",
    [
        "RATE(m1)",
        "SELECT AVG(x) FROM y",
        "ANOMALY_DETECTION_BAND(m1, 2)",
        "__import__('os')",
        "m1.real",
        "'text'",
        "m1 if m2 else m3",
        "FILL(m1)",
        "MAX(m1)",
        "MAX([])",
        "MAX(m1, m2)",
        "RATE([m1, m2])",
        "[m1, m2]",
        "e1 + 1",
        "1 +",
        "(" * 3000,
    ],
)
def test_what_is_not_computed_is_refused(text: str) -> None:
    with pytest.raises(UnknownExpression):
        Expression(text, {"e1": "e1 * 2"})


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ('ALARM("a")', True),
        ("ALARM(b)", False),
        ('OK("b") AND ALARM("a")', True),
        ('ALARM("b") OR (ALARM("a") AND NOT INSUFFICIENT_DATA(c))', False),
        ("NOT ALARM('b') AND TRUE", True),
        ("ALARM(b) AND ALARM(b) OR ALARM(a)", True),
        ("ALARM(nobody) OR OK(nobody)", False),
        ("FALSE", False),
        ('ALARM("arn:aws:cloudwatch:r:1:alarm:a name")', False),
    ],
)
def test_composite_rules(rule: str, holds: bool) -> None:
    states = {"a": State.ALARM, "b": State.OK, "c": State.INSUFFICIENT_DATA}
    assert Rule(rule).holds(states.get) is holds


@pytest.mark.parametrize(
    "rule", ["", "ALARM()", "ALARM(a) ALARM(b)", "(ALARM(a)", "a", "AND", "NOT", "ALARM(a) AND"]
)
def test_a_rule_that_cannot_be_read_is_refused(rule: str) -> None:
    with pytest.raises(InvalidRule):
        Rule(rule)
