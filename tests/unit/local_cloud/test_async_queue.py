"""Requests of an asynchronous endpoint: order, places, expiry, containers that end, and what is on disk."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from async_parts import Bench, Containers, answered, died, echo, inline, make_bench, until

from local_cloud.asynchronous import BacklogFull, attempt, completion, queue
from local_cloud.asynchronous.store import QueueStore
from local_cloud.hosting import InvokeRequest
from serving_contracts.limits import ASYNC_CRASHES, ASYNC_REFUSALS


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


async def test_a_request_gets_its_answer_in_the_place_that_the_caller_was_told(bench: Bench) -> None:
    async with bench.hosting(Containers()) as endpoint:
        accepted = await endpoint.submit(inline("hello", content_type="text/plain"))
        await until(lambda: bench.exists(accepted.output_location))
        assert bench.get(accepted.output_location) == b"answer to hello"
        assert bench.content_type(accepted.output_location) == "text/x-answer"
        assert accepted.failure_location is not None
        assert not bench.exists(accepted.failure_location)


async def test_requests_are_taken_in_while_there_is_no_instance_and_served_in_order_later(
    bench: Bench,
) -> None:
    fleet = Containers(instances=0)
    bench.config = replace(bench.config, per_instance=1)
    async with bench.hosting(fleet) as endpoint:
        for number in range(5):
            await endpoint.submit(inline(str(number)))
        assert endpoint.state()["queued"] == 5
        assert fleet.requests == []
        fleet.add_instance()
        await until(lambda: endpoint.state()["done"] == 5)
    assert [request.body for request in fleet.requests] == [str(number).encode() for number in range(5)]


async def test_an_instance_never_has_more_requests_than_the_configuration_says(bench: Bench) -> None:
    release = asyncio.Event()

    async def wait(request: InvokeRequest) -> bytes:
        await release.wait()
        return b""

    fleet = Containers(instances=2, behave=wait)
    async with bench.hosting(fleet) as endpoint:
        for number in range(7):
            await endpoint.submit(inline(str(number)))
        await until(lambda: len(fleet.requests) == 4)
        state = endpoint.state()
        assert (state["queued"], state["in_process"]) == (3, 4)
        release.set()
        await until(lambda: endpoint.state()["done"] == 7)
    assert [instance.most_inside for instance in fleet.instances] == [2, 2]


async def test_a_request_whose_container_dies_is_tried_again_and_has_one_result(bench: Bench) -> None:
    failures = [died(), died()]

    async def die_twice(request: InvokeRequest) -> bytes:
        if failures:
            raise failures.pop()
        return await echo(request)

    fleet = Containers(behave=die_twice)
    async with bench.hosting(fleet) as endpoint:
        accepted = await endpoint.submit(inline("x"))
        await until(lambda: endpoint.state()["done"] == 1)
        assert bench.get(accepted.output_location) == b"answer to x"
        assert endpoint.state()["failed"] == 0
    assert len(fleet.requests) == 3
    assert sum(bench.metrics["InvocationsProcessed"]) == 1


async def test_a_request_that_kills_every_container_is_given_up_and_harms_no_other(bench: Bench) -> None:
    """All requests inside a container that ends come back; only the guilty one may fail in the end."""
    inside: set[asyncio.Future[None]] = set()

    async def poisoned(request: InvokeRequest) -> bytes:
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        inside.add(end)
        if request.body == b"poison":
            await asyncio.sleep(0)
            for other in inside:
                if not other.done():
                    other.set_exception(died("signal SIGKILL"))
        try:
            await asyncio.wait_for(end, 0.02)
        except TimeoutError:
            return await echo(request)
        finally:
            inside.discard(end)
        raise AssertionError

    bench.config = replace(bench.config, per_instance=4)
    fleet = Containers(behave=poisoned)
    async with bench.hosting(fleet) as endpoint:
        innocent = [await endpoint.submit(inline(f"innocent {number}")) for number in range(3)]
        poison = await endpoint.submit(inline("poison"))
        await until(lambda: endpoint.state()["failed"] + endpoint.state()["done"] == 4)
        assert endpoint.state()["failed"] == 1
        for number, accepted in enumerate(innocent):
            assert bench.get(accepted.output_location) == f"answer to innocent {number}".encode()
        assert poison.failure_location is not None
        assert f"ended {ASYNC_CRASHES} times" in bench.get(poison.failure_location).decode()
    tries = [
        company
        for company, request in zip(fleet.company, fleet.requests, strict=True)
        if request.body == b"poison"
    ]
    assert len(tries) == ASYNC_CRASHES
    assert tries[2:] == [1, 1, 1], "after two ends it has an instance for itself"


async def test_an_instance_that_is_removed_gives_its_request_back_as_often_as_need_be(bench: Bench) -> None:
    async def cut_off(request: InvokeRequest) -> bytes:
        if len(fleet.requests) <= ASYNC_CRASHES + 2:
            fleet.instances[0].retiring = True
            asyncio.get_running_loop().call_later(0.005, come_back)
            raise died()
        return await echo(request)

    def come_back() -> None:
        fleet.instances[0].retiring = False
        fleet.changed()

    fleet = Containers(behave=cut_off)
    async with bench.hosting(fleet) as endpoint:
        await endpoint.submit(inline("x"))
        await until(lambda: endpoint.state()["done"] == 1)


async def test_a_request_that_waited_too_long_expires_without_an_instance(bench: Bench) -> None:
    async with bench.hosting(Containers(instances=0)) as endpoint:
        short = await endpoint.submit(inline("short", ttl_s=60))
        await endpoint.submit(inline("long", ttl_s=3600))
        bench.clock.seconds += 59
        assert endpoint.state()["oldest_age_seconds"] == 59
        bench.clock.seconds += 2
        endpoint._dispatcher.wake()  # what the timer does
        await until(lambda: endpoint.state()["failed"] == 1)
        assert endpoint.state()["queued"] == 1
        assert short.failure_location is not None
        assert "RequestTTLSeconds" in bench.get(short.failure_location).decode()
    assert sum(bench.metrics["ExpiredRequests"]) == 1
    assert sum(bench.metrics["InvocationsProcessed"]) == 0


async def test_the_timer_of_an_expiry_is_set_by_the_request_that_expires_first(bench: Bench) -> None:
    async with bench.hosting(Containers(instances=0)) as endpoint:
        await endpoint.submit(inline("long", ttl_s=3600))
        await endpoint.submit(inline("short", ttl_s=60))
        await until(lambda: endpoint._dispatcher._timer is not None)
        assert endpoint._queue.next_expiry == bench.clock.seconds + 60


async def test_requests_in_the_queue_and_in_process_survive_the_end_of_hosting(bench: Bench) -> None:
    async def never(request: InvokeRequest) -> bytes:
        await asyncio.sleep(3600)
        raise AssertionError

    fleet = Containers(behave=never)
    async with bench.hosting(fleet) as endpoint:
        accepted = [await endpoint.submit(inline(str(number))) for number in range(4)]
        await until(lambda: endpoint.state()["in_process"] == 2)
    healthy = Containers()
    async with bench.hosting(healthy) as endpoint:
        await until(lambda: endpoint.state()["done"] == 4)
        assert [bench.get(entry.output_location) for entry in accepted] == [
            f"answer to {number}".encode() for number in range(4)
        ]
    assert [request.body for request in healthy.requests] == [b"0", b"1", b"2", b"3"]
    async with bench.hosting(healthy) as endpoint:
        assert endpoint.state()["done"] == 4, "totals survive too"
        assert len(healthy.requests) == 4, "and nothing is done twice"


async def test_an_endpoint_that_moves_to_another_fleet_keeps_its_queue(bench: Bench) -> None:
    old, new = Containers(instances=0), Containers()
    async with bench.hosting(old) as endpoint:
        for number in range(3):
            await endpoint.submit(inline(str(number)))
        endpoint.attach(new, "green", replace(bench.config, per_instance=1))
        await until(lambda: endpoint.state()["done"] == 3)
    assert len(new.requests) == 3
    assert new.instances[0].most_inside == 1, "under the new configuration"


async def test_a_full_backlog_refuses_requests_until_some_have_ended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue.RequestQueue.__init__, "__kwdefaults__", {"limit": 3})
    fleet = Containers(instances=0)
    async with bench.hosting(fleet) as endpoint:
        for number in range(3):
            await endpoint.submit(inline(str(number)))
        with pytest.raises(BacklogFull, match="has 3 asynchronous requests"):
            await endpoint.submit(inline("one too many"))
        fleet.add_instance()
        await until(lambda: endpoint.state()["done"] == 3)
        await endpoint.submit(inline("now"))
        await until(lambda: endpoint.state()["done"] == 4)


async def test_a_deleted_endpoint_leaves_nothing_for_one_of_the_same_name(bench: Bench) -> None:
    from local_cloud.asynchronous import AsyncInference

    service = AsyncInference(
        bench.directory, bench.s3, "http://127.0.0.1:9", region="r", account="1", clock=bench.clock
    )
    await service.start()
    endpoint = await service.open("e", "blue", bench.config)
    await endpoint.submit(inline("x"))
    await service.delete(endpoint)
    assert (await service.open("e", "blue", bench.config)).state()["queued"] == 0
    await service.close()


async def test_many_requests_at_once_all_end_once(bench: Bench) -> None:
    fleet = Containers(instances=3)
    bench.config = replace(bench.config, per_instance=4)
    async with bench.hosting(fleet) as endpoint:
        accepted = await asyncio.gather(*(endpoint.submit(inline(str(number))) for number in range(300)))
        await until(lambda: endpoint.state()["done"] == 300)
        for number, entry in enumerate(accepted):
            assert bench.get(entry.output_location) == f"answer to {number}".encode()
        backlog = endpoint._queue.backlog()
    assert (backlog.size, backlog.oldest_age_s) == (0, 0.0)
    assert len(fleet.requests) == 300


@pytest.mark.parametrize("status", [429, 503])
async def test_a_request_that_a_container_does_not_take_now_is_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(attempt, "REFUSED_PAUSE_S", (0.001, 0.01))
    refusals = [answered(status, b"not now")] * 3

    async def refuse_first(request: InvokeRequest) -> bytes:
        if refusals:
            raise refusals.pop()
        return await echo(request)

    async with bench.hosting(Containers(behave=refuse_first)) as endpoint:
        accepted = await endpoint.submit(inline("x"))
        await until(lambda: endpoint.state()["done"] == 1)
        assert bench.get(accepted.output_location) == b"answer to x"


async def test_a_request_that_containers_always_refuse_fails_with_their_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "REFUSED_PAUSE_S", (0.0, 0.0))

    async def refuse(request: InvokeRequest) -> bytes:
        raise answered(503, b"the model is being loaded")

    fleet = Containers(behave=refuse)
    async with bench.hosting(fleet) as endpoint:
        accepted = await endpoint.submit(inline("x"))
        await until(lambda: endpoint.state()["failed"] == 1)
        assert accepted.failure_location is not None
        assert bench.get(accepted.failure_location) == b"the model is being loaded"
    assert len(fleet.requests) == ASYNC_REFUSALS


async def test_a_request_that_is_refused_for_longer_than_it_may_wait_expires(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "REFUSED_PAUSE_S", (0.0, 0.0))

    async def refuse(request: InvokeRequest) -> bytes:
        bench.clock.seconds += 25
        raise answered(503, b"")

    fleet = Containers(behave=refuse)
    async with bench.hosting(fleet) as endpoint:
        await endpoint.submit(inline("x", ttl_s=60))
        await until(lambda: endpoint.state()["failed"] == 1)
    assert bench.metrics["ExpiredRequests"] == [1]
    assert len(fleet.requests) == 3


async def test_an_end_that_the_disk_does_not_take_is_written_down_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "RETRY_S", (0.001, 0.01))
    real, failures = QueueStore.end, [OSError("disk full"), OSError("disk full")]

    def end(self: QueueStore, *arguments: Any, **named: Any) -> asyncio.Future[None]:
        if not failures:
            return real(self, *arguments, **named)
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(failures.pop())
        return failed

    monkeypatch.setattr(QueueStore, "end", end)
    fleet = Containers()
    async with bench.hosting(fleet) as endpoint:
        await endpoint.submit(inline("x"))
        await until(lambda: endpoint.state()["done"] == 1)
        assert endpoint.state()["in_process"] == 0
    assert len(fleet.requests) == 1


async def test_a_result_that_s3_fails_over_is_a_failure_and_no_request_without_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put_object(*arguments: Any, **named: Any) -> None:
        raise ValueError("inside moto")

    async with bench.hosting(Containers()) as endpoint:
        monkeypatch.setattr(bench.s3, "put_object", put_object)
        await endpoint.submit(inline("x"))
        await until(lambda: endpoint.state()["failed"] == 1)
        assert endpoint.state()["in_process"] == 0


async def test_a_queue_whose_file_cannot_be_used_says_so_to_everyone(tmp_path: Path) -> None:
    (tmp_path / "queue.sqlite3").mkdir()
    store = QueueStore(tmp_path / "queue.sqlite3")
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError):
            await asyncio.wait_for(store.last_seq(), 5)
    await asyncio.wait_for(store.close(), 5)
