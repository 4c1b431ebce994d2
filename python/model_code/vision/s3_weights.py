"""Finds and reads the files of a weights folder in S3: under a prefix, or inside a ``model.tar.gz``."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Any

from korean_text.commands import MakingError

DESCRIPTION_FILE = "network.json"
_ARCHIVES = (".tar.gz", ".tgz", ".tar")
_MOST_BYTES = 2 * 1024**3  # of one file; the largest network of the zoo has 0.25 GB


def fetch(url: str, folder: Path, suffix: str = ".params") -> tuple[Path, Path | None]:
    """Copy the parameters and, if there is one, ``network.json`` into `folder`; return where they are.

    Args:
        url: ``s3://BUCKET/PREFIX/``, of which files in folders below count too, or
            ``s3://BUCKET/KEY.tar.gz``.
        suffix: how the name of the parameters file ends.

    Raises:
        MakingError: it is no such address, cannot be read, or does not hold one file of parameters.
    """
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise MakingError(f"{url} could not be read: {error}. Install boto3 into {sys.prefix}.") from error
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket:
        raise MakingError(
            f"{url!r} is no address in S3: write s3://BUCKET/PREFIX/ or s3://BUCKET/KEY.tar.gz."
        )
    try:
        client = boto3.client("s3")
        if key.endswith(_ARCHIVES):
            archive = folder / "archive"
            with archive.open("wb") as target:
                client.download_fileobj(bucket, key, target)
            return _from_archive(url, archive, folder, suffix)
        return _from_prefix(url, client, bucket, key, folder, suffix)
    except (BotoCoreError, ClientError) as error:
        raise MakingError(
            f"{url} could not be read: {error}. Check the address, the credentials, and that they allow "
            "s3:GetObject, for a prefix s3:ListBucket too."
        ) from error


def _from_prefix(
    url: str, client: Any, bucket: str, prefix: str, folder: Path, suffix: str
) -> tuple[Path, Path | None]:
    sizes: dict[str, int] = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        sizes.update((entry["Key"], entry["Size"]) for entry in page.get("Contents", ()))
    parameters, description = _choose(url, sizes, suffix)

    def copy(key: str) -> Path:
        _check_size(key, sizes[key])
        target = folder / PurePosixPath(key).name
        client.download_file(bucket, key, str(target))
        return target

    return copy(parameters), copy(description) if description else None


def _from_archive(url: str, archive: Path, folder: Path, suffix: str) -> tuple[Path, Path | None]:
    try:
        with tarfile.open(archive) as opened:
            members = {member.name: member for member in opened if member.isfile()}
            parameters, description = _choose(url, members, suffix)

            def copy(name: str) -> Path:
                _check_size(name, members[name].size)
                # Only the last part of the name is used: a member cannot choose where it is written.
                target = folder / PurePosixPath(name).name
                source: IO[bytes] | None = opened.extractfile(members[name])
                assert source is not None, "a regular file has content"
                with source, target.open("wb") as out:
                    shutil.copyfileobj(source, out)
                return target

            return copy(parameters), copy(description) if description else None
    except (tarfile.TarError, EOFError, OSError) as error:
        raise MakingError(f"{url} is no readable archive: {error}.") from error


def _choose(url: str, names: Iterable[str], suffix: str) -> tuple[str, str | None]:
    """The name of the parameters file, and of ``network.json`` or None."""
    listed = sorted(names)
    parameters = [name for name in listed if name.endswith(suffix)]
    if len(parameters) != 1:
        raise MakingError(
            f"{url} holds {len(parameters)} files that end in {suffix}; one is wanted: "
            f"name a folder or archive of one model. There: {', '.join(listed[:10]) or 'nothing'}."
        )
    descriptions = [name for name in listed if PurePosixPath(name).name == DESCRIPTION_FILE]
    return parameters[0], descriptions[0] if descriptions else None


def _check_size(name: str, size: int) -> None:
    if size > _MOST_BYTES:
        raise MakingError(f"{name} has {size} bytes; weights have at most {_MOST_BYTES}.")


def check_pin(file: Path, source: str, sha256: str) -> None:
    """Compares a fetched file with its pinned SHA-256; where none is pinned, prints what would pin it.

    Raises MakingError where they differ.
    """
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if sha256 and sha256.lower() != digest:
        raise MakingError(
            f"{file.name} of {source} has SHA-256 {digest}, expected {sha256}. "
            "Someone replaced it: review the new file before you change the pin."
        )
    if not sha256:
        print(f"warning: {source} is not pinned; this would: sha256 = {digest!r}", file=sys.stderr)
