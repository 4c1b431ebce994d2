"""Asynchronous invocations: retries, ages, throttles, destinations, and what is on disk."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from invoke_parts import PREFIX, Bench, FakeFunction, failed, record_deliveries, until

from local_cloud.clock import Clock
from local_cloud.functions.control.answers import EventInvokeConfig
from local_cloud.functions.invocation.events import BacklogFull, service
from local_cloud.functions.invocation.events.records import Delivery
from local_cloud.functions.invocation.events.store import EventStore
from local_cloud.functions.invocation.events.targets import DeliveryFailed, Targets
from local_cloud.functions.specs import FunctionVersion, InvocationRequest, InvocationResult, Throttled
from serving_contracts.limits import LAMBDA_EVENT_BYTES, LAMBDA_EVENT_CONCURRENCY

QUEUE = "arn:aws:sqs:ap-northeast-2:123456789012:failed"
OTHER_QUEUE = "arn:aws:sqs:ap-northeast-2:123456789012:done"
TOPIC = "arn:aws:sns:ap-northeast-2:123456789012:dead"
RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, record_deliveries(monkeypatch))


def told(bench: Bench, **changes: Any) -> None:
    """``echo`` tells QUEUE of failures, OTHER_QUEUE of successes."""
    config = EventInvokeConfig(**{"on_failure": QUEUE, "on_success": OTHER_QUEUE, **changes})
    bench.control.functions["echo"] = FakeFunction(events=config, dead_letter_arn=TOPIC)


def raising(times: int) -> Any:
    """Fails so often, and then no more."""
    left = iter(range(times))

    async def behave(version: FunctionVersion, request: InvocationRequest) -> bytes | InvocationResult:
        return failed("it is Monday", version.version) if next(left, None) is not None else b'"done"'

    return behave


async def test_an_event_reaches_its_function_once_and_leaves_nothing_behind(bench: Bench) -> None:
    async with bench.running() as events:
        request_id = await bench.send(events, b'{"a": 1}')
        await until(lambda: events.state("echo")["done"] == 1)  # type: ignore[index]
    [request] = bench.execution.requests
    assert (request.request_id, request.payload, request.resource) == (request_id, b'{"a": 1}', "echo")
    assert bench.sent == []
    async with bench.running() as events:
        assert events.state("echo") is None
    assert bench.hub.count("AsyncEventsReceived") == bench.hub.count("AsyncEventAge") == 1
    assert bench.hub.count("AsyncEventsReceived", "echo,echo") == 1
    assert bench.hub.count("AsyncEventsDropped") == 0


async def test_a_success_is_told_with_request_and_answer(bench: Bench) -> None:
    told(bench)
    bench.execution.behave = raising(1)
    async with bench.running() as events:
        request_id = await bench.send(events, '{"본문": 1}'.encode())
        await until(lambda: len(bench.sent) == 1)
    assert bench.sent[0].target == OTHER_QUEUE
    [record] = bench.records()
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{PREFIX}echo:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 2,
        },
        "requestPayload": {"본문": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": "done",
    }


async def test_a_function_that_fails_is_tried_three_times_and_its_end_is_told(bench: Bench) -> None:
    told(bench)
    bench.execution.behave = raising(99)
    async with bench.running() as events:
        request_id = await bench.send(events, b'{"n": 1}')
        await until(lambda: len(bench.sent) == 2)
    assert [request.request_id for request in bench.execution.requests] == [request_id] * 3
    destination, dead_letter = bench.sent
    record = json.loads(destination.body)
    assert destination.target == QUEUE
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    context = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record["responseContext"] == context
    assert record["responsePayload"] == {"errorMessage": "it is Monday", "errorType": "Error"}
    assert (dead_letter.kind, dead_letter.target, dead_letter.body) == ("dead_letter", TOPIC, '{"n": 1}')
    assert dead_letter.attributes == {
        "RequestID": ("String", request_id),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "it is Monday"),
    }
    assert bench.hub.count("AsyncEventsDropped") == 1


async def test_the_pauses_are_one_and_two_minutes_of_the_clouds_time(bench: Bench) -> None:
    bench.clock = Clock(time_scale=600)  # a minute is a tenth of a second
    bench.execution.behave = raising(99)
    async with bench.running() as events:
        await bench.send(events)
        await until(lambda: events.state("echo")["failed"] == 1)  # type: ignore[index]
    first, second, third = (request.received_at for request in bench.execution.requests)
    assert 0.1 <= second - first < 0.2
    assert 0.2 <= third - second < 0.4


@pytest.mark.parametrize("retries", [0, 1])
async def test_fewer_retries_can_be_asked_for(bench: Bench, retries: int) -> None:
    told(bench, maximum_retry_attempts=retries)
    bench.execution.behave = raising(99)
    async with bench.running() as events:
        await bench.send(events)
        await until(lambda: len(bench.sent) == 2)
    assert len(bench.execution.requests) == retries + 1


async def test_an_event_that_would_be_too_old_for_its_next_try_ends_at_once(bench: Bench) -> None:
    told(bench, maximum_event_age_s=100)  # the second pause would make it 180 s old
    bench.execution.behave = raising(99)
    async with bench.running() as events:
        await bench.send(events)
        await until(lambda: len(bench.sent) == 2)
    assert len(bench.execution.requests) == 2
    [record] = bench.records()
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["responseContext"]["functionError"] == "Unhandled"


async def test_a_throttled_event_waits_and_is_no_attempt(bench: Bench) -> None:
    told(bench)
    refusals = iter([Throttled("ConcurrentInvocationLimitExceeded")] * 6 + [RuntimeError("no process")] * 2)

    async def behave(_: FunctionVersion, request: InvocationRequest) -> bytes:
        if (error := next(refusals, None)) is not None:
            raise error
        return b"{}"

    bench.execution.behave = behave
    async with bench.running() as events:
        await bench.send(events)
        await until(lambda: len(bench.sent) == 1)
    assert len(bench.execution.requests) == 9
    assert bench.records()[0]["requestContext"]["approximateInvokeCount"] == 1


async def test_an_event_that_is_throttled_until_it_is_too_old_is_dead(bench: Bench) -> None:
    told(bench, maximum_event_age_s=60)

    async def behave(_: FunctionVersion, request: InvocationRequest) -> bytes:
        raise Throttled("ConcurrentInvocationLimitExceeded")

    bench.execution.behave = behave
    async with bench.running() as events:
        await bench.send(events)
        await until(lambda: len(bench.sent) == 2)
    assert len(bench.execution.requests) == 6  # after 1, 2, 4, 8 and 16 s; 32 more would be too many
    [record] = bench.records()
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responsePayload" not in record
    assert bench.sent[1].attributes["ErrorCode"] == ("Number", "429")
    assert bench.sent[1].attributes["ErrorMessage"] == ("String", "Rate Exceeded.")


async def test_reserved_concurrency_of_zero_ends_events_without_a_retry(bench: Bench) -> None:
    told(bench)
    bench.execution.set_reserved("echo", 0)

    async def behave(_: FunctionVersion, request: InvocationRequest) -> bytes:
        raise Throttled(RESERVED)

    bench.execution.behave = behave
    async with bench.running() as events:
        await bench.send(events)
        await until(lambda: len(bench.sent) == 2)
    assert len(bench.execution.requests) == 1
    [record] = bench.records()
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert "responseContext" not in record
    assert "ErrorCode" not in bench.sent[1].attributes


async def test_a_retry_goes_to_what_the_alias_points_to_by_then(bench: Bench) -> None:
    told(bench)
    bench.control.functions["echo"].version = "1"
    release = asyncio.Event()

    async def behave(version: FunctionVersion, request: InvocationRequest) -> bytes | InvocationResult:
        if version.version == "1":
            await release.wait()
            return failed(version="1")
        return b"{}"

    bench.execution.behave = behave
    async with bench.running() as events:
        await events.accept(bench.control.resolve("echo:live"), b"{}", "id")
        await until(lambda: bench.execution.inside == 1)
        bench.control.functions["echo"].version = "2"
        release.set()
        await until(lambda: len(bench.sent) == 1)
    assert [version.version for version in bench.execution.versions] == ["1", "2"]
    [record] = bench.records()
    assert record["requestContext"]["functionArn"] == f"{PREFIX}echo:live"
    assert record["responseContext"]["executedVersion"] == "2"
    assert bench.hub.count("AsyncEventsReceived", "echo,echo:live") == 1


async def test_the_events_of_a_deleted_function_are_dropped(bench: Bench) -> None:
    told(bench)
    bench.execution.behave = raising(99)
    async with bench.running() as events:
        await bench.send(events)
        await until(lambda: len(bench.execution.requests) == 1)
        del bench.control.functions["echo"]
        await until(lambda: events.state("echo")["failed"] == 1)  # type: ignore[index]
    assert bench.sent == []
    assert bench.hub.count("AsyncEventsDropped") == 1


async def test_events_outlive_a_restart_in_every_state(bench: Bench) -> None:
    bench.clock = Clock(time_scale=100)
    seen = asyncio.Event()

    async def behave(_: FunctionVersion, request: InvocationRequest) -> bytes | InvocationResult:
        if request.payload == b'"pauses"':
            return failed()
        seen.set()
        await asyncio.sleep(60)
        return b"{}"

    bench.execution.behave = behave
    async with bench.running() as events:
        pausing = await bench.send(events, b'"pauses"')
        await until(lambda: len(bench.execution.requests) == 1)
        inside = [await bench.send(events, b'"inside"') for _ in range(LAMBDA_EVENT_CONCURRENCY)]
        queued = [await bench.send(events, b'"queued"') for _ in range(3)]
        await seen.wait()
        await until(lambda: bench.execution.inside == LAMBDA_EVENT_CONCURRENCY)
    bench.execution.requests.clear()
    bench.execution.behave = raising(0)
    async with bench.running() as events:
        await until(lambda: events.state("echo")["done"] == 14)  # type: ignore[index]
    ids = [request.request_id for request in bench.execution.requests]
    assert sorted(ids) == sorted([pausing, *inside, *queued])


async def test_what_was_not_told_before_a_restart_is_told_after_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(bench)
    monkeypatch.setattr(service, "DELIVERY_S", 0.01)
    working, reached = Targets.send, asyncio.Event()

    async def hanging(self: Targets, delivery: Delivery) -> None:
        reached.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(Targets, "send", hanging)
    async with bench.running() as events:
        await bench.send(events)
        await reached.wait()
    assert bench.sent == []
    monkeypatch.setattr(Targets, "send", working)
    async with bench.running() as events:
        await until(lambda: len(bench.sent) == 1)
    assert len(bench.execution.requests) == 1
    assert bench.records()[0]["requestContext"]["condition"] == "Success"
    bench.sent.clear()
    async with bench.running() as events:
        await bench.send(events)
        await until(lambda: len(bench.sent) == 1)  # and not the old one once more


async def test_a_bounded_number_of_events_of_a_function_is_tried_at_a_time(bench: Bench) -> None:
    release = asyncio.Event()

    async def behave(_: FunctionVersion, request: InvocationRequest) -> bytes:
        await release.wait()
        return b"{}"

    bench.control.functions["other"] = FakeFunction()
    bench.execution.behave = behave
    async with bench.running() as events:
        for _ in range(3 * LAMBDA_EVENT_CONCURRENCY):
            await bench.send(events)
        await until(lambda: bench.execution.inside == LAMBDA_EVENT_CONCURRENCY)
        await bench.send(events, name="other")  # which does not wait for the first one's
        await until(lambda: bench.execution.inside == LAMBDA_EVENT_CONCURRENCY + 1)
        release.set()
        await until(lambda: events.state("echo")["done"] == 3 * LAMBDA_EVENT_CONCURRENCY)  # type: ignore[index]
    assert bench.execution.most_inside == LAMBDA_EVENT_CONCURRENCY + 1


async def test_a_full_queue_refuses_further_events(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LAMBDA_EVENT_BACKLOG", 2)
    bench.execution.behave = raising(99)
    async with bench.running() as events:
        await bench.send(events)
        await bench.send(events)
        with pytest.raises(BacklogFull, match="try again"):
            await bench.send(events)
        bench.control.functions["other"] = FakeFunction()
        await bench.send(events, name="other")
        monkeypatch.setattr(service, "LAMBDA_EVENT_BACKLOG_BYTES", 10)
        with pytest.raises(BacklogFull):
            await bench.send(events, b'"eleven bytes"', name="other")


async def test_an_end_that_the_disk_does_not_take_is_written_down_when_it_does(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(bench)
    monkeypatch.setattr(service, "RETRY_S", (0.01, 0.01))
    real, failures = EventStore.end, [OSError("disk full"), OSError("disk full")]

    def end(self: EventStore, *arguments: Any) -> asyncio.Future[None]:
        if failures:
            raise failures.pop()
        return real(self, *arguments)

    monkeypatch.setattr(EventStore, "end", end)
    async with bench.running() as events:
        await bench.send(events)
        await until(lambda: len(bench.sent) == 1)
    assert len(bench.execution.requests) == 1
    assert failures == []


@pytest.mark.parametrize("depth", [900, 100_000])
async def test_deeply_nested_answers_end_an_event_as_others_do(bench: Bench, depth: int) -> None:
    nested = b"[" * depth + b"]" * depth

    async def behave(version: FunctionVersion, _: InvocationRequest) -> InvocationResult:
        return InvocationResult(nested, "Unhandled", b"", version.version, cold=False)

    told(bench, maximum_retry_attempts=0)
    bench.execution.behave = behave
    async with bench.running() as events:
        await bench.send(events, b"[" * 900 + b"]" * 900)
        await until(lambda: len(bench.sent) == 2)
    assert len(bench.execution.requests) == 1
    destination, dead_letter = bench.sent
    assert f'"requestPayload": {"[" * 900}]' in destination.body
    assert nested.decode() in destination.body
    assert dead_letter.attributes["ErrorCode"] == ("Number", "200")


async def test_an_event_that_grows_from_function_to_function_ends_at_the_limit(bench: Bench) -> None:
    arns = {name: f"{PREFIX}{name}" for name in ("ping", "pong")}
    bench.control.functions |= {
        "ping": FakeFunction(events=EventInvokeConfig(on_success=arns["pong"])),
        "pong": FakeFunction(events=EventInvokeConfig(on_success=arns["ping"])),
    }
    async with bench.running() as events:
        await bench.send(events, b"{}", "ping")
        await until(lambda: sum(bench.hub.count("DestinationDeliveryFailures", n) for n in arns) == 1)
        states = [events.state(name) for name in arns]
    assert max(len(request.payload) for request in bench.execution.requests) <= LAMBDA_EVENT_BYTES
    assert [state["queued"] for state in states if state] == [0, 0]


async def test_a_function_can_be_told_of_another_ones_events(bench: Bench) -> None:
    told(bench, on_success=f"{PREFIX}listener")
    bench.control.functions["listener"] = FakeFunction()
    async with bench.running() as events:
        await bench.send(events, b'{"a": 1}')
        await until(lambda: len(bench.execution.requests) == 2)
        await until(lambda: events.state("listener")["done"] == 1)  # type: ignore[index]
    record = json.loads(bench.execution.requests[1].payload)
    assert record["requestPayload"] == {"a": 1}
    assert record["responsePayload"] == {"a": 1}


@pytest.mark.parametrize(
    "destination",
    ["arn:aws:kafka:ap-northeast-2:123456789012:cluster/c", "nonsense", f"{PREFIX}absent"],
)
async def test_a_destination_that_does_not_take_a_record_is_counted_and_nothing_else(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, destination: str
) -> None:
    told(bench, on_success=destination)
    monkeypatch.undo()  # the real targets
    async with bench.running() as events:
        await bench.send(events)
        await until(lambda: bench.hub.count("DestinationDeliveryFailures") == 1)
        assert events.state("echo")["done"] == 1  # type: ignore[index]
    assert bench.hub.count("AsyncEventsDropped") == 0


async def test_a_dead_letter_queue_that_does_not_take_an_event_is_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(bench, maximum_retry_attempts=0)

    async def refuse(self: Targets, delivery: Delivery) -> None:
        raise DeliveryFailed("it is gone")

    monkeypatch.setattr(Targets, "send", refuse)
    bench.execution.behave = raising(1)
    async with bench.running() as events:
        await bench.send(events)
        await until(lambda: bench.hub.count("DeadLetterErrors") == 1)
    assert bench.hub.count("DestinationDeliveryFailures") == 1


async def test_a_record_too_large_for_sns_goes_without_its_payloads(bench: Bench) -> None:
    told(bench, on_success=TOPIC)
    async with bench.running() as events:
        await bench.send(events, json.dumps("x" * 200_000).encode())
        await until(lambda: len(bench.sent) == 1)
    [record] = bench.records()
    assert record["requestContext"]["condition"] == "Success"
    assert not {"requestPayload", "responsePayload"} & set(record)


async def test_a_long_error_message_is_cut_for_the_dead_letter_queue(bench: Bench) -> None:
    told(bench, maximum_retry_attempts=0)

    async def behave(_: FunctionVersion, request: InvocationRequest) -> InvocationResult:
        return failed("오" * 1000)

    bench.execution.behave = behave
    async with bench.running() as events:
        await bench.send(events)
        await until(lambda: len(bench.sent) == 2)
    message = bench.sent[1].attributes["ErrorMessage"][1]
    assert message == "오" * 341  # whole characters in 1,024 bytes
