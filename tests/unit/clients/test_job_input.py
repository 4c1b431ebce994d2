"""What may be handed over, and what is refused before anything is sent."""

from __future__ import annotations

import os
from array import array
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from jobs_stand_in import JPEG, PNG, Endpoint
from runtime_stand_in import Runtime

from serving_clients import InvalidRequest, Session
from serving_contracts.limits import ASYNC_PAYLOAD_BYTES

BEGINNINGS = {
    "image/jpeg": JPEG,
    "image/png": PNG,
    "image/webp": b"RIFF\x10\x00\x00\x00WEBPVP8 ",
    "application/x-npy": b"\x93NUMPY\x01\x00",
    "video/mp4": b"\x00\x00\x00\x20ftypisom",
}


@pytest.mark.parametrize(("kind", "data"), BEGINNINGS.items(), ids=BEGINNINGS)
def test_the_type_is_told_by_the_first_bytes(
    jobs: Session, endpoint: Endpoint, tmp_path: Path, kind: str, data: bytes
) -> None:
    (tmp_path / "misnamed.png").write_bytes(data)
    jobs.segment(data)
    jobs.segment(bytearray(data))
    jobs.segment(memoryview(data))
    jobs.segment(str(tmp_path / "misnamed.png"))
    found = {request.headers["x-amzn-sagemaker-content-type"] for request in endpoint.requests}
    assert found == {kind}
    assert all(endpoint.read(request.input) == data for request in endpoint.requests)


def make_bad_files(folder: Path) -> None:
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("이것은 사진이 아니다", encoding="utf-8")
    (folder / "text.txt").write_text("neither is this")
    (folder / "folder").mkdir()
    (folder / "folder" / "notes.txt").write_text("no picture")
    with (folder / "huge.mp4").open("wb") as huge:
        huge.truncate(ASYNC_PAYLOAD_BYTES + 1)
    os.mkfifo(folder / "pipe.jpg")


REFUSED: dict[str, tuple[Any, str]] = {
    "missing": (Path("missing.jpg"), r"missing\.jpg cannot be read: No such file"),
    "no path": ("a\x00b.jpg", "cannot be read"),
    "empty": (Path("empty.jpg"), r"empty\.jpg is empty"),
    "no bytes": (b"", "no bytes were given"),
    "too large": ("huge.mp4", r"1,073,741,825 bytes; a job takes 1,073,741,824"),
    "not what its name says": ("text.jpg", r"does not begin like image/jpeg.*content_type="),
    "no picture": ("text.txt", "is none of the types that segmentation takes"),
    "no picture's bytes": (b"{}", "is none of the types that segmentation takes"),
    "below a file": ("text.jpg/a.jpg", "cannot be read: Not a directory"),
    "a pipe": ("pipe.jpg", "is no file"),
    "a folder without pictures": ("folder", r"holds no file to send \(it takes \.jpg"),
    "an object without a type": ("s3://bucket/key", "is none of the types"),
    "no object": ("s3://bucket/folder/", "names no object"),
    "no key": ("s3://bucket", "is no location in S3"),
    "a bucket that cannot be": ("s3://B_/key.jpg", "is no location in S3"),
    "a key that is too long": ("s3://bucket/" + "k" * 1020 + ".jpg", "is no location in S3"),
    "another scheme": ("https://example.com/a.jpg", "an object in S3 begins with s3://"),
    "a telephone's picture": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is none of the types"),
    "an open file": (BytesIO(JPEG), r"not an open file \(BytesIO\) \(give its path, or what read\(\)"),
    "every second byte": (memoryview(JPEG)[::2], "not contiguous"),
    "none": (None, "must be a path, bytes or an s3:// location, not NoneType"),
    "a number": (5, "not int"),
    "a mapping": ({"path": "a.jpg"}, "not dict"),
}


@pytest.mark.parametrize(("what", "text"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_refused_before_anything_is_sent(
    jobs: Session, runtime: Runtime, tmp_path: Path, what: Any, text: str
) -> None:
    make_bad_files(tmp_path)  # the folder that this test runs in
    sent = len(runtime.aws_calls)
    with pytest.raises(InvalidRequest, match=text):
        jobs.segment(what)
    assert (runtime.calls, len(runtime.aws_calls)) == ([], sent)


OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "threshold": ({"score_threshold": 1.5}, "score_threshold"),
    "frames": ({"every_nth_frame": 0}, "every_nth_frame"),
    "objects": ({"max_objects": 101}, "max_objects"),
    "accept": ({"accept": "text/plain"}, "accept"),
    "accept nothing": ({"accept": None}, "accept"),
    "content type": ({"content_type": "text/plain"}, "content_type"),
    "no content type": ({"content_type": "jpeg"}, "content_type"),
    "a header in it": ({"content_type": "image/jpeg\r\nX: y"}, "content_type"),
    "ttl": ({"ttl_seconds": 59}, "ttl_seconds"),
    "ttl of a day": ({"ttl_seconds": 86400}, "ttl_seconds"),
    "timeout": ({"invocation_timeout_seconds": 3601}, "invocation_timeout_seconds"),
    "half a second": ({"invocation_timeout_seconds": 0.5}, "invocation_timeout_seconds"),
    "id": ({"inference_id": "x" * 65}, "inference_id"),
    "empty id": ({"inference_id": ""}, "inference_id"),
    "id in Korean": ({"inference_id": "가"}, "inference_id"),
    "journal of one": ({"journal": "a.jsonl"}, "journal"),
    "on_error": ({"on_error": "ignore"}, "on_error"),
    "time": ({"timeout": 0}, "timeout"),
}


@pytest.mark.parametrize(("options", "field"), OPTIONS.values(), ids=OPTIONS)
def test_a_bad_option_is_named_before_anything_is_sent(
    jobs: Session, runtime: Runtime, options: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        jobs.segment(JPEG, **options)
    assert caught.value.field == field
    assert runtime.calls == []


def test_what_does_not_look_right_can_be_sent_all_the_same(jobs: Session, endpoint: Endpoint) -> None:
    jobs.segment(b"not a picture at all", content_type="image/jpeg")
    assert endpoint.read(endpoint.requests[0].input) == b"not a picture at all"


def test_a_memoryview_counts_its_bytes(jobs: Session, endpoint: Endpoint) -> None:
    numbers = array("I", [1, 2, 3])
    job = jobs.segment(memoryview(numbers), content_type="application/x-npy")
    assert job.progress().bytes_uploaded == 12
    assert endpoint.read(endpoint.requests[0].input) == numbers.tobytes()
