"""The served summarization model, on the similarity model's weights in the repository."""

from pathlib import Path

import pytest

import similarity.handler
from serving_contracts.summarization import SummarizationRequest, Summary
from summarization.handler import MAX_SENTENCES, SummarizationModel, load

WEIGHTS_OWNER = Path(similarity.handler.__file__).parent

ARTICLE = (
    "서울시가 내년부터 심야버스 노선을 지금의 두 배로 늘린다고 3일 밝혔다. "
    "밤늦게 일하는 시민들이 택시 외에는 탈 것이 없다는 요청이 이어졌기 때문이다. "
    "새 심야버스 노선은 강남과 강북을 잇고 새벽 4시까지 20분마다 다닌다. "
    "요금은 지금과 같은 2천500원이다. "
    "시는 심야버스 확대에 한 해 백억 원의 예산을 쓸 계획이다. "
    "한편 이날 서울의 낮 기온은 30도를 넘었다."
)


@pytest.fixture(scope="module")
def model() -> SummarizationModel:
    return load(WEIGHTS_OWNER, threads=1)


def summarize(model: SummarizationModel, text: str, wanted: int = 3) -> Summary:
    return model.predict([model.prepare(SummarizationRequest(text, wanted))])[0]


def test_a_summary_is_made_of_sentences_of_the_text_in_their_order(model: SummarizationModel) -> None:
    summary = summarize(model, ARTICLE)
    assert len(summary.sentences) == 3
    assert all(sentence.text in ARTICLE for sentence in summary.sentences)
    assert [s.index for s in summary.sentences] == sorted({s.index for s in summary.sentences})
    assert summary.summary == " ".join(sentence.text for sentence in summary.sentences)
    assert summary.method == "extractive"


def test_a_stray_sentence_is_left_out_and_the_topic_kept(model: SummarizationModel) -> None:
    chosen = [sentence.index for sentence in summarize(model, ARTICLE, 2).sentences]
    assert 5 not in chosen
    assert 0 in chosen or 2 in chosen


def test_a_sentence_that_is_said_twice_is_chosen_once(model: SummarizationModel) -> None:
    first = "서울시가 내년부터 심야버스 노선을 두 배로 늘린다고 밝혔다."
    rest = "요금은 지금과 같은 2천500원이다. 시는 한 해 백억 원의 예산을 쓸 계획이다."
    chosen = [sentence.text for sentence in summarize(model, f"{first} {first} {rest}", 2).sentences]
    assert chosen.count(first) == 1


def test_a_text_with_fewer_sentences_than_asked_for_is_given_back_whole(model: SummarizationModel) -> None:
    assert summarize(model, "한 문장뿐입니다.").summary == "한 문장뿐입니다."
    assert summarize(model, "하나입니다. 둘입니다.", 20).summary == "하나입니다. 둘입니다."


def test_texts_in_one_batch_do_not_change_each_other(model: SummarizationModel) -> None:
    texts = [ARTICLE, "날씨가 맑다. 바람이 분다. 꽃이 피었다. 새가 운다.", "한 문장."]
    together = model.predict([model.prepare(SummarizationRequest(text, 2)) for text in texts])
    for text, answer in zip(texts, together, strict=True):
        alone = summarize(model, text, 2)
        assert answer.summary == alone.summary
        expected = [sentence.score for sentence in alone.sentences]
        assert [sentence.score for sentence in answer.sentences] == pytest.approx(expected, abs=1e-3)


def test_no_items_give_no_answers(model: SummarizationModel) -> None:
    assert model.predict([]) == []


def test_only_the_first_sentences_of_a_very_long_text_are_looked_at(model: SummarizationModel) -> None:
    text = " ".join(f"{number}번째 문장입니다." for number in range(5000))
    item = model.prepare(SummarizationRequest(text))
    assert len(item.sentences) == MAX_SENTENCES
    assert model.predict([item])[0].sentences[-1].index < MAX_SENTENCES


def test_the_size_of_a_text_is_all_its_tokens(model: SummarizationModel) -> None:
    short, long = (model.prepare(SummarizationRequest(text)) for text in ("짧은 글.", ARTICLE))
    assert model.size(short) < model.size(long) == sum(map(len, long.tokens))
