"""The same call whatever the catalog offers: what is asked, for how long, and how much of it at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import function_stand_in as functions
import pytest
import runtime_stand_in as stand_in
from function_stand_in import AtMost
from published_catalogs import catalog, publish
from runtime_stand_in import Action, Call, Handler, Reply, Runtime, answer_tasks

from serving_clients import (
    EndpointClient,
    FunctionClient,
    InvalidRequest,
    Session,
    Similarity,
    Throttled,
    aconnect,
    connect,
)
from serving_clients._bulk import ITEMS_PER_REQUEST

NULL = stand_in.aws_error("ThrottlingException", 400, None)
"""What a serverless endpoint answers over its limit."""


def answer_either(handler: Handler, call: Call) -> Reply | None:
    """As a function, or as the container of an endpoint."""
    if call.path.startswith("/2015-03-31/"):
        return functions.works(handler, call)
    task = "similarity" if "similarity" in call.path else "sentiment"
    return answer_tasks(Call(call.path, call.headers | {stand_in.CONTAINER: task}, call.body))


@contextmanager
def environment(runtime: Runtime, moto_url: str, concurrency: int = 16, **entries: Any) -> Iterator[Session]:
    publish(moto_url, "local", catalog(**entries))
    with connect("local", endpoint_url=runtime.url, concurrency=concurrency) as session:
        yield session


PROVISIONED = {
    "pattern": "multi_container",
    "endpoint_name": "provisioned",
    "mode": "Single",
    "containers": {"main": {"task": "sentiment", "model": "sentiment"}},
}
SERVERLESS = functions.serverless("sentiment", "cold", 5)
FUNCTION = functions.function("sentiment", "fn", max_concurrency=3)


def test_the_caller_need_not_know_the_pattern(runtime: Runtime, moto_url: str) -> None:
    runtime.answer = answer_either
    entries: dict[str, Any] = {
        "a": FUNCTION,
        "b": SERVERLESS,
        "c": functions.serverless("similarity", "similarity", 1),
    }
    with environment(runtime, moto_url, **entries) as session:
        assert session.sentiment("좋아").predicted_label == "Pos"
        assert session.sentiment("좋아", endpoint="a").predicted_label == "Pos"
        assert session.similarity("가", "가") == Similarity(5.0)
        assert [len(list(session.predict("sentiment", ["좋아"] * 70, endpoint=name))) for name in "ab"] == [
            70,
            70,
        ]
        assert isinstance(session.endpoint("sentiment"), EndpointClient)
        assert isinstance(session.endpoint("sentiment", "a"), FunctionClient)
    assert [call.path for call in runtime.calls[:3]] == [
        "/endpoints/cold/invocations",  # of several the one that is listed before functions
        "/2015-03-31/functions/fn/invocations?Qualifier=live",
        "/endpoints/similarity/invocations",
    ]


def test_a_provisioned_endpoint_is_asked_before_one_that_starts_cold(runtime: Runtime, moto_url: str) -> None:
    runtime.answer = answer_either
    with environment(runtime, moto_url, a=FUNCTION, b=SERVERLESS, c=PROVISIONED) as session:
        session.sentiment("좋아")
    assert runtime.calls[0].path == "/endpoints/provisioned/invocations"


# --- Deadlines


@pytest.mark.parametrize(
    ("entry", "seconds"),
    [
        (PROVISIONED, 70.0),
        (SERVERLESS, 250.0),
        (functions.function("sentiment", timeout_s=30), 70.0),
        (functions.function("sentiment", timeout_s=900), 920.0),
    ],
    ids=["real-time", "serverless", "a short function", "a long function"],
)
def test_a_call_may_take_as_long_as_a_cold_start_and_an_answer(
    runtime: Runtime, moto_url: str, entry: Any, seconds: float
) -> None:
    with environment(runtime, moto_url, it=entry) as session:
        target = session.endpoint("sentiment")._target
        assert target.seconds(None) == seconds
        assert target.seconds(5) == 5.0
    with connect("local", endpoint_url=runtime.url, timeout=7) as hurried:
        assert hurried.endpoint("sentiment")._target.seconds(None) == 7.0


def test_a_cold_start_is_waited_for_in_one_invocation(runtime: Runtime, moto_url: str) -> None:
    def cold(handler: Handler, call: Call) -> Reply | None:
        handler.runtime.stopping.wait(1.5)
        return answer_either(handler, call)

    runtime.answer = cold
    with environment(runtime, moto_url, a=FUNCTION, b=SERVERLESS) as session:
        assert session.sentiment("좋아").predicted_label == "Pos"
        assert session.sentiment("좋아", endpoint="a").predicted_label == "Pos"
    assert len(runtime.calls) == 2


# --- Throttling

LIMITED: dict[str, tuple[dict[str, Any], Reply, str]] = {
    "serverless": (
        SERVERLESS,
        NULL,
        r"endpoint 'cold' is throttled: ThrottlingException.*\(raise max_concurrency "
        r"\(serverless_endpoints\.it in terraform/envs/local/terraform\.tfvars\)",
    ),
    "lambda": (
        FUNCTION,
        functions.throttled(),
        r"function 'fn' is throttled: Rate Exceeded\..*\(raise its reserved_concurrency "
        r"\(functions\.it in terraform/envs/local/terraform\.tfvars\)",
    ),
}


@pytest.mark.parametrize(("entry", "refusal", "text"), LIMITED.values(), ids=LIMITED)
def test_throttling_that_lasts_says_where_the_limit_is_set(
    runtime: Runtime, moto_url: str, entry: Any, refusal: Reply, text: str
) -> None:
    runtime.answer = stand_in.replies(refusal)
    with environment(runtime, moto_url, it=entry) as session, pytest.raises(Throttled, match=text) as caught:
        session.sentiment("좋아", timeout=1)
    assert caught.value.attempts > 1


@pytest.mark.parametrize(("entry", "refusal", "_text"), LIMITED.values(), ids=LIMITED)
def test_two_hundred_calls_at_a_time_are_all_answered_by_a_place_that_takes_twenty(
    runtime: Runtime, moto_url: str, entry: Any, refusal: Reply, _text: str
) -> None:
    runtime.answer = limit = AtMost(20, answer_either, refusal, seconds=0.05)
    together = threading.Barrier(200)

    def ask(number: int) -> str:
        together.wait(60)
        return session.sentiment("좋아" if number % 2 else "싫어").predicted_label

    with environment(runtime, moto_url, it=entry) as session, ThreadPoolExecutor(200) as pool:
        assert list(pool.map(ask, range(200))) == ["Neg", "Pos"] * 100
    assert limit.served == 200
    assert limit.refused > 0


async def test_two_hundred_awaited_calls_are_all_answered(runtime: Runtime, moto_url: str) -> None:
    runtime.answer = limit = AtMost(20, answer_either, functions.throttled(), seconds=0.02)
    publish(moto_url, "local", catalog(it=FUNCTION))
    async with await aconnect("local", endpoint_url=runtime.url) as session:
        answers = await asyncio.gather(*(session.sentiment("좋아") for _ in range(200)))
    assert [answer.predicted_label for answer in answers] == ["Pos"] * 200
    assert (limit.served, limit.refused > 0) == (200, True)


# --- Bulk


def slowly(handler: Handler, call: Call) -> Reply | None:
    handler.runtime.stopping.wait(0.03)
    return answer_either(handler, call)


BULK = {
    "a serverless endpoint": (SERVERLESS, 16, 5),
    "a function": (FUNCTION, 16, 3),
    "a function of one at a time": (functions.function("sentiment", max_concurrency=1), 16, 1),
    "a session that wants less": (SERVERLESS, 2, 2),
    "a function that shares the account's": (functions.function("sentiment"), 4, 4),
}


@pytest.mark.parametrize(("entry", "wanted", "most"), BULK.values(), ids=BULK)
def test_bulk_calls_never_throttle_themselves(
    runtime: Runtime, moto_url: str, entry: Any, wanted: int, most: int
) -> None:
    refusal = NULL if entry["pattern"] == "serverless" else functions.throttled()
    runtime.answer = limit = AtMost(most, slowly, refusal)
    texts = ["좋아"] * (ITEMS_PER_REQUEST * 12)
    with environment(runtime, moto_url, concurrency=wanted, it=entry) as session:
        assert len(session.sentiment(texts)) == len(texts)
        with ThreadPoolExecutor(2) as pool:  # two at a time share the limit
            both = [pool.submit(list, session.predict("sentiment", texts)) for _ in range(2)]
            assert [len(done.result()) for done in both] == [len(texts)] * 2
    assert limit.refused == 0
    assert runtime.most_in_flight == most


def test_bulk_detection_respects_the_limit_too(runtime: Runtime, moto_url: str) -> None:
    runtime.answer = limit = AtMost(2, slowly, functions.throttled())
    entry = functions.function("detection", max_concurrency=2)
    picture = b"\xff\xd8\xff"
    with environment(runtime, moto_url, it=entry) as session:
        assert len(session.detect([picture] * 12)) == 12
        assert len(list(session.detect_all([picture] * 12))) == 12
    assert limit.refused == 0
    assert runtime.most_in_flight == 2


async def test_awaited_bulk_calls_respect_the_limit(runtime: Runtime, moto_url: str) -> None:
    runtime.answer = limit = AtMost(3, slowly, functions.throttled())
    detection = functions.function("detection", "other", max_concurrency=3)
    publish(moto_url, "local", catalog(it=FUNCTION, other=detection))
    async with await aconnect("local", endpoint_url=runtime.url) as session:
        texts = ["좋아"] * (ITEMS_PER_REQUEST * 10)
        assert len([answer async for answer in session.predict("sentiment", texts)]) == len(texts)
        pictures = [b"\xff\xd8\xff"] * 20
        assert len([answer async for answer in session.detect_all(pictures)]) == 20
    assert limit.refused == 0
    assert runtime.most_in_flight == 3


BROKEN: dict[str, Action] = {
    "serverless": stand_in.container_fails(503, "starting"),
    "lambda": stand_in.fails("ServiceException", 500),
}


@pytest.mark.parametrize("pattern", BROKEN)
def test_trouble_on_the_way_is_tried_again_in_bulk(runtime: Runtime, moto_url: str, pattern: str) -> None:
    runtime.answer = answer_either
    runtime.script.extend([BROKEN[pattern], stand_in.drop, BROKEN[pattern]])
    with environment(runtime, moto_url, it=SERVERLESS if pattern == "serverless" else FUNCTION) as session:
        assert len(session.sentiment(["좋아"] * 200)) == 200


def test_a_media_task_that_answers_later_is_not_taken_for_one_that_answers_at_once(
    runtime: Runtime, moto_url: str
) -> None:
    with (
        environment(runtime, moto_url, it=FUNCTION) as session,
        pytest.raises(InvalidRequest, match=r"takes files, and answers later.*session\.segment"),
    ):
        session.predict("segmentation", [])
