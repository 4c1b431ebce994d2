"""What the local cloud can be told, from the command line or the environment, in one object."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ACCOUNT: Final = "123456789012"
"""The account that every local resource belongs to; the one moto uses too."""

DEFAULT_REGION: Final = "ap-northeast-2"
DEFAULT_PORT: Final = 4570
HOST: Final = "127.0.0.1"
"""The only address the local cloud ever listens on: it checks no credentials, so no other machine may reach
it."""

DEFAULT_STATE_DIR: Final = Path(".local")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


class InvalidSettings(ValueError):
    """A setting cannot be used; the message names it and says what to give instead."""


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """Everything that one local cloud process is started with.

    Attributes:
        port: TCP port on 127.0.0.1; 0 lets the system choose a free one.
        directory: the private state of this cloud (``cloud.json``, ``cloud.log``, ``instances/``,
            ``objects/``).
        images: the image store shared by every local cloud of this checkout.
        time_scale: how many times faster waiting constants pass, see :mod:`local_cloud.clock`.
        region: the AWS region that the resources claim to be in.
    """

    port: int = DEFAULT_PORT
    directory: Path = field(default=DEFAULT_STATE_DIR / "cloud")
    images: Path = field(default=DEFAULT_STATE_DIR / "images")
    time_scale: float = 1.0
    region: str = DEFAULT_REGION
    account: str = ACCOUNT
    log_level: str = "INFO"

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise InvalidSettings(f"port {self.port} is not a TCP port: give 0 (any free port) to 65535")
        if not 0 < self.time_scale < math.inf:
            raise InvalidSettings(
                f"time scale {self.time_scale} must be a number greater than 0; 1 is real time"
            )
        if not _REGION.fullmatch(self.region):
            raise InvalidSettings(
                f"region {self.region!r} is not an AWS region name such as {DEFAULT_REGION}"
            )


def state_dir() -> Path:
    """The folder of all local state: ``SERVING_LOCAL_DIR``, else ``.local`` in the working directory."""
    return Path(os.environ.get("SERVING_LOCAL_DIR") or DEFAULT_STATE_DIR)


def default_time_scale(otherwise: float = 1.0) -> float:
    """How many times faster waiting constants pass: ``SERVING_LOCAL_TIME_SCALE``, else what is given.

    Raises:
        InvalidSettings: the variable is not a number greater than 0.
    """
    text = os.environ.get("SERVING_LOCAL_TIME_SCALE")
    if not text:
        return otherwise
    try:
        scale = float(text)
    except ValueError:
        scale = math.nan
    if not 0 < scale < math.inf:
        raise InvalidSettings(
            f"SERVING_LOCAL_TIME_SCALE={text!r} is not a time scale: give a number greater than 0, such as "
            "60 (minutes pass as seconds)"
        )
    return scale


def default_port() -> int:
    """The gateway's port: ``SERVING_LOCAL_PORT``, else 4570.

    Raises:
        InvalidSettings: the variable is not a port number.
    """
    text = os.environ.get("SERVING_LOCAL_PORT")
    if not text:
        return DEFAULT_PORT
    if not text.isdecimal() or not 0 < int(text) <= 65535:
        raise InvalidSettings(f"SERVING_LOCAL_PORT={text!r} is not a TCP port: give a number from 1 to 65535")
    return int(text)
