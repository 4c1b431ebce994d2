"""What identifies a job, and its text form: all that another process needs to wait for it, and no secret."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

from serving_clients._storage import Location
from serving_clients.errors import InvalidRequest
from serving_contracts import limits

PREFIX: Final = "job1."
"""The version comes first, so that a later form can be told apart."""
_MAX_BYTES: Final = 16_384
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(("endpoint_name", "inference_id", "input", "output"), (str,)),
    **dict.fromkeys(("ttl_seconds", "invocation_timeout_seconds"), (int, type(None))),
    "submitted_at": (int, float),
}
"""The types of what is no optional text."""
_GRACE_SECONDS: Final = 300  # clocks that differ, and a notice on its way


@dataclass(frozen=True, slots=True)
class JobRef:
    """A request that SageMaker accepted.

    input, output, failure: S3 locations; failure is None where the endpoint writes none. task: a media task,
    or None: the answer is bytes. accept: what was asked for. submitted_at: seconds since 1970 on the clock of
    whoever submitted it. ttl_seconds, invocation_timeout_seconds: as given; None is the endpoint's.
    """

    endpoint_name: str
    inference_id: str
    input: str
    output: str
    failure: str | None
    task: str | None
    accept: str | None
    submitted_at: float
    ttl_seconds: int | None = None
    invocation_timeout_seconds: int | None = None

    @property
    def lost_at(self) -> float:
        """When it must have ended, in seconds since 1970: waited its longest, then run its longest."""
        ttl = self.ttl_seconds or limits.ASYNC_REQUEST_TTL_SECONDS
        run = self.invocation_timeout_seconds or limits.ASYNC_INVOCATION_TIMEOUT_RANGE_SECONDS[1]
        return self.submitted_at + ttl + run + _GRACE_SECONDS

    def to_id(self) -> str:
        """Printable, one word, the same every time."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        text = json.dumps(given, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return PREFIX + base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")

    @classmethod
    def from_id(cls, text: object) -> Self:
        """Reads :meth:`to_id`; raises InvalidRequest."""
        try:
            given = _unpack(text)
            ref = cls(**{"failure": None, "task": None, "accept": None, **given})
            ref._check()
        except (ValueError, TypeError, zlib.error, binascii.Error, InvalidRequest) as error:
            raise InvalidRequest(
                f"{text!r:.80} is no id of a job: {error}",
                field="id",
                hint="Job.id gives one, it begins with job1.",
            ) from None
        return ref

    def _check(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            kinds = _KINDS.get(field.name, (str, type(None)))
            if type(value) not in kinds:
                raise ValueError(f"{field.name} is {value!r}")
        if not re.fullmatch(limits.ENDPOINT_NAME_PATTERN, self.endpoint_name):
            raise ValueError("its endpoint has no name")
        for place in (self.input, self.output, self.failure):
            if place is not None:
                Location.parse(place)


def _unpack(text: object) -> dict[str, Any]:
    if not isinstance(text, str) or not text.startswith(PREFIX):
        raise ValueError("it is of another kind")
    packed = text.strip()[len(PREFIX) :]
    unpack = zlib.decompressobj()
    raw = unpack.decompress(
        base64.b64decode(packed + "=" * (-len(packed) % 4), "-_", validate=True), _MAX_BYTES
    )
    if not unpack.eof:
        raise ValueError("it is cut off")
    given = json.loads(raw)
    if not isinstance(given, dict):
        raise ValueError("it holds no object")
    known = {field.name for field in fields(JobRef)}
    return {name: value for name, value in given.items() if name in known}
