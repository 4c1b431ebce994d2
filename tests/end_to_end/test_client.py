"""The client library against the deployed endpoint: typed answers to real Korean text."""

from __future__ import annotations

import asyncio

import pytest
from deployed import SENTENCES, Deployment

from serving_clients import InvalidRequest, aconnect, connect

ARTICLE = (
    "서울시는 내년부터 한강 공원 열한 곳에 나무 백만 그루를 심는다고 22일 밝혔다. "
    "시는 이번 사업에 5년 동안 천이백억 원을 쓸 계획이다. "
    "나무는 미세먼지를 줄이고 여름철 도심 온도를 낮추는 데 도움을 준다. "
    "한편 시민 단체는 관리 인력도 함께 늘려야 한다고 지적했다. "
    "시 관계자는 시민의 의견을 들어 수종과 장소를 정하겠다고 말했다."
)


@pytest.fixture
def in_environment(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in deployment.environment.items():
        if name.startswith(("AWS_", "SERVING_")):
            monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("in_environment")
class TestSession:
    def test_one_text_gets_one_answer_and_a_list_gets_a_list(self) -> None:
        with connect("local") as session:
            assert session.sentiment(SENTENCES[0]).predicted_label == "Pos"
            answers = session.sentiment(list(SENTENCES))
        assert [answer.predicted_label for answer in answers] == ["Pos", "Neg"]
        assert all(0.5 <= answer.score <= 1 for answer in answers)

    def test_near_duplicates_are_more_similar_than_strangers(self) -> None:
        with connect("local") as session:
            near = session.similarity("한 남자가 기타를 치고 있다.", "남자가 기타를 연주하고 있다.")
            far = session.similarity("한 남자가 기타를 치고 있다.", "내일은 전국에 비가 내리겠습니다.")
        assert 0 <= far.score < near.score <= 5

    def test_a_summary_is_made_of_the_articles_own_sentences_in_order(self) -> None:
        with connect("local") as session:
            summary = session.summarize(ARTICLE, max_sentences=2)
        assert summary.method == "extractive"
        assert len(summary.sentences) == 2
        assert [s.index for s in summary.sentences] == sorted(s.index for s in summary.sentences)
        assert all(sentence.text in ARTICLE for sentence in summary.sentences)

    def test_bulk_answers_keep_the_order_of_the_texts(self) -> None:
        texts = [SENTENCES[i % 2] for i in range(500)]
        with connect("local") as session:
            answers = session.sentiment(texts)
        assert [answer.predicted_label for answer in answers] == ["Pos", "Neg"] * 250

    def test_a_bad_text_is_refused_by_its_place_in_the_list(self) -> None:
        with connect("local") as session, pytest.raises(InvalidRequest) as refusal:
            session.sentiment([SENTENCES[0], "", SENTENCES[1]])
        assert refusal.value.field == "text"

    def test_the_async_twin_answers_the_same(self) -> None:
        async def ask() -> list[str]:
            async with await aconnect("local") as session:
                answers = await asyncio.gather(*(session.sentiment(text) for text in SENTENCES))
                return [answer.predicted_label for answer in answers]

        assert asyncio.run(ask()) == ["Pos", "Neg"]
