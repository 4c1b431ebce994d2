"""Terraform's state and its lock can be written into the bucket that the foundation makes for them.

Headers are as Terraform sends them for both (its source, ``internal/backend/remote-state/s3/client.go``):
none without ``encrypt``; with it ``aws:kms`` where a key is named, else ``AES256``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ENCRYPTION = "s3:x-amz-server-side-encryption"
KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"
REPOSITORY = Path(__file__).resolve().parents[2]
BACKENDS = ["terraform/envs/dev/main.tf", "terraform/envs/staging/main.tf", "terraform/envs/prod/main.tf"]


@dataclass(frozen=True, slots=True)
class Condition:
    operator: str
    key: str
    value: str

    def holds(self, request: Mapping[str, str]) -> bool:
        """As IAM evaluates it: a negated comparison holds where the key is missing; ``Null`` tells that."""
        match self.operator:
            case "Null":
                return (self.key not in request) == (self.value == "true")
            case "StringNotEquals":
                return request.get(self.key) != self.value
            case "Bool":
                return request.get(self.key) == self.value
        raise AssertionError(
            f"the bucket's policy has an operator that this test does not know: {self.operator}"
        )


def read_denials() -> dict[str, list[Condition]]:
    """Statement of the bucket's policy → the conditions under which it denies; all of them must hold."""
    policy = (REPOSITORY / "terraform/foundation/buckets.tf").read_text(encoding="utf-8")
    condition = re.compile(r'test\s+= "(\w+)"\s+variable = "([\w:-]+)"\s+values\s+= \["?([\w.:]+)"?\]')
    return {
        re.findall(r'sid\s+= "(\w+)"', statement)[0]: [
            Condition(*found) for found in condition.findall(statement)
        ]
        for statement in policy.split("  statement {")[1:]
    }


def read_backend(text: str) -> dict[str, str]:
    """The arguments of the one ``backend "s3"`` block of `text`, without those that are comments."""
    (block,) = re.findall(r'^ *backend "s3" \{\n(.*?)^ *\}', text, re.MULTILINE | re.DOTALL)
    return dict(re.findall(r'^ *(\w+) *= *"?([^"\n]*?)"?$', block, re.MULTILINE))


def request_of(backend: Mapping[str, str]) -> dict[str, str]:
    """What a policy sees of the upload of a state or a lock."""
    request = {"aws:SecureTransport": "true"}
    if backend.get("encrypt") == "true":
        request[ENCRYPTION] = "aws:kms" if "kms_key_id" in backend else "AES256"
        request |= {KEY: backend["kms_key_id"]} if "kms_key_id" in backend else {}
    return request


def who_denies(request: Mapping[str, str]) -> list[str]:
    return [sid for sid, all_of in read_denials().items() if all(each.holds(request) for each in all_of)]


@pytest.mark.parametrize("path", BACKENDS)
def test_the_bucket_takes_the_state_that_a_backend_writes(path: str) -> None:
    backend = read_backend((REPOSITORY / path).read_text(encoding="utf-8"))
    assert {"key", "region", "use_lockfile"} <= backend.keys()
    assert who_denies(request_of(backend)) == []


def test_the_bucket_refuses_every_encryption_but_its_key() -> None:
    assert who_denies(request_of({"encrypt": "true"})) == ["DenyOtherEncryption"]
    assert who_denies(request_of({"encrypt": "true", "kms_key_id": "another"})) == ["DenyOtherKey"]
    assert who_denies(request_of({"encrypt": "true", "kms_key_id": "aws_kms_key.this.arn"})) == []
    assert who_denies({"aws:SecureTransport": "false"}) == ["DenyWithoutTls"]


def test_what_names_no_encryption_gets_the_buckets_key() -> None:
    buckets = (REPOSITORY / "terraform/foundation/buckets.tf").read_text(encoding="utf-8")
    (default,) = re.findall(r"apply_server_side_encryption_by_default \{(.*?)\}", buckets, re.DOTALL)
    assert re.search(r'sse_algorithm\s+= "aws:kms"', default)
    assert re.search(r"kms_master_key_id = aws_kms_key\.this\.arn", default)
