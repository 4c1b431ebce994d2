"""``python -m local_cloud``: one local cloud, until SIGTERM, SIGINT or ``/_local/shutdown`` ends it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from local_cloud.settings import (
    DEFAULT_REGION,
    HOST,
    CloudSettings,
    InvalidSettings,
    default_port,
    default_time_scale,
    state_dir,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 stopped as told, 1 could not start, 2 told nonsense."""
    try:
        settings = _settings(arguments)
    except InvalidSettings as error:
        print(f"local_cloud: {error}", file=sys.stderr)
        return 2
    _isolate()
    logging.basicConfig(
        level=settings.log_level,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    logging.getLogger("botocore").setLevel(logging.WARNING)
    return asyncio.run(_serve(settings))


async def _serve(settings: CloudSettings) -> int:
    # Imported here so that --help and faulty settings answer at once.
    from local_cloud.cloud import AlreadyRunning, LocalCloud

    cloud = LocalCloud(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, cloud.stopping.set)
    try:
        info = await cloud.start()
    except AlreadyRunning as error:
        print(f"local_cloud: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"local_cloud: cannot listen on {HOST}:{settings.port}: {error.strerror or error}. "
            "Stop what uses the port, or choose another with --port or SERVING_LOCAL_PORT.",
            file=sys.stderr,
        )
        return 1
    print(
        f"The local cloud answers at {info.url} "
        "(for development and tests: loopback only, no credentials checked).",
        file=sys.stderr,
    )
    try:
        await cloud.stopping.wait()
    finally:
        await cloud.stop()
    return 0


def _isolate() -> None:
    """Forgets the caller's AWS settings and keeps loopback off proxies: this process must never call the real
    AWS, nor send what it says to itself through anyone else."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), HOST, "localhost"]))


def _settings(arguments: Sequence[str] | None) -> CloudSettings:
    parser = argparse.ArgumentParser(prog="python -m local_cloud", description=__doc__)
    parser.add_argument(
        "--port",
        type=int,
        default=None,
        help="TCP port on 127.0.0.1; 0: any free one (default: SERVING_LOCAL_PORT or 4570)",
    )
    parser.add_argument(
        "--dir", type=Path, default=None, help="this cloud's private state (default: .local/cloud)"
    )
    parser.add_argument("--images", type=Path, default=None, help="the image store (default: .local/images)")
    parser.add_argument(
        "--time-scale",
        type=float,
        default=None,
        help="how many times faster waiting constants pass (default: SERVING_LOCAL_TIME_SCALE or 1)",
    )
    parser.add_argument(
        "--region",
        default=DEFAULT_REGION,
        help=f"the region resources claim to be in (default: {DEFAULT_REGION})",
    )
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    given = parser.parse_args(arguments)
    return CloudSettings(
        port=default_port() if given.port is None else given.port,
        directory=given.dir or state_dir() / "cloud",
        images=given.images or state_dir() / "images",
        time_scale=default_time_scale() if given.time_scale is None else given.time_scale,
        region=given.region,
        log_level=given.log_level,
    )


if __name__ == "__main__":
    sys.exit(main())
