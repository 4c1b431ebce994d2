"""Many questions as few requests."""

from __future__ import annotations

import io
import itertools
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import runtime_stand_in as stand_in
from runtime_stand_in import Call, Handler, Reply, Runtime

from serving_clients import (
    EndpointClient,
    EndpointNotFound,
    InvalidRequest,
    ModelFailed,
    Sentiment,
    SentimentRequest,
    ServingTimeout,
    Session,
    Similarity,
)
from serving_clients._bulk import ITEMS_PER_REQUEST, Cutter
from serving_clients._wire import Item
from serving_contracts.errors import ContainerError


def numbered(count: int) -> list[str]:
    """Texts whose answers differ from their neighbours'."""
    return [f"{number} 좋아" if number % 3 else f"{number} 싫어" for number in range(count)]


def labels(count: int) -> list[str]:
    return ["Pos" if number % 3 else "Neg" for number in range(count)]


def test_a_long_list_is_cut_into_requests_and_kept_in_order(session: Session, runtime: Runtime) -> None:
    answers = session.sentiment(numbered(500))
    assert [answer.predicted_label for answer in answers] == labels(500)
    assert len(runtime.calls) == 8
    assert {call.headers["content-type"] for call in runtime.calls} == {"application/jsonlines"}
    assert max(len(call.rows) for call in runtime.calls) == ITEMS_PER_REQUEST


def test_requests_run_side_by_side_but_not_more_than_allowed(runtime: Runtime) -> None:
    together = threading.Barrier(3)

    def meet(_handler: Handler, call: Call) -> Reply:
        together.wait(10)  # passes only if three are in flight
        return stand_in.answer_tasks(call)

    runtime.answer = meet
    with EndpointClient("e", env="local", endpoint_url=runtime.url, concurrency=3) as client:
        assert len(client.sentiment(numbered(ITEMS_PER_REQUEST * 6))) == ITEMS_PER_REQUEST * 6
    assert runtime.most_in_flight == 3


def test_a_request_stays_within_the_payload_limit(session: Session, runtime: Runtime) -> None:
    text = "가" * 90_000  # 270 kB of UTF-8; 64 of them are 17 MB
    assert len(session.sentiment([text] * 70)) == 70
    assert len(runtime.calls) == 4
    assert max(len(call.body) for call in runtime.calls) <= 6_291_456


def test_a_cutter_cuts_by_count_and_by_size() -> None:
    cutter = Cutter(max_items=3, max_bytes=10)
    entries = [Item(index, b"x" * size) for index, size in enumerate([1, 1, 1, 8, 2, 50, 1])]
    batches = [batch for entry in entries if (batch := cutter.add(entry))]
    if rest := cutter.flush():
        batches.append(rest)
    assert [[len(item.line) for item in batch.items] for batch in batches] == [[1, 1, 1], [8], [2], [50], [1]]
    assert cutter.flush() is None


# --- predict


def test_every_form_of_an_item_is_taken(session: Session) -> None:
    items = [
        "좋아",
        {"text": "싫어"},
        {"text": ["좋아"]},
        SentimentRequest("싫어"),
        b'{"text": "\xec\xa2\x8b"}\r\n',
    ]
    answers = list(session.predict("sentiment", items))
    assert [answer.predicted_label for answer in answers] == ["Pos", "Neg", "Pos", "Neg", "Pos"]
    pairs = [("가", "가"), ["가", "나"], {"texts": ["다", "다"]}, b'{"texts": ["a", "b"]}']
    scores = [Similarity(5.0), Similarity(1.0), Similarity(5.0), Similarity(1.0)]
    assert list(session.predict("similarity", pairs)) == scores


def test_a_json_lines_file_is_read_as_it_is(session: Session) -> None:
    file = io.BytesIO("\n".join(json.dumps({"text": text}) for text in numbered(200)).encode())
    answers = session.predict("sentiment", file)
    assert [answer.predicted_label for answer in answers] == labels(200)


def test_endless_input_is_read_only_a_little_ahead_of_its_answers(session: Session) -> None:
    read = itertools.count()

    def endless() -> Iterator[str]:
        while True:
            next(read)
            yield "좋아"

    answers = session.predict("sentiment", endless())
    for taken, _ in enumerate(itertools.islice(answers, 5_000), 1):
        if taken == 5_000:
            answers.close()  # type: ignore[attr-defined]
    assert next(read) - 5_000 <= ITEMS_PER_REQUEST * (2 * 16 + 1)


def test_giving_up_early_frees_the_threads_at_once(session: Session, runtime: Runtime) -> None:
    def hang_after_the_first(handler: Handler, call: Call) -> Reply | None:
        first = call.rows[0]["text"] == "0"
        return stand_in.answer_tasks(call) if first else stand_in.hang(handler, call)

    runtime.answer = hang_after_the_first
    answers = session.predict("sentiment", (str(number) for number in itertools.count()))
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    runtime.answer = lambda _handler, call: stand_in.answer_tasks(call)
    again = session.predict("sentiment", ["좋아"], timeout=15)
    assert [answer.predicted_label for answer in again] == ["Pos"]


def test_nothing_in_nothing_out(session: Session, runtime: Runtime) -> None:
    assert list(session.predict("sentiment", [])) == []
    assert runtime.calls == []


@pytest.mark.parametrize("items", [None, 5, "text", b"bytes", {"text": "a"}], ids=repr)
def test_items_are_iterable(session: Session, items: Any) -> None:
    with pytest.raises(InvalidRequest, match="must be an iterable of items"):
        session.predict("sentiment", items)


def test_an_unknown_task_is_refused_at_once(session: Session) -> None:
    with pytest.raises(InvalidRequest, match=r"no task 'sentimant'.*known tasks: sentiment"):
        session.predict("sentimant", [])


def test_on_error_has_two_values(session: Session) -> None:
    with pytest.raises(InvalidRequest, match='"raise" or "return"'):
        session.predict("sentiment", [], on_error="skip")  # type: ignore[arg-type]


BAD_LINES = [
    (b"", None, "the line is empty"),
    (b"\n", None, "the line is empty"),
    (b'{"text": "a"', None, "the line is not JSON"),
    (b"\xff\xfe{}", None, "the line is not JSON"),
    (b'{"text": NaN}', None, "the line is not JSON"),
    (b'{"text": "\\ud800"}', None, "the line is not JSON"),
    (b"[" * 100_000, None, "the line is not JSON"),
    (b"null", None, "must be an object, not null"),
    (b'["a"]', None, "must be an object, not an array"),
    (b"{}", "text", "is missing"),
    (b'{"text": 5}', "text", "must be a string, not a number"),
    (b'{"txt": "a"}', "txt", "is not a field"),
    (b'{"text": " "}', "text", "white space only"),
    (("a", "b"), "text", "holds 2 texts"),
    (None, "text", "must be a string, not null"),
    (5, "text", "must be a string, not a number"),
    ("a" * 100_001, "text", "the limit is 100,000"),
]


@pytest.mark.parametrize(("item", "field", "text"), BAD_LINES, ids=lambda v: repr(v)[:24])
def test_a_bad_item_gets_its_error_and_spoils_no_other(
    session: Session, item: Any, field: str | None, text: str
) -> None:
    answers = list(session.predict("sentiment", ["좋아", item, "싫어"], on_error="return"))
    assert answers[0] == Sentiment("Pos", 0.75)
    assert answers[2] == Sentiment("Neg", 0.75)
    error = answers[1]
    assert isinstance(error, InvalidRequest)
    assert (error.item, error.line, error.field) == (1, 2, field)
    assert text in str(error)
    assert str(error).startswith("line 2")


def test_nothing_but_bad_items_sends_nothing(session: Session, runtime: Runtime) -> None:
    answers = list(session.predict("sentiment", [b""] * 200, on_error="return"))
    assert [error.line for error in answers] == list(range(1, 201))
    assert runtime.calls == []


def test_raising_stops_at_the_bad_item_after_the_answers_before_it(session: Session) -> None:
    answers = session.predict("sentiment", ["좋아"] * 100 + [""] + ["좋아"] * 100)
    got = []
    with pytest.raises(InvalidRequest, match="line 101, field 'text': is empty"):
        for answer in answers:
            got.append(answer)
    assert len(got) == 100


def test_items_that_the_server_refuses_are_taken_out_and_the_rest_is_sent_again(
    session: Session, runtime: Runtime
) -> None:
    texts = numbered(64)
    for place in (5, 40, 41):
        texts[place] = "refuse this"
    answers = list(session.predict("sentiment", texts, on_error="return"))
    refused = [place for place, answer in enumerate(answers) if isinstance(answer, InvalidRequest)]
    assert refused == [5, 40, 41]
    assert [answers[place].line for place in refused] == [6, 41, 42]
    assert sum(isinstance(answer, Sentiment) for answer in answers) == 61
    assert len(runtime.calls) == 4


def test_a_refused_item_of_a_list_is_placed_in_the_callers_list(session: Session) -> None:
    texts = numbered(200)
    texts[150] = "refuse this"
    with pytest.raises(InvalidRequest, match="line 151, field 'text': is refused") as caught:
        session.sentiment(texts)
    assert caught.value.item == 150


def test_an_item_that_breaks_the_model_is_found_by_halving(session: Session, runtime: Runtime) -> None:
    texts = numbered(64)
    texts[33] = "break the model"
    answers = list(session.predict("sentiment", texts, on_error="return"))
    assert [place for place, answer in enumerate(answers) if isinstance(answer, ModelFailed)] == [33]
    assert answers[33].item == 33
    assert sum(isinstance(answer, Sentiment) for answer in answers) == 63
    assert len(runtime.calls) == 13


def test_an_item_that_is_too_slow_is_found_by_halving(session: Session) -> None:
    texts = numbered(64)
    texts[7] = "slow one"
    answers = list(session.predict("sentiment", texts, on_error="return"))
    assert [place for place, answer in enumerate(answers) if isinstance(answer, ServingTimeout)] == [7]


def test_a_container_that_always_times_out_is_not_asked_about_every_item(
    session: Session, runtime: Runtime
) -> None:
    answers = list(session.predict("sentiment", ["slow"] * 64, on_error="return"))
    assert all(isinstance(answer, ServingTimeout) for answer in answers)
    assert len(runtime.calls) < 20


def test_a_request_that_is_too_large_for_the_server_is_halved(session: Session, runtime: Runtime) -> None:
    def small_only(_handler: Handler, call: Call) -> Reply:
        if len(call.rows) > 10:
            return stand_in.container_error(ContainerError("PayloadTooLarge", "too large"))
        return stand_in.answer_tasks(call)

    runtime.answer = small_only
    assert [answer.predicted_label for answer in session.sentiment(numbered(64))] == labels(64)


def test_what_is_no_items_fault_is_raised_all_the_same(session: Session, runtime: Runtime) -> None:
    runtime.answer = stand_in.fails("ValidationError", 400, "Endpoint e of account 123456789012 not found.")
    with pytest.raises(EndpointNotFound):
        list(session.predict("sentiment", numbered(64), on_error="return"))
    runtime.answer = stand_in.fails("ValidationError", 400, "Target container x does not exist")
    before = len(runtime.calls)
    with pytest.raises(InvalidRequest, match="Target container"):
        list(session.predict("sentiment", numbered(64), on_error="return"))
    assert len(runtime.calls) == before + 1


@pytest.mark.parametrize("body", [b"", b"{}\n", b'{"predicted_label":"Pos","score":1}\n', b"[]"], ids=repr)
def test_a_wrong_number_of_answers_is_never_taken(session: Session, runtime: Runtime, body: bytes) -> None:
    runtime.answer = stand_in.replies(Reply(body))
    with pytest.raises(ModelFailed, match=r"gave [01] answers to 3 questions"):
        session.sentiment(["가", "나", "다"])


def test_passing_trouble_in_the_middle_of_bulk_work_goes_unnoticed(
    session: Session, runtime: Runtime
) -> None:
    runtime.script.extend([stand_in.throttle(), stand_in.drop, stand_in.die, stand_in.throttle()] * 2)
    answers = list(session.predict("sentiment", numbered(500)))
    assert [answer.predicted_label for answer in answers] == labels(500)


def test_a_list_has_one_deadline_and_a_stream_of_items_one_for_each_request(
    session: Session, runtime: Runtime
) -> None:
    runtime.answer = stand_in.hang
    with pytest.raises(ServingTimeout):
        session.sentiment(numbered(200), timeout=0.3)
    with pytest.raises(ServingTimeout):
        list(session.predict("sentiment", numbered(200), on_error="return", timeout=0.3))


def test_an_error_in_the_callers_own_iterable_is_the_callers(session: Session) -> None:
    def broken() -> Iterator[str]:
        yield "좋아"
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(session.predict("sentiment", broken()))
