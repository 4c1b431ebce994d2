"""How asynchronous requests end: objects, notices and metrics, for every way there is."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from async_parts import (
    Bench,
    Containers,
    answered,
    echo,
    inline,
    make_bench,
    timed_out,
    topic,
    until,
)

from local_cloud.asynchronous import Accepted, AsyncEndpoint, Submission, inputs
from local_cloud.hosting import InvokeRequest

Notices = tuple[list[dict[str, Any]], list[dict[str, Any]]]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


@pytest.fixture
def notices(bench: Bench, request: pytest.FixtureRequest) -> Notices:
    """What the success and the error topic get."""
    name = request.node.name.replace("[", "-").replace("]", "")[:200]
    success, completed = topic(f"{name}-s")
    error, failed = topic(f"{name}-e")
    bench.config = replace(bench.config, success_topic=success, error_topic=error)
    return completed, failed


async def failure_of(bench: Bench, endpoint: AsyncEndpoint, accepted: Accepted) -> str:
    await until(lambda: endpoint.state()["failed"] == 1)
    assert accepted.failure_location is not None
    assert not bench.exists(accepted.output_location)
    return bench.get(accepted.failure_location).decode()


async def test_a_success_is_told_in_the_format_of_aws(bench: Bench, notices: Notices) -> None:
    completed, failed = notices
    async with bench.hosting(Containers()) as endpoint:
        location = bench.put("in/1", b"hello")
        accepted = await endpoint.submit(
            Submission(input_location=location, content_type="text/plain", accept="text/x", inference_id="id")
        )
        await until(lambda: bool(completed))
        assert completed == [
            {
                "awsRegion": "ap-northeast-2",
                "eventTime": "2027-01-15T08:00:00.000Z",
                "receivedTime": "2027-01-15T08:00:00.000Z",
                "invocationStatus": "Completed",
                "requestParameters": {
                    "accept": "text/x",
                    "contentType": "text/plain",
                    "endpointName": "e",
                    "inputLocation": location,
                },
                "responseParameters": {
                    "contentType": "text/x-answer",
                    "outputLocation": accepted.output_location,
                },
                "inferenceId": "id",
                "eventVersion": "1.0",
                "eventSource": "aws:sagemaker",
                "eventName": "InferenceResult",
            }
        ]
    assert failed == []
    assert bench.metrics["NotificationFailures"] == [0]
    assert bench.metrics["InvocationFailures"] == [0]


@pytest.mark.parametrize(("status", "side"), [(400, "client"), (413, "client"), (500, "server")])
async def test_an_error_of_the_container_is_the_failure_object_and_its_message_is_in_the_notice(
    bench: Bench, notices: Notices, status: int, side: str
) -> None:
    async def refuse(request: InvokeRequest) -> bytes:
        raise answered(status, b"not a picture")

    async with bench.hosting(Containers(behave=refuse)) as endpoint:
        accepted = await endpoint.submit(inline("x"))
        assert await failure_of(bench, endpoint, accepted) == "not a picture"
        assert accepted.failure_location is not None
        assert bench.content_type(accepted.failure_location) == "text/x-error"
        await until(lambda: bool(notices[1]))
    notice = notices[1][0]
    assert notice["invocationStatus"] == "Failed"
    assert "responseParameters" not in notice
    assert notice["failureReason"] == (
        f"ClientError: Received {side} error ({status}) from model. See the SageMaker Endpoint logs in your "
        "account for more information. It answered: not a picture"
    )
    assert bench.metrics["InvocationFailures"] == [1]
    assert bench.metrics["RequestDownloadFailures"] == [0]


async def test_an_input_that_does_not_exist_is_a_download_failure(bench: Bench, notices: Notices) -> None:
    fleet = Containers()
    async with bench.hosting(fleet) as endpoint:
        accepted = await endpoint.submit(Submission(input_location=f"s3://{bench.bucket}/nothing"))
        text = await failure_of(bench, endpoint, accepted)
        assert json.loads(text) == {
            "failureReason": f"ClientError: Could not read the input s3://{bench.bucket}/nothing. "
            "NoSuchKey: The specified key does not exist."
        }
        await until(lambda: bool(notices[1]))
    assert notices[1][0]["failureReason"] == json.loads(text)["failureReason"]
    assert fleet.requests == []
    assert bench.metrics["RequestDownloadFailures"] == [1]


async def test_a_bucket_that_does_not_exist_is_named(bench: Bench) -> None:
    async with bench.hosting(Containers()) as endpoint:
        accepted = await endpoint.submit(Submission(input_location="s3://no-such-bucket/x"))
        assert "NoSuchBucket" in await failure_of(bench, endpoint, accepted)


async def test_an_input_that_the_bucket_denies_is_a_download_failure(bench: Bench) -> None:
    location = bench.put("secret/x", b"hello")
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bench.bucket}/secret/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]}).encode()
    bench.s3._backend().put_bucket_policy(bench.bucket, policy)
    async with bench.hosting(Containers()) as endpoint:
        accepted = await endpoint.submit(Submission(input_location=location))
        assert "AccessDenied: Access Denied: the bucket's policy denies s3:GetObject" in await failure_of(
            bench, endpoint, accepted
        )


async def test_an_input_over_the_limit_is_refused_before_anything_is_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "ASYNC_PAYLOAD_BYTES", 4)
    async with bench.hosting(Containers()) as endpoint:
        accepted = await endpoint.submit(Submission(input_location=bench.put("in/large", b"12345")))
        assert "EntityTooLarge: The object has 5 bytes" in await failure_of(bench, endpoint, accepted)


async def test_a_container_that_is_too_slow_is_a_failure_with_the_timeout_in_it(bench: Bench) -> None:
    async def slow(request: InvokeRequest) -> bytes:
        assert request.timeout_s == 7
        raise timed_out()

    async with bench.hosting(Containers(behave=slow)) as endpoint:
        accepted = await endpoint.submit(inline("x", timeout_s=7))
        assert "did not answer within 7 seconds (InvocationTimeoutSeconds)" in await failure_of(
            bench, endpoint, accepted
        )


async def test_an_answer_without_content_length_is_a_failure_in_the_words_of_aws(bench: Bench) -> None:
    fleet = Containers()
    fleet.declares_length = False
    async with bench.hosting(fleet) as endpoint:
        accepted = await endpoint.submit(inline("x"))
        text = await failure_of(bench, endpoint, accepted)
    assert "The response from container primary did not specify the required Content-Length header" in text


async def test_an_output_that_s3_does_not_take_is_an_upload_failure(bench: Bench, notices: Notices) -> None:
    from local_cloud.asynchronous.locations import Location

    bench.config = replace(bench.config, output=Location("no-such-bucket", "out"))
    async with bench.hosting(Containers()) as endpoint:
        await endpoint.submit(inline("x"))
        await until(lambda: bool(notices[1]))
    assert "Could not write s3://no-such-bucket/out/" in notices[1][0]["failureReason"]
    assert bench.metrics["ResponseUploadFailures"] == [1]


async def test_a_topic_that_is_gone_is_counted_and_the_result_stays(bench: Bench) -> None:
    gone = "arn:aws:sns:ap-northeast-2:123456789012:gone"
    bench.config = replace(bench.config, success_topic=gone)
    async with bench.hosting(Containers()) as endpoint:
        accepted = await endpoint.submit(inline("x"))
        await until(lambda: bench.metrics["NotificationFailures"] == [1])
        assert bench.exists(accepted.output_location)
        assert endpoint.state()["done"] == 1


async def test_a_notice_that_was_not_sent_is_sent_by_the_next_hosting_once(bench: Bench) -> None:
    from local_cloud.asynchronous import completion

    arn, sent = topic("late")
    bench.config = replace(bench.config, success_topic=arn)
    with pytest.MonkeyPatch.context() as patch:

        async def not_now(self: Any, seq: int, notice: str) -> None:
            return

        patch.setattr(completion.Completion, "notify", not_now)
        async with bench.hosting(Containers()) as endpoint:
            await endpoint.submit(inline("x"))
            await until(lambda: endpoint.state()["done"] == 1)
    assert sent == []
    for _ in range(2):
        async with bench.hosting(Containers()):
            await until(lambda: len(sent) == 1)
    assert len(sent) == 1


async def test_an_answer_is_included_where_it_is_asked_for_and_small_enough(
    bench: Bench, notices: Notices
) -> None:
    async def sized(request: InvokeRequest) -> bytes:
        return b"x" * int((await echo(request)).split()[-1])

    bench.config = replace(bench.config, answer_in_success=True, per_instance=1)
    async with bench.hosting(Containers(behave=sized)) as endpoint:
        await endpoint.submit(inline("10"))
        await endpoint.submit(inline(str(128 * 1024 + 1)))
        await until(lambda: len(notices[0]) == 2)
    small, large = sorted(notices[0], key=lambda notice: "responseBody" not in notice["responseParameters"])
    included = small["responseParameters"]["responseBody"]
    assert included["encoding"] == "BASE64"
    assert base64.b64decode(included["content"]) == b"x" * 10
    assert "responseBody" not in large["responseParameters"]


async def test_a_large_answer_goes_through_a_file_and_leaves_none(bench: Bench) -> None:
    async def large(request: InvokeRequest) -> bytes:
        return b"y" * (3 * 1024 * 1024)

    async with bench.hosting(Containers(behave=large)) as endpoint:
        accepted = await endpoint.submit(inline("x"))
        await until(lambda: endpoint.state()["done"] == 1)
        assert len(bench.get(accepted.output_location)) == 3 * 1024 * 1024
        assert list((bench.directory / "spool").iterdir()) == []


async def test_a_bug_of_ours_ends_the_request_and_not_the_queue(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(request: InvokeRequest) -> bytes:
        if len(fleet.requests) == 1:
            raise KeyError("a bug")
        return await echo(request)

    fleet = Containers(behave=broken)
    async with bench.hosting(fleet) as endpoint:
        accepted = await endpoint.submit(inline("x"))
        assert "InternalFailure: The local cloud failed (KeyError" in await failure_of(
            bench, endpoint, accepted
        )
        await endpoint.submit(inline("y"))
        await until(lambda: endpoint.state()["done"] == 1)
    assert "an attempt at request" in caplog.text


@pytest.mark.parametrize(
    ("extension", "filename", "ending"),
    [(None, None, ".out"), ("run-1/a", None, ".out"), ("run-1", "result.json", "out/run-1/result.json")],
)
async def test_the_caller_may_name_the_output(
    bench: Bench, extension: str | None, filename: str | None, ending: str
) -> None:
    async with bench.hosting(Containers()) as endpoint:
        accepted = await endpoint.submit(inline("x", output_extension=extension, filename=filename))
        assert accepted.output_location.startswith(f"s3://{bench.bucket}/out/{extension or ''}")
        assert accepted.output_location.endswith(ending)
        await until(lambda: bench.exists(accepted.output_location))


async def test_the_gauges_tell_the_state_of_the_queue_with_and_without_instances(bench: Bench) -> None:
    fleet = Containers(instances=0)
    async with bench.hosting(fleet) as endpoint:
        endpoint.report()
        await endpoint.submit(inline("a"))
        await endpoint.submit(inline("b"))
        bench.clock.seconds += 30
        endpoint.report()
        names = (
            "ApproximateBacklogSize",
            "ApproximateBacklogSizePerInstance",
            "ApproximateAgeOfOldestRequest",
            "HasBacklogWithoutCapacity",
        )
        assert [bench.metrics[name][0] for name in names] == [0, 0, 0, 0]
        assert [bench.metrics[name][-1] for name in names] == [2, 2, 30, 1]
        fleet.add_instance()
        await until(lambda: endpoint.state()["done"] == 2)
    assert bench.metrics["TimeInBacklog"] == [30e6, 30e6]
    assert bench.metrics["TotalProcessingTime"] == [30e3, 30e3]
