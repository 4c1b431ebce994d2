"""The command lines that make and measure weights, from corpus files to served answers, on tiny encoders."""

import json
from pathlib import Path

import pytest
from tiny_models import tiny_bert, tiny_tokenizer

import sentiment.evaluate
import sentiment.train
import similarity.evaluate
import similarity.train
from korean_text.torch_models import SentenceEncoder, TextClassifier

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    rows = [f"{'정말 ' * (i % 3)}영화 {'좋아요' if i % 2 else '싫어요'}\t{i % 2}" for i in range(60)]
    # Every second row is kept for watching, so the label must not go with the row's parity alone.
    rows = rows[:30] + rows[31:] + rows[30:31]
    file = tmp_path / "reviews.tsv"
    file.write_text("\n".join(["text\tlabel", *rows]) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    rows = []
    for i in range(40):
        same = i % 3 == 0
        rows.append(
            f"{5.0 if same else i % 5 / 2}\t정말 좋아요\t{'정말 좋아요' if same else '영화가 싫어요'}"
        )
    file = tmp_path / "pairs.tsv"
    file.write_text("\n".join(["score\tsentence1\tsentence2", *rows]) + "\n", encoding="utf-8")
    return file


def test_sentiment_is_trained_exported_and_measured(
    tmp_path: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        sentiment.train, "start", lambda texts, cache: (TextClassifier(tiny_bert(), 2), tiny_tokenizer())
    )
    arguments = [
        "--data",
        str(reviews),
        "--dev",
        str(reviews),
        "--work",
        str(tmp_path / "work"),
        "--threads",
        "1",
    ]
    arguments += ["--output", str(tmp_path / "model" / "weights"), "--epochs", "12", "--batch-size", "8"]
    assert sentiment.train.main([*arguments, "--learning-rate", "0.01"]) == 0
    assert "finished after" in (tmp_path / "work" / "train.log").read_text(encoding="utf-8")
    capsys.readouterr()
    assert sentiment.evaluate.main(["--data", str(reviews), "--model-dir", str(tmp_path / "model")]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["reviews"] == 60
    assert measured["accuracy"] >= 0.9


def test_similarity_is_trained_exported_calibrated_and_measured(
    tmp_path: Path, pairs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        similarity.train, "start", lambda texts, cache: (SentenceEncoder(tiny_bert()), tiny_tokenizer())
    )
    arguments = [
        "--data",
        str(pairs),
        "--dev",
        str(pairs),
        "--work",
        str(tmp_path / "work"),
        "--threads",
        "1",
    ]
    assert similarity.train.main([*arguments, "--output", str(tmp_path / "model" / "weights")]) == 0
    capsys.readouterr()
    options = ["--data", str(pairs), "--model-dir", str(tmp_path / "model"), "--half", "odd"]
    assert similarity.evaluate.main(options) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["pairs"] == 20
    assert measured["spearman"] > 0.7


def test_a_missing_corpus_ends_the_command_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no corpus file"):
        sentiment.evaluate.main(["--data", str(tmp_path / "none.tsv")])
