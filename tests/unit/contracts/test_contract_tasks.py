"""The request and answer types of every task, and how they travel as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from serving_contracts import (
    TASKS,
    InvalidInput,
    Sentiment,
    SentimentRequest,
    Similarity,
    SimilarityRequest,
    SummarizationRequest,
    Summary,
    SummarySentence,
)
from serving_contracts.limits import MAX_TEXT_CHARACTERS
from serving_contracts.tasks import find_task

SUMMARY = Summary(summary="첫 문장.", sentences=(SummarySentence(0, "첫 문장.", 0.75),))

ROUND_TRIPS = [
    ("sentiment", SentimentRequest("정말 재미있는 영화였어요"), Sentiment("Pos", 0.97)),
    ("sentiment", SentimentRequest("  a\u0000b 😀\n"), Sentiment("Neg", 1.0)),
    ("similarity", SimilarityRequest(("비가 온다", "눈이 온다")), Similarity(3.25)),
    ("summarization", SummarizationRequest("첫 문장. 둘째 문장.", 1), SUMMARY),
]

NOT_TEXTS = [None, True, False, 0, 1.5, {}, {"a": 1}, b"bytes"]
NOT_OBJECTS: list[Any] = [None, True, 1, 1.5, "text", [], ["text"], [{"text": "a"}]]
LONE_SURROGATES = ["\ud800", "a\udfff", "좋아\ud83d 요"]


@pytest.mark.parametrize(("name", "request_", "answer"), ROUND_TRIPS)
def test_requests_and_answers_survive_the_wire(name: str, request_: Any, answer: Any) -> None:
    task = TASKS[name]
    assert task.parse_request(json.loads(json.dumps(task.dump_request(request_)))) == request_
    assert task.parse_answer(json.loads(json.dumps(task.dump_answer(answer)))) == answer


@pytest.mark.parametrize(("name", "request_", "answer"), ROUND_TRIPS)
def test_types_are_frozen_hashable_and_picklable(name: str, request_: Any, answer: Any) -> None:
    for value in (request_, answer):
        assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - our own bytes
        assert hash(value) == hash(dataclasses.replace(value))
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, dataclasses.fields(value)[0].name, "changed")
        assert not hasattr(value, "__dict__")


def test_the_labs_forms_are_read() -> None:
    assert TASKS["sentiment"].parse_request({"text": ["좋아요"]}) == SentimentRequest("좋아요")
    assert TASKS["similarity"].parse_request({"text": ["가", "나"]}) == SimilarityRequest(("가", "나"))
    assert TASKS["summarization"].parse_request({"text": ["글"]}) == SummarizationRequest("글", 3)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("value", NOT_OBJECTS, ids=repr)
def test_a_request_that_is_not_an_object_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidInput, match="must be an object, not") as caught:
        TASKS[name].parse_request(value)
    assert caught.value.field is None
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("send {")


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("value", NOT_OBJECTS, ids=repr)
def test_an_answer_that_is_not_an_object_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidInput, match="must be an object, not"):
        TASKS[name].parse_answer(value)


@pytest.mark.parametrize("name", TASKS)
def test_an_unknown_field_is_refused_by_its_name(name: str) -> None:
    whole = {"texts": ["a", "b"]} if name == "similarity" else {"text": "a"}
    with pytest.raises(InvalidInput, match="is not a field of this request") as caught:
        TASKS[name].parse_request(whole | {"max_sentense": 3})
    assert caught.value.field == "max_sentense"


def test_the_name_of_an_unknown_field_can_always_be_sent_back() -> None:
    with pytest.raises(InvalidInput) as caught:
        TASKS["sentiment"].parse_request({"text": "a", "\ud800" * 200: 1})
    assert caught.value.field is not None
    caught.value.field.encode()
    assert len(caught.value.field) < 500


@pytest.mark.parametrize("name", TASKS)
def test_a_missing_text_is_named(name: str) -> None:
    with pytest.raises(InvalidInput, match="is missing") as caught:
        TASKS[name].parse_request({})
    assert caught.value.field == ("texts" if name == "similarity" else "text")


@pytest.mark.parametrize("value", NOT_TEXTS, ids=repr)
def test_what_is_not_a_string_is_refused_with_its_json_type(value: object) -> None:
    for name, request, field in (
        ("sentiment", {"text": value}, "text"),
        ("sentiment", {"text": [value]}, "text[0]"),
        ("summarization", {"text": value}, "text"),
        ("similarity", {"texts": ["a", value]}, "texts[1]"),
        ("similarity", {"text": [value, "a"]}, "text[0]"),
    ):
        with pytest.raises(InvalidInput, match="must be a string, not") as caught:
            TASKS[name].parse_request(request)
        assert caught.value.field == field


@pytest.mark.parametrize("value", NOT_TEXTS[:-1], ids=repr)
def test_types_named_in_messages_are_jsons(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"not (null|a boolean|a number|an object)"):
        TASKS["sentiment"].parse_request({"text": value})


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u3000", "\u00a0\u2003"], ids=repr)
def test_a_blank_text_is_refused(blank: str) -> None:
    with pytest.raises(InvalidInput, match=r"is empty|white space only"):
        TASKS["sentiment"].parse_request({"text": blank})
    with pytest.raises(InvalidInput, match=r"is empty|white space only"):
        TASKS["similarity"].parse_request({"texts": [blank, "a"]})


@pytest.mark.parametrize("text", LONE_SURROGATES, ids=ascii)
def test_half_a_surrogate_pair_is_refused_and_the_message_can_be_encoded(text: str) -> None:
    for name, request in (("sentiment", {"text": text}), ("similarity", {"texts": ["a", text]})):
        with pytest.raises(InvalidInput, match="surrogate") as caught:
            TASKS[name].parse_request(request)
        json.dumps(caught.value.to_dict(), ensure_ascii=False).encode()


def test_the_longest_text_is_taken_and_one_more_character_is_not() -> None:
    longest = "가" * MAX_TEXT_CHARACTERS
    assert TASKS["sentiment"].parse_request({"text": longest}).text == longest
    with pytest.raises(InvalidInput, match="100,001 characters; the limit is 100,000"):
        TASKS["sentiment"].parse_request({"text": longest + "가"})


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_similarity_takes_exactly_two_texts(count: int) -> None:
    with pytest.raises(InvalidInput, match=f"holds {count} texts; a request takes exactly two"):
        TASKS["similarity"].parse_request({"texts": ["a"] * count})


def test_a_similarity_of_one_string_is_not_taken_for_two_letters() -> None:
    with pytest.raises(InvalidInput, match="must be an array of two strings, not a string"):
        TASKS["similarity"].parse_request({"texts": "ab"})


def test_a_similarity_with_both_spellings_is_refused() -> None:
    with pytest.raises(InvalidInput, match="stands beside 'texts'"):
        TASKS["similarity"].parse_request({"texts": ["a", "b"], "text": ["a", "b"]})


@pytest.mark.parametrize("count", [0, 2])
def test_a_sentiment_array_holds_exactly_one_text(count: int) -> None:
    with pytest.raises(InvalidInput, match=f"holds {count} texts; a request takes exactly one"):
        TASKS["sentiment"].parse_request({"text": ["a"] * count})


@pytest.mark.parametrize("value", [True, 3.0, "3", None, [3], math.nan], ids=repr)
def test_max_sentences_is_an_integer(value: object) -> None:
    with pytest.raises(InvalidInput, match="must be an integer, not") as caught:
        TASKS["summarization"].parse_request({"text": "글", "max_sentences": value})
    assert caught.value.field == "max_sentences"


@pytest.mark.parametrize("value", [0, -1, 21, 10**5000], ids=lambda v: f"{v:.0e}" if v < 100 else "huge")
def test_max_sentences_is_from_1_to_20(value: int) -> None:
    with pytest.raises(InvalidInput, match="must be from 1 to 20, not"):
        TASKS["summarization"].parse_request({"text": "글", "max_sentences": value})


@pytest.mark.parametrize(
    "score",
    [math.nan, math.inf, -math.inf, -0.1, 1.1, True, None, "0.5", [0.5], 10**400, Decimal("NaN")],
    ids=lambda v: repr(v)[:12],
)
def test_a_score_that_is_no_probability_is_refused(score: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        Sentiment("Pos", score)
    assert caught.value.field == "score"


@pytest.mark.parametrize("score", [np.float32(0.5), np.float64(0.5), np.int64(1), 1, 0])
def test_a_handler_may_answer_with_numpy_scalars_which_become_floats(score: Any) -> None:
    answer = Sentiment("Pos", score)
    assert type(answer.score) is float
    assert json.dumps(TASKS["sentiment"].dump_answer(answer))


@pytest.mark.parametrize("label", ["pos", "POS", "", None, 1, True, ["Pos"]], ids=repr)
def test_a_label_is_pos_or_neg(label: Any) -> None:
    with pytest.raises(InvalidInput, match="must be Pos or Neg"):
        Sentiment(label, 0.5)


@pytest.mark.parametrize("score", [-0.01, 5.01, math.nan])
def test_a_similarity_is_from_0_to_5(score: float) -> None:
    with pytest.raises(InvalidInput):
        Similarity(score)


@pytest.mark.parametrize("field", ["summary", "sentences", "method"])
def test_a_summary_without_a_field_is_refused_by_its_name(field: str) -> None:
    wire = TASKS["summarization"].dump_answer(SUMMARY)
    del wire[field]
    with pytest.raises(InvalidInput, match="is missing") as caught:
        TASKS["summarization"].parse_answer(wire)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("sentence", "field"),
    [
        ({"text": "a", "score": 1}, "sentences[0].index"),
        ({"index": -1, "text": "a", "score": 1}, "sentences[0].index"),
        ({"index": True, "text": "a", "score": 1}, "sentences[0].index"),
        ({"index": 0, "text": 5, "score": 1}, "sentences[0].text"),
        ({"index": 0, "text": "a", "score": math.nan}, "sentences[0].score"),
        ("a", "sentences[0]"),
    ],
)
def test_a_broken_sentence_of_a_summary_is_placed(sentence: object, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        TASKS["summarization"].parse_answer({"summary": "a", "sentences": [sentence], "method": "extractive"})
    assert caught.value.field == field


def test_an_answer_of_a_later_version_is_read() -> None:
    wire = {"predicted_label": "Neg", "score": 0.9, "calibrated": True}
    assert TASKS["sentiment"].parse_answer(wire) == Sentiment("Neg", 0.9)


def test_an_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"no task 'sentimant'.*sentiment, similarity, summarization"):
        find_task("sentimant")


def test_the_registry_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        TASKS["mine"] = TASKS["sentiment"]  # type: ignore[index]
