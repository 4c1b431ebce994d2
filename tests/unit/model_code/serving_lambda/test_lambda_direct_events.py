"""Direct events about texts, events that are none, and the probe that Terraform sends to a new version."""

from __future__ import annotations

from typing import Any

import pytest

from serving_contracts import InvalidInput
from serving_contracts.limits import MAX_TEXT_CHARACTERS
from serving_lambda.function import Function, PayloadTooLarge


@pytest.mark.parametrize("text", ["재미있다", ["재미있다"]])
def test_a_text_gets_the_typed_answer_itself(sentiment: Function, text: object) -> None:
    assert sentiment.answer({"text": text}) == {"predicted_label": "Pos", "score": 0.04}


def test_many_texts_get_as_many_answers_in_order(sentiment: Function) -> None:
    texts = ["가" * length for length in (9, 1, 50, 2)]
    assert [answer["score"] for answer in sentiment.answer({"texts": texts})] == [0.09, 0.01, 0.5, 0.02]


def test_fields_beside_many_texts_hold_for_each(summarization: Function) -> None:
    answers = summarization.answer({"texts": ["하나.", "둘."], "max_sentences": 2})
    assert [answer["summary"] for answer in answers] == ["하나.", "둘."]
    assert [answer["sentences"][0]["score"] for answer in answers] == [2, 2]


def test_who_sends_many_texts_as_one_is_told_the_form_for_many(sentiment: Function) -> None:
    for texts in ([], ["하나", "둘"]):
        with pytest.raises(InvalidInput) as raised:
            sentiment.answer({"text": texts})
        assert f"holds {len(texts)} texts" in raised.value.message
        assert raised.value.hint == 'send {"texts": ["…", "…"]} for many'
    assert sentiment.answer({"text": ["하나"]}) == sentiment.answer({"text": "하나"})


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": ["하나", "둘"]}, "text"),
        ({"text": "가" * (MAX_TEXT_CHARACTERS + 1)}, "text"),
        ({"text": "가", "lang": "ko"}, "lang"),
        ({"text": "refuse"}, "text"),
        ({"texts": "가"}, "texts"),
        ({"texts": []}, "texts"),
        ({"texts": ["가", 7]}, "texts[1]"),
        ({"texts": ["가"], "text": "나"}, "text"),
        ({"texts": ["가"], "lang": "ko"}, "lang"),
        ({"probe": False}, "probe"),
        ({"probe": True, "text": "가"}, "probe"),
        ([], None),
        (None, None),
        ("가", None),
        (7, None),
    ],
)
def test_a_bad_event_raises_what_lambda_reports_as_invalid_input(
    sentiment: Function, event: Any, field: str | None
) -> None:
    with pytest.raises(InvalidInput) as raised:
        sentiment.answer(event)
    assert raised.value.field == field
    assert type(raised.value).__name__ == "InvalidInput"  # the name is the errorType


@pytest.mark.parametrize("event", [{"text": "raise"}, {"texts": ["good", "raise"]}])
def test_what_the_model_raises_is_raised(sentiment: Function, event: Any) -> None:
    with pytest.raises(RuntimeError, match="a secret of the weights"):
        sentiment.answer(event)


def test_a_probe_is_told_that_the_model_is_loaded(sentiment: Function) -> None:
    ready = {"ready": True, "model": "written-by-a-test", "task": "sentiment", "version": "7"}
    assert sentiment.answer({"probe": True}) == ready


def test_an_answer_that_lambda_would_refuse_is_an_error_with_a_way_out(summarization: Function) -> None:
    texts = ["가" * 99_999] * 21
    with pytest.raises(PayloadTooLarge, match="Send fewer items at a time"):
        summarization.answer({"texts": texts})
    assert len(summarization.answer({"texts": texts[:20]})) == 20
