"""How the local cloud keeps objects: in pieces, in files that go when nobody needs them."""

from __future__ import annotations

import hashlib
import io
import resource
import signal
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cloud.s3 import Content, ObjectStore, StorageFailed
from local_cloud.s3.content import PIECE_BYTES
from local_cloud.s3.store import IN_MEMORY_BYTES

LARGE = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    store = ObjectStore(tmp_path / "objects")
    store.open()
    yield store
    store.close()


def files(store: ObjectStore) -> list[Path]:
    return list(store.directory.iterdir())


def in_pieces(data: bytes, size: int = 100_000) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [0, 1, IN_MEMORY_BYTES, IN_MEMORY_BYTES + 1, PIECE_BYTES, len(LARGE)])
def test_what_goes_in_comes_out(store: ObjectStore, size: int) -> None:
    data = LARGE[:size]
    content = store.collect(in_pieces(data), "CRC32")
    assert (len(content), content.read(), b"".join(content)) == (size, data, data)
    assert content.md5() == hashlib.md5(data).hexdigest()
    assert content.checksum("CRC32") == zlib.crc32(data).to_bytes(4, "big")
    assert content.checksum("SHA256") == hashlib.sha256(data).digest()
    assert len(files(store)) == (size > IN_MEMORY_BYTES), "only larger objects need a file"


def test_pieces_are_small_however_large_the_object(store: ObjectStore) -> None:
    assert max(map(len, store.collect(iter([LARGE])))) <= PIECE_BYTES


def test_the_folder_and_its_files_are_private(store: ObjectStore) -> None:
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    content = store.collect(in_pieces(LARGE))
    assert len(content) == len(LARGE)


def test_a_file_goes_with_the_last_content_that_refers_to_it(store: ObjectStore) -> None:
    whole = store.collect(in_pieces(LARGE))
    part = whole[10:-10]
    joined = Content.joined([part, store.collect(in_pieces(b"small"))])
    del whole, part
    assert len(files(store)) == 1
    assert joined.read() == LARGE[10:-10] + b"small"
    del joined
    assert files(store) == []


def test_ranges_of_joined_contents_run_across_the_joints(store: ObjectStore) -> None:
    pieces = [LARGE[:300_000], b"", b"between", LARGE[:200_000]]
    data = b"".join(pieces)
    joined = Content.joined([store.collect(in_pieces(piece)) for piece in pieces])
    assert joined.md5() == hashlib.md5(data).hexdigest()
    for start, stop in (
        (0, len(data)),
        (299_999, 300_010),
        (300_003, 300_005),
        (7, 7),
        (5, None),
        (-9, None),
    ):
        assert joined[start:stop].read() == data[start:stop], (start, stop)
        assert len(joined[start:stop]) == len(data[start:stop])
    assert joined[100:400_000][200_000:-5].read() == data[100:400_000][200_000:-5]
    with pytest.raises(ValueError, match="without gaps"):
        joined[::2]


def test_a_content_can_be_read_as_a_file(store: ObjectStore) -> None:
    with store.collect(in_pieces(LARGE)).open() as file:
        assert file.read(10) == LARGE[:10]
        assert file.seek(-5, io.SEEK_END) == len(LARGE) - 5
        assert file.read() == LARGE[-5:]
        assert file.read() == b""
        file.seek(300_000)
        assert file.read(400_000) == LARGE[300_000:700_000]
        assert file.tell() == 700_000


def test_pieces_that_break_off_leave_nothing_behind(store: ObjectStore) -> None:
    def breaking() -> Iterator[bytes]:
        yield LARGE
        assert len(files(store)) == 1
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        store.collect(breaking())
    assert files(store) == []


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """The system refuses files of more than 512 KiB, as it refuses all on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512 * 1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, previous)


@pytest.mark.usefixtures("small_files_only")
def test_a_disk_that_takes_no_more_is_told_and_leaves_nothing_behind(store: ObjectStore) -> None:
    with pytest.raises(StorageFailed, match="File too large"):
        store.collect(in_pieces(LARGE))
    assert files(store) == []
    assert len(store.collect(in_pieces(LARGE[: 500 * 1024]))) == 500 * 1024, "what fits is still taken"


def test_a_store_begins_empty_and_ends_without_its_folder(tmp_path: Path) -> None:
    left_behind = tmp_path / "objects" / "of-a-cloud-that-was-killed"
    left_behind.parent.mkdir()
    left_behind.write_bytes(b"old")
    store = ObjectStore(left_behind.parent)
    store.open()
    assert files(store) == []
    content = store.collect(in_pieces(LARGE))
    store.close()
    assert not store.directory.exists()
    with pytest.raises(FileNotFoundError):
        content.read()
