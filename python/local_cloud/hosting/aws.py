"""boto3 clients to the backing services and the threads they run in: the event loop never waits for boto3."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client

_making = threading.Lock()
"""Making clients is the one thing in boto3 that is not safe in several threads."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Aws:
    """The backing services of one local cloud. Clients are made on first use, in the calling thread."""

    def __init__(self, url: str, region: str) -> None:
        self._url = url
        self._region = region
        self._clients: dict[str, object] = {}
        self._executor = ThreadPoolExecutor(max_workers=8, thread_name_prefix="hosting-io")

    async def run(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run a blocking function in one of the threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: function(*args, **kwargs))

    @property
    def s3(self) -> S3Client:
        with _making:
            if "s3" not in self._clients:
                self._clients["s3"] = _session(self._region).client(
                    "s3", endpoint_url=self._url, config=_config(s3={"addressing_style": "path"})
                )
            return self._clients["s3"]  # type: ignore[return-value]

    @property
    def ecr(self) -> ECRClient:
        with _making:
            if "ecr" not in self._clients:
                self._clients["ecr"] = _session(self._region).client(
                    "ecr", endpoint_url=self._url, config=_config()
                )
            return self._clients["ecr"]  # type: ignore[return-value]

    @property
    def logs(self) -> CloudWatchLogsClient:
        with _making:
            if "logs" not in self._clients:
                self._clients["logs"] = _session(self._region).client(
                    "logs", endpoint_url=self._url, config=_config()
                )
            return self._clients["logs"]  # type: ignore[return-value]

    @property
    def cloudwatch(self) -> CloudWatchClient:
        with _making:
            if "cloudwatch" not in self._clients:
                self._clients["cloudwatch"] = _session(self._region).client(
                    "cloudwatch", endpoint_url=self._url, config=_config()
                )
            return self._clients["cloudwatch"]  # type: ignore[return-value]

    def close(self) -> None:
        """Let running calls end; take no new ones."""
        self._executor.shutdown(wait=False, cancel_futures=True)


@lru_cache(maxsize=4)
def _session(region: str) -> boto3.Session:
    """One for all: making it and its first client reads megabytes of service models."""
    # The local cloud checks no credentials, but boto3 signs: never with the user's real ones.
    return boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=region)


def _config(s3: dict[str, str] | None = None) -> Config:
    return Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"total_max_attempts": 3, "mode": "standard"},
        s3=s3,  # type: ignore[arg-type]
    )
