"""Which environment is meant, and where it answers."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from serving_clients.errors import InvalidRequest
from serving_contracts import limits

LOCAL: Final = "local"
LOCAL_REGION: Final = "ap-northeast-2"
LOCAL_PORT: Final = 4570
MARGIN_SECONDS: Final = 10.0  # so that AWS's own time-out is heard of
DEFAULT_TIMEOUT: Final = limits.REALTIME_TIMEOUT_SECONDS + MARGIN_SECONDS
DEFAULT_JOB_TIMEOUT: Final = 1800.0
"""Seconds to wait for a job: one that runs for the 15 minutes that AWS allows unless told otherwise, on an
endpoint that first has to start an instance."""
DEFAULT_CONCURRENCY: Final = 16


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach an environment.

    endpoint_url: where every AWS call goes; None for AWS itself. local: whether that is the local cloud.
    timeout: seconds; None for as long as what is called may take. concurrency: requests in flight of one bulk
    call.
    """

    env: str | None
    region: str | None
    endpoint_url: str | None
    local: bool
    timeout: float | None
    concurrency: int
    boto3_session: Any = None

    def seconds(self, timeout: float | None, default: float = DEFAULT_TIMEOUT) -> float:
        """Seconds of a call: its own *timeout*, else the session's, else *default*. Raises InvalidRequest."""
        if timeout is not None:
            return checked_timeout(timeout)
        return default if self.timeout is None else self.timeout


def resolve(
    env: str | None,
    *,
    region: str | None,
    endpoint_url: str | None,
    timeout: float | None,
    concurrency: int,
    boto3_session: Any,
) -> Settings:
    """Check the caller's choices, fill in what they left open; raises InvalidRequest naming the argument."""
    if env is not None and (not isinstance(env, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", env)):
        raise InvalidRequest(
            f"{env!r} is no name of an environment", field="env", hint='for example "local", "dev" or "prod"'
        )
    if not isinstance(concurrency, int) or isinstance(concurrency, bool) or not 1 <= concurrency <= 256:
        raise InvalidRequest(f"must be an integer from 1 to 256, not {concurrency!r}", field="concurrency")
    local = env == LOCAL
    if local:
        found = _running_local_cloud() if endpoint_url is None else {}
        endpoint_url = endpoint_url or found.get("url") or f"http://127.0.0.1:{_local_port()}"
        region = region or found.get("region") or LOCAL_REGION
    return Settings(
        env=env,
        region=region,
        endpoint_url=endpoint_url,
        local=local,
        timeout=None if timeout is None else checked_timeout(timeout),
        concurrency=concurrency,
        boto3_session=boto3_session,
    )


def checked_timeout(value: object) -> float:
    """*value* as seconds, more than 0 and finite."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:  # type: ignore[operator]
        raise InvalidRequest(f"must be a number of seconds above 0, not {value!r}", field="timeout")
    return float(value)  # type: ignore[arg-type]


def checked_endpoint_name(name: object) -> str:
    """*name*, which must be one that AWS takes."""
    if not isinstance(name, str) or not re.fullmatch(limits.ENDPOINT_NAME_PATTERN, name):
        raise InvalidRequest(
            f"{name!r} is no name of an endpoint",
            field="endpoint_name",
            hint=f"1 to {limits.ENDPOINT_NAME_CHARACTERS} letters, digits and hyphens",
        )
    return name


def is_loopback(url: str | None) -> bool:
    """Whether *url* is on this machine: no proxy is asked for it."""
    host = urlsplit(url).hostname if url else None
    return host == "localhost" or host == "::1" or (host or "").startswith("127.")


def _running_local_cloud() -> dict[str, str]:
    """Where the local cloud is: AWS_ENDPOINT_URL, else ``.local/cloud/cloud.json`` upward from here."""
    if url := os.environ.get("AWS_ENDPOINT_URL"):
        return {"url": url}
    chosen = os.environ.get("SERVING_LOCAL_DIR")
    here = Path.cwd()
    folders = [Path(chosen)] if chosen else [folder / ".local" for folder in (here, *here.parents)]
    for folder in folders:
        try:
            found = json.loads((folder / "cloud" / "cloud.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict):
            return {name: found[name] for name in ("url", "region") if isinstance(found.get(name), str)}
    return {}


def _local_port() -> int:
    value = os.environ.get("SERVING_LOCAL_PORT", "")
    if not value:
        return LOCAL_PORT
    if not value.isascii() or not value.isdigit() or not 0 < int(value) < 65536:
        raise InvalidRequest(
            f"the environment variable SERVING_LOCAL_PORT is {value!r}, which is no port", hint="1 to 65535"
        )
    return int(value)
