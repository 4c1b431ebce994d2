"""Batches are formed from what waits when the model becomes free: never sooner, never later."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from serving.batching import Batcher, choose_batch
from serving.errors import ClientGone, ServingError, shutting_down
from serving.metrics import Metrics
from serving.model_loader import LoadedModel
from serving.settings import Settings
from serving.threads import SerialThread
from serving.tickets import Job, Ticket
from serving_contracts import InvalidInput

DEADLINE_S = 20.0


class Gated:
    """A model that answers an item with itself, and only while its gate is open."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.batches: list[list[Any]] = []

    def predict(self, items: Sequence[Any]) -> Sequence[Any]:
        self.batches.append(list(items))
        self.entered.release()
        assert self.gate.wait(DEADLINE_S)
        for item in items:
            if isinstance(item, BaseException):
                raise item
        return items

    async def busy(self) -> None:
        """Returns when the model has been handed a batch that was not waited for before."""
        assert await asyncio.to_thread(self.entered.acquire, timeout=DEADLINE_S)


def batcher_for(predict: Callable[[Sequence[Any]], Any], *, threads: int = 1, **changes: Any) -> Batcher:
    model = LoadedModel("gated", None, predict)
    lanes = [SerialThread(f"model of a test, {number}") for number in range(threads)]
    return Batcher(model, lanes, Settings(**changes), Metrics())


def submit(
    batcher: Batcher, *items: Any, sizes: Sequence[int] | None = None, remaining_s: float = 20
) -> Ticket:
    return batcher.submit(items, sizes, remaining_s)


async def answers(ticket: Ticket) -> list[Any]:
    async with asyncio.timeout(DEADLINE_S):
        await ticket.wait(len(ticket.answers))
    return ticket.answers


async def test_a_lone_request_is_run_at_once() -> None:
    model = Gated()
    batcher = batcher_for(model.predict)
    ticket = submit(batcher, "a")
    assert not batcher.waiting, "it is handed over within submit(), before the event loop turns"
    assert await answers(ticket) == ["a"]


async def test_what_arrives_while_the_model_is_busy_forms_the_next_batch() -> None:
    model = Gated()
    model.gate.clear()
    batcher = batcher_for(model.predict)
    tickets = [submit(batcher, 0)]
    await model.busy()
    tickets += [submit(batcher, number) for number in range(1, 6)]
    assert len(batcher.waiting) == 5
    model.gate.set()
    assert [await answers(ticket) for ticket in tickets] == [[number] for number in range(6)]
    assert model.batches == [[0], [1, 2, 3, 4, 5]]


async def test_a_batch_holds_at_most_the_maximum() -> None:
    model = Gated()
    batcher = batcher_for(model.predict, max_batch=4)
    assert await answers(submit(batcher, *range(10))) == list(range(10))
    assert [len(batch) for batch in model.batches] == [4, 4, 2]


async def test_a_batch_is_made_of_items_of_like_size() -> None:
    model = Gated()
    batcher = batcher_for(model.predict)
    ticket = submit(batcher, "s1", "L1", "s2", "L2", "s3", sizes=[10, 200, 12, 210, 11])
    assert await answers(ticket) == ["s1", "L1", "s2", "L2", "s3"]
    assert model.batches == [["s1", "s3", "s2"], ["L1", "L2"]]


async def test_a_long_item_is_not_starved_by_a_stream_of_short_ones() -> None:
    model = Gated()
    model.gate.clear()
    batcher = batcher_for(model.predict, max_batch=2)
    tickets = [submit(batcher, "first", sizes=[10])]
    await model.busy()
    tickets.append(submit(batcher, "long", sizes=[500]))
    tickets += [submit(batcher, f"short {number}", sizes=[10]) for number in range(20)]
    model.gate.set()
    for ticket in tickets:
        await answers(ticket)
    assert model.batches[1] == ["long"], "the oldest leads the next batch"


async def test_only_the_guilty_item_of_a_batch_fails() -> None:
    model = Gated()
    model.gate.clear()
    batcher = batcher_for(model.predict)
    first = submit(batcher, "first")
    await model.busy()
    good, bad, also_good = (submit(batcher, item) for item in ("good", RuntimeError("secret"), "also good"))
    model.gate.set()
    assert await answers(first) == ["first"]
    assert await answers(good) == ["good"]
    assert await answers(also_good) == ["also good"]
    with pytest.raises(ServingError) as failure:
        await answers(bad)
    assert (failure.value.code, failure.value.status) == ("ModelFailed", 500)
    assert "secret" not in failure.value.message


async def test_the_index_of_the_item_that_failed_is_known() -> None:
    ticket = submit(batcher_for(Gated().predict), "a", RuntimeError(), "b")
    with pytest.raises(ServingError):
        await answers(ticket)
    assert ticket.failed_index == 1


async def test_a_handler_that_exits_or_interrupts_does_not_end_the_thread() -> None:
    batcher = batcher_for(Gated().predict)
    for error in (SystemExit(3), KeyboardInterrupt(), MemoryError()):
        with pytest.raises(ServingError, match="error id"):
            await answers(submit(batcher, error))
    assert await answers(submit(batcher, "still here")) == ["still here"]


async def test_bad_input_that_only_predict_finds_is_the_callers_fault() -> None:
    with pytest.raises(ServingError) as failure:
        await answers(submit(batcher_for(Gated().predict), InvalidInput("is too odd", field="text")))
    assert (failure.value.code, failure.value.field) == ("InvalidInput", "text")


@pytest.mark.parametrize("wrong", [[], [1, 2, 3], None, 7], ids=repr)
async def test_a_wrong_number_of_answers_is_a_failure_of_the_model(wrong: Any) -> None:
    with pytest.raises(ServingError) as failure:
        await answers(submit(batcher_for(lambda items: wrong), "a"))
    assert failure.value.code == "ModelFailed"


async def test_a_full_queue_refuses_with_the_time_to_wait() -> None:
    model = Gated()
    model.gate.clear()
    batcher = batcher_for(model.predict, max_queue=3)
    tickets = [submit(batcher, "running")]
    tickets += [submit(batcher, number) for number in range(3)]
    with pytest.raises(ServingError) as refusal:
        submit(batcher, "one too many")
    assert (refusal.value.code, refusal.value.status) == ("TooManyRequests", 429)
    assert int(refusal.value.headers["Retry-After"]) >= 1
    model.gate.set()
    for ticket in tickets:
        await answers(ticket)
    assert await answers(submit(batcher, "room again")) == ["room again"]


async def test_a_request_larger_than_the_queue_is_too_large_even_when_idle() -> None:
    with pytest.raises(ServingError) as refusal:
        submit(batcher_for(Gated().predict, max_queue=3), *range(4))
    assert refusal.value.status == 413


async def test_an_expired_request_is_dropped_before_it_costs_compute() -> None:
    model = Gated()
    model.gate.clear()
    batcher = batcher_for(model.predict)
    running = submit(batcher, "running")
    await model.busy()
    expired, patient = submit(batcher, "expired", remaining_s=0.01), submit(batcher, "patient")
    with pytest.raises(ServingError) as late:
        await answers(expired)
    assert (late.value.code, late.value.status) == ("DeadlineExceeded", 504)
    assert len(batcher.waiting) == 1
    model.gate.set()
    await answers(running)
    await answers(patient)
    assert model.batches == [["running"], ["patient"]]


async def test_a_running_request_gets_its_deadline_too_and_the_others_go_on() -> None:
    model = Gated()
    model.gate.clear()
    batcher = batcher_for(model.predict)
    with pytest.raises(ServingError, match="not answered within"):
        await answers(submit(batcher, "hangs", remaining_s=0.01))
    model.gate.set()
    assert await answers(submit(batcher, "next")) == ["next"]


async def test_what_a_gone_client_left_in_the_queue_is_dropped() -> None:
    model = Gated()
    model.gate.clear()
    batcher = batcher_for(model.predict)
    running = submit(batcher, "running")
    gone = submit(batcher, *range(5))
    gone.fail(ClientGone())
    assert not batcher.waiting
    model.gate.set()
    await answers(running)
    assert model.batches == [["running"]]


async def test_when_one_item_fails_the_rest_of_its_request_is_dropped() -> None:
    model = Gated()
    batcher = batcher_for(model.predict, max_batch=1)
    with pytest.raises(ServingError):
        await answers(submit(batcher, RuntimeError(), "never run", "nor this"))
    assert await answers(submit(batcher, "next")) == ["next"]
    # The item behind the failed one had been handed over already; the last one never was.
    assert not any("nor this" in batch for batch in model.batches)


async def test_answers_are_ready_in_order_although_batches_are_not() -> None:
    model = Gated()
    batcher = batcher_for(model.predict)
    ticket = submit(batcher, "s1", "L1", "s2", sizes=[10, 300, 12])
    await ticket.wait(1)
    assert ticket.ready == 1
    assert await answers(ticket) == ["s1", "L1", "s2"]


async def test_stopping_ends_every_request_that_waits_or_runs() -> None:
    model = Gated()
    model.gate.clear()
    batcher = batcher_for(model.predict)
    tickets = [submit(batcher, "running"), submit(batcher, "waiting"), submit(batcher, "waiting too")]
    assert batcher.fail_all(shutting_down) == 3
    for ticket in tickets:
        with pytest.raises(ServingError, match="stopping"):
            await answers(ticket)
    model.gate.set()


async def test_many_requests_of_many_sizes_all_get_their_own_answers() -> None:
    model = Gated()
    batcher = batcher_for(model.predict, max_batch=7, max_queue=10_000)
    chance = random.Random(7)

    async def request(number: int) -> None:
        await asyncio.sleep(chance.random() / 50)
        items = [(number, index) for index in range(chance.randint(1, 5))]
        sizes = [chance.choice((5, 20, 80, 300)) for _ in items]
        assert await answers(submit(batcher, *items, sizes=sizes)) == items

    await asyncio.gather(*(request(number) for number in range(300)))
    seen = [item for batch in model.batches for item in batch]
    assert len(seen) == len(set(seen)), "no item is run twice"
    assert not batcher.waiting


async def test_a_thread_safe_model_runs_a_batch_a_thread_and_shares_out_what_waits() -> None:
    model = Gated()
    model.gate.clear()
    batcher = batcher_for(model.predict, threads=2)
    tickets = [submit(batcher, "a"), submit(batcher, "b")]
    await model.busy()
    await model.busy()
    assert sorted(model.batches) == [["a"], ["b"]]
    tickets += [submit(batcher, number) for number in range(8)]
    assert len(batcher.waiting) == 8
    model.gate.set()
    for ticket in tickets:
        await answers(ticket)
    # Which of the next two batches the model notes first is for the threads to race for.
    assert [0, 1, 2, 3] in model.batches[2:], "half of what waits is left for the other thread"


async def test_the_items_of_one_request_are_spread_over_the_threads_at_once() -> None:
    model = Gated()
    batcher = batcher_for(model.predict, threads=4)
    assert await answers(submit(batcher, *range(8))) == list(range(8))
    assert max(map(len, model.batches)) <= 2


async def test_one_hanging_thread_leaves_the_others_working() -> None:
    model = Gated()
    hold = threading.Event()

    def predict(items: Sequence[Any]) -> Sequence[Any]:
        assert "hang" not in items or hold.wait(DEADLINE_S)
        return model.predict(items)

    batcher = batcher_for(predict, threads=2)
    hanging = submit(batcher, "hang")
    assert await answers(submit(batcher, "goes on")) == ["goes on"]
    assert batcher.busy_seconds() > 0
    hold.set()
    assert await answers(hanging) == ["hang"]


def job(size: int) -> Job:
    return Job(None, 0, None, size)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(20))
def test_every_choice_keeps_its_bounds_and_takes_the_oldest(seed: int) -> None:
    chance = random.Random(seed)
    waiting = [
        job(chance.choice((chance.randint(1, 40), chance.randint(1, 600))))
        for _ in range(chance.randint(1, 90))
    ]
    turns = 0
    while waiting:
        batch = choose_batch(waiting, max_items=8, max_size=1000)
        sizes = [chosen.size for chosen in batch]
        assert batch[0] is waiting[0]
        assert len(set(map(id, batch))) == len(batch) <= 8
        assert len(batch) == 1 or len(batch) * max(sizes) <= 1000
        assert all(abs(size - sizes[0]) <= max(2, sizes[0] // 8) for size in sizes)
        waiting = [left for left in waiting if left not in batch]
        turns += 1
    assert turns <= 90


def test_nothing_is_chosen_from_nothing() -> None:
    assert choose_batch([], 8, 100) == []


def test_those_nearest_in_size_are_chosen_and_older_ones_first_among_equals() -> None:
    waiting = [job(size) for size in (20, 33, 21, 20, 20, 22)]
    assert choose_batch(waiting, 4, 10_000) == [waiting[0], waiting[3], waiting[4], waiting[2]]


def test_an_item_larger_than_any_batch_may_be_still_goes_alone() -> None:
    waiting = [job(5000), job(5000)]
    assert choose_batch(waiting, 8, 1000) == waiting[:1]
