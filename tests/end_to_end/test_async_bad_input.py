"""What goes wrong with one asynchronous request stays with it: an object that tells why, a notice, and an
instance that answers the next one."""

from __future__ import annotations

import io
import json
import struct
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from asynchronous import (
    SCORES_ITS_TEXT,
    AsyncEndpoint,
    Submitted,
    deployed_async_endpoint,
    make_async_endpoint,
    remove_async_endpoint,
    wait_for,
)
from deployed import Deployment

GIB = 1024**3


@pytest.fixture(scope="module")
def scorer(deployment: Deployment) -> Iterator[AsyncEndpoint]:
    """An endpoint whose model is asked in JSON; a text that is no number fails."""
    endpoint = make_async_endpoint(deployment, SCORES_ITS_TEXT)
    yield endpoint
    remove_async_endpoint(endpoint)


@pytest.fixture(scope="module", autouse=True)
def expiring(deployment: Deployment) -> Iterator[tuple[AsyncEndpoint, Submitted]]:
    """A request that nobody will serve: submitted first, so that its minute passes while other tests run."""
    endpoint = make_async_endpoint(deployment, SCORES_ITS_TEXT)
    endpoint.set_instances(0)
    wait_for(lambda: not endpoint.containers(), 30, "zero instances")
    yield endpoint, endpoint.ask("1", RequestTTLSeconds=60)
    remove_async_endpoint(endpoint)


@pytest.fixture(scope="module")
def segmenter(deployment: Deployment) -> AsyncEndpoint:
    return deployed_async_endpoint(deployment, "image-segmentation")


def failure_of(endpoint: AsyncEndpoint, submitted: Submitted, *, within_s: float = 60) -> str:
    """The reason in the notice of a request that failed, and the text of its failure object."""
    kind, body = endpoint.outcome(submitted, within_s=within_s)
    text = body.decode()
    assert kind == "failure", text
    notice = endpoint.notice_of(submitted)
    assert notice["invocationStatus"] == "Failed"
    assert notice["failureReason"]
    assert notice["requestParameters"]["inputLocation"] == submitted.input
    assert "responseParameters" not in notice or notice["responseParameters"] is None
    return f"{notice['failureReason']}\n{text}"


def answers_still(endpoint: AsyncEndpoint) -> None:
    kind, body = endpoint.outcome(endpoint.ask("7"))
    assert (kind, json.loads(body)["score"]) == ("output", 0.007)
    assert all(container["restarts"] == 0 for container in endpoint.containers())


# --- what the model is asked about


def bomb() -> bytes:
    """A PNG of 20,000 x 20,000 pixels in 50 kB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compressobj(9)
    row = b"\0" + bytes(20_000 // 8)
    data = b"".join(rows.compress(row) for _ in range(20_000)) + rows.flush()
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def truncated_video(folder: Path) -> bytes:
    from delivery.scenes import draw_video

    path = folder / "video.mp4"
    draw_video(path, 3, seconds=1)
    return path.read_bytes()[: path.stat().st_size // 2]


def truncated_picture() -> bytes:
    from delivery.scenes import draw_picture

    png = draw_picture(3).png
    return png[: len(png) // 2]


@pytest.mark.timeout(180)
def test_files_that_cannot_be_segmented_fail_alone_and_say_why(
    segmenter: AsyncEndpoint, tmp_path: Path
) -> None:
    from delivery.scenes import draw_picture

    cases = {
        "not an image": (b"These are words and no picture." * 50, "image/png", ["image"]),
        "a truncated picture": (truncated_picture(), "image/png", ["truncated"]),
        "a truncated video": (truncated_video(tmp_path), "video/mp4", ["video"]),
        "a decompression bomb": (bomb(), "image/png", ["20000", "pixels"]),
        "a type that is not read": (b"GIF89a", "image/gif", ["image/gif", "image/png"]),
        "an option that does not exist": (draw_picture(3).png, "image/png", ["threshold"]),
    }
    submitted = {
        name: segmenter.submit(
            segmenter.put(body),
            content_type,
            **({"CustomAttributes": "threshold=0.5"} if "option" in name else {}),
        )
        for name, (body, content_type, _) in cases.items()
    }
    good = segmenter.submit(segmenter.put(draw_picture(3).png), "image/png")
    for name, (_, _, words) in cases.items():
        kind, body = segmenter.outcome(submitted[name], within_s=90)
        assert kind == "failure", name
        text = body.decode()
        missing = [word for word in words if word not in text]
        assert not missing, f"{name}: {missing} are not in: {text}"
    told = {job.inference_id: name for name, job in submitted.items()}
    reasons: dict[str, str] = {}

    def all_are_told() -> bool:
        for notice in segmenter.notices(within_s=2):
            if notice["inferenceId"] in told:
                assert notice["invocationStatus"] == "Failed"
                reasons[told[notice["inferenceId"]]] = notice["failureReason"]
        return set(reasons) == set(cases)

    wait_for(all_are_told, 30, "a notice of every failure")
    assert all("ClientError" in reason for reason in reasons.values()), reasons
    kind, body = segmenter.outcome(good)
    assert kind == "output", body
    assert json.loads(body)["frames"][0]["objects"]
    assert all(container["restarts"] == 0 for container in segmenter.containers())


def test_a_request_that_the_model_refuses_says_what_is_wrong_with_it(scorer: AsyncEndpoint) -> None:
    text = failure_of(scorer, scorer.submit(scorer.put(b'{"texto": "1"}')))
    assert "400" in text
    assert "text" in text
    answers_still(scorer)


def test_a_model_that_raises_fails_that_request(scorer: AsyncEndpoint) -> None:
    text = failure_of(scorer, scorer.ask("no number"))
    assert "500" in text
    answers_still(scorer)


def test_a_model_that_runs_over_time_is_given_up_and_the_next_request_is_answered(
    deployment: Deployment,
) -> None:
    handler = SCORES_ITS_TEXT.replace(
        "        time.sleep(",
        "        time.sleep(3 if requests[0].text == '3000' else 0)\n        time.sleep(",
    )
    endpoint = make_async_endpoint(deployment, handler)
    try:
        slow = endpoint.ask("3000", InvocationTimeoutSeconds=1)
        waiting = [endpoint.ask(str(number)) for number in range(3)]
        text = failure_of(endpoint, slow)
        assert "did not answer within 1 second" in text
        assert "InvocationTimeoutSeconds" in text
        for number, submitted in enumerate(waiting):
            kind, body = endpoint.outcome(submitted)
            assert (kind, json.loads(body).get("score")) == ("output", number / 1000), body
        answers_still(endpoint)
    finally:
        remove_async_endpoint(endpoint)


# --- what lies in S3


def test_an_object_that_does_not_exist(scorer: AsyncEndpoint) -> None:
    text = failure_of(scorer, scorer.submit(scorer.inputs + "nothing-here"))
    assert "nothing-here" in text
    answers_still(scorer)


def test_a_bucket_that_does_not_exist(scorer: AsyncEndpoint) -> None:
    text = failure_of(scorer, scorer.submit(f"s3://no-such-bucket-{uuid.uuid4().hex[:8]}/key"))
    assert "no-such-bucket" in text
    answers_still(scorer)


def test_an_object_that_may_not_be_read(scorer: AsyncEndpoint) -> None:
    s3 = scorer.deployment.client("s3")
    bucket = f"e2e-private-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(
        Bucket=bucket,
        CreateBucketConfiguration={"LocationConstraint": scorer.deployment.environment["AWS_REGION"]},
    )
    s3.put_object(Bucket=bucket, Key="secret", Body=b'{"text": "1"}')
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    text = failure_of(scorer, scorer.submit(f"s3://{bucket}/secret"))
    assert "AccessDenied" in text or "Access Denied" in text
    assert bucket in text
    answers_still(scorer)


@pytest.mark.timeout(180)
def test_an_object_over_the_limit_is_not_even_fetched(scorer: AsyncEndpoint) -> None:
    place = urlsplit(scorer.inputs + "too-large")
    s3, target = scorer.deployment.client("s3"), {"Bucket": place.netloc, "Key": place.path[1:]}
    piece = {"Bucket": place.netloc, "Key": place.path[1:] + "-piece"}
    size = 128 * 1024 * 1024
    s3.put_object(**piece, Body=io.BytesIO(bytes(size)))
    upload = s3.create_multipart_upload(**target)["UploadId"]
    parts = []
    for number in range(1, GIB // size + 2):
        copied = s3.upload_part_copy(**target, UploadId=upload, PartNumber=number, CopySource=piece)
        parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": parts})
    text = failure_of(scorer, scorer.submit(scorer.inputs + "too-large"))
    assert "1073741824" in text or "1 GB" in text
    s3.delete_object(**target)
    s3.delete_object(**piece)
    answers_still(scorer)


# --- what AWS does on its own


def test_a_topic_that_is_gone_costs_the_notice_and_not_the_result(deployment: Deployment) -> None:
    endpoint = make_async_endpoint(deployment, SCORES_ITS_TEXT)
    try:
        deployment.client("sns").delete_topic(TopicArn=endpoint.success_topic)
        kind, body = endpoint.outcome(endpoint.ask("5"))
        assert (kind, json.loads(body)["score"]) == ("output", 0.005)
        cloudwatch = deployment.client("cloudwatch")

        def failures() -> float:
            listed = cloudwatch.list_metrics(Namespace="AWS/SageMaker", MetricName="NotificationFailures")
            return any(
                {"Name": "EndpointName", "Value": endpoint.name} in metric["Dimensions"]
                for metric in listed["Metrics"]
            )

        wait_for(failures, 30, "the metric NotificationFailures")
        answers_still(endpoint)
    finally:
        remove_async_endpoint(endpoint)


@pytest.mark.timeout(180)
def test_a_request_that_waited_longer_than_its_time_to_live_expires(
    expiring: tuple[AsyncEndpoint, Submitted],
) -> None:
    endpoint, submitted = expiring
    text = failure_of(endpoint, submitted, within_s=90)
    assert "60" in text
    assert "expired" in text.lower() or "RequestTTLSeconds" in text
    endpoint.set_instances(1)
    kind, body = endpoint.outcome(endpoint.ask("9"))
    assert (kind, json.loads(body)["score"]) == ("output", 0.009)
