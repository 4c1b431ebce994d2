"""CloudWatch Logs in the local cloud: metric filters make metrics, patterns search, memory is bounded."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local_cloud import logs_gaps
from local_cloud.moto_gaps import mend
from local_cloud.scaling import hooks

ACCOUNT, REGION = "123456789012", "ap-northeast-2"
NAMESPACE = "Serving/Lambda/toy"
# As terraform/modules/lambda_alarms has them.
INIT_TEXT = (
    '[report=REPORT, request_label="RequestId:", request_id, duration_label="Duration:", duration, '
    'duration_unit=ms, billed_label=Billed, billed_label_2="Duration:", billed, billed_unit=ms, '
    'memory_label=Memory, memory_label_2="Size:", memory, memory_unit=MB, used_label=Max, '
    'used_label_2=Memory, used_label_3="Used:", used, used_unit=MB, init_label=Init, '
    'init_label_2="Duration:", init, init_unit=ms, ...]'
)
INIT_JSON = '{ $.type = "platform.report" && $.record.metrics.initDurationMs = * }'
COLD = (
    "REPORT RequestId: 8f5 \tDuration: 12.50 ms\tBilled Duration: 763 ms\tMemory Size: 1024 MB\t"
    "Max Memory Used: 120 MB\tInit Duration: 750.25 ms\t"
)
WARM = (
    "REPORT RequestId: 8f6 \tDuration: 2.50 ms\tBilled Duration: 3 ms\tMemory Size: 1024 MB\t"
    "Max Memory Used: 120 MB\t"
)

Put = Callable[..., None]


@pytest.fixture
def backend() -> Any:
    mend("logs")
    from moto.logs.models import logs_backends

    return logs_backends[ACCOUNT][REGION]


@pytest.fixture
def group(backend: Any) -> Iterator[str]:
    name = f"/aws/lambda/toy-{uuid.uuid4().hex[:8]}"
    backend.create_log_group(name, None)
    backend.create_log_stream(name, "one")
    yield name
    if name in backend.groups:
        backend.delete_log_group(name)


@pytest.fixture
def put(backend: Any, group: str) -> Put:
    def put(*lines: str, stream: str = "one") -> None:
        now = int(time.time() * 1000)
        backend.put_log_events(group, stream, [{"timestamp": now, "message": line} for line in lines])

    return put


class Heard:
    """Listens to what is put into CloudWatch: (namespace, name, dimensions) → values."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str, tuple[tuple[str, str], ...]], list[float]] = {}

    def samples_put(self, account: str, region: str, namespace: str, data: Any) -> None:
        assert (account, region) == (ACCOUNT, REGION)
        for datum in data:
            dimensions = tuple((each["Name"], each["Value"]) for each in datum["Dimensions"])
            values = self.values.setdefault((namespace, datum["MetricName"], dimensions), [])
            for value, count in zip(datum["Values"], datum["Counts"], strict=True):
                values += [value] * count

    def alarm_set(self, *_: Any) -> None: ...

    def target_registered(self, *_: Any) -> None: ...

    def activities(self, account: str, region: str) -> list[dict[str, Any]]:
        return []


@pytest.fixture
def heard() -> Iterator[Heard]:
    listener = Heard()
    hooks.listen(listener)
    yield listener
    hooks.unlisten(listener)


def transformation(value: str = "1", **more: Any) -> list[dict[str, Any]]:
    return [{"metricNamespace": NAMESPACE, "metricName": "M", "metricValue": value, **more}]


@pytest.mark.parametrize(
    ("pattern", "value", "lines"),
    [
        (INIT_TEXT, "$init", [WARM, COLD, "REPORT of something else", "END RequestId: 8f5"]),
        (
            INIT_JSON,
            "$.record.metrics.initDurationMs",
            [
                '{"time":"t","type":"platform.report","record":{"metrics":{"initDurationMs":750.25}}}',
                '{"time":"t","type":"platform.report","record":{"metrics":{"durationMs":1.5}}}',
                '{"time":"t","type":"platform.start","record":{}}',
            ],
        ),
    ],
    ids=["Text", "JSON"],
)
def test_the_init_of_a_cold_start_becomes_a_metric(
    backend: Any, group: str, put: Put, heard: Heard, pattern: str, value: str, lines: list[str]
) -> None:
    backend.put_metric_filter("init", pattern, group, transformation(value, unit="Milliseconds"))
    put(*lines)
    assert heard.values == {(NAMESPACE, "M", ()): [750.25]}


def test_dimensions_and_numbers_come_from_the_event(backend: Any, group: str, put: Put, heard: Heard) -> None:
    dimensions = {"Code": "$.code"}
    backend.put_metric_filter("f", "{ $.ms = * }", group, transformation("$.ms", dimensions=dimensions))
    put('{"ms": 3, "code": "a"}', '{"ms": 4, "code": 7}', '{"ms": 3, "code": "a"}')
    put('{"ms": 5}', '{"ms": "slow", "code": "a"}', '{"ms": true, "code": "a"}')
    assert heard.values == {
        (NAMESPACE, "M", (("Code", "a"),)): [3.0, 3.0],
        (NAMESPACE, "M", (("Code", "7"),)): [4.0],
    }


def test_the_default_is_reported_where_nothing_matched(
    backend: Any, group: str, put: Put, heard: Heard
) -> None:
    backend.put_metric_filter("f", "ERROR", group, transformation(defaultValue=0))
    put("fine", "all right")
    put("an ERROR", "fine")
    assert heard.values == {(NAMESPACE, "M", ()): [0.0, 1.0]}


def test_a_filter_is_replaced_deleted_and_gone_with_its_group(
    backend: Any, group: str, put: Put, heard: Heard
) -> None:
    from moto.logs.exceptions import ResourceNotFoundException

    backend.put_metric_filter("f", "OLD", group, transformation())
    backend.put_metric_filter("f", "NEW", group, transformation())
    (kept,) = backend.describe_metric_filters(log_group_name=group)
    assert (kept["filterPattern"], kept["creationTime"] > 0) == ("NEW", True)
    put("OLD")
    assert heard.values == {}
    backend.delete_metric_filter("f", group)
    put("NEW")
    assert heard.values == {}
    with pytest.raises(ResourceNotFoundException, match="metric filter does not exist"):
        backend.delete_metric_filter("f", group)
    backend.put_metric_filter("f", "NEW", group, transformation())
    backend.delete_log_group(group)
    assert backend.describe_metric_filters(log_group_name=group) == []
    with pytest.raises(ResourceNotFoundException, match="log group does not exist"):
        backend.put_metric_filter("f", "NEW", group, transformation())


@pytest.mark.parametrize(
    ("pattern", "changes"),
    [
        ("[a, b", {}),
        ("x", {"metricValue": "many"}),
        ("x", {"dimensions": {"D": "$.d"}, "defaultValue": 1}),
    ],
)
def test_a_filter_that_aws_refuses_is_refused(
    backend: Any, group: str, pattern: str, changes: dict[str, Any]
) -> None:
    from moto.logs.exceptions import InvalidParameterException

    with pytest.raises(InvalidParameterException, match="Invalid metric filter or filter pattern"):
        backend.put_metric_filter("f", pattern, group, [transformation()[0] | changes])
    assert backend.describe_metric_filters(log_group_name=group) == []


def test_events_are_searched_by_patterns(backend: Any, group: str, put: Put) -> None:
    put(COLD, WARM, "other")

    def search(pattern: str) -> list[str]:
        in_group = backend.groups[group]
        found, _, _ = in_group.filter_log_events(group, [], 0, 0, None, None, pattern, False)
        return [event["message"] for event in found]

    assert search(INIT_TEXT) == [COLD]
    assert search("REPORT -Init") == [WARM]
    assert len(search("")) == 3


def test_events_of_the_streams_that_were_silent_longest_go_first(
    backend: Any, group: str, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "groups", {group: backend.groups[group]})
    monkeypatch.setattr(backend, "kept_events", 0, raising=False)
    monkeypatch.setattr(logs_gaps, "MOST_EVENTS", 10)
    backend.create_log_stream(group, "two")
    put(*(f"old {number}" for number in range(6)))
    put(*(f"new {number}" for number in range(5)), stream="two")
    streams = backend.groups[group].streams
    assert [event.message for event in streams["one"].events] == ["old 2", "old 3", "old 4", "old 5"]
    assert len(streams["two"].events) == 5
