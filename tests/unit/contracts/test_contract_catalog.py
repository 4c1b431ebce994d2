"""The catalog that Terraform writes and clients read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serving_contracts import AsyncEntry, Catalog, ContainerEntry, InvalidInput, Route
from serving_contracts.catalog import FunctionEntry, ServerlessEntry, parameter_name, parse


def document(**endpoints: Any) -> dict[str, Any]:
    return {"version": 1, "environment": "local", "region": "ap-northeast-2", "endpoints": endpoints}


LOCATIONS = {name: f"s3://data/async/segmenter/{name}/" for name in ("input", "output", "failure")}


PARTS: dict[str, dict[str, Any]] = {
    "async": {"async": LOCATIONS},
    "serverless": {"serverless": {"max_concurrency": 5}},
    "lambda": {"function": {"qualifier": "live", "timeout_s": 30, "max_concurrency": 20}},
}


def endpoint(mode: str = "Direct", pattern: str = "multi_container", **containers: str) -> dict[str, Any]:
    return {
        **PARTS.get(pattern, {}),
        "pattern": pattern,
        "endpoint_name": "serving-local-korean-nlp",
        "mode": mode,
        "variants": ["blue"],
        "containers": {name: {"task": task, "model": task} for name, task in containers.items()},
    }


def read(**endpoints: Any) -> Catalog:
    return parse(json.dumps(document(**endpoints)))


def test_a_catalog_is_read() -> None:
    catalog = read(nlp=endpoint(sentiment="sentiment", similar="similarity"))
    assert (catalog.environment, catalog.region) == ("local", "ap-northeast-2")
    assert catalog.endpoints["nlp"].containers["similar"] == ContainerEntry("similarity", "similarity")
    assert catalog.endpoints["nlp"].variants == ("blue",)
    assert catalog.tasks == ("sentiment", "similarity")
    assert parse(catalog.dump()) == catalog


def test_a_direct_endpoint_is_called_by_container_hostname() -> None:
    route = Route("nlp", "serving-local-korean-nlp", "multi_container", "similar")
    assert read(nlp=endpoint(similar="similarity")).routes("similarity") == (route,)


def test_a_single_endpoint_is_called_without_one() -> None:
    assert read(one=endpoint("Single", main="sentiment")).routes("sentiment")[0].target_container is None


def test_a_serial_pipeline_of_several_tasks_serves_none_of_them() -> None:
    assert read(chain=endpoint("Serial", a="sentiment", b="similarity")).tasks == ()
    assert read(chain=endpoint("Serial", a="sentiment", b="sentiment")).tasks == ("sentiment",)


def test_routes_come_in_an_order_of_their_own() -> None:
    endpoints = {
        "z-cold": endpoint("Single", "serverless", a="sentiment"),
        "b": endpoint(y="sentiment", x="sentiment"),
        "a": endpoint("Single", a="sentiment"),
        "c": endpoint("Single", "async", a="sentiment"),
    }
    order = [("a", None), ("b", "x"), ("b", "y"), ("c", None), ("z-cold", None)]
    for names in (list(endpoints), list(reversed(endpoints))):
        routes = read(**{name: endpoints[name] for name in names}).routes("sentiment")
        assert [(route.endpoint, route.target_container) for route in routes] == order


def test_what_a_client_must_know_of_a_pattern_without_servers_is_read() -> None:
    catalog = read(
        s=endpoint("Single", "serverless", a="sentiment"), f=endpoint("Single", "lambda", a="sentiment")
    )
    assert catalog.endpoints["s"].serverless == ServerlessEntry(max_concurrency=5)
    assert catalog.endpoints["f"].function == FunctionEntry("live", timeout_s=30, max_concurrency=20)
    assert catalog.endpoints["f"].serverless is catalog.endpoints["s"].function is None
    assert [route.pattern for route in catalog.routes("sentiment")] == ["serverless", "lambda"]
    assert parse(catalog.dump()) == catalog


@pytest.mark.parametrize(
    ("pattern", "change", "field"),
    [
        ("serverless", {"serverless": None}, "endpoints.x.serverless"),
        ("serverless", {"serverless": {"max_concurrency": 0}}, "endpoints.x.serverless.max_concurrency"),
        ("lambda", {"function": {"timeout_s": 3}}, "endpoints.x.function.qualifier"),
        ("lambda", {"function": {"qualifier": "live"}}, "endpoints.x.function.timeout_s"),
        (
            "lambda",
            {"function": {"qualifier": "live", "timeout_s": 3, "max_concurrency": "many"}},
            "endpoints.x.function.max_concurrency",
        ),
        ("lambda", {"function": {"qualifier": "live", "timeout_s": 3, "url": 7}}, "endpoints.x.function.url"),
    ],
)
def test_a_broken_part_of_a_pattern_is_placed(pattern: str, change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(x=endpoint("Single", pattern, a="sentiment") | change)
    assert caught.value.field == field


def test_a_task_that_is_served_nowhere_has_no_route() -> None:
    assert read().routes("sentiment") == ()


def test_fields_of_a_later_release_are_ignored() -> None:
    rows = endpoint(a="sentiment") | {"success_topic": "arn:aws:sns:…"}
    assert read(nlp=rows).tasks == ("sentiment",)


def test_the_parameter_is_named_after_the_environment() -> None:
    assert parameter_name("dev") == "/serving/dev/catalog"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"mode": "direct"}, "endpoints.nlp.mode"),
        ({"mode": ["Direct"]}, "endpoints.nlp.mode"),
        ({"pattern": None}, "endpoints.nlp.pattern"),
        ({"endpoint_name": ""}, "endpoints.nlp.endpoint_name"),
        ({"endpoint_name": 7}, "endpoints.nlp.endpoint_name"),
        ({"variants": "blue"}, "endpoints.nlp.variants"),
        ({"variants": [1]}, "endpoints.nlp.variants"),
        ({"containers": []}, "endpoints.nlp.containers"),
        ({"containers": {"a": 1}}, "endpoints.nlp.containers.a"),
        ({"containers": {"a": {"model": "m"}}}, "endpoints.nlp.containers.a.task"),
    ],
)
def test_a_broken_endpoint_is_placed(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(nlp=endpoint(a="sentiment") | change)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "text", ["", "not json", "[]", "null", "1", b"\xff", "[" * 100_000], ids=lambda t: repr(t)[:12]
)
def test_what_is_no_catalog_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidInput, match="catalog"):
        parse(text)


@pytest.mark.parametrize("name", ["environment", "region", "endpoints"])
def test_a_missing_field_is_named(name: str) -> None:
    rows = document()
    del rows[name]
    with pytest.raises(InvalidInput) as caught:
        parse(json.dumps(rows))
    assert caught.value.field == name


@pytest.mark.parametrize("version", [0, True, "1", None])
def test_another_version_is_refused(version: object) -> None:
    with pytest.raises(InvalidInput, match="reads version 1"):
        parse(json.dumps(document() | {"version": version}))


def test_a_newer_version_asks_for_an_upgrade() -> None:
    with pytest.raises(InvalidInput, match="upgrade serving-clients"):
        parse(json.dumps(document() | {"version": 2}))


def test_an_asynchronous_endpoint_says_where_its_requests_and_answers_lie() -> None:
    queue = "https://sqs.ap-northeast-2.amazonaws.com/123456789012/segmenter"
    entry = {**endpoint("Single", "async", a="segmentation"), "async": {**LOCATIONS, "queue_url": queue}}
    catalog = read(segmenter=entry)
    asynchronous = catalog.endpoints["segmenter"].asynchronous
    assert asynchronous == AsyncEntry(**LOCATIONS, queue_url=queue)
    assert parse(catalog.dump()) == catalog
    assert catalog.routes("segmentation")[0].pattern == "async"
    assert read(nlp=endpoint(a="sentiment")).endpoints["nlp"].asynchronous is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (None, "endpoints.segmenter.async"),
        ({**LOCATIONS, "output": None}, "endpoints.segmenter.async.output"),
        ({**LOCATIONS, "failure": "/tmp/failures/"}, "endpoints.segmenter.async.failure"),
        ({**LOCATIONS, "input": "s3://data/no-slash"}, "endpoints.segmenter.async.input"),
        ({**LOCATIONS, "queue_url": 7}, "endpoints.segmenter.async.queue_url"),
    ],
)
def test_an_asynchronous_endpoint_without_its_locations_is_refused(given: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read(segmenter={**endpoint("Single", "async", a="segmentation"), "async": given})
    assert refusal.value.field == field
