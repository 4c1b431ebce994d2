"""Bad input, and the error body of a container."""

from __future__ import annotations

import json
import pickle

import pytest

from serving_contracts import ContainerError, InvalidInput
from serving_contracts.errors import ERROR_STATUS


def test_an_error_says_where_what_and_what_to_do() -> None:
    error = InvalidInput("is empty", field="text", line=3, hint='send {"text": "…"}')
    assert str(error) == 'line 3, field \'text\': is empty (send {"text": "…"})'
    assert error.to_dict() == {
        "message": "is empty",
        "field": "text",
        "line": 3,
        "hint": 'send {"text": "…"}',
    }


def test_an_error_leaves_out_what_it_does_not_know() -> None:
    error = InvalidInput("the body is not JSON")
    assert str(error) == "the body is not JSON"
    assert error.to_dict() == {"message": "the body is not JSON"}


def test_an_error_is_a_value_error_and_survives_pickling() -> None:
    before = InvalidInput("is empty", field="text", line=3, hint="write")
    error: InvalidInput = pickle.loads(pickle.dumps(before))  # noqa: S301 - our own bytes
    assert isinstance(error, ValueError)
    assert (error.message, error.field, error.line, error.hint) == ("is empty", "text", 3, "write")


def test_an_error_can_be_placed_at_a_line_later() -> None:
    placed = InvalidInput("is empty", field="text", hint="write").at_line(7)
    assert (placed.message, placed.field, placed.line, placed.hint) == ("is empty", "text", 7, "write")


@pytest.mark.parametrize("code", ERROR_STATUS)
def test_every_code_travels_with_its_status(code: str) -> None:
    error = ContainerError(code, "why", field="text", line=2, hint="do")  # type: ignore[arg-type]
    assert ContainerError.parse(json.dumps(error.to_dict())) == error
    assert 400 <= error.status <= 504


def test_a_container_reports_bad_input_with_its_place() -> None:
    body = ContainerError.of(InvalidInput("is empty", field="text", line=3)).to_dict()
    assert body == {"error": {"code": "InvalidInput", "message": "is empty", "field": "text", "line": 3}}


@pytest.mark.parametrize(
    "body",
    ["", "<html>", "null",
     "[]", '"error"', "{}", '{"error": "no"}', '{"error": {"code": "Other"}}', b"\xff\xfe",
     '{"error": {"code": ["InvalidInput"]}}', "[" * 100_000],
    ids=lambda b: repr(b)[:20],
)  # fmt: skip
def test_what_is_not_an_error_body_is_none(body: str | bytes) -> None:
    assert ContainerError.parse(body) is None


@pytest.mark.parametrize("line", [0, -1, True, "3", 1.5, None])
def test_a_line_that_is_no_line_is_dropped(line: object) -> None:
    error = ContainerError.parse(
        json.dumps({"error": {"code": "InvalidInput", "message": "m", "line": line}})
    )
    assert error is not None
    assert error.line is None
