"""A session: connecting, the catalog, and the three tasks."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import moto
import pytest
from published_catalogs import REGION, catalog, publish
from runtime_stand_in import ENDPOINT, Reply, Runtime, replies

from serving_clients import (
    AccessDenied,
    CatalogNotFound,
    EndpointNotFound,
    InvalidCatalog,
    InvalidRequest,
    Sentiment,
    ServingError,
    Session,
    Similarity,
    Unavailable,
    connect,
)


def test_a_text_gets_an_answer(session: Session, runtime: Runtime) -> None:
    assert session.sentiment("정말 좋아요") == Sentiment("Pos", 0.75)
    call = runtime.calls[0]
    assert call.path == f"/endpoints/{ENDPOINT}/invocations"
    assert call.container == "sentiment"
    assert (call.headers["content-type"], call.headers["accept"]) == ("application/json", "application/json")
    assert call.rows == [{"text": "정말 좋아요"}]


def test_a_list_gets_a_list_in_its_order(session: Session) -> None:
    labels = [answer.predicted_label for answer in session.sentiment(["좋아", "싫어", "좋네"])]
    assert labels == ["Pos", "Neg", "Pos"]


def test_an_empty_list_gets_an_empty_list_and_calls_nothing(session: Session, runtime: Runtime) -> None:
    assert session.sentiment([]) == []
    assert runtime.calls == []


def test_texts_may_come_from_a_generator(session: Session) -> None:
    assert len(session.sentiment(text for text in ("좋아", "싫어"))) == 2


def test_two_texts_are_compared(session: Session, runtime: Runtime) -> None:
    assert session.similarity("비가 온다", "비가 온다") == Similarity(5.0)
    assert session.similarity([("가", "나"), ("다", "다")]) == [Similarity(1.0), Similarity(5.0)]
    assert {call.container for call in runtime.calls} == {"similarity"}


def test_a_text_is_summarized(session: Session) -> None:
    text = "첫째. 둘째. 셋째. 넷째"
    assert [s.text for s in session.summarize(text).sentences] == ["첫째", "둘째", "셋째"]
    assert [s.summary for s in session.summarize([text, "하나"], max_sentences=1)] == ["첫째", "하나"]


@pytest.mark.parametrize("text", ["", "  ", None, 5, b"bytes", {"text": "a"}, "a\ud800"], ids=ascii)
def test_a_bad_text_is_refused_before_anything_is_sent(session: Session, runtime: Runtime, text: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        session.sentiment(text)
    assert isinstance(caught.value, ValueError)
    assert caught.value.item is None
    assert runtime.calls == []


def test_a_bad_text_of_a_list_is_placed_before_anything_is_sent(session: Session, runtime: Runtime) -> None:
    with pytest.raises(InvalidRequest, match="line 3, field 'text': is empty") as caught:
        session.sentiment(["가", "나", "", "라"])
    assert (caught.value.item, caught.value.line, caught.value.field) == (2, 3, "text")
    assert runtime.calls == []


@pytest.mark.parametrize("pair", [("가",), ("가", "나", "다"), "가나", ("가", None), ("가", 5), 7], ids=repr)
def test_a_pair_that_is_none_is_placed(session: Session, pair: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        session.similarity([("가", "나"), pair])
    assert caught.value.item == 1
    assert (caught.value.field or "").startswith("texts")


def test_one_text_cannot_be_compared(session: Session) -> None:
    with pytest.raises(InvalidRequest, match=r"texts\[1\].*must be a string, not null"):
        session.similarity("가", None)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, 21, True, 2.0, "3"], ids=repr)
def test_a_number_of_sentences_is_checked(session: Session, count: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        session.summarize("글", max_sentences=count)
    assert caught.value.field == "max_sentences"


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "5", True], ids=repr)
def test_a_timeout_is_a_number_of_seconds(session: Session, timeout: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        session.sentiment("좋아", timeout=timeout)
    assert caught.value.field == "timeout"


# --- Connecting


def test_where_nothing_is_deployed_one_is_told_to_deploy(runtime: Runtime) -> None:
    with pytest.raises(CatalogNotFound, match=r"nothing is deployed.*invoke deploy --env stage") as caught:
        connect("stage", region=REGION, endpoint_url=runtime.url)
    assert isinstance(caught.value, LookupError)


def test_where_no_local_cloud_runs_one_is_told_to_start_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVING_LOCAL_PORT", "1")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1.*invoke local\.up \(or make demo\)") as caught:
        connect("local", timeout=10)
    assert isinstance(caught.value, ConnectionError)


def test_a_catalog_that_is_none_is_reported(runtime: Runtime, moto_url: str) -> None:
    publish(moto_url, "broken", '{"version": 1}')
    with pytest.raises(InvalidCatalog, match=r"/serving/broken/catalog holds no catalog.*endpoints"):
        connect("broken", region=REGION, endpoint_url=runtime.url)


def test_the_local_cloud_is_found_upward_from_here(
    runtime: Runtime, moto_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(moto_url, "local", catalog())
    (tmp_path / ".local" / "cloud").mkdir(parents=True)
    state = {"url": runtime.url, "pid": 1, "region": REGION}
    (tmp_path / ".local" / "cloud" / "cloud.json").write_text(json.dumps(state))
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    with connect() as session:
        assert session.environment == "local"


def test_the_local_cloud_is_found_in_a_folder_that_is_named(
    runtime: Runtime, moto_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(moto_url, "local", catalog())
    (tmp_path / "state" / "cloud").mkdir(parents=True)
    (tmp_path / "state" / "cloud" / "cloud.json").write_text(json.dumps({"url": runtime.url}))
    monkeypatch.setenv("SERVING_LOCAL_DIR", str(tmp_path / "state"))
    with connect() as session:
        assert session.environment == "local"


def test_aws_endpoint_url_says_where_the_local_cloud_is(
    runtime: Runtime, moto_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(moto_url, "local", catalog())
    monkeypatch.setenv("AWS_ENDPOINT_URL", runtime.url)
    with connect("local") as session:
        assert session.sentiment("좋아").predicted_label == "Pos"


def test_the_local_cloud_never_sees_real_credentials(
    session: Session, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "REALKEY")
    session.sentiment("좋아")
    assert "REALKEY" not in runtime.calls[0].headers["authorization"]


def test_a_proxy_is_not_asked_for_this_machine(
    runtime: Runtime, moto_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(moto_url, "local", catalog())
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with connect("local", endpoint_url=runtime.url) as session:
        assert session.sentiment("좋아").predicted_label == "Pos"


def test_an_account_is_reached_the_way_boto3_does(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", runtime.url)
    with moto.mock_aws():
        ssm = boto3.client("ssm", region_name="eu-west-1")
        ssm.put_parameter(Name="/serving/dev/catalog", Value=catalog("dev"), Type="String")
        with connect("dev", region="eu-west-1") as session:
            assert session.sentiment("좋아").predicted_label == "Pos"


def test_without_credentials_one_is_told_how_to_get_some(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AccessDenied, match="aws configure") as caught:
        connect("dev", region=REGION, endpoint_url=runtime.url)
    assert isinstance(caught.value, PermissionError)


def test_without_a_region_one_is_told_to_give_one(runtime: Runtime) -> None:
    with pytest.raises(InvalidRequest, match="AWS_DEFAULT_REGION"):
        connect("dev", endpoint_url=runtime.url)


@pytest.mark.parametrize("env", ["", "a b", "a/b", None, 5, "x" * 65], ids=repr)
def test_an_environment_has_a_name(env: Any) -> None:
    with pytest.raises(InvalidRequest):
        connect(env)


@pytest.mark.parametrize("concurrency", [0, 257, True, 2.5], ids=repr)
def test_concurrency_has_a_range(concurrency: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        connect("local", concurrency=concurrency)
    assert caught.value.field == "concurrency"


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "４５７０"])
def test_a_port_that_is_none_is_named(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVING_LOCAL_PORT", port)
    with pytest.raises(InvalidRequest, match="SERVING_LOCAL_PORT"):
        connect("local")


# --- Which endpoint


def endpoint(name: str, task: str, pattern: str = "multi_container") -> dict[str, Any]:
    return {
        "pattern": pattern,
        "endpoint_name": name,
        "mode": "Single",
        "variants": ["blue"],
        "containers": {"main": {"task": task, "model": task}},
    }


def test_of_several_endpoints_the_first_by_name_is_asked_and_another_can_be_picked(
    runtime: Runtime, moto_url: str
) -> None:
    names = ("beta", "alpha")
    publish(moto_url, "local", catalog(**{name: endpoint(f"real-{name}", "sentiment") for name in names}))
    with connect("local", endpoint_url=runtime.url) as session:
        session.sentiment("좋아")
        session.sentiment("좋아", endpoint="beta")
        with pytest.raises(EndpointNotFound, match=r"no endpoint 'gamma' \(it has: alpha, beta\)") as caught:
            session.sentiment("좋아", endpoint="gamma")
    assert isinstance(caught.value, LookupError)
    assert [call.path for call in runtime.calls] == [
        "/endpoints/real-alpha/invocations",
        "/endpoints/real-beta/invocations",
    ]
    assert all(call.container is None for call in runtime.calls)


def test_of_several_containers_one_can_be_picked(runtime: Runtime, moto_url: str) -> None:
    containers = {name: {"task": "sentiment", "model": name} for name in ("small", "large")}
    both = endpoint("real", "sentiment") | {"mode": "Direct", "containers": containers}
    publish(moto_url, "local", catalog(nlp=both))
    runtime.answer = replies(Reply(b'{"predicted_label": "Pos", "score": 1}'))
    with connect("local", endpoint_url=runtime.url) as session:
        session.sentiment("좋아")
        session.sentiment("좋아", endpoint="nlp/small")
        with pytest.raises(EndpointNotFound, match="'nlp/huge' does not serve"):
            session.sentiment("좋아", endpoint="nlp/huge")
    assert [call.container for call in runtime.calls] == ["large", "small"]


def test_a_task_that_nothing_serves_is_refused_with_what_is_served(runtime: Runtime, moto_url: str) -> None:
    publish(moto_url, "local", catalog(only=endpoint("real", "sentiment")))
    with (
        connect("local", endpoint_url=runtime.url) as session,
        pytest.raises(EndpointNotFound, match=r"does not serve the task 'similarity' \(it serves: sentiment"),
    ):
        session.similarity("가", "나")


def test_an_endpoint_that_serves_something_else_is_refused_with_what_it_serves(
    runtime: Runtime, moto_url: str
) -> None:
    publish(moto_url, "local", catalog(one=endpoint("a", "sentiment"), two=endpoint("b", "similarity")))
    with (
        connect("local", endpoint_url=runtime.url) as session,
        pytest.raises(EndpointNotFound, match=r"'one' does not serve .* \(it serves: sentiment;"),
    ):
        session.similarity("가", "나", endpoint="one")


def test_a_pattern_of_a_later_version_is_named(runtime: Runtime, moto_url: str) -> None:
    publish(moto_url, "local", catalog(novel=endpoint("real", "sentiment", "batch")))
    with pytest.raises(InvalidCatalog, match=r"endpoints\.novel\.pattern.*must be one of .*, not 'batch'"):
        connect("local", endpoint_url=runtime.url)


def test_a_catalog_can_be_read_again(session: Session, moto_url: str) -> None:
    publish(moto_url, "local", catalog(only=endpoint("real", "sentiment")))
    assert session.catalog.tasks == ("sentiment", "similarity", "summarization")
    assert session.refresh().tasks == ("sentiment",)
    with pytest.raises(EndpointNotFound):
        session.similarity("가", "나")


# --- Life


def test_a_closed_session_says_so(session: Session) -> None:
    session.sentiment("좋아")
    session.close()
    session.close()
    for call in (
        lambda: session.sentiment("좋아"),
        lambda: list(session.predict("sentiment", ["좋아"])),
        session.refresh,
    ):
        with pytest.raises(ServingError, match="closed"):
            call()


def test_a_session_is_used_by_many_threads_over_few_connections(session: Session, runtime: Runtime) -> None:
    together = threading.Barrier(8)

    def ask(number: int) -> str:
        together.wait(10)
        return session.sentiment("좋아" if number % 2 else "싫어").predicted_label

    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert list(pool.map(ask, range(8))) == ["Neg", "Pos"] * 4
    assert len(runtime.calls) == 24
