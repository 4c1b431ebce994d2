from __future__ import annotations

import gzip
import io
import os
import tarfile
import threading
from pathlib import Path

import pytest
from toys import tar_gz

from local_cloud.hosting.archive import BadArchive, Cancelled, remove_tree, unpack


def archive_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, mode="w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def member(
    name: str, kind: bytes = tarfile.REGTYPE, linkname: str = "", mode: int = 0o644
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, linkname, mode
    return info


@pytest.fixture
def target(tmp_path: Path) -> Path:
    target = tmp_path / "target"
    target.mkdir()
    return target


def test_files_folders_and_links_inside_are_unpacked_read_only(tmp_path: Path, target: Path) -> None:
    archive = archive_of(
        tmp_path / "a",
        (member("code", tarfile.DIRTYPE), b""),
        (member("code/run.sh", mode=0o755), b"#!"),
        (member("./weights/w.bin"), b"1234"),
        (member("code/same", tarfile.SYMTYPE, "../weights/w.bin"), b""),
        (member("hard", tarfile.LNKTYPE, "weights/w.bin"), b""),
    )
    assert unpack(archive, target) == 6
    assert (target / "code/same").read_bytes() == (target / "hard").read_bytes() == b"1234"
    assert (target / "weights/w.bin").stat().st_mode & 0o777 == 0o444
    assert (target / "code/run.sh").stat().st_mode & 0o777 == 0o555
    (target / "code").chmod(0o555)
    remove_tree(target)
    assert not target.exists()


@pytest.mark.parametrize(
    ("hostile", "complaint"),
    [
        (member("/etc/evil"), "points outside"),
        (member("../evil"), "points outside"),
        (member("a/../../evil"), "points outside"),
        (member("link", tarfile.SYMTYPE, "/etc/passwd"), "leaves the archive"),
        (member("link", tarfile.SYMTYPE, "../../outside"), "leaves the archive"),
        (member("hard", tarfile.LNKTYPE, "/etc/passwd"), "points outside"),
        (member("hard", tarfile.LNKTYPE, "absent"), "names no file before it"),
        (member("pipe", tarfile.FIFOTYPE), "neither a file, a folder nor a link"),
        (member("device", tarfile.CHRTYPE), "neither a file, a folder nor a link"),
    ],
)
def test_members_that_reach_outside_are_refused(
    tmp_path: Path, target: Path, hostile: tarfile.TarInfo, complaint: str
) -> None:
    with pytest.raises(BadArchive, match=complaint):
        unpack(archive_of(tmp_path / "a", (member("fine"), b"x"), (hostile, b"")), target)
    assert not (tmp_path / "evil").exists()


def test_nothing_is_written_through_a_link(tmp_path: Path, target: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (target / "door").symlink_to(outside)
    with pytest.raises(BadArchive, match="goes through a link"):
        unpack(archive_of(tmp_path / "a", (member("door/evil"), b"x")), target)
    assert list(outside.iterdir()) == []


def test_a_later_file_replaces_a_link_and_not_what_it_points_to(tmp_path: Path, target: Path) -> None:
    archive = archive_of(
        tmp_path / "a",
        (member("real"), b"original"),
        (member("name", tarfile.SYMTYPE, "real"), b""),
        (member("name"), b"replaced"),
    )
    unpack(archive, target)
    assert (target / "real").read_bytes() == b"original"
    assert (target / "name").read_bytes() == b"replaced"


def test_more_than_the_limit_is_refused_before_it_is_written(tmp_path: Path, target: Path) -> None:
    archive = archive_of(tmp_path / "a", (member("bomb"), b"\0" * 2_000_000))
    with pytest.raises(BadArchive, match="takes more than 1000000 bytes"):
        unpack(archive, target, max_bytes=1_000_000)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an archive",
        gzip.compress(b"no tar inside"),
        tar_gz({"w": os.urandom(50_000)})[:-20_000],
        tar_gz({"w": os.urandom(50_000)})[:1000],
    ],
)
def test_what_is_no_whole_tar_gz_is_refused(tmp_path: Path, target: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(BadArchive):
        unpack(tmp_path / "a", target)


def test_an_empty_archive_is_refused(tmp_path: Path, target: Path) -> None:
    with pytest.raises(BadArchive, match="it is empty"):
        unpack(archive_of(tmp_path / "a"), target)


def test_unpacking_can_be_given_up(tmp_path: Path, target: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        unpack(archive_of(tmp_path / "a", (member("w"), b"x" * 100)), target, cancelled=cancelled)
