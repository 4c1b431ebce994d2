"""The asynchronous twins of jobs: the same names, the same results, awaited."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import runtime_stand_in as stand_in
from jobs_stand_in import ANSWER, JPEG, NAME, SERVER_ERROR, Endpoint
from published_catalogs import catalog, publish
from runtime_stand_in import AwsCall, Reply, Runtime

from serving_clients import (
    AsyncJob,
    AsyncJobsClient,
    AsyncSession,
    InvalidRequest,
    JobFailed,
    ServingError,
    ServingTimeout,
    aconnect,
)


@pytest.fixture
async def ajobs(runtime: Runtime, moto_url: str, endpoint: Endpoint) -> AsyncIterator[AsyncSession]:
    publish(moto_url, "local", catalog(segmentation=endpoint.catalog_entry))
    async with await aconnect("local", endpoint_url=runtime.url, timeout=20) as session:
        yield session


def soon(function: Any, *arguments: Any) -> None:
    """Call it from another thread, when the event loop waits."""
    threading.Timer(0.2, function, arguments).start()


async def test_a_job_is_awaited(ajobs: AsyncSession, endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    job = await ajobs.segment(tmp_path / "a.jpg", score_threshold=0.1)
    assert not await job.done()
    assert (await job.progress()).state == "submitted"
    soon(endpoint.finish, endpoint.requests[0])
    assert await job.result(timeout=20) == ANSWER
    assert await job.done()
    assert endpoint.requests[0].headers["x-amzn-sagemaker-custom-attributes"] == "score_threshold=0.1"
    found = ajobs.job(job.id)
    assert (found, hash(found), found.id) == (job, hash(job), job.id)
    assert await AsyncJob.from_id(job.id, session=ajobs).result(20) == ANSWER
    request = endpoint.requests[0]
    assert (job.inference_id, job.endpoint_name) == (request.inference_id, NAME)
    assert (job.input_location, job.output_location, job.failure_location) == (
        request.input,
        request.output,
        request.failure,
    )
    assert repr(job).startswith("AsyncJob(")


async def test_the_timeout_is_for_each_file_of_a_folder_not_for_all(
    runtime: Runtime, moto_url: str, endpoint: Endpoint, tmp_path: Path
) -> None:
    publish(moto_url, "local", catalog(segmentation=endpoint.catalog_entry))
    answer = runtime.answer

    def slowly(handler: stand_in.Handler, call: stand_in.Call) -> Reply | None:
        time.sleep(0.8)
        return answer(handler, call)

    runtime.answer = slowly
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (folder / name).write_bytes(JPEG)
    async with await aconnect("local", endpoint_url=runtime.url, concurrency=1) as session:
        assert len(await session.segment(folder, timeout=2)) == 3


async def test_waiting_for_many_takes_no_thread_each(ajobs: AsyncSession, endpoint: Endpoint) -> None:
    found = await ajobs.segment([JPEG] * 80)
    waits = [asyncio.ensure_future(job.result(timeout=60)) for job in found]
    await asyncio.sleep(0.2)
    first = await ajobs.segment(JPEG)  # more wait than there are threads, and still this goes through
    endpoint.finish(endpoint.requests[-1])
    assert await first.result(timeout=20) == ANSWER
    for request in endpoint.requests[:-1]:
        endpoint.finish(request, notices=0)
    assert await asyncio.gather(*waits) == [ANSWER] * 80


async def test_many_are_gathered_in_order(ajobs: AsyncSession, endpoint: Endpoint, tmp_path: Path) -> None:
    found = await ajobs.segment([JPEG] * 5 + [b""], accept="image/png", on_error="return")
    assert isinstance(found[5], InvalidRequest)
    outputs = {request.output: request for request in endpoint.requests}
    for number, job in reversed(list(enumerate(found[:5]))):
        endpoint.finish(outputs[job.output_location], b"%d" % number)
    expected = [b"%d" % number for number in range(5)]
    assert await ajobs.gather(found[:5], timeout=20) == expected
    assert await ajobs.gather(found, on_error="return", timeout=20) == [*expected, found[5]]
    assert await ajobs.gather([]) == []
    with pytest.raises(InvalidRequest):
        await ajobs.gather(found, timeout=20)


async def test_jobs_come_as_they_end(ajobs: AsyncSession, endpoint: Endpoint) -> None:
    found = await ajobs.segment([JPEG] * 3)
    outputs = {request.output: request for request in endpoint.requests}
    ending = ajobs.as_completed(found, timeout=20)
    for job in (found[1], found[2], found[0]):
        endpoint.finish(outputs[job.output_location])
        assert await anext(ending) is job
    assert [job async for job in ending] == []
    with pytest.raises(InvalidRequest):
        ajobs.job("x")
    with pytest.raises(InvalidRequest, match="must be jobs"):
        await ajobs.gather(["x"])  # type: ignore[list-item]


async def test_failures_and_time_are_told_the_same_way(ajobs: AsyncSession, endpoint: Endpoint) -> None:
    found = await ajobs.segment([JPEG, JPEG])
    outputs = {request.output: request for request in endpoint.requests}
    endpoint.fail(outputs[found[0].output_location], "broken", SERVER_ERROR)
    with pytest.raises(JobFailed, match="broken"):
        await found[0].result(timeout=20)
    with pytest.raises(JobFailed, match="broken"):
        await ajobs.gather(found, timeout=20)
    with pytest.raises(ServingTimeout, match=r"was not done within 0\.3 s"):
        await found[1].result(timeout=0.3)
    answers = await ajobs.gather(found, on_error="return", timeout=1)
    assert [type(answer) for answer in answers] == [JobFailed, ServingTimeout]
    with pytest.raises(ServingTimeout, match=r"1 of 2 jobs were not done within 1 s"):
        _ = [job async for job in ajobs.as_completed(found, timeout=1)]
    with pytest.raises(InvalidRequest):
        await found[1].result(timeout=-1)


async def test_cancelling_a_wait_leaves_the_job_and_the_others(
    ajobs: AsyncSession, endpoint: Endpoint
) -> None:
    job = await ajobs.segment(JPEG)
    cancelled = asyncio.ensure_future(job.result(timeout=60))
    other = asyncio.ensure_future(job.result(timeout=60))
    gathering = asyncio.ensure_future(ajobs.gather([job, job], timeout=60))
    await asyncio.sleep(0.2)
    cancelled.cancel()
    gathering.cancel()
    for task in (cancelled, gathering):
        with pytest.raises(asyncio.CancelledError):
            await task
    endpoint.finish(endpoint.requests[0])
    assert await other == ANSWER


async def test_cancelling_an_upload_ends_it(
    ajobs: AsyncSession, endpoint: Endpoint, runtime: Runtime, tmp_path: Path
) -> None:
    """A large one: its parts are taken back."""
    path = tmp_path / "film.mp4"
    path.write_bytes(b"\x00\x00\x00\x20ftypisom" + bytes(20 * 2**20))
    arrived, aborted = threading.Event(), threading.Event()

    def hang(call: AwsCall) -> Reply | None:
        if call.operation == "s3.DELETE" and "uploadId" in call.path:
            aborted.set()
        if "partNumber" in call.path:
            arrived.set()
            runtime.stopping.wait(30)
        return None

    runtime.faults.append(hang)
    task = asyncio.ensure_future(ajobs.segment(path))
    assert await asyncio.to_thread(arrived.wait, 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(aborted.wait, 10)  # by its thread, which notices within half a second
    assert endpoint.requests == []


async def test_cancelling_a_bulk_submission_begins_nothing_more(
    ajobs: AsyncSession, endpoint: Endpoint, runtime: Runtime
) -> None:
    answer = runtime.answer
    runtime.answer = lambda handler, call: (
        answer(handler, call) if len(endpoint.requests) < 20 else (stand_in.hang(handler, call))
    )
    task = asyncio.ensure_future(ajobs.segment([JPEG] * 500))
    await asyncio.to_thread(runtime.wait_for_calls, 21)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(1.0)
    assert len(runtime.calls) < 100


async def test_closing_wakes_who_waits(ajobs: AsyncSession) -> None:
    job = await ajobs.segment(JPEG)
    waits: list[asyncio.Future[Any]] = [
        asyncio.ensure_future(job.result(timeout=60)),
        asyncio.ensure_future(ajobs.gather([job], on_error="return", timeout=60)),
        asyncio.ensure_future(anext(ajobs.as_completed([job], timeout=60))),  # type: ignore[arg-type]
    ]
    await asyncio.sleep(0.2)
    await ajobs.close()
    for wait in waits:
        with pytest.raises(ServingError, match="closed"):
            await asyncio.wait_for(wait, 5)
    with pytest.raises(ServingError, match="closed"):
        await ajobs.segment(JPEG)


async def test_a_journal_is_read_back(ajobs: AsyncSession, endpoint: Endpoint, tmp_path: Path) -> None:
    first = await ajobs.segment([JPEG, JPEG], journal=tmp_path / "jobs.jsonl")
    assert ajobs.jobs_from(tmp_path / "jobs.jsonl") == first
    assert await ajobs.segment([JPEG, JPEG], journal=tmp_path / "jobs.jsonl") == first
    assert len(endpoint.requests) == 2


async def test_a_client_of_its_own_takes_any_model(runtime: Runtime, endpoint: Endpoint) -> None:
    async with AsyncJobsClient(
        "counter",
        input_location=f"s3://{endpoint.bucket}/in/",
        queue_url=endpoint.queue_url,
        env="local",
        endpoint_url=runtime.url,
        timeout=20,
    ) as client:
        job = await client.submit(b"anything", timeout=10)
        endpoint.finish(endpoint.requests[0], b"8 bytes")
        assert await job.result(timeout=20) == b"8 bytes"
        assert await client.job(job.id).result(timeout=20) == b"8 bytes"
        found = await client.submit_all([b"1", b"22"])
        for request in endpoint.requests[1:]:
            endpoint.finish(request, b"%d" % len(endpoint.read(request.input)))
        assert await client.gather(found, timeout=20) == [b"1", b"2"]
        assert {job.id async for job in client.as_completed(found)} == {job.id for job in found}
        assert repr(client) == "AsyncJobsClient('counter')"
