"""Objects as the local cloud's own parts reach them: the same objects that HTTP callers see."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import pytest

from local_cloud.backing_services import SECRET_HEADER, BackingServices
from local_cloud.s3 import NoSuchObject

DATA = bytes(range(256)) * 1000


@pytest.fixture(scope="module")
def backing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackingServices]:
    backing = BackingServices(tmp_path_factory.mktemp("s3") / "objects")
    backing.start()
    try:
        http(backing, "PUT", "/bucket-one")
        yield backing
    finally:
        backing.stop()


def http(
    backing: BackingServices, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[HTTPResponse, bytes]:
    signed = (
        "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=b"
    )
    request = urllib.request.Request(
        backing.url + path,
        body or None,
        {"Authorization": signed, SECRET_HEADER: backing.secret} | headers,
        method=method,
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
        return answer, answer.read()


def test_what_was_put_over_http_is_opened_without_it(backing: BackingServices) -> None:
    http(backing, "PUT", "/bucket-one/a", DATA, **{"Content-Type": "image/png", "x-amz-meta-of": "cats"})
    found = backing.objects.open_object("bucket-one", "a")
    assert (len(found.content), found.content_type, found.metadata["x-amz-meta-of"]) == (
        len(DATA),
        "image/png",
        "cats",
    )
    http(backing, "PUT", "/bucket-one/a", b"another")
    assert b"".join(found.content) == DATA, "it stays what it was"
    with found.content.open() as file:
        file.seek(-3, 2)
        assert file.read() == DATA[-3:]
    assert backing.objects.open_object("bucket-one", "a").content.read() == b"another"


def test_what_was_put_without_http_is_there_for_http(backing: BackingServices) -> None:
    put = backing.objects.put_object("bucket-one", "b", iter([DATA, b"end"]), "application/json")
    answer, body = http(backing, "GET", "/bucket-one/b")
    assert body == DATA + b"end"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["ETag"] == f'"{put.etag}"'


def test_pieces_that_break_off_replace_nothing(backing: BackingServices) -> None:
    backing.objects.put_object("bucket-one", "c", [b"old"])

    def breaking() -> Iterator[bytes]:
        yield DATA
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        backing.objects.put_object("bucket-one", "c", breaking())
    assert backing.objects.open_object("bucket-one", "c").content.read() == b"old"


@pytest.mark.parametrize(
    ("bucket", "key", "why"),
    [("absent", "a", "bucket does not exist"), ("bucket-one", "absent", "key does not exist")],
)
def test_what_is_not_there_is_named(backing: BackingServices, bucket: str, key: str, why: str) -> None:
    with pytest.raises(NoSuchObject, match=f"s3://{bucket}/{key}: .*{why}"):
        backing.objects.open_object(bucket, key)


def test_nothing_is_put_in_a_bucket_that_is_not_there(backing: BackingServices) -> None:
    with pytest.raises(NoSuchObject, match=r"s3://absent: .*bucket does not exist"):
        backing.objects.put_object("absent", "a", [DATA])


def test_the_objects_go_when_the_services_stop(tmp_path: Path) -> None:
    backing = BackingServices(tmp_path / "objects")
    backing.start()
    try:
        http(backing, "PUT", "/bucket-two")
        backing.objects.put_object("bucket-two", "a", [DATA])
        assert len(list((tmp_path / "objects").iterdir())) == 1
    finally:
        backing.stop()
    assert not (tmp_path / "objects").exists()
