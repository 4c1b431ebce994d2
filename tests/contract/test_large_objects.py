"""S3 objects of any size: one of a gigabyte in bounded memory, and every way of bringing and taking one."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import resource
import signal
import socket
import stat
import threading
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum
from cloud_under_test import Cloud, unique

from local_cloud import lifecycle

MIB = 1024 * 1024
PART = 5 * MIB
DATA = bytes(range(256)) * 4096 * 6  # 6 MiB


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud that nobody else keeps objects in."""
    directory = tmp_path_factory.mktemp("objects") / "cloud"
    try:
        yield Cloud(lifecycle.up(directory, port=0), directory)
    finally:
        lifecycle.down(directory)


@pytest.fixture
def s3(own_cloud: Cloud) -> Any:
    return own_cloud.client("s3", max_pool_connections=32)


@pytest.fixture
def bucket(own_cloud: Cloud, s3: Any) -> Iterator[str]:
    """A bucket; after the test it is emptied and deleted, and then nothing may be left on the disk."""
    name = unique("bucket")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": own_cloud.info.region})
    yield name
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    versions = s3.list_object_versions(Bucket=name)
    for found in versions.get("Versions", []) + versions.get("DeleteMarkers", []):
        s3.delete_object(Bucket=name, Key=found["Key"], VersionId=found["VersionId"])
    s3.delete_bucket(Bucket=name)
    assert eventually(lambda: stored_bytes(own_cloud) == 0)


def stored_bytes(cloud: Cloud) -> int:
    total = 0
    for path in (cloud.directory / "objects").iterdir():
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # it is being removed
            continue
    return total


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def body_of(s3: Any, bucket: str, key: str, **how: str) -> bytes:
    content: bytes = s3.get_object(Bucket=bucket, Key=key, **how)["Body"].read()
    return content


def error_code(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    code: str = refused.value.response["Error"]["Code"]
    return code


# --- A gigabyte


class Counting(io.RawIOBase):
    """A file of ``size`` bytes that is nowhere: its own position at each page, zeros between."""

    PAGE = 4096

    def __init__(self, size: int) -> None:
        self.size, self.position = size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.stretch(self.position, min(self.position + len(buffer), self.size))
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)

    @classmethod
    def stretch(cls, start: int, stop: int) -> bytes:
        first = start - start % cls.PAGE
        data = bytearray(stop - first + cls.PAGE)
        for offset in range(0, stop - first, cls.PAGE):
            data[offset : offset + 8] = (first + offset).to_bytes(8, "big")
        return bytes(data[start - first : stop - first])


def peak_mib(pid: int) -> float:
    [line] = [line for line in _status(pid) if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def restart_peak_mib(pid: int) -> float:
    """Forgets the greatest resident memory so far, and returns what is resident now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    return peak_mib(pid)


def _status(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks of memory are read from /proc")
def test_a_gigabyte_moves_without_being_held_by_anyone(own_cloud: Cloud, s3: Any, bucket: str) -> None:
    size = 1024 * MIB
    s3.put_object(Bucket=bucket, Key="first", Body=b"loads what is loaded but once")
    processes = {"the cloud": own_cloud.info.pid, "the client": os.getpid()}
    before = {name: restart_peak_mib(pid) for name, pid in processes.items()}

    few_parts_at_once = TransferConfig(multipart_chunksize=8 * MIB, max_concurrency=2)
    few_parts_at_once.max_in_memory_upload_chunks = 2
    s3.upload_fileobj(Counting(size), bucket, "large", Config=few_parts_at_once)
    head = s3.head_object(Bucket=bucket, Key="large")
    assert (head["ContentLength"], head["ETag"].strip('"').split("-")[1]) == (size, "128")

    for start in (0, 8 * MIB - 3, 700 * MIB + 5, size - 1000):
        stop = min(start + 2 * MIB, size)
        asked = f"bytes={start}-{stop - 1}"
        assert body_of(s3, bucket, "large", Range=asked) == Counting.stretch(start, stop), asked
    position = 0
    for piece in s3.get_object(Bucket=bucket, Key="large")["Body"].iter_chunks(MIB):
        assert piece == Counting.stretch(position, position + len(piece)), position
        position += len(piece)
    assert position == size
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "large"})
    assert "-" not in copied["CopyObjectResult"]["ETag"]
    assert stored_bytes(own_cloud) == size, "a copy moves no bytes"
    assert {found["Size"] for found in s3.list_object_versions(Bucket=bucket)["Versions"]} == {29, size}

    growth = {name: peak_mib(pid) - before[name] for name, pid in processes.items()}
    assert max(growth.values()) < 100, growth


# --- Ways to bring an object


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, len(DATA)])
def test_an_object_comes_back_as_it_was_put(s3: Any, bucket: str, size: int) -> None:
    put = s3.put_object(
        Bucket=bucket, Key="키/a b+c", Body=DATA[:size], ContentType="image/png", Metadata={"of": "cats"}
    )
    assert put["ETag"].strip('"') == hashlib.md5(DATA[:size]).hexdigest()
    got = s3.get_object(Bucket=bucket, Key="키/a b+c")
    assert got["Body"].read() == DATA[:size]
    assert (got["ContentLength"], got["ContentType"], got["Metadata"]) == (size, "image/png", {"of": "cats"})
    head = s3.head_object(Bucket=bucket, Key="키/a b+c")
    assert (head["ContentLength"], head["ContentType"], head["ETag"]) == (size, "image/png", put["ETag"])


def send(s3: Any, bucket: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(s3.meta.endpoint_url).netloc, timeout=20)
    try:
        connection.request("PUT", f"/{bucket}/key", body, headers | {"Authorization": signed_for_s3()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def signed_for_s3() -> str:
    return (
        "AWS4-HMAC-SHA256 Credential=local/20260101/ap-northeast-2/s3/aws4_request, "
        "SignedHeaders=host, Signature=none"
    )


def test_bodies_with_a_trailing_checksum_are_taken(s3: Any, bucket: str) -> None:
    body = AwsChunkedWrapper(
        io.BytesIO(DATA), checksum_cls=Crc32Checksum, checksum_name="x-amz-checksum-crc32"
    ).read()
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-trailer": "x-amz-checksum-crc32",
        "x-amz-sdk-checksum-algorithm": "CRC32",
        "x-amz-decoded-content-length": str(len(DATA)),
        "Content-Encoding": "aws-chunked",
        "Content-Type": "video/mp4",
    }
    status, answered, _ = send(s3, bucket, body, headers)
    assert (status, answered["x-amz-checksum-crc32"]) == (200, crc32(DATA))
    got = s3.get_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert got["Body"].read() == DATA, "and boto3 has compared the checksum"
    assert (got["ContentType"], got["ChecksumCRC32"]) == ("video/mp4", crc32(DATA))
    assert "aws-chunked" not in got.get("ContentEncoding", "")

    status, _, answer = send(s3, bucket, body.replace(crc32(DATA).encode(), b"AAAAAA=="), headers)
    assert (status, b"<Code>BadDigest</Code>" in answer) == (400, True)
    assert body_of(s3, bucket, "key") == DATA, "a refused object replaces nothing"


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def test_bodies_in_signed_chunks_are_taken(s3: Any, bucket: str) -> None:
    chunks = [DATA[start : start + 65_536] for start in range(0, len(DATA), 65_536)]
    body = b"".join(
        b"%x;chunk-signature=%s\r\n%s\r\n" % (len(chunk), b"a" * 64, chunk) for chunk in [*chunks, b""]
    )
    headers = {
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "x-amz-decoded-content-length": str(len(DATA)),
        "Content-Encoding": "aws-chunked,gzip",
    }
    assert send(s3, bucket, body, headers)[0] == 200
    got = s3.get_object(Bucket=bucket, Key="key")
    assert (got["Body"].read(), got["ContentEncoding"]) == (DATA, "gzip")


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "image/jpeg"])
def test_a_presigned_url_takes_and_gives_an_object(s3: Any, bucket: str, content_type: str) -> None:
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "key"})
    request = urllib.request.Request(put, DATA, {"Content-Type": content_type}, method="PUT")
    with direct().open(request, timeout=20) as answer:
        assert answer.status == 200
    get = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "key"})
    with direct().open(get, timeout=20) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (DATA, content_type)


def direct() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def test_digests_that_do_not_match_are_refused(own_cloud: Cloud, s3: Any, bucket: str) -> None:
    for wrong in ({"ContentMD5": base64.b64encode(bytes(16)).decode()}, {"ChecksumCRC32": "AAAAAA=="}):
        assert error_code(s3.put_object, Bucket=bucket, Key="key", Body=DATA, **wrong) == "BadDigest"
    assert error_code(s3.head_object, Bucket=bucket, Key="key") == "404"
    assert eventually(lambda: stored_bytes(own_cloud) == 0)


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_come_back(s3: Any, bucket: str, algorithm: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="key", Body=DATA, ChecksumAlgorithm=algorithm)
    expected = {"CRC32": crc32(DATA)}.get(algorithm) or base64.b64encode(
        hashlib.new(algorithm, DATA).digest()
    ).decode()
    got = s3.get_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    head = s3.head_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert {answer[f"Checksum{algorithm}"] for answer in (put, got, head)} == {expected}
    assert got["Body"].read() == DATA


def test_encryption_is_recorded_whoever_asks_for_it(s3: Any, bucket: str) -> None:
    put = s3.put_object(
        Bucket=bucket, Key="asked", Body=DATA, ServerSideEncryption="aws:kms", SSEKMSKeyId="k"
    )
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms", "k")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_object(Bucket=bucket, Key="by-default", Body=DATA)
    assert s3.head_object(Bucket=bucket, Key="asked")["ServerSideEncryption"] == "aws:kms"
    assert s3.get_object(Bucket=bucket, Key="by-default")["ServerSideEncryption"] == "AES256"


# --- Multipart uploads


def begin(s3: Any, bucket: str, **how: Any) -> dict[str, str]:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="key", **how)
    return {"Bucket": bucket, "Key": "key", "UploadId": upload["UploadId"]}


def complete(s3: Any, upload: dict[str, str], parts: dict[int, Any]) -> Any:
    listed = [{"PartNumber": number, "ETag": part["ETag"]} for number, part in sorted(parts.items())]
    return s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": listed})


def test_a_multipart_upload_becomes_one_object(own_cloud: Cloud, s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket, ContentType="video/mp4", Metadata={"of": "cats"}, ChecksumAlgorithm="CRC32")
    data = {1: DATA[:PART], 2: DATA[-PART:], 3: b"the rest"}
    s3.upload_part(**upload, PartNumber=2, Body=b"sent again below")
    s3.upload_part(**upload, PartNumber=7, Body=DATA)  # not listed in the end
    parts = {n: s3.upload_part(**upload, PartNumber=n, Body=data[n]) for n in (3, 1, 2)}
    assert [part["ETag"].strip('"') for _, part in sorted(parts.items())] == [
        hashlib.md5(data[number]).hexdigest() for number in (1, 2, 3)
    ]
    assert {number: part["ChecksumCRC32"] for number, part in parts.items()} == {
        number: crc32(data[number]) for number in data
    }
    listed = s3.list_parts(**upload)["Parts"]
    assert [(part["PartNumber"], part["Size"]) for part in listed] == [
        (1, PART), (2, PART), (3, 8), (7, len(DATA)),
    ]  # fmt: skip
    completed = complete(s3, upload, parts)
    md5s = b"".join(hashlib.md5(data[number]).digest() for number in (1, 2, 3))
    assert completed["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"'
    got = s3.get_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert got["Body"].read() == data[1] + data[2] + data[3]
    assert (got["ContentType"], got["Metadata"]) == ("video/mp4", {"of": "cats"})
    crcs = b"".join(base64.b64decode(parts[number]["ChecksumCRC32"]) for number in (1, 2, 3))
    assert (got["ChecksumCRC32"], got["ChecksumType"]) == (f"{crc32(crcs)}-3", "COMPOSITE")
    assert (
        body_of(s3, bucket, "key", Range=f"bytes={PART - 2}-{PART + 1}")
        == DATA[PART - 2 : PART] + (DATA[-PART:][:2])
    )
    assert body_of(s3, bucket, "key", Range="bytes=-8") == b"the rest"
    assert s3.head_object(Bucket=bucket, Key="key", PartNumber=2)["ContentLength"] == PART
    assert eventually(lambda: stored_bytes(own_cloud) == 2 * PART), "other parts are gone"


def test_a_checksum_can_cover_the_whole_of_a_multipart_upload(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    parts = {n: s3.upload_part(**upload, PartNumber=n, Body=DATA[:PART]) for n in (1, 2)}
    complete(s3, upload, parts)
    got = s3.get_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert (got["ChecksumCRC32"], got["ChecksumType"]) == (crc32(DATA[:PART] * 2), "FULL_OBJECT")
    assert got["Body"].read() == DATA[:PART] * 2


def test_an_aborted_upload_frees_its_parts_and_takes_no_more(own_cloud: Cloud, s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    part = s3.upload_part(**upload, PartNumber=1, Body=DATA)
    assert stored_bytes(own_cloud) == len(DATA)
    s3.abort_multipart_upload(**upload)
    assert eventually(lambda: stored_bytes(own_cloud) == 0)
    assert error_code(s3.upload_part, **upload, PartNumber=2, Body=DATA) == "NoSuchUpload"
    with pytest.raises(s3.exceptions.NoSuchUpload):
        complete(s3, upload, {1: part})
    with pytest.raises(s3.exceptions.NoSuchUpload):
        s3.abort_multipart_upload(**upload)
    assert eventually(lambda: stored_bytes(own_cloud) == 0)


def test_a_bucket_that_is_deleted_takes_unfinished_uploads_along(
    own_cloud: Cloud, s3: Any, bucket: str
) -> None:
    doomed = unique("bucket")
    s3.create_bucket(Bucket=doomed, CreateBucketConfiguration={"LocationConstraint": own_cloud.info.region})
    s3.upload_part(**begin(s3, doomed), PartNumber=1, Body=DATA)
    s3.delete_bucket(Bucket=doomed)
    assert eventually(lambda: stored_bytes(own_cloud) == 0)


@pytest.mark.parametrize(
    ("changed", "code"),
    [({1: {"ETag": '"0"'}}, "InvalidPart"), ({9: {"ETag": '"0"'}}, "InvalidPart"), ({}, "EntityTooSmall")],
)
def test_an_upload_with_the_wrong_parts_is_not_completed(
    s3: Any, bucket: str, changed: dict[int, Any], code: str
) -> None:
    upload = begin(s3, bucket)
    parts = {n: s3.upload_part(**upload, PartNumber=n, Body=b"small") for n in (1, 2)}
    assert error_code(complete, s3=s3, upload=upload, parts=parts | changed) == code
    s3.abort_multipart_upload(**upload)


# --- Copies and versions


def test_copies_share_bytes_and_survive_their_source(own_cloud: Cloud, s3: Any, bucket: str) -> None:
    source = {"Bucket": bucket, "Key": "source"}
    s3.put_object(**source, Body=DATA, ContentType="image/png", Metadata={"of": "cats"})
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, ChecksumAlgorithm="SHA256")[
        "CopyObjectResult"
    ]
    assert copied["ETag"].strip('"') == hashlib.md5(DATA).hexdigest()
    assert copied["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    s3.copy_object(
        Bucket=bucket, Key="other", CopySource=source, MetadataDirective="REPLACE", ContentType="image/gif"
    )
    assert stored_bytes(own_cloud) == len(DATA)
    s3.delete_object(**source)
    got = s3.get_object(Bucket=bucket, Key="copy")
    assert (got["Body"].read(), got["ContentType"], got["Metadata"]) == (DATA, "image/png", {"of": "cats"})
    assert s3.head_object(Bucket=bucket, Key="other")["ContentType"] == "image/gif"
    assert error_code(s3.copy_object, Bucket=bucket, Key="x", CopySource=source) == "NoSuchKey"


def test_parts_can_be_copied_from_other_objects(s3: Any, bucket: str) -> None:
    source = {"Bucket": bucket, "Key": "source"}
    s3.put_object(**source, Body=DATA)
    upload = begin(s3, bucket)
    ranges = {1: (0, PART), 2: (100, PART + 100), 3: (5, 10)}
    parts = {
        number: s3.upload_part_copy(
            **upload, PartNumber=number, CopySource=source, CopySourceRange=f"bytes={start}-{stop - 1}"
        )["CopyPartResult"]
        for number, (start, stop) in ranges.items()
    }
    assert parts[2]["ETag"].strip('"') == hashlib.md5(DATA[100 : PART + 100]).hexdigest()
    complete(s3, upload, parts)
    s3.delete_object(**source)
    assert body_of(s3, bucket, "key") == b"".join(DATA[start:stop] for start, stop in ranges.values())


def test_versions_are_kept_until_they_are_deleted(own_cloud: Cloud, s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="key", Body=DATA)["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="key", Body=DATA[::-1])["VersionId"]
    assert body_of(s3, bucket, "key") == DATA[::-1]
    assert body_of(s3, bucket, "key", VersionId=first) == DATA
    s3.delete_object(Bucket=bucket, Key="key")
    assert error_code(s3.get_object, Bucket=bucket, Key="key") == "NoSuchKey"
    assert stored_bytes(own_cloud) == 2 * len(DATA)
    s3.delete_object(Bucket=bucket, Key="key", VersionId=first)
    assert eventually(lambda: stored_bytes(own_cloud) == len(DATA))
    assert body_of(s3, bucket, "key", VersionId=second) == DATA[::-1]


# --- Ranges


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("0-0", 0, 1), ("1000-", 1000, None), ("-1000", -1000, None), ("5-99999999", 5, None)],
)
def test_a_range_is_answered_with_that_range(
    s3: Any, bucket: str, asked: str, start: int, stop: int | None
) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=DATA)
    got = s3.get_object(Bucket=bucket, Key="key", Range=f"bytes={asked}")
    expected = DATA[start:stop]
    first = start % len(DATA)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == f"bytes {first}-{first + len(expected) - 1}/{len(DATA)}"
    assert (got["Body"].read(), got["ContentLength"]) == (expected, len(expected))


def test_a_range_beyond_the_end_is_refused(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=DATA)
    beyond = f"bytes={len(DATA)}-"
    assert error_code(s3.get_object, Bucket=bucket, Key="key", Range=beyond) == "InvalidRange"


# --- Many at once, and abrupt ends


def test_who_reads_while_others_write_gets_one_object_whole(s3: Any, bucket: str) -> None:
    bodies = {f"image/{n}": bytes([n]) * (MIB + n) for n in range(4)}

    def write(content_type: str) -> None:
        for _ in range(15):
            s3.put_object(Bucket=bucket, Key="key", Body=bodies[content_type], ContentType=content_type)

    def read() -> None:
        while writing.is_set():
            got = s3.get_object(Bucket=bucket, Key="key")
            assert got["Body"].read() == bodies[got["ContentType"]]

    writing = threading.Event()
    writing.set()
    write("image/0")
    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        try:
            for written in [pool.submit(write, content_type) for content_type in bodies]:
                written.result(60)
        finally:
            writing.clear()
        for reader in readers:
            reader.result(20)


def test_an_object_that_is_deleted_while_it_is_read_is_read_to_its_end(
    own_cloud: Cloud, s3: Any, bucket: str
) -> None:
    large = DATA * 8
    s3.put_object(Bucket=bucket, Key="key", Body=large)
    reading = s3.get_object(Bucket=bucket, Key="key")["Body"]
    beginning = reading.read(1000)
    s3.delete_object(Bucket=bucket, Key="key")
    assert beginning + reading.read() == large
    assert eventually(lambda: stored_bytes(own_cloud) == 0)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("Content-Length: 6291456", DATA[: 3 * MIB]),
        ("Transfer-Encoding: chunked", b"300000\r\n" + DATA[: 3 * MIB] + b"\r\n300000\r\n"),
        (
            "Content-Length: 6291656\r\nContent-Encoding: aws-chunked\r\n"
            "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            b"600000\r\n" + DATA[: 3 * MIB],
        ),
    ],
)
def test_an_upload_that_is_broken_off_leaves_nothing_behind(
    own_cloud: Cloud, s3: Any, bucket: str, head: str, body: bytes
) -> None:
    request = (
        f"PUT /{bucket}/key HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {signed_for_s3()}\r\n{head}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", own_cloud.info.port), timeout=5) as connection:
        connection.sendall(request.encode() + body)
        assert eventually(lambda: stored_bytes(own_cloud) > MIB), "it arrives in pieces"
    assert eventually(lambda: stored_bytes(own_cloud) == 0)
    assert error_code(s3.head_object, Bucket=bucket, Key="key") == "404"


def test_a_download_that_is_broken_off_keeps_no_file(own_cloud: Cloud, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=DATA * 8)
    request = f"GET /{bucket}/key HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {signed_for_s3()}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", own_cloud.info.port), timeout=5) as connection:
        connection.sendall(request.encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    s3.delete_object(Bucket=bucket, Key="key")
    assert eventually(lambda: stored_bytes(own_cloud) == 0)


# --- The cloud's own disk


@pytest.fixture
def brief_cloud(tmp_path: Path) -> Iterator[Callable[[], Cloud]]:
    """Starts a cloud, or starts it again."""
    directory = tmp_path / "cloud"
    yield lambda: Cloud(lifecycle.up(directory, port=0), directory)
    lifecycle.down(directory)


def put_large(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": cloud.info.region})
    s3.put_object(Bucket="bucket", Key="key", Body=DATA)


def test_objects_are_private_and_end_with_the_cloud(brief_cloud: Callable[[], Cloud]) -> None:
    cloud = brief_cloud()
    put_large(cloud)
    objects = cloud.directory / "objects"
    assert (stored_bytes(cloud), stat.S_IMODE(objects.stat().st_mode)) == (len(DATA), 0o700)
    os.kill(cloud.info.pid, signal.SIGTERM)
    assert eventually(lambda: not objects.exists(), 30)


def test_what_a_killed_cloud_leaves_is_removed_by_the_next(brief_cloud: Callable[[], Cloud]) -> None:
    killed = brief_cloud()
    put_large(killed)
    os.kill(killed.info.pid, signal.SIGKILL)
    assert eventually(lambda: lifecycle.holder(killed.directory) is None)
    assert stored_bytes(killed) == len(DATA)
    assert stored_bytes(brief_cloud()) == 0


def test_a_disk_that_takes_no_more_is_an_s3_error_and_not_the_end(
    brief_cloud: Callable[[], Cloud],
) -> None:
    """The system refuses files of more than 4 MiB to that cloud, as it refuses all on a full disk."""
    cloud = brief_cloud()
    subprocess_limit(cloud.info.pid, 4 * MIB)
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": cloud.info.region})
    with pytest.raises(ClientError, match=r"InsufficientStorage.*File too large.*SERVING_LOCAL_DIR"):
        s3.put_object(Bucket="bucket", Key="key", Body=DATA * 4)
    assert error_code(s3.upload_part, **begin(s3, "bucket"), PartNumber=1, Body=DATA) == "InsufficientStorage"
    assert stored_bytes(cloud) == 0
    s3.put_object(Bucket="bucket", Key="key", Body=DATA[: 3 * MIB])
    assert body_of(s3, "bucket", "key") == DATA[: 3 * MIB]


def subprocess_limit(pid: int, size: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
