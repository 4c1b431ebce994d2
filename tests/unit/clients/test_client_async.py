"""The asynchronous twins: the same names, the same answers, awaited."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest
import runtime_stand_in as stand_in
from published_catalogs import catalog, publish
from runtime_stand_in import Runtime

import serving_clients
from serving_clients import (
    AsyncEndpointClient,
    AsyncFunctionClient,
    AsyncJob,
    AsyncJobsClient,
    AsyncSession,
    CatalogNotFound,
    EndpointClient,
    FunctionClient,
    InvalidRequest,
    Job,
    JobsClient,
    ServingError,
    ServingTimeout,
    Session,
    Similarity,
    aconnect,
    connect,
)


@pytest.fixture
async def asession(runtime: Runtime, moto_url: str) -> AsyncIterator[AsyncSession]:
    publish(moto_url, "local", catalog())
    async with await aconnect("local", endpoint_url=runtime.url, timeout=20) as session:
        yield session


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def arguments(function: Any) -> list[tuple[str, Any, Any]]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize(
    ("kind", "twin"),
    [
        (Session, AsyncSession),
        (EndpointClient, AsyncEndpointClient),
        (FunctionClient, AsyncFunctionClient),
        (JobsClient, AsyncJobsClient),
        (Job, AsyncJob),
    ],
    ids=["session", "endpoint", "function", "jobs", "job"],
)
def test_the_twins_have_the_same_names_and_arguments(kind: type, twin: type) -> None:
    assert public(kind) == public(twin)
    for name in public(kind):
        one, other = getattr(kind, name), getattr(twin, name)
        if isinstance(one, property):
            assert isinstance(other, property)
        else:
            assert arguments(one) == arguments(other), name


def test_the_ways_in_have_the_same_arguments() -> None:
    assert arguments(connect) == arguments(aconnect)
    assert arguments(EndpointClient) == arguments(AsyncEndpointClient)
    assert arguments(FunctionClient) == arguments(AsyncFunctionClient)
    assert arguments(JobsClient) == arguments(AsyncJobsClient)


AWAITED: dict[type, set[str]] = {
    AsyncSession: {
        "sentiment",
        "similarity",
        "summarize",
        "detect",
        "segment",
        "gather",
        "refresh",
        "close",
    },
    AsyncEndpointClient: {"sentiment", "similarity", "summarize", "detect", "invoke", "close"},
    AsyncFunctionClient: {
        "sentiment",
        "similarity",
        "summarize",
        "detect",
        "invoke",
        "call",
        "send_event",
        "close",
    },
    AsyncJobsClient: {"submit", "submit_all", "gather", "close"},
    AsyncJob: {"result", "done", "progress"},
}


@pytest.mark.parametrize("kind", AWAITED, ids=lambda kind: kind.__name__)
def test_whatever_calls_the_network_is_awaited(kind: type) -> None:
    assert {name for name in public(kind) if inspect.iscoroutinefunction(getattr(kind, name))} == AWAITED[
        kind
    ]


async def test_the_three_tasks_are_awaited(asession: AsyncSession) -> None:
    assert (await asession.sentiment("좋아")).predicted_label == "Pos"
    assert [answer.predicted_label for answer in await asession.sentiment(["좋아", "싫어"])] == ["Pos", "Neg"]
    assert await asession.similarity("가", "가") == Similarity(5.0)
    assert await asession.similarity([("가", "나")]) == [Similarity(1.0)]
    assert (await asession.summarize("하나. 둘", max_sentences=1)).summary == "하나"
    assert len(await asession.summarize(["하나", "둘"])) == 2
    assert asession.environment == "local"
    assert (await asession.refresh()).tasks == asession.catalog.tasks


async def test_many_calls_wait_side_by_side(asession: AsyncSession, runtime: Runtime) -> None:
    answers = await asyncio.gather(*[asession.sentiment("좋아") for _ in range(100)])
    assert len(answers) == 100
    assert runtime.most_in_flight > 1


async def test_predict_takes_plain_and_asynchronous_items(asession: AsyncSession) -> None:
    async def items() -> AsyncIterator[str]:
        for number in range(150):
            await asyncio.sleep(0)
            yield "좋아" if number % 2 else ""

    answers = [answer async for answer in asession.predict("sentiment", items(), on_error="return")]
    assert [answer.line for answer in answers[::2]] == list(range(1, 151, 2))
    assert all(answer.predicted_label == "Pos" for answer in answers[1::2])
    assert len([answer async for answer in asession.predict("sentiment", ["좋아"] * 70)]) == 70


async def test_predict_raises_after_the_answers_before_the_bad_item(asession: AsyncSession) -> None:
    got = []
    with pytest.raises(InvalidRequest, match="line 71"):
        async for answer in asession.predict("sentiment", ["좋아"] * 70 + [None]):
            got.append(answer)
    assert len(got) == 70


async def test_bad_input_is_refused_the_same_way(asession: AsyncSession) -> None:
    with pytest.raises(InvalidRequest, match="field 'text': is empty"):
        await asession.sentiment("")
    with pytest.raises(InvalidRequest, match=r"no task"):
        asession.predict("nonsense", [])
    with pytest.raises(InvalidRequest, match="must be an iterable of items"):
        asession.predict("sentiment", "text")
    with pytest.raises(InvalidRequest):
        await asession.sentiment("좋아", timeout=-1)


async def test_a_deadline_ends_an_awaited_call(asession: AsyncSession, runtime: Runtime) -> None:
    runtime.answer = stand_in.hang
    with pytest.raises(ServingTimeout, match=r"within 0\.3 s"):
        await asession.sentiment("좋아", timeout=0.3)


async def test_cancelling_frees_the_thread_and_stops_the_retries(
    asession: AsyncSession, runtime: Runtime
) -> None:
    runtime.answer = stand_in.throttle(retry_after="1")
    task = asyncio.create_task(asession.sentiment("좋아"))
    await asyncio.to_thread(runtime.wait_for_calls, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    runtime.answer = lambda _handler, call: stand_in.answer_tasks(call)
    assert (await asession.sentiment("싫어")).predicted_label == "Neg"
    assert len(runtime.calls) == 2


async def test_a_stream_is_iterated_and_can_be_left(runtime: Runtime) -> None:
    runtime.answer = stand_in.streams([b"a", b"b"])
    async with AsyncEndpointClient("e", env="local", endpoint_url=runtime.url, timeout=20) as client:
        assert [piece async for piece in client.stream(b"{}")] == [b"a", b"b"]
        runtime.answer = stand_in.streams([b"a"], after=stand_in.hang)
        pieces: Any = client.stream(b"{}")
        assert await anext(pieces) == b"a"
        await pieces.aclose()


async def test_cancelling_in_the_middle_of_a_stream_leaves_it(runtime: Runtime) -> None:
    runtime.answer = stand_in.streams([b"a"], after=stand_in.hang)
    async with AsyncEndpointClient("e", env="local", endpoint_url=runtime.url, timeout=20) as client:
        pieces: Any = client.stream(b"{}")
        assert await anext(pieces) == b"a"
        task = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_raw_call_is_awaited(runtime: Runtime) -> None:
    async with AsyncEndpointClient("e", env="local", endpoint_url=runtime.url) as client:
        assert (await client.invoke(b'{"text": "a"}')).invoked_variant == "blue"
        assert repr(client) == "AsyncEndpointClient('e')"


async def test_connecting_fails_the_same_way(runtime: Runtime) -> None:
    with pytest.raises(CatalogNotFound):
        await aconnect("stage", region="ap-northeast-2", endpoint_url=runtime.url)
    with pytest.raises(InvalidRequest):
        await aconnect("local", timeout=0)


async def test_a_closed_session_says_so(asession: AsyncSession) -> None:
    await asession.close()
    with pytest.raises(ServingError, match="closed"):
        await asession.sentiment("좋아")


def test_the_names_are_there() -> None:
    assert {"AsyncSession", "aconnect"} <= set(dir(serving_clients))
