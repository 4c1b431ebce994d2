"""Reading the corpora."""

import gzip
from pathlib import Path

import pytest

from korean_text.corpora import CorpusError, Review, ScoredPair, read_klue_sentences, read_korsts, read_nsmc


def test_reviews_are_read_plain_and_gzipped(tmp_path: Path) -> None:
    text = 'text\tlabel\n"최고"예요\t1\n별로\t0\n'
    plain, packed = tmp_path / "a.tsv", tmp_path / "a.tsv.gz"
    plain.write_text(text, encoding="utf-8")
    packed.write_bytes(gzip.compress(text.encode()))
    assert read_nsmc(plain) == read_nsmc(packed) == [Review('"최고"예요', True), Review("별로", False)]


def test_pairs_are_read_with_their_scores(tmp_path: Path) -> None:
    file = tmp_path / "sts.tsv"
    file.write_text("genre\tscore\tsentence1\tsentence2\nnews\t3.8\t가\t나\n", encoding="utf-8")
    assert read_korsts(file) == [ScoredPair("가", "나", 3.8)]


def test_sentences_are_freed_of_their_entity_marks(tmp_path: Path) -> None:
    file = tmp_path / "ner.tsv"
    file.write_text("## 주석 : ##\n## klue-ner-v1_0\t<서울:LC>은 <1:QT>등\n서\tB-LC\n", encoding="utf-8")
    assert read_klue_sentences(file) == ["서울은 1등"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text\tlabel\n좋다\t2\n", "line 2"),
        ("a\tb\n1\t2\n", "lacks the column"),
        ("text\tlabel\n좋다\n", "line 2"),
    ],
)
def test_a_bad_review_file_is_refused_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "bad.tsv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        read_nsmc(file)


def test_a_score_that_is_no_number_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "sts.tsv"
    file.write_text("score\tsentence1\tsentence2\nhigh\t가\t나\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="'high' is no number"):
        read_korsts(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no corpus file"):
        read_nsmc(tmp_path / "none.tsv")
