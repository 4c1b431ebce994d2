"""`invoke predict`: bulk work from a file of rows to a file of answers."""

from __future__ import annotations

import json
from pathlib import Path

from deployed import SENTENCES, Deployment


def test_answers_come_out_in_the_order_of_the_rows(deployment: Deployment, tmp_path: Path) -> None:
    rows, answers = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    rows.write_text(
        "".join(json.dumps({"text": SENTENCES[i % 2]}, ensure_ascii=False) + "\n" for i in range(300))
    )
    done = deployment.invoke_task(
        "predict", "--env", "local", "--task", "sentiment", "--input", str(rows), "--output", str(answers)
    )
    assert done.returncode == 0, done.stdout[-4000:]
    labels = [json.loads(line)["predicted_label"] for line in answers.read_text().splitlines()]
    assert labels == ["Pos", "Neg"] * 150


def test_pairs_are_scored(deployment: Deployment, tmp_path: Path) -> None:
    rows, answers = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    rows.write_text(json.dumps({"texts": ["아이가 말을 탄다.", "어린아이가 말을 타고 있다."]}) + "\n")
    done = deployment.invoke_task(
        "predict", "--env", "local", "--task", "similarity", "--input", str(rows), "--output", str(answers)
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert json.loads(answers.read_text())["score"] > 2.5


def test_a_bad_row_is_named_and_does_not_spoil_the_others(deployment: Deployment, tmp_path: Path) -> None:
    rows, answers = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    rows.write_text(
        json.dumps({"text": SENTENCES[0]}) + "\n{not json\n" + json.dumps({"text": SENTENCES[1]}) + "\n"
    )
    done = deployment.invoke_task(
        "predict", "--env", "local", "--task", "sentiment", "--input", str(rows), "--output", str(answers)
    )
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    assert done.returncode != 0
    assert lines[0]["predicted_label"] == "Pos"
    assert lines[1]["error"]["line"] == 2
    assert lines[2]["predicted_label"] == "Neg"
