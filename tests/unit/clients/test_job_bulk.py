"""Many files, many jobs: in order, bounded, none of them lost or submitted twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import runtime_stand_in as stand_in
from jobs_stand_in import ANSWER, JPEG, PNG, Endpoint
from runtime_stand_in import Runtime

from serving_clients import (
    AccessDenied,
    EndpointNotFound,
    InvalidRequest,
    Job,
    ServingError,
    Session,
    Unavailable,
    _journal,
    connect,
)

ROOT = Path(__file__).parents[3] / "python"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, and what is none."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name, data in {"b.png": PNG, "a.jpg": JPEG, "c.JPEG": JPEG + b"c"}.items():
        (pictures / name).write_bytes(data)
    (pictures / "notes.txt").write_text("not me")
    (pictures / "._a.jpg").write_bytes(b"what macOS notes of a.jpg")
    (pictures / "deeper.jpg").mkdir()
    return pictures


def sizes(endpoint: Endpoint, jobs: list[Any]) -> list[int]:
    return [len(endpoint.read(job.input_location)) for job in jobs]


def test_a_folder_gets_a_job_for_each_picture_in_it(jobs: Session, endpoint: Endpoint, folder: Path) -> None:
    for what in (folder, str(folder)):
        found = jobs.segment(what)
        assert sizes(endpoint, found) == [len(JPEG), len(PNG), len(JPEG) + 1]
    for request in endpoint.requests:
        endpoint.finish(request)
    assert jobs.gather(found, timeout=20) == [ANSWER] * 3


def test_a_list_gets_a_list_in_its_order(jobs: Session, endpoint: Endpoint, runtime: Runtime) -> None:
    pictures = [JPEG + b"x" * number for number in range(40)]
    told: list[tuple[int, int]] = []
    found = jobs.segment(pictures, on_progress=lambda done, total: told.append((done, total)))
    assert sizes(endpoint, found) == [len(picture) for picture in pictures]
    assert len({job.inference_id for job in found}) == 40
    assert 1 < runtime.most_in_flight <= 16
    assert told[-1] == (sum(map(len, pictures)), sum(map(len, pictures)))
    assert jobs.segment([]) == []


def test_a_generator_is_read_only_as_fast_as_files_go(
    jobs: Session, endpoint: Endpoint, runtime: Runtime
) -> None:
    gate = threading.Event()
    ahead: list[int] = []

    def answer(handler: Any, call: Any) -> Any:
        assert gate.wait(20)
        return endpoint.answer(handler, call)

    def pictures() -> Iterator[bytes]:
        for number in range(100):
            ahead.append(number - len(endpoint.requests))
            if number == 20:
                gate.set()
            yield JPEG

    runtime.answer = answer
    assert len(jobs.segment(pictures())) == 100
    assert max(ahead) <= 33  # twice the 16 that go side by side, and the one in hand


def test_bad_items_of_a_list_are_placed_before_anything_is_sent(jobs: Session, runtime: Runtime) -> None:
    with pytest.raises(InvalidRequest, match=r"line 3: missing\.jpg cannot be read") as caught:
        jobs.segment([JPEG, JPEG, "missing.jpg"])
    assert (caught.value.item, caught.value.accepted) == (2, ())
    assert runtime.calls == []


def test_a_bad_item_stands_in_its_place(jobs: Session, endpoint: Endpoint) -> None:
    found = jobs.segment([JPEG, "missing.jpg", JPEG, b""], on_error="return")
    assert [type(entry) for entry in found] == [Job, InvalidRequest, Job, InvalidRequest]
    assert [entry.item for entry in found[1::2]] == [1, 3]
    assert len(endpoint.requests) == 2


def test_a_failed_submission_does_not_lose_the_others(
    jobs: Session, endpoint: Endpoint, runtime: Runtime
) -> None:
    def fault(call: stand_in.AwsCall) -> Any:
        body = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        return stand_in.Reply(body, 403) if call.operation == "s3.PUT" and b"poison" in call.body else None

    runtime.faults.append(fault)
    pictures = [JPEG, JPEG + b"poison", JPEG]
    found = jobs.segment(pictures, on_error="return")
    assert [type(entry) for entry in found] == [Job, AccessDenied, Job]
    with pytest.raises(AccessDenied) as caught:
        jobs.segment(pictures)
    assert 0 < len(caught.value.accepted) <= 2
    known = {request.output for request in endpoint.requests}
    assert {jobs.job(id).output_location for id in caught.value.accepted} <= known


def test_after_an_error_nothing_more_is_begun(jobs: Session, runtime: Runtime) -> None:
    runtime.answer = stand_in.fails("ValidationError", 400, "Endpoint x not found.")
    with pytest.raises(EndpointNotFound):
        jobs.segment(iter([JPEG] * 500))
    assert len(runtime.calls) < 200


def test_several_jobs_cannot_have_one_id(jobs: Session) -> None:
    with pytest.raises(InvalidRequest, match="is for one job"):
        jobs.segment([JPEG, JPEG], inference_id="one")


# --- The journal


def test_the_same_call_again_submits_nothing_twice(
    jobs: Session, endpoint: Endpoint, runtime: Runtime, folder: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "jobs.jsonl"
    first = jobs.segment(folder, journal=journal)
    jobs.close()
    with connect("local", endpoint_url=runtime.url, timeout=20) as later:
        assert later.segment(folder, journal=journal) == first
        assert later.jobs_from(journal) == first
        assert len(endpoint.requests) == 3
        for request in endpoint.requests:
            endpoint.finish(request)
        assert later.gather(later.jobs_from(journal), timeout=20) == [ANSWER] * 3


def test_what_is_new_or_changed_or_asked_differently_is_submitted(
    jobs: Session, endpoint: Endpoint, folder: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "jobs.jsonl"
    jobs.segment(folder, journal=journal)
    (folder / "d.jpg").write_bytes(JPEG)
    (folder / "a.jpg").write_bytes(JPEG + b"changed")
    assert len(jobs.segment(folder, journal=journal)) == 4
    assert len(endpoint.requests) == 5
    jobs.segment(folder, journal=journal, max_objects=1)
    assert len(endpoint.requests) == 9


def test_the_same_file_twice_is_two_jobs(jobs: Session, endpoint: Endpoint, tmp_path: Path) -> None:
    items: list[bytes | str] = [JPEG, JPEG, "s3://bucket/a.jpg", "s3://bucket/a.jpg"]
    first = jobs.segment(items, journal=tmp_path / "jobs.jsonl")
    assert len(set(first)) == 4
    assert jobs.segment(items, journal=tmp_path / "jobs.jsonl") == first
    assert len(endpoint.requests) == 4


def test_what_failed_is_submitted_the_next_time(
    jobs: Session, endpoint: Endpoint, runtime: Runtime, tmp_path: Path
) -> None:
    journal = tmp_path / "jobs.jsonl"
    runtime.script.append(stand_in.fails("ValidationError", 400, "no"))
    with pytest.raises(InvalidRequest) as caught:
        jobs.segment([JPEG], journal=journal)
    assert caught.value.accepted == ()
    (job,) = jobs.segment([JPEG], journal=journal)
    assert endpoint.read(job.input_location) == JPEG


def test_a_request_that_may_have_been_sent_is_sent_again_as_the_same(
    jobs: Session, endpoint: Endpoint, runtime: Runtime, tmp_path: Path
) -> None:
    journal = tmp_path / "jobs.jsonl"

    def accept_and_drop(handler: Any, call: Any) -> Any:
        endpoint.accept(call)
        return stand_in.drop(handler, call)

    runtime.script.extend([accept_and_drop] * 4)
    with pytest.raises(Unavailable):
        jobs.segment([JPEG], journal=journal)
    (job,) = jobs.segment([JPEG], journal=journal)
    assert {request.inference_id for request in endpoint.requests} == {job.inference_id}
    assert {request.input for request in endpoint.requests} == {job.input_location}
    assert len(endpoint.inputs) == 1


def test_an_object_that_is_gone_since_is_uploaded_again(
    jobs: Session, endpoint: Endpoint, runtime: Runtime, tmp_path: Path
) -> None:
    journal = tmp_path / "jobs.jsonl"
    runtime.script.extend([stand_in.drop] * 4)
    with pytest.raises(Unavailable):
        jobs.segment([JPEG], journal=journal)
    endpoint.s3.delete_object(Bucket=endpoint.bucket, Key=endpoint.inputs[0])
    (job,) = jobs.segment([JPEG], journal=journal)
    assert endpoint.read(job.input_location) == JPEG


def test_a_line_that_was_cut_off_is_passed_over(
    jobs: Session, endpoint: Endpoint, folder: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "jobs.jsonl"
    first = jobs.segment(folder, journal=journal)
    whole = journal.read_bytes()
    cut = whole.rindex(b'"job"') + 20
    journal.write_bytes(whole[:cut])
    assert len(jobs.jobs_from(journal)) == 2
    again = jobs.segment(folder, journal=journal)
    assert sum(job in first for job in again) == 2
    assert jobs.jobs_from(journal) == again
    assert {job.inference_id for job in again} == {job.inference_id for job in first}


@pytest.mark.parametrize(
    "text", ["hello\n", "[]\n", '{"key": "a"}\n', '{"key": "a", "item": 0, "job": "x"}\n'], ids=repr
)
def test_what_is_no_journal_is_refused_and_left_alone(jobs: Session, tmp_path: Path, text: str) -> None:
    path = tmp_path / "diary.txt"
    path.write_text(text)
    for call in (lambda: jobs.segment([JPEG], journal=path), lambda: jobs.jobs_from(path)):
        with pytest.raises(InvalidRequest, match=r"line 1 of .*diary\.txt is none of a journal of jobs"):
            call()
    assert path.read_text() == text


def test_a_journal_that_cannot_be_opened_is_named(jobs: Session, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be written: Is a directory"):
        jobs.segment([JPEG], journal=tmp_path)
    with pytest.raises(InvalidRequest, match="cannot be read: No such file"):
        jobs.jobs_from(tmp_path / "missing")


def test_a_journal_belongs_to_one_run_at_a_time(jobs: Session, tmp_path: Path) -> None:
    with (
        _journal.Journal(tmp_path / "jobs.jsonl"),
        pytest.raises(InvalidRequest, match="is in use by another process"),
    ):
        jobs.segment([JPEG], journal=tmp_path / "jobs.jsonl")


KILLED = """
import os, sys
from serving_clients import connect
with connect("local", endpoint_url=sys.argv[1], timeout=60, concurrency=4) as session:
    session.segment(sys.argv[3:], journal=sys.argv[2])
"""


def test_a_process_that_is_killed_loses_no_job_and_repeats_none(
    jobs: Session, endpoint: Endpoint, runtime: Runtime, tmp_path: Path
) -> None:
    files = []
    for number in range(30):
        files.append(tmp_path / f"{number}.jpg")
        files[-1].write_bytes(JPEG + b"%d" % number)
    journal = tmp_path / "jobs.jsonl"
    answer = runtime.answer
    stop_after = 12
    stuck = threading.Event()

    def then_hang(handler: Any, call: Any) -> Any:
        if len(endpoint.requests) >= stop_after:
            stuck.set()
            return stand_in.hang(handler, call)
        return answer(handler, call)

    runtime.answer = then_hang
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, runtime.url, str(journal), *map(str, files)],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'clients'}{os.pathsep}{ROOT / 'contracts'}"},
    )
    try:
        assert stuck.wait(60)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    runtime.answer = answer
    found = jobs.segment(files, journal=journal)
    assert [endpoint.read(job.input_location) for job in found] == [file.read_bytes() for file in files]
    accepted = [json.loads(line) for line in journal.read_bytes().splitlines()]
    assert len([entry for entry in accepted if "job" in entry]) == 30
    # Only what was under way at the kill may have been sent twice, and then as the same request.
    assert len(endpoint.requests) <= 30 + 4
    assert len({request.inference_id for request in endpoint.requests}) == 30


def test_an_interrupted_call_names_what_it_had_submitted(jobs: Session, endpoint: Endpoint) -> None:
    def pictures() -> Iterator[bytes]:
        yield JPEG
        while not endpoint.requests:
            threading.Event().wait(0.02)
        jobs.close()
        yield JPEG

    with pytest.raises(ServingError, match="closed") as caught:
        jobs.segment(pictures())
    assert len(caught.value.accepted) == 1
