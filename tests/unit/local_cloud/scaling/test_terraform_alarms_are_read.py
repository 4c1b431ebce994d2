"""What the Terraform modules watch is what the local cloud can read: no alarm of theirs is dead here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local_cloud.log_filters import read_pattern
from local_cloud.scaling.expressions import Expression

MODULES = Path(__file__).parents[4] / "terraform" / "modules"
TEXT = r'"((?:[^"\\]|\\.)*)"'


def written(attribute: str, *, of: str) -> list[str]:
    """The texts that modules give an attribute in files with the word ``of``; a 3 for each interpolation."""
    found = []
    for file in sorted(MODULES.glob("*/*.tf")):
        source = file.read_text(encoding="utf-8")
        if of in source:
            texts = re.findall(rf"^\s*{attribute}\s+= {TEXT}", source, re.MULTILINE)
            found += [re.sub(r"\$\{[^}]*\}", "3", text.replace('\\"', '"')) for text in texts]
    return found


EXPRESSIONS = written("expression", of="aws_cloudwatch_metric_alarm")
PATTERNS = written("pattern", of="aws_cloudwatch_log_metric_filter")


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_the_expression_of_an_alarm_is_computed(text: str) -> None:
    expression = Expression(text)
    assert expression.value(dict.fromkeys(expression.ids, 5.0)) is not None


@pytest.mark.parametrize("text", PATTERNS)
def test_the_pattern_of_a_metric_filter_is_read(text: str) -> None:
    assert read_pattern(text).match("no such line") is None


def test_there_are_some() -> None:
    assert len(EXPRESSIONS) >= 2
    assert len(PATTERNS) >= 2
