"""Hearing of the end of a job: by notices, by looking at S3, and with a queue that others use too."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from jobs_stand_in import ANSWER, JPEG, SERVER_ERROR, Endpoint, failure_notice, success_notice
from runtime_stand_in import AwsCall, Reply, Runtime

from serving_clients import (
    InvalidRequest,
    JobFailed,
    ServingError,
    ServingTimeout,
    Session,
    _notices,
    _waiter,
    connect,
)
from serving_clients._notices import is_nobodys, parse, pause_before_return
from serving_clients._waiter import Pace

NEVER = Pace(first=600.0, growth=1.0, longest=600.0)
OFTEN = Pace(first=0.02, growth=1.0, longest=0.05)


@pytest.fixture
def only_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 is not looked at by itself, so that what a test sees came through the queue."""
    monkeypatch.setattr(_waiter, "SAFETY_NET", NEVER)


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 is looked at often, so that tests need not wait."""
    monkeypatch.setattr(_waiter, "SAFETY_NET", OFTEN)
    monkeypatch.setattr(_waiter, "POLLING", OFTEN)


@pytest.fixture
def other_session(jobs: Session, runtime: Runtime) -> Iterator[Session]:
    """Another client of the same environment."""
    with connect("local", endpoint_url=runtime.url, timeout=20) as session:
        yield session


def receives(runtime: Runtime) -> int:
    return sum(call.operation == "sqs.ReceiveMessage" for call in runtime.aws_calls)


def until(condition: Any, *, seconds: float = 20.0) -> None:
    """Return when *condition* holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def waiting(session: Session) -> set[str]:
    """The names of the threads that wait for jobs."""
    names = {thread.name.partition("_")[0] for thread in threading.enumerate()}
    return names & {"serving-clients-jobs", "serving-clients-notices", "serving-clients-looks"}


# --- Notices


@pytest.mark.usefixtures("only_notices")
def test_a_notice_wakes_who_waits_and_is_taken_away(jobs: Session, endpoint: Endpoint) -> None:
    job = jobs.segment(JPEG)
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(job.result, 20)
        endpoint.finish(endpoint.requests[0])
        assert result.result(20) == ANSWER
    until(lambda: endpoint.notices_left == 0)


@pytest.mark.usefixtures("only_notices")
def test_notices_may_come_raw(jobs: Session, endpoint: Endpoint) -> None:
    job = jobs.segment(JPEG)
    endpoint.finish(endpoint.requests[0], notices=0)
    endpoint.notify(success_notice(endpoint.requests[0]), raw=True)
    assert job.result(timeout=20) == ANSWER


@pytest.mark.usefixtures("only_notices")
def test_notices_that_come_twice_do_no_harm(jobs: Session, endpoint: Endpoint) -> None:
    first, second = jobs.segment([JPEG, JPEG])
    for request in endpoint.requests:
        endpoint.finish(request, notices=3)
    assert jobs.gather([first, second], timeout=20) == [ANSWER, ANSWER]
    third = jobs.segment(JPEG)
    endpoint.finish(endpoint.requests[2])
    assert third.result(timeout=20) == ANSWER
    while endpoint.notices_left:  # what is left of the others goes while somebody waits
        with pytest.raises(ServingTimeout):
            jobs.segment(JPEG).result(timeout=0.5)


@pytest.mark.usefixtures("only_notices")
def test_a_notice_of_another_client_reaches_it(
    jobs: Session, other_session: Session, endpoint: Endpoint
) -> None:
    """Whoever receives it first hands it on, and both get their answers through the one queue."""
    mine, theirs = jobs.segment(JPEG), other_session.segment(JPEG)
    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(job.result, 30) for job in (mine, theirs)]
        for _ in range(2):
            endpoint.finish(endpoint.requests.pop())
        assert [result.result(40) for result in results] == [ANSWER, ANSWER]
    until(lambda: endpoint.notices_left == 0)


@pytest.mark.usefixtures("only_notices")
def test_a_foreign_notice_stays_in_the_queue(jobs: Session, endpoint: Endpoint, runtime: Runtime) -> None:
    job = jobs.segment(JPEG)
    foreign = success_notice(endpoint.requests[0]) | {"inferenceId": "foreign"}
    foreign["responseParameters"] = {"outputLocation": "s3://bucket/other.out"}
    endpoint.notify(foreign)
    endpoint.sqs.send_message(QueueUrl=endpoint.queue_url, MessageBody="not even JSON")
    with pytest.raises(ServingTimeout):
        job.result(timeout=1.5)
    assert endpoint.notices_left == 2
    changed = [call for call in runtime.aws_calls if call.operation == "sqs.ChangeMessageVisibilityBatch"]
    entries = [entry for call in changed for entry in json.loads(call.body)["Entries"]]
    assert len(entries) >= 2
    assert all(1 <= entry["VisibilityTimeout"] <= 2 for entry in entries)


@pytest.mark.usefixtures("only_notices")
def test_a_notice_that_nobody_wants_is_taken_away_in_the_end(
    jobs: Session, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_notices, "RECEIPTS", 2)
    job = jobs.segment(JPEG)
    endpoint.notify(success_notice(endpoint.requests[0]) | {"inferenceId": "x", "responseParameters": {}})
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(job.result, 20)
        until(lambda: endpoint.notices_left == 0)
        endpoint.finish(endpoint.requests[0])
        assert result.result(20) == ANSWER


def test_how_long_a_foreign_notice_rests_grows_with_its_receipts() -> None:
    assert {pause_before_return(1) for _ in range(50)} == {1}
    assert all(8 <= pause_before_return(5) <= 16 for _ in range(50))
    assert all(15 <= pause_before_return(1000) <= 30 for _ in range(50))


@pytest.mark.parametrize(
    ("receipts", "hours", "expected"),
    [("1", 0, False), ("19", 0, False), ("20", 0, True), ("2", 2, False), ("3", 2, True), ("x", 0, False)],
)
def test_who_is_nobodys_is_told_by_receipts_and_age(receipts: str, hours: int, expected: bool) -> None:
    sent = str(int((time.time() - 3600 * hours) * 1000))
    assert is_nobodys({"ApproximateReceiveCount": receipts, "SentTimestamp": sent}) is expected


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "5",
        "{}",
        '{"Message": "{}"}',
        '{"Message": 5}',
        "[" * 100_000,
        '{"invocationStatus": "Completed"}',
    ],
    ids=lambda body: body[:20] or "nothing",
)
def test_what_is_no_notice_is_none(body: str) -> None:
    assert parse(body) is None


@pytest.mark.usefixtures("only_notices")
def test_a_notice_that_came_before_submit_returned_is_not_lost(
    jobs: Session, endpoint: Endpoint, runtime: Runtime
) -> None:
    """Another wait of the same client receives it while nobody knows the job yet: it comes again."""
    other = jobs.segment(JPEG)

    def answer_first(handler: Any, call: Any) -> Reply:
        reply = endpoint.answer(handler, call)
        before = receives(runtime)
        endpoint.finish(endpoint.requests[-1])
        until(
            lambda: any(c.operation == "sqs.ChangeMessageVisibilityBatch" for c in runtime.aws_calls[before:])
        )
        return reply

    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(other.result, 30)
        until(lambda: receives(runtime) > 0)
        runtime.script.append(answer_first)
        assert jobs.segment(JPEG).result(timeout=20) == ANSWER
        endpoint.finish(endpoint.requests[0])
        assert waits.result(30) == ANSWER


@pytest.mark.usefixtures("only_notices")
def test_a_notice_of_a_job_that_is_waited_for_later_is_remembered(jobs: Session, endpoint: Endpoint) -> None:
    first, second = jobs.segment([JPEG, JPEG])
    for request in endpoint.requests:
        endpoint.finish(request)
    assert first.result(timeout=20) == ANSWER
    until(lambda: "completed" in repr(second) or endpoint.notices_left)
    assert second.result(timeout=20) == ANSWER


# --- S3


@pytest.mark.usefixtures("quick_looks")
def test_a_notice_that_was_lost_is_not_missed(jobs: Session, endpoint: Endpoint) -> None:
    good, bad = jobs.segment([JPEG, JPEG])
    for request in endpoint.requests:
        if request.output == good.output_location:
            endpoint.finish(request, notices=0)
        else:
            endpoint.fail(request, "broken", "", notice=False)
    assert good.result(timeout=20) == ANSWER
    with pytest.raises(JobFailed, match="broken"):
        bad.result(timeout=20)


def test_without_a_queue_s3_is_polled(polling: Session, without_queue: Endpoint, runtime: Runtime) -> None:
    job = polling.segment(JPEG)
    threading.Timer(0.6, without_queue.finish, [without_queue.requests[0]]).start()
    assert job.result(timeout=20) == ANSWER
    assert receives(runtime) == 0


def test_looks_grow_rarer_up_to_a_bound_and_are_spread() -> None:
    pace = Pace(first=0.25, growth=1.5, longest=10.0)
    assert all(0.18 < pace.pause(0) < 0.32 for _ in range(50))
    assert all(7.5 <= pace.pause(10**6) <= 12.5 for _ in range(50))
    assert len({pace.pause(3) for _ in range(50)}) > 40


def sqs_fails(code: str) -> Any:
    def fault(call: AwsCall) -> Reply | None:
        if not call.operation.startswith("sqs.") or call.operation == "sqs.SendMessage":
            return None
        return Reply(json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": "no"}).encode(), 400)

    return fault


@pytest.mark.parametrize("code", ["AccessDenied", "QueueDoesNotExist"])
def test_a_queue_that_cannot_be_read_is_told_once_and_s3_is_polled(
    jobs: Session, endpoint: Endpoint, runtime: Runtime, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    runtime.faults.append(sqs_fails(code))
    with caplog.at_level(logging.WARNING, "serving_clients"):
        for number in range(2):
            job = jobs.segment(JPEG)
            threading.Timer(0.5, endpoint.finish, [endpoint.requests[number]]).start()
            assert job.result(timeout=20) == ANSWER
    told = [record.getMessage() for record in caplog.records if record.name == "serving_clients"]
    assert len(told) == 1
    assert f"no notices from {endpoint.queue_url}, so S3 is polled" in told[0]
    assert receives(runtime) == 1


@pytest.mark.usefixtures("quick_looks")
def test_a_queue_that_stays_away_for_a_while_costs_nothing(
    jobs: Session, endpoint: Endpoint, runtime: Runtime
) -> None:
    runtime.faults.append(lambda call: Reply(b"{}", 503) if call.operation == "sqs.ReceiveMessage" else None)
    job = jobs.segment(JPEG)
    endpoint.finish(endpoint.requests[0])
    assert job.result(timeout=20) == ANSWER


@pytest.mark.usefixtures("quick_looks")
def test_s3_that_stays_away_is_told_when_the_time_is_up(polling: Session, runtime: Runtime) -> None:
    job = polling.segment(JPEG)
    runtime.faults.append(lambda call: Reply(b"", 403) if call.operation == "s3.HEAD" else None)
    with pytest.raises(ServingTimeout, match=r"the last look at S3 failed: .*s3:GetObject.*s3:ListBucket"):
        job.result(timeout=1.0)
    assert not job.done()  # as far as the caller may see


@pytest.mark.usefixtures("quick_looks")
def test_a_caller_who_may_not_list_still_sees_a_failure(
    polling: Session, without_queue: Endpoint, runtime: Runtime
) -> None:
    """S3 answers 403 for what is not there; the failure is there."""
    job = polling.segment(JPEG)
    runtime.faults.append(
        lambda call: Reply(b"", 403) if call.operation == "s3.HEAD" and "/output/" in call.path else None
    )
    without_queue.fail(without_queue.requests[0], "broken", "")
    with pytest.raises(JobFailed, match="broken"):
        job.result(timeout=20)


# --- Many


def test_answers_come_in_the_order_of_their_jobs(jobs: Session, endpoint: Endpoint) -> None:
    found = jobs.segment([JPEG] * 12, accept="image/png")
    by_output = {request.output: request for request in endpoint.requests}
    for number, job in reversed(list(enumerate(found))):
        endpoint.finish(by_output[job.output_location], b"%d" % number)
    assert jobs.gather(found, timeout=30) == [b"%d" % number for number in range(12)]
    assert jobs.gather(found[:1] * 3, timeout=30) == [b"0"] * 3
    assert jobs.gather([]) == []


def test_jobs_come_as_they_end(jobs: Session, endpoint: Endpoint) -> None:
    found = jobs.segment([JPEG] * 3)
    by_output = {request.output: request for request in endpoint.requests}
    ending = jobs.as_completed(found, timeout=30)
    for job in (found[2], found[0], found[1]):
        endpoint.finish(by_output[job.output_location])
        assert next(ending) is job
    assert list(ending) == []


def test_one_that_fails_is_raised_or_stands_in_its_place(jobs: Session, endpoint: Endpoint) -> None:
    found = jobs.segment([JPEG, b"", JPEG], on_error="return")
    assert isinstance(found[1], InvalidRequest)
    by_output = {request.output: request for request in endpoint.requests}
    endpoint.fail(by_output[found[2].output_location], "broken", SERVER_ERROR)
    with pytest.raises(JobFailed, match="broken"):
        jobs.gather([found[0], found[2]], timeout=20)
    with pytest.raises(InvalidRequest):
        jobs.gather(found, timeout=20)
    endpoint.finish(by_output[found[0].output_location])
    answers = jobs.gather(found, on_error="return", timeout=20)
    assert answers[0] == ANSWER
    assert answers[1] is found[1]
    assert isinstance(answers[2], JobFailed)
    assert [job.done() for job in jobs.as_completed([found[0], found[2]], timeout=20)] == [True, True]


def test_those_that_are_not_done_in_time_are_counted(jobs: Session, endpoint: Endpoint) -> None:
    found = jobs.segment([JPEG] * 3)
    endpoint.finish(endpoint.requests[0])
    assert next(jobs.as_completed(found, timeout=20)).result(timeout=20) == ANSWER
    with pytest.raises(ServingTimeout, match=r"2 of 3 jobs were not done within 1 s"):
        jobs.gather(found, timeout=1)
    with pytest.raises(ServingTimeout, match=r"2 of 3 jobs"):
        list(jobs.as_completed(found, timeout=1))
    answers = jobs.gather(found, on_error="return", timeout=1)
    assert sorted(type(answer).__name__ for answer in answers) == ["Segmentation"] + ["ServingTimeout"] * 2


@pytest.mark.parametrize("what", [None, 5, "job1.x", ["job1.x"]], ids=repr)
def test_what_is_no_job_is_refused(jobs: Session, what: Any) -> None:
    with pytest.raises(InvalidRequest):
        jobs.gather(what)
    with pytest.raises(InvalidRequest):
        list(jobs.as_completed(what))


# --- Life


def test_closing_the_session_wakes_who_waits(jobs: Session, endpoint: Endpoint) -> None:
    found = jobs.segment([JPEG, JPEG])
    waits = [
        lambda: found[0].result(60),
        lambda: jobs.gather(found, timeout=60),
        lambda: list(jobs.as_completed(found, timeout=60)),
        lambda: jobs.gather(found, on_error="return", timeout=60),
    ]
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(wait) for wait in waits]
        until(lambda: len(waiting(jobs)) == 3)
        jobs.close()
        for wait in running:
            with pytest.raises(ServingError, match="this session is closed"):
                wait.result(5)
    until(lambda: not waiting(jobs), seconds=5)


def test_nothing_runs_while_nobody_waits(jobs: Session, endpoint: Endpoint, runtime: Runtime) -> None:
    job = jobs.segment(JPEG)
    assert not waiting(jobs)
    endpoint.finish(endpoint.requests[0])
    job.result(timeout=20)
    until(lambda: not waiting(jobs), seconds=15)  # a poll of the queue that is under way ends by itself


def test_one_waits_for_all(jobs: Session, endpoint: Endpoint) -> None:
    found = jobs.segment([JPEG] * 20)
    with ThreadPoolExecutor(20) as pool:
        results = [pool.submit(job.result, 30) for job in found]
        until(lambda: len(waiting(jobs)) >= 2)
        names = [thread.name for thread in threading.enumerate()]
        assert names.count("serving-clients-jobs") == 1
        assert names.count("serving-clients-notices") == 1
        for request in endpoint.requests:
            endpoint.finish(request)
        assert [result.result(30) for result in results] == [ANSWER] * 20


@pytest.mark.usefixtures("only_notices")
def test_a_failure_is_heard_of_by_its_notice(jobs: Session, endpoint: Endpoint) -> None:
    job = jobs.segment(JPEG)
    endpoint.failure_objects = False
    endpoint.notify(failure_notice(endpoint.requests[0], SERVER_ERROR))
    with pytest.raises(JobFailed):
        job.result(timeout=20)
