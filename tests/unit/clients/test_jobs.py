"""Submitting a job, and what its result is."""

from __future__ import annotations

import base64
import json
import pickle
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import runtime_stand_in as stand_in
from jobs_stand_in import ANSWER, JPEG, NAME, PNG, SERVER_ERROR, Endpoint
from published_catalogs import REGION, catalog, publish
from runtime_stand_in import Runtime

from serving_clients import (
    EndpointNotFound,
    InvalidRequest,
    Job,
    JobExpired,
    JobFailed,
    JobsClient,
    ModelFailed,
    ServingError,
    ServingTimeout,
    Session,
    Unavailable,
    connect,
)
from serving_clients._job_ref import JobRef
from serving_contracts import ContainerError


def test_a_picture_gets_a_typed_answer(jobs: Session, endpoint: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "cup.jpg"
    path.write_bytes(JPEG)
    job = jobs.segment(path)
    (request,) = endpoint.requests
    endpoint.finish(request)
    assert job.result(timeout=20) == ANSWER
    assert job.result(timeout=20) == ANSWER  # again, from the same place
    assert endpoint.read(request.input) == JPEG
    assert request.headers["x-amzn-sagemaker-content-type"] == "image/jpeg"
    assert request.headers["x-amzn-sagemaker-accept"] == "application/json"
    assert (job.inference_id, job.endpoint_name) == (request.inference_id, NAME)
    assert (job.input_location, job.output_location, job.failure_location) == (
        request.input,
        request.output,
        request.failure,
    )


def test_the_object_is_named_by_nobody_but_us(jobs: Session, endpoint: Endpoint, tmp_path: Path) -> None:
    for name in ("..%2f..%2fetc.PNG", "a b;c.jpg", "no suffix", "x.j\u00f6g", "y.averylongsuffix"):
        path = tmp_path / name
        path.write_bytes(PNG)
        jobs.segment(path, inference_id=f"my own {name.encode().hex()[:20]}")
    base = f"{endpoint.prefix}input/"
    assert all(key.startswith(base) and "/" not in key[len(base) :] for key in endpoint.inputs)
    suffixes = sorted(Path(request.input).suffix for request in endpoint.requests)
    assert suffixes == ["", "", "", ".jpg", ".png"]
    assert len(set(endpoint.inputs)) == 5


def test_what_is_asked_travels_along(jobs: Session, endpoint: Endpoint) -> None:
    jobs.segment(
        JPEG,
        score_threshold=0.25,
        every_nth_frame=5,
        max_frames=10,
        max_objects=3,
        accept="image/png",
        content_type="image/webp",
        ttl_seconds=60,
        invocation_timeout_seconds=30,
        inference_id="order 66",
    )
    headers = endpoint.requests[0].headers
    about = "score_threshold=0.25;every_nth_frame=5;max_frames=10;max_objects=3"
    assert headers["x-amzn-sagemaker-custom-attributes"] == about
    assert headers["x-amzn-sagemaker-accept"] == "image/png"
    assert headers["x-amzn-sagemaker-content-type"] == "image/webp"
    assert headers["x-amzn-sagemaker-requestttlseconds"] == "60"
    assert headers["x-amzn-sagemaker-invocationtimeoutseconds"] == "30"
    assert headers["x-amzn-sagemaker-inference-id"] == "order 66"


def test_what_is_not_asked_does_not(jobs: Session, endpoint: Endpoint) -> None:
    jobs.segment(JPEG)
    assert "x-amzn-sagemaker-custom-attributes" not in endpoint.requests[0].headers
    assert "x-amzn-sagemaker-requestttlseconds" not in endpoint.requests[0].headers


def test_an_annotated_picture_comes_back_as_bytes(jobs: Session, endpoint: Endpoint) -> None:
    job = jobs.segment(JPEG, accept="image/jpg")
    endpoint.finish(endpoint.requests[0], b"a picture")
    assert job.result(timeout=20) == b"a picture"


def test_an_object_in_s3_is_not_uploaded(jobs: Session, endpoint: Endpoint) -> None:
    jobs.segment("s3://elsewhere/films/a.mp4")
    assert endpoint.requests[0].input == "s3://elsewhere/films/a.mp4"
    assert endpoint.requests[0].headers["x-amzn-sagemaker-content-type"] == "video/mp4"
    assert endpoint.inputs == []


def test_a_job_says_how_far_it_is(jobs: Session, endpoint: Endpoint) -> None:
    job = jobs.segment(JPEG)
    before = job.progress()
    assert (before.state, before.bytes_uploaded, job.done()) == ("submitted", len(JPEG), False)
    assert 0 <= before.age_seconds < 20
    endpoint.finish(endpoint.requests[0], notices=0)
    assert job.done()
    assert job.progress().state == "completed"
    assert "completed" in repr(job)
    other = jobs.segment(JPEG)
    endpoint.fail(endpoint.requests[1], "no", SERVER_ERROR, notice=False)
    assert other.done()
    assert other.progress().state == "failed"


def test_how_far_an_upload_is_is_told(jobs: Session) -> None:
    told: list[tuple[int, int]] = []
    jobs.segment(JPEG, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(0, len(JPEG)), (len(JPEG), len(JPEG))]


# --- Failures


def test_a_job_that_failed_says_why_and_where(jobs: Session, endpoint: Endpoint) -> None:
    job = jobs.segment(JPEG)
    error = ContainerError("InvalidInput", "is no picture", field="body", hint="send a JPEG")
    said = f'Received client error (400) from primary with message "{json.dumps(error.to_dict())}". See https://x'
    endpoint.fail(endpoint.requests[0], said, SERVER_ERROR)
    with pytest.raises(JobFailed, match=r"field 'body': is no picture \(send a JPEG\)") as caught:
        job.result(timeout=20)
    failure = caught.value
    assert isinstance(failure, RuntimeError)
    assert (failure.code, failure.field, failure.original_status) == ("InvalidInput", "body", 400)
    assert failure.failure_location == endpoint.requests[0].failure
    assert failure.original_message == said
    assert (failure.job_id, failure.inference_id) == (job.id, job.inference_id)
    assert failure.endpoint_name == NAME
    assert pickle.loads(pickle.dumps(failure)).code == "InvalidInput"  # noqa: S301 - our own, just made
    assert job.progress().state == "failed"


SAID = {
    "our error, bare": (
        '{"error": {"code": "ModelFailed", "message": "the model failed (error 7f3a)"}}',
        r"failed: the model failed \(error 7f3a\) \(its log tells why\)",
        500,
    ),
    "a file that the model refuses": (
        '{"error": {"code": "InvalidInput", "message": "is empty"}}',
        r"failed: is empty \(mend the file or the options, and submit it again\)",
        400,
    ),
    "our error, quotes escaped": (
        r'Received server error (500) from primary with message "{\"error\": {\"code\": \"ModelFailed\", '
        r'\"message\": \"out of luck\"}}". See https://x',
        "failed: out of luck",
        500,
    ),
    "another container's words": (
        'Received server error (503) from primary with message "CUDA out of memory". See https://x',
        "failed: CUDA out of memory",
        503,
    ),
    "a container that took too long": (
        'Received server error (0) from primary with message "Your invocation timed out while waiting for a '
        'response from container primary. Review the latency metrics.". See https://x',
        "invocation timed out.*invocation_timeout_seconds",
        0,
    ),
    "an input that is not there": (
        "Unable to download the input: NoSuchKey",
        "NoSuchKey.*role must be able to read s3://",
        None,
    ),
    "SageMaker's own sentence": (
        '{"failureReason": "ClientError: Received server error (0) from model. See the SageMaker Endpoint '
        "logs in your account for more information. It did not answer within 5 seconds "
        '(InvocationTimeoutSeconds)."}',
        r"failed: ClientError: Received .* within 5 seconds.*give invocation_timeout_seconds= more",
        0,
    ),
    "nothing that is text": ("\x00\ufffd", "failed", None),
    "nothing": ("", "no reason was given", None),
}


@pytest.mark.parametrize(("said", "text", "status"), SAID.values(), ids=SAID)
def test_whatever_a_failure_says_is_read(
    polling: Session, without_queue: Endpoint, said: str, text: str, status: int | None
) -> None:
    job = polling.segment(JPEG)
    without_queue.fail(without_queue.requests[0], said, "", notice=False)
    with pytest.raises(JobFailed, match=text) as caught:
        job.result(timeout=20)
    assert caught.value.original_status == status


def test_without_a_failure_object_the_notice_gives_the_reason(jobs: Session, endpoint: Endpoint) -> None:
    endpoint.failure_objects = False
    job = jobs.segment(JPEG)
    endpoint.fail(endpoint.requests[0], "", SERVER_ERROR)
    with pytest.raises(JobFailed, match=r"Received server error \(500\) from model") as caught:
        job.result(timeout=20)
    assert (caught.value.reason, caught.value.failure_location) == (SERVER_ERROR, None)
    assert caught.value.original_status == 500


@pytest.mark.parametrize(
    ("with_object", "with_notice"),
    [(True, True), (False, True), (True, False)],
    ids=["both", "notice", "object"],
)
def test_a_job_that_waited_too_long_has_expired(
    jobs: Session, endpoint: Endpoint, with_object: bool, with_notice: bool
) -> None:
    endpoint.failure_objects = with_object
    job = jobs.segment(JPEG, ttl_seconds=60)
    reason = "ClientError: The request expired: it was older than RequestTTLSeconds (60)."
    endpoint.fail(endpoint.requests[0], json.dumps({"failureReason": reason}), reason, notice=with_notice)
    with pytest.raises(JobExpired, match=r"was not begun within 60 s.*submit it again") as caught:
        job.result(timeout=20)
    assert isinstance(caught.value, RuntimeError)
    assert (caught.value.reason, caught.value.job_id) == (reason, job.id)


@pytest.mark.parametrize(
    "said",
    [
        'Received server error (500) from primary with message "your request expired". See https://x',
        "your request expired",
        '{"error": {"code": "ModelFailed", "message": "your request expired"}}',
    ],
    ids=["wrapped", "raw", "ours"],
)
def test_a_container_that_speaks_of_expiry_has_failed(jobs: Session, endpoint: Endpoint, said: str) -> None:
    job = jobs.segment(JPEG)
    endpoint.fail(endpoint.requests[0], said, SERVER_ERROR)
    with pytest.raises(JobFailed, match="your request expired"):
        job.result(timeout=20)


def test_a_job_of_which_nothing_was_heard_until_its_end_has_expired(
    polling: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = polling.segment(JPEG, ttl_seconds=60, invocation_timeout_seconds=10)
    at = time.time() + 60 + 10 + 301
    monkeypatch.setattr(time, "time", lambda: at)
    with pytest.raises(JobExpired):
        job.result(timeout=20)


def test_an_answer_that_a_lifecycle_rule_took_away_is_told(jobs: Session, endpoint: Endpoint) -> None:
    job = jobs.segment(JPEG)
    endpoint.finish(endpoint.requests[0])
    assert job.done()
    endpoint.s3.delete_object(Bucket=endpoint.bucket, Key=job.output_location.split("/", 3)[3])
    with pytest.raises(JobFailed, match=r"is not at s3://.* any more.*lifecycle"):
        job.result(timeout=20)


def test_an_answer_that_is_none_of_the_task_is_the_models_fault(jobs: Session, endpoint: Endpoint) -> None:
    job = jobs.segment(JPEG)
    endpoint.finish(endpoint.requests[0], b'{"frames": 5}')
    with pytest.raises(ModelFailed, match="gave no segmentation answer"):
        job.result(timeout=20)


def test_a_job_that_is_not_done_in_time_goes_on(jobs: Session, endpoint: Endpoint) -> None:
    job = jobs.segment(JPEG)
    with pytest.raises(ServingTimeout, match=r"was not done within 0\.3 s.*wait again") as caught:
        job.result(timeout=0.3)
    assert isinstance(caught.value, TimeoutError)
    endpoint.finish(endpoint.requests[0])
    assert job.result(timeout=20) == ANSWER


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "5", True], ids=repr)
def test_a_timeout_is_a_number_of_seconds(jobs: Session, timeout: Any) -> None:
    job = jobs.segment(JPEG)
    for call in (job.result, lambda timeout: jobs.gather([job], timeout=timeout)):
        with pytest.raises(InvalidRequest) as caught:
            call(timeout=timeout)
        assert caught.value.field == "timeout"


# --- From another process


def test_a_job_can_be_waited_for_in_another_process(
    jobs: Session, endpoint: Endpoint, runtime: Runtime
) -> None:
    job = jobs.segment(JPEG)
    text = job.id
    assert text == job.id
    assert text.isascii()
    assert text.isprintable()
    assert len(text.split()) == 1
    jobs.close()
    with connect("local", endpoint_url=runtime.url, timeout=20) as later:
        found = later.job(text)
        assert found == job
        assert hash(found) == hash(job)
        assert (found.id, found.output_location) == (text, job.output_location)
        assert found.progress().bytes_uploaded is None
        endpoint.finish(endpoint.requests[0])
        assert found.result(timeout=20) == ANSWER
        assert Job.from_id(text, session=later).result(timeout=20) == ANSWER


def test_an_id_holds_no_credentials(jobs: Session) -> None:
    text = jobs.segment(JPEG).id.removeprefix("job1.")
    plain = zlib.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))).decode()
    assert set(json.loads(plain)) == {
        "accept",
        "endpoint_name",
        "failure",
        "inference_id",
        "input",
        "output",
        "submitted_at",
        "task",
    }


def test_a_job_of_an_endpoint_that_is_gone_can_still_be_read(
    jobs: Session, endpoint: Endpoint, moto_url: str
) -> None:
    text = jobs.segment(JPEG).id
    endpoint.finish(endpoint.requests[0])
    publish(moto_url, "local", catalog())
    jobs.refresh()
    assert jobs.job(text).result(timeout=20) == ANSWER


def bad_ids() -> dict[str, Any]:
    good = JobRef("e", "i", "s3://bucket/in", "s3://bucket/out", None, None, None, 1.0)

    def but(**changes: Any) -> str:
        return replace(good, **changes).to_id()

    return {
        "nothing": "",
        "none": None,
        "another kind": "arn:aws:x",
        "no base64": "job1.!!!",
        "cut off": good.to_id()[:-9],
        "a bomb": "job1." + base64.urlsafe_b64encode(zlib.compress(b"0" * 10**7)).decode(),
        "no object": but(endpoint_name=5),
        "no endpoint": but(endpoint_name="../x"),
        "no bucket": but(output="https://elsewhere/"),
        "no number": but(submitted_at="now"),
        "no whole number": but(ttl_seconds=1.5),
    }


@pytest.mark.parametrize("name", bad_ids())
def test_what_is_no_id_is_refused(jobs: Session, name: str) -> None:
    with pytest.raises(InvalidRequest, match="is no id of a job") as caught:
        jobs.job(bad_ids()[name])
    assert caught.value.field == "id"


# --- Which endpoint


def test_a_media_task_is_not_asked_at_a_real_time_endpoint(session: Session) -> None:
    with pytest.raises(EndpointNotFound, match=r"does not serve the task 'segmentation'"):
        session.segment(JPEG)
    for call in (lambda: session.endpoint("segmentation"), lambda: session.predict("segmentation", [])):
        with pytest.raises(InvalidRequest, match=r"takes files, and answers later.*session\.segment"):
            call()


def test_each_pattern_says_how_the_other_is_asked(
    runtime: Runtime, moto_url: str, endpoint: Endpoint
) -> None:
    slow = endpoint.catalog_entry | {"containers": {"main": {"task": "sentiment", "model": "sentiment"}}}
    fast = {
        "pattern": "serverless",
        "endpoint_name": "fast",
        "mode": "Single",
        "serverless": {"max_concurrency": 5},
        "containers": {"main": {"task": "segmentation", "model": "m"}},
    }
    publish(moto_url, "local", catalog(slow=slow, fast=fast))
    with connect("local", endpoint_url=runtime.url) as session:
        with pytest.raises(EndpointNotFound, match=r"of the pattern 'async'.*jobs_client\('sentiment'\)"):
            session.sentiment("좋아")
        with pytest.raises(EndpointNotFound, match=r"of the pattern 'serverless'.*answers at once"):
            session.segment(JPEG)
        assert session.jobs_client("sentiment").endpoint_name == NAME


def test_another_endpoint_can_be_picked(runtime: Runtime, moto_url: str, endpoint: Endpoint) -> None:
    other = endpoint.catalog_entry | {"endpoint_name": "other"}
    publish(moto_url, "local", catalog(a=endpoint.catalog_entry, b=other))
    with connect("local", endpoint_url=runtime.url) as session:
        assert session.segment(JPEG).endpoint_name == NAME
        assert session.segment(JPEG, endpoint="b").endpoint_name == "other"
        with pytest.raises(EndpointNotFound, match="it has: a, b"):
            session.segment(JPEG, endpoint="c")


# --- Any model


def test_a_client_of_its_own_takes_any_model(runtime: Runtime, endpoint: Endpoint) -> None:
    with JobsClient(
        "counter",
        input_location=f"s3://{endpoint.bucket}/in",
        queue_url=endpoint.queue_url,
        env="local",
        endpoint_url=runtime.url,
        timeout=20,
    ) as client:
        job = client.submit(b"anything", accept="text/plain", custom_attributes="a=1")
        (request,) = endpoint.requests
        assert request.input.startswith(f"s3://{endpoint.bucket}/in/")
        assert request.headers["x-amzn-sagemaker-content-type"] == "application/octet-stream"
        assert request.headers["x-amzn-sagemaker-custom-attributes"] == "a=1"
        endpoint.finish(request, b"8 bytes")
        assert job.result(timeout=20) == b"8 bytes"
        assert client.job(job.id).result(timeout=20) == b"8 bytes"
        assert repr(client) == "JobsClient('counter')"
        many = client.submit_all([b"1", b"22"], content_type="text/plain")
        for request in endpoint.requests[1:]:
            endpoint.finish(request, b"so many: %d" % len(endpoint.read(request.input)))
        assert client.gather(many, timeout=20) == [b"so many: 1", b"so many: 2"]
        with JobsClient("another", env="local", endpoint_url=runtime.url) as other:
            with pytest.raises(InvalidRequest, match="is one of endpoint 'counter', not 'another'"):
                other.job(job.id)
            with pytest.raises(InvalidRequest, match=r"where requests to 'another' are uploaded.*s3://"):
                other.submit(b"1")


def test_a_client_of_its_own_can_know_the_task(runtime: Runtime, endpoint: Endpoint) -> None:
    with JobsClient(
        NAME,
        task="segmentation",
        input_location=f"s3://{endpoint.bucket}/in/",
        region=REGION,
        endpoint_url=runtime.url,
        timeout=20,
    ) as client:
        job = client.submit(PNG)
        endpoint.finish(endpoint.requests[0])
        assert job.result(timeout=20) == ANSWER
    for bad in ({"task": "sentiment"}, {"input_location": "/tmp"}, {"input_location": 5}):
        with pytest.raises(InvalidRequest):
            JobsClient(NAME, **bad)  # type: ignore[arg-type]


# --- Submitting again


def test_a_submission_that_was_not_answered_is_sent_again_as_the_same(
    jobs: Session, endpoint: Endpoint, runtime: Runtime
) -> None:
    def accept_and_drop(_handler: Any, call: Any) -> Any:
        endpoint.accept(call)
        return stand_in.drop(_handler, call)

    runtime.script.extend([accept_and_drop, stand_in.throttle(), stand_in.fails("InternalFailure", 500)])
    job = jobs.segment(JPEG)
    first, last = endpoint.requests
    assert (first.inference_id, first.input) == (last.inference_id, last.input)
    assert job.output_location == last.output
    endpoint.finish(first)  # its notice is of this job, but not its answer
    endpoint.finish(last)
    assert job.result(timeout=20) == ANSWER
    assert endpoint.inputs == [last.input.split("/", 3)[3]]


def test_what_was_refused_for_sure_leaves_no_object_behind(
    jobs: Session, endpoint: Endpoint, runtime: Runtime
) -> None:
    refusal = stand_in.fails("ValidationError", 400, "Endpoint x of account 123456789012 not found.")
    runtime.script.append(refusal)
    with pytest.raises(EndpointNotFound):
        jobs.segment(JPEG)
    assert endpoint.inputs == []
    runtime.script.extend([stand_in.drop, refusal])  # the first try may have been accepted
    with pytest.raises(EndpointNotFound):
        jobs.segment(JPEG)
    assert len(endpoint.inputs) == 1


def test_a_service_that_stays_away_is_told_within_the_deadline(jobs: Session, runtime: Runtime) -> None:
    runtime.answer = stand_in.fails("ServiceUnavailable", 503)
    with pytest.raises(Unavailable, match="cannot answer now"):
        jobs.segment(JPEG, timeout=1.0)


def test_a_closed_session_says_so(jobs: Session, tmp_path: Path) -> None:
    job = jobs.segment(JPEG)
    jobs.close()
    for call in (
        lambda: jobs.segment(JPEG),
        lambda: jobs.segment([JPEG]),
        lambda: job.result(timeout=5),
        job.done,
        job.progress,
        lambda: jobs.gather([job]),
        lambda: list(jobs.as_completed([job])),
    ):
        with pytest.raises(ServingError, match="closed"):
            call()
