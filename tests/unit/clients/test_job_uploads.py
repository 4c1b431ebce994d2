"""Uploading: in pieces, within bounds, and nothing left behind where it breaks."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from jobs_stand_in import JPEG, Endpoint
from runtime_stand_in import AwsCall, Reply, Runtime

from serving_clients import (
    InvalidRequest,
    ProgressBar,
    ServingError,
    ServingTimeout,
    Session,
    Unavailable,
    _upload,
)
from serving_contracts.limits import MIB

PART = 5 * MIB


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of four parts, the last one small."""
    monkeypatch.setattr(_upload, "PIECE_BYTES", PART)
    path = tmp_path / "film.mp4"
    begin = b"\x00\x00\x00\x20ftypisom"
    path.write_bytes(begin + bytes(number % 251 for number in range(1000)) * (3 * PART // 1000 + 1))
    return path


def s3_error(status: int, code: str) -> Reply:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"
    return Reply(body.encode(), status, {"Content-Type": "application/xml"})


def part(number: int) -> Callable[[AwsCall], bool]:
    return lambda call: call.operation == "s3.PUT" and f"partNumber={number}" in call.path


def test_a_large_file_goes_in_parts(jobs: Session, endpoint: Endpoint, runtime: Runtime, film: Path) -> None:
    told: list[tuple[int, int]] = []
    jobs.segment(film, on_progress=lambda done, total: told.append((done, total)))
    assert endpoint.read(endpoint.requests[0].input) == film.read_bytes()
    size = film.stat().st_size
    assert [total for _, total in told] == [size] * 5
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert (told[0][0], told[-1][0]) == (0, size)
    assert sum(part(number)(call) for call in runtime.aws_calls for number in (1, 2, 3, 4)) == 4
    assert endpoint.uploads_left == 0


def test_bytes_go_in_parts_too(jobs: Session, endpoint: Endpoint, film: Path) -> None:
    jobs.segment(memoryview(film.read_bytes()))
    assert endpoint.read(endpoint.requests[0].input) == film.read_bytes()


def test_a_part_that_fails_is_sent_again(
    jobs: Session, endpoint: Endpoint, runtime: Runtime, film: Path
) -> None:
    failures = [s3_error(503, "SlowDown"), s3_error(500, "InternalError")]
    runtime.faults.append(lambda call: failures.pop() if part(2)(call) and failures else None)
    jobs.segment(film)
    assert endpoint.read(endpoint.requests[0].input) == film.read_bytes()


def test_a_small_file_is_sent_again_too(jobs: Session, endpoint: Endpoint, runtime: Runtime) -> None:
    failures = [s3_error(503, "SlowDown")]
    runtime.faults.append(lambda call: failures.pop() if call.operation == "s3.PUT" and failures else None)
    jobs.segment(JPEG)
    assert endpoint.read(endpoint.requests[0].input) == JPEG


def test_an_upload_that_breaks_for_good_is_aborted(
    jobs: Session, endpoint: Endpoint, runtime: Runtime, film: Path
) -> None:
    runtime.faults.append(lambda call: s3_error(403, "AccessDenied") if part(3)(call) else None)
    with pytest.raises(ServingError, match=r"AccessDenied.*s3:PutObject"):
        jobs.segment(film)
    assert (endpoint.uploads_left, endpoint.inputs, endpoint.requests) == (0, [], [])


def test_an_upload_that_takes_too_long_is_aborted(
    jobs: Session, endpoint: Endpoint, runtime: Runtime, film: Path
) -> None:
    def hang(call: AwsCall) -> Reply | None:
        if part(2)(call):
            runtime.stopping.wait(30)
        return None

    runtime.faults.append(hang)
    with pytest.raises(ServingTimeout):
        jobs.segment(film, timeout=3)
    assert (endpoint.uploads_left, endpoint.inputs, endpoint.requests) == (0, [], [])


def test_a_file_that_is_being_written_is_not_sent(
    jobs: Session, endpoint: Endpoint, runtime: Runtime, film: Path
) -> None:
    def write_on(call: AwsCall) -> Reply | None:
        if "uploads" in call.path:
            with film.open("ab") as file:
                file.write(b"more")
        return None

    runtime.faults.append(write_on)
    with pytest.raises(InvalidRequest, match=r"film\.mp4 was changed while it was sent"):
        jobs.segment(film)
    assert (endpoint.uploads_left, endpoint.inputs) == (0, [])


def test_what_counts_the_progress_may_end_the_upload(jobs: Session, endpoint: Endpoint, film: Path) -> None:
    class Enough(Exception):
        pass

    def stop(done: int, _total: int) -> None:
        if done > PART:
            raise Enough

    with pytest.raises(Enough):
        jobs.segment(film, on_progress=stop)
    assert (endpoint.uploads_left, endpoint.inputs) == (0, [])


def test_an_upload_whose_end_was_not_heard_of_has_ended(
    jobs: Session, endpoint: Endpoint, runtime: Runtime, film: Path
) -> None:
    """The first try to complete it succeeds, its answer is lost, and the second is refused."""
    completing = threading.Lock()

    def lose_the_answer(call: AwsCall) -> Reply | None:
        if call.operation == "s3.POST" and "uploadId" in call.path and completing.acquire(blocking=False):
            upload = call.path.partition("uploadId=")[2]
            key = call.path.partition("?")[0].split("/", 2)[2]
            parts = endpoint.s3.list_parts(Bucket=endpoint.bucket, Key=key, UploadId=upload)["Parts"]
            listed = [{"PartNumber": one["PartNumber"], "ETag": one["ETag"]} for one in parts]
            endpoint.s3.complete_multipart_upload(
                Bucket=endpoint.bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": listed}
            )
            return s3_error(500, "InternalError")
        return None

    runtime.faults.append(lose_the_answer)
    jobs.segment(film)
    assert endpoint.read(endpoint.requests[0].input) == film.read_bytes()


def test_a_bucket_that_is_gone_is_named(jobs: Session, endpoint: Endpoint) -> None:
    endpoint.s3.delete_bucket(Bucket=endpoint.bucket)
    with pytest.raises(
        InvalidRequest, match=rf"s3://{endpoint.bucket}/.* is not there.*bucket does not exist"
    ):
        jobs.segment(JPEG)


def test_s3_that_stays_away_is_told_within_the_deadline(jobs: Session, runtime: Runtime) -> None:
    runtime.faults.append(
        lambda call: s3_error(503, "ServiceUnavailable") if call.operation == "s3.PUT" else None
    )
    with pytest.raises(Unavailable, match=r"s3://.*cannot answer now"):
        jobs.segment(JPEG, timeout=1.0)


def test_a_gigabyte_takes_little_memory(tmp_path: Path) -> None:
    """In a process of its own, against a server that counts and forgets."""
    path = tmp_path / "film.mp4"
    with path.open("wb") as file:
        file.write(b"\x00\x00\x00\x20ftypisom")
        file.truncate(1024 * MIB)
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("upload_in_little_memory.py")), str(path)],
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    received, grown = map(int, done.stdout.split())
    assert received == 1024 * MIB
    assert grown < 100 * MIB


# --- The bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_drawn_over_itself_on_a_terminal() -> None:
    screen = Terminal()
    bar = ProgressBar("film.mp4", file=screen)
    bar(0, 200 * MIB)
    bar(200 * MIB, 200 * MIB)
    bar(200 * MIB, 200 * MIB)
    first, last = screen.getvalue().split("\r")[1:]
    assert first.startswith("film.mp4  [..............................]   0% of 200.0 MiB")
    assert last.startswith("film.mp4  [##############################] 100% of 200.0 MiB, ")
    assert last.endswith("\n")


def test_a_bar_in_a_file_is_one_line() -> None:
    file = io.StringIO()
    bar = ProgressBar(file=file)
    for done in range(5):
        bar(done * 512, 2048)
    assert file.getvalue().startswith("upload  [####")
    assert file.getvalue().count("\n") == 1
    assert "of 2.0 KiB" in file.getvalue()


def test_a_bar_without_a_total_divides_by_nothing() -> None:
    ProgressBar(file=Terminal())(0, 0)
