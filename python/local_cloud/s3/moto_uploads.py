"""moto's multipart uploads, copies and bucket deletions: contents are joined, and freed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from local_cloud.s3 import checksums
from local_cloud.s3.content import Content
from local_cloud.s3.moto_keys import Disposed, add, complete_from_the_start, values_are_contents


def mend_uploads(models: Any) -> None:
    """Multipart uploads join contents; what an upload leaves behind is freed; unknown uploads are told so."""
    backend = models.S3Backend
    complete_upload, abort, delete = (
        backend.complete_multipart_upload,
        backend.abort_multipart_upload,
        backend.delete_bucket,
    )
    upload, upload_copy, copy_key = backend.upload_part, backend.upload_part_copy, backend.copy_object

    def complete(self: Any, body: Iterator[tuple[int, str]]) -> tuple[Content, str, Any]:
        parts = {}
        for number, etag in body:
            part = self.parts.get(number)
            if part is None or part.etag.strip('"') != etag.strip('"'):
                raise models.InvalidPart()
            parts[number] = part
        if not parts:
            raise models.MalformedXML
        listed = list(parts.values())
        if any(part.size < models.S3_UPLOAD_PART_MIN_SIZE for part in listed[:-1]):
            raise models.EntityTooSmall()
        try:
            with values_are_contents():
                contents = [part.value for part in listed]
        except Disposed:  # uploaded again at this very moment
            raise models.InvalidPart() from None
        md5s = b"".join(bytes.fromhex(part.etag.strip('"')) for part in listed)
        etag = f"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{len(listed)}"
        content = Content.joined(contents)
        checksum = _checksum_of_parts(self.metadata, contents, content)
        for number in self.parts.keys() - parts.keys():
            self.parts.pop(number).dispose()
            self.partlist.remove(number)
        return content, etag, checksum

    def complete_multipart_upload(self: Any, bucket_name: str, multipart_id: str, body: Any) -> Any:
        upload = find(self, bucket_name, multipart_id)
        with complete_from_the_start(upload.key_name, upload.metadata):
            return complete_upload(self, bucket_name, multipart_id, body)

    def abort_multipart_upload(self: Any, bucket_name: str, multipart_id: str) -> None:
        upload = find(self, bucket_name, multipart_id)
        abort(self, bucket_name, multipart_id)
        upload.dispose()

    def upload_part(self: Any, bucket_name: str, multipart_id: str, part_id: int, value: Any) -> Any:
        find(self, bucket_name, multipart_id)
        return upload(self, bucket_name, multipart_id, part_id, value)

    def upload_part_copy(
        self: Any, dest_bucket_name: str, multipart_id: str, *rest: Any, **named: Any
    ) -> Any:
        find(self, dest_bucket_name, multipart_id)
        return upload_copy(self, dest_bucket_name, multipart_id, *rest, **named)

    def copy_object(self: Any, src_key: Any, dest_bucket_name: str, dest_key_name: str, **named: Any) -> None:
        replaced = named.get("mdirective") == "REPLACE"
        with complete_from_the_start(dest_key_name, named["metadata"] if replaced else src_key.metadata):
            copy_key(self, src_key, dest_bucket_name, dest_key_name, **named)

    def delete_bucket(self: Any, bucket_name: str) -> Any:
        deleted = delete(self, bucket_name)
        for upload in deleted.multiparts.values() if deleted else ():
            upload.dispose()
        return deleted

    def find(self: Any, bucket_name: str, multipart_id: str) -> Any:
        found = self.get_bucket(bucket_name).multiparts.get(multipart_id)
        if found is None:
            raise models.NoSuchUpload(upload_id=multipart_id)
        return found

    add(models.FakeMultipart, complete)
    add(
        backend,
        complete_multipart_upload,
        abort_multipart_upload,
        upload_part,
        upload_part_copy,
        copy_object,
        delete_bucket,
    )


def _checksum_of_parts(
    metadata: Mapping[str, str], contents: list[Content], joined: Content
) -> tuple[str, str, int] | None:
    """Type, value and number of parts of the checksum that a multipart upload was begun with."""
    algorithm = metadata.get("x-amz-checksum-algorithm", "").upper()
    if algorithm not in checksums.ALGORITHMS:
        return None
    kind = metadata.get("x-amz-checksum-type") or ("FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE")
    if kind != "COMPOSITE":
        full = joined.checksum(algorithm)
        return None if full is None else (kind, base64.b64encode(full).decode(), 1)
    digests = [content.checksum(algorithm) for content in contents]
    known = [digest for digest in digests if digest is not None]
    composite = Content.of(b"".join(known), sum(map(len, known))).checksum(algorithm)
    if composite is None or len(known) != len(digests):
        return None
    return kind, base64.b64encode(composite).decode(), len(contents)
