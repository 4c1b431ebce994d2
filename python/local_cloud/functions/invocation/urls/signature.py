"""Whether a request to a function URL is signed, for AuthType AWS_IAM.

Looked at: that there is a signature of version 4, and that it is for the service ``lambda``. Not looked at:
whether it is right, and whose it is. The local cloud knows no secrets; a wrong key, an expired signature and
a missing permission show only on AWS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_HEADER: Final = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^/,\s]+)/\d{8}/[^/,\s]+/([^/,\s]+)/aws4_request,?\s*"
    r"SignedHeaders=[^,\s]+,?\s*Signature=[0-9a-f]{64}\s*"
)
_CREDENTIAL: Final = re.compile(r"([^/]+)/\d{8}/[^/]+/([^/]+)/aws4_request")
_HEX: Final = re.compile(r"[0-9a-f]{64}")
SERVICE: Final = "lambda"


@dataclass(frozen=True, slots=True)
class Signature:
    """access_key: the id that the request claims to be signed with."""

    access_key: str


def of(headers: Mapping[str, str], query: Mapping[str, str]) -> Signature | None:
    """The signature in the Authorization header or, of a pre-signed URL, in the query; None where there is
    none for Lambda."""
    found = _HEADER.fullmatch(headers.get("Authorization", ""))
    if found is None:
        if query.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256":
            return None
        if not _HEX.fullmatch(query.get("X-Amz-Signature", "")):
            return None
        found = _CREDENTIAL.fullmatch(query.get("X-Amz-Credential", ""))
    if found is None or found.group(2) != SERVICE:
        return None
    return Signature(found.group(1))
