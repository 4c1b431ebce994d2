"""Bulk predictions from file to file, with a fake of the client library's `predict`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from delivery.bulk import MAX_ROW_BYTES, predict_file
from delivery.errors import DeliveryError
from serving_clients import InvalidRequest, ServingTimeout
from serving_contracts.sentiment import Sentiment
from serving_contracts.tasks import SENTIMENT


def answer_lines(lines: Iterator[bytes]) -> Iterator[Any]:
    """Positive for every text; an InvalidRequest in the place of what is no JSON object with a text."""
    for index, line in enumerate(lines):
        try:
            json.loads(line)["text"]
        except (ValueError, KeyError):
            yield InvalidRequest("the line is not JSON", field="text", item=index)
        else:
            yield Sentiment("Pos", 0.9)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": f"문장 {n}"}, ensure_ascii=False) + "\n" for n in range(5)))
    return path


def answers_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_line_gets_a_line_in_order(rows: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    target = tmp_path / "new" / "answers.jsonl"
    tally = predict_file(rows, target, SENTIMENT, answer_lines, on_progress=seen.append)
    assert (tally.answered, tally.failed) == (5, 0)
    assert answers_in(target) == [{"predicted_label": "Pos", "score": 0.9}] * 5
    assert sum(seen) == rows.stat().st_size


def test_a_line_that_cannot_be_answered_is_named_and_the_others_are_answered(
    rows: Path, tmp_path: Path
) -> None:
    rows.write_bytes(b'{"text": "a"}\n{bad\n{"text": "b"}')
    tally = predict_file(rows, tmp_path / "answers.jsonl", SENTIMENT, answer_lines)
    assert (tally.answered, tally.failed) == (2, 1)
    middle = answers_in(tmp_path / "answers.jsonl")[1]
    assert middle == {
        "error": {"code": "InvalidRequest", "message": "the line is not JSON", "line": 2, "field": "text"}
    }


def test_a_line_far_too_long_is_never_held_and_its_successor_is_answered(rows: Path, tmp_path: Path) -> None:
    longest = 0

    def predict(lines: Iterator[bytes]) -> Iterator[Any]:
        nonlocal longest
        for line in lines:
            longest = max(longest, len(line))
            yield from answer_lines(iter([line]))

    rows.write_bytes(b'{"text": "' + b"x" * (3 * MAX_ROW_BYTES) + b'"}\n{"text": "b"}\n')
    predict_file(rows, tmp_path / "answers.jsonl", SENTIMENT, predict)
    first, second = answers_in(tmp_path / "answers.jsonl")
    assert "longer than" in first["error"]["message"]
    assert second["predicted_label"] == "Pos"
    assert longest <= MAX_ROW_BYTES


def test_a_byte_order_mark_is_no_fault(rows: Path, tmp_path: Path) -> None:
    rows.write_bytes(b"\xef\xbb\xbf" + rows.read_bytes())
    assert predict_file(rows, tmp_path / "answers.jsonl", SENTIMENT, answer_lines).failed == 0


def test_an_endpoint_that_fails_stops_the_run_and_resuming_goes_on_after_the_last_answer(
    rows: Path, tmp_path: Path
) -> None:
    target = tmp_path / "answers.jsonl"

    def breaks(lines: Iterator[bytes]) -> Iterator[Any]:
        for number, line in enumerate(lines):
            if number == 2:
                raise ServingTimeout("no answer within 60 s")
            yield from answer_lines(iter([line]))

    with pytest.raises(DeliveryError, match="lines from 3 on were not answered") as caught:
        predict_file(rows, target, SENTIMENT, breaks)
    assert "--resume" in (caught.value.next_step or "")
    assert not target.exists()
    with (tmp_path / "answers.jsonl.partial").open("a") as answers:
        answers.write('{"predicted_label": "Po')  # as a killed process leaves it
    asked: list[bytes] = []

    def predict(lines: Iterator[bytes]) -> Iterator[Any]:
        for line in lines:
            asked.append(line)
            yield from answer_lines(iter([line]))

    tally = predict_file(rows, target, SENTIMENT, predict, resume=True)
    assert (tally.kept, tally.answered) == (2, 3)
    assert asked == rows.read_bytes().splitlines(keepends=True)[2:]
    assert len(answers_in(target)) == 5


def test_an_output_that_is_there_is_replaced_only_when_all_is_answered(rows: Path, tmp_path: Path) -> None:
    target = tmp_path / "answers.jsonl"
    target.write_text("precious\n")

    def breaks(lines: Iterator[bytes]) -> Iterator[Any]:
        yield from answer_lines(iter([next(lines)]))
        raise ServingTimeout("no answer")

    with pytest.raises(DeliveryError):
        predict_file(rows, target, SENTIMENT, breaks)
    assert target.read_text() == "precious\n"
    predict_file(rows, target, SENTIMENT, answer_lines)
    assert len(answers_in(target)) == 5
    assert list(tmp_path.glob("*.partial")) == []


def test_the_input_is_never_the_output(rows: Path) -> None:
    with pytest.raises(DeliveryError, match="the same file"):
        predict_file(rows, rows, SENTIMENT, answer_lines)


def test_a_missing_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="is not a file"):
        predict_file(tmp_path / "nothing", tmp_path / "answers", SENTIMENT, answer_lines)


def test_an_empty_file_has_an_empty_answer(tmp_path: Path) -> None:
    (tmp_path / "rows").touch()
    assert predict_file(tmp_path / "rows", tmp_path / "answers", SENTIMENT, answer_lines).answered == 0
    assert (tmp_path / "answers").read_bytes() == b""
