"""Cross-origin requests to a function URL, as its Cors member allows them.

Lambda answers preflight requests itself, and sets these headers in place of the function's own ("Creating and
managing function URLs", Lambda developer guide).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Cors:
    """The Cors member of a function URL."""

    allow_origins: tuple[str, ...]
    allow_methods: tuple[str, ...]
    allow_headers: tuple[str, ...]
    expose_headers: tuple[str, ...]
    allow_credentials: bool
    max_age: int

    @classmethod
    def of(cls, members: Mapping[str, Any] | None) -> Cors | None:
        """None where the URL has none."""
        if not members:
            return None

        def several(name: str) -> tuple[str, ...]:
            return tuple(members.get(name) or ())

        return cls(
            several("AllowOrigins"),
            several("AllowMethods"),
            several("AllowHeaders"),
            several("ExposeHeaders"),
            bool(members.get("AllowCredentials")),
            int(members.get("MaxAge") or 0),
        )

    def allows(self, origin: str) -> bool:
        """Whether pages of an origin may call the URL."""
        return any(allowed in (_ANY, origin) for allowed in self.allow_origins)

    def headers(self, origin: str) -> dict[str, str]:
        """For an answer that pages of ``origin`` may read."""
        fields = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        if _ANY in self.allow_origins and not self.allow_credentials:
            fields = {"Access-Control-Allow-Origin": _ANY}
        if self.allow_credentials:
            fields["Access-Control-Allow-Credentials"] = "true"
        if self.expose_headers:
            fields["Access-Control-Expose-Headers"] = ",".join(self.expose_headers)
        return fields

    def preflight(self, origin: str, method: str, asked_headers: str) -> dict[str, str]:
        """For the answer to a preflight request; what is not allowed is not mentioned, and so refused by the
        browser."""
        fields = self.headers(origin)
        if any(allowed in (_ANY, method) for allowed in self.allow_methods):
            fields["Access-Control-Allow-Methods"] = method
        known = {name.lower() for name in self.allow_headers}
        asked = [name.strip() for name in asked_headers.split(",") if name.strip()]
        allowed_headers = [name for name in asked if _ANY in known or name.lower() in known]
        if allowed_headers:
            fields["Access-Control-Allow-Headers"] = ",".join(allowed_headers)
        if self.max_age:
            fields["Access-Control-Max-Age"] = str(self.max_age)
        return fields
