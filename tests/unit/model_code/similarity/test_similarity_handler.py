"""The served similarity model, on the weights in the repository."""

import json
from pathlib import Path

import pytest

import similarity.handler
from serving_contracts.similarity import SimilarityRequest
from similarity.handler import MAX_TOKENS, SimilarityModel, load

MODEL_DIR = Path(similarity.handler.__file__).parent

ALIKE = [
    ("한 남자가 기타를 치고 있다.", "남자가 기타를 연주하고 있다."),
    ("비행기가 이륙하고 있다.", "비행기가 이륙하는 중이다."),
]
UNRELATED = [
    ("한 남자가 기타를 치고 있다.", "오늘 주식 시장이 크게 떨어졌다."),
    ("고양이가 창가에서 잔다.", "정부는 내년 예산안을 발표했다."),
]


@pytest.fixture(scope="module")
def model() -> SimilarityModel:
    return load(MODEL_DIR, threads=1)


def scores(model: SimilarityModel, *pairs: tuple[str, str]) -> list[float]:
    return [answer.score for answer in model.predict([model.prepare(SimilarityRequest(p)) for p in pairs])]


def test_sentences_of_one_meaning_score_high_and_unrelated_ones_low(model: SimilarityModel) -> None:
    assert min(scores(model, *ALIKE)) > 3.5
    assert max(scores(model, *UNRELATED)) < 1.5


def test_a_sentence_and_itself_score_five(model: SimilarityModel) -> None:
    assert scores(model, ("안녕하세요", "안녕하세요")) == pytest.approx([5.0], abs=0.01)


def test_the_order_of_the_two_sentences_does_not_matter(model: SimilarityModel) -> None:
    first, second = ALIKE[0]
    assert scores(model, (first, second)) == pytest.approx(scores(model, (second, first)), abs=1e-3)


def test_an_answer_does_not_depend_on_the_batch_it_came_in(model: SimilarityModel) -> None:
    pairs = [
        *ALIKE,
        *UNRELATED,
        ("짧다", "이 문장은 다른 문장들보다 훨씬 더 길어서 나머지를 채우게 만든다. " * 3),
    ]
    together = scores(model, *pairs)
    alone = [scores(model, pair)[0] for pair in pairs]
    assert together == pytest.approx(alone, abs=1e-3)


def test_no_items_give_no_answers(model: SimilarityModel) -> None:
    assert model.predict([]) == []


def test_a_text_of_any_length_is_cut_not_refused(model: SimilarityModel) -> None:
    item = model.prepare(SimilarityRequest(("아주 긴 문장입니다. " * 8000, "짧은 문장")))
    assert model.size(item) == MAX_TOKENS
    assert 0.0 <= model.predict([item])[0].score <= 5.0


@pytest.mark.parametrize("texts", [("!", "?"), ("👍", "좋아요"), ("漢字", "한자"), ("\x00", "a")])
def test_unusual_text_still_gets_a_score_on_the_scale(model: SimilarityModel, texts: tuple[str, str]) -> None:
    assert 0.0 <= scores(model, texts)[0] <= 5.0


def test_the_shipped_map_to_the_scale_rises_strictly() -> None:
    scoring = json.loads((MODEL_DIR / "weights" / "scoring.json").read_text(encoding="utf-8"))
    for knots in (scoring["cosines"], scoring["scores"]):
        assert knots == sorted(set(knots))
    assert (scoring["cosines"][-1], scoring["scores"][-1]) == (1.0, 5.0)
