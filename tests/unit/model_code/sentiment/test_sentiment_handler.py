"""The served sentiment model, on the weights in the repository."""

from pathlib import Path

import pytest

import sentiment.handler
from sentiment.handler import MAX_TOKENS, SentimentModel, load
from serving_contracts.sentiment import Sentiment, SentimentRequest

MODEL_DIR = Path(sentiment.handler.__file__).parent


@pytest.fixture(scope="module")
def model() -> SentimentModel:
    return load(MODEL_DIR, threads=1)


def answers(model: SentimentModel, *texts: str) -> list[Sentiment]:
    return model.predict([model.prepare(SentimentRequest(text)) for text in texts])


@pytest.mark.parametrize(
    "text",
    [
        "정말 재미있는 영화였어요",
        "배우들 연기가 최고였고 마지막 장면에서 펑펑 울었습니다. 강력 추천합니다!",
        "ㅋㅋㅋ 개꿀잼",
        "기대 안 했는데 의외로 괜찮네요",
    ],
)
def test_a_plainly_positive_review_is_positive(model: SentimentModel, text: str) -> None:
    (answer,) = answers(model, text)
    assert answer.predicted_label == "Pos"
    assert 0.5 <= answer.score <= 1.0


@pytest.mark.parametrize(
    "text",
    [
        "시간이 아까운 최악의 영화",
        "지루해서 보다가 잠들었다. 돈이 아깝다",
        "노잼",
        "배우 연기는 좋았지만 스토리가 엉망이라 실망했다",
    ],
)
def test_a_plainly_negative_review_is_negative(model: SentimentModel, text: str) -> None:
    (answer,) = answers(model, text)
    assert answer.predicted_label == "Neg"
    assert 0.5 <= answer.score <= 1.0


def test_an_answer_does_not_depend_on_the_batch_it_came_in(model: SentimentModel) -> None:
    texts = [
        "좋아요",
        "정말 지루하고 재미없는 영화였습니다. 다시는 안 볼 거예요.",
        "그냥 그래요",
        "최고!" * 20,
    ]
    together = answers(model, *texts)
    alone = [answers(model, text)[0] for text in texts]
    assert [a.predicted_label for a in together] == [a.predicted_label for a in alone]
    assert [a.score for a in together] == pytest.approx([a.score for a in alone], abs=1e-4)


def test_the_same_text_gets_the_same_answer_again(model: SentimentModel) -> None:
    assert answers(model, "볼만했어요") == answers(model, "볼만했어요")


def test_no_items_give_no_answers(model: SentimentModel) -> None:
    assert model.predict([]) == []


def test_a_text_of_any_length_is_cut_not_refused(model: SentimentModel) -> None:
    item = model.prepare(SentimentRequest("정말 감동적인 영화였습니다. " * 6000))
    assert model.size(item) == MAX_TOKENS
    assert model.predict([item])[0].predicted_label == "Pos"


@pytest.mark.parametrize("text", ["!", "👍👍👍", "\u3000안녕\u3000", "漢字だけ", "a" * 3000, "\x00\x01"])
def test_unusual_text_still_gets_an_answer(model: SentimentModel, text: str) -> None:
    (answer,) = answers(model, text)
    assert answer.predicted_label in ("Pos", "Neg")


def test_a_longer_text_has_a_greater_size(model: SentimentModel) -> None:
    short, long = (
        model.prepare(SentimentRequest(text)) for text in ("좋아요", "좋아요 정말로 아주 많이 좋아요")
    )
    assert model.size(short) < model.size(long)


def test_missing_weights_fail_at_load(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="No such file"):
        load(tmp_path, threads=1)
