"""Model archives: the same input gives the same ``model.tar.gz``, stored under the hash of its content.

The hash is that of the uncompressed tar. It is known without compressing anything, and it does not depend on
the version of zlib, so two machines agree on the key and an unchanged model costs one pass over its files.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from delivery.errors import DeliveryError
from delivery.model_folder import ModelFolder

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ARCHIVE_NAME = "model.tar.gz"
FILE_MODE = 0o644
COMPRESSION_LEVEL = 1  # weights hardly compress: more only costs time


@dataclass(frozen=True, slots=True)
class Archive:
    """A model's archive on this machine.

    Attributes:
        model: the model's name.
        digest: SHA-256 of the uncompressed tar, hexadecimal.
        path: the compressed file.
    """

    model: str
    digest: str
    path: Path

    @property
    def key(self) -> str:
        """The S3 key."""
        return archive_key(self.model, self.digest)


def archive_key(model: str, digest: str) -> str:
    """``models/<model>/<digest>/model.tar.gz``."""
    return f"models/{model}/{digest}/{ARCHIVE_NAME}"


class _Digest:
    """A file to write to that only hashes."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return len(data)


def write_tar(target: IO[bytes], files: Mapping[str, Path]) -> None:
    """Writes a tar whose bytes depend on names and contents alone: sorted, no times, no owners, one mode."""
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name, source in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.mode = FILE_MODE
            entry.size = source.stat().st_size
            with source.open("rb") as content:
                tar.addfile(entry, content)


def content_digest(model: ModelFolder) -> str:
    """SHA-256 of the archive's uncompressed tar.

    Raises:
        DeliveryError: weights are missing.
    """
    demand_weights(model)
    sink = _Digest()
    write_tar(cast("IO[bytes]", sink), model.files)
    return sink.sha256.hexdigest()


def build_archive(model: ModelFolder, folder: Path, digest: str | None = None) -> Archive:
    """Makes ``<folder>/<model>-<digest>.tar.gz`` unless it is there, and removes older archives of the
    model.
    """
    digest = digest or content_digest(model)
    path = folder / f"{model.name}-{digest[:16]}.tar.gz"
    if path.is_file():
        return Archive(model.name, digest, path)
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=f".{model.name}-")
    temporary = Path(name)
    try:
        # No file name and no time in the gzip header: they would differ between two runs.
        with (
            os.fdopen(handle, "wb") as raw,
            gzip.GzipFile("", "wb", COMPRESSION_LEVEL, raw, mtime=0) as packed,
        ):
            write_tar(cast("IO[bytes]", packed), model.files)
        temporary.chmod(FILE_MODE)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    for old in folder.glob(f"{model.name}-{'[0-9a-f]' * 16}.tar.gz"):
        if old != path:
            old.unlink(missing_ok=True)
    return Archive(model.name, digest, path)


def is_uploaded(s3: S3Client, bucket: str, key: str) -> bool:
    """Whether the object exists.

    Raises:
        DeliveryError: the bucket is not there or may not be read.
    """
    from botocore.exceptions import ClientError

    try:
        s3.head_object(Bucket=bucket, Key=key)
        return True
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code in ("404", "NoSuchKey", "NotFound"):
            return False
        raise DeliveryError(
            f"The artifact bucket {bucket!r} cannot be read.",
            cause=str(error),
            next_step="`invoke doctor --env …` shows whose credentials are in use",
        ) from error


def upload(s3: S3Client, bucket: str, archive: Archive) -> str:
    """Uploads an archive and returns its ``s3://`` URI."""
    s3.upload_file(str(archive.path), bucket, archive.key, ExtraArgs={"ContentType": "application/gzip"})
    return f"s3://{bucket}/{archive.key}"


def demand_weights(model: ModelFolder) -> None:
    """Raises DeliveryError where weights are missing, with the way to have them."""
    missing = model.missing_weights()
    if missing:
        raise DeliveryError(
            f"The weights of model {model.name!r} are missing.",
            cause="\n".join(str(path) for path in missing),
            next_step=f"`invoke models.train {model.name}` makes them"
            if "train" in model.entries
            else f"see {model.folder.name}/README.md",
        )
