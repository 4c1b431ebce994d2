"""What an operation of the control plane is: a checked request in, the members of the answer out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Request = Mapping[str, Any]
Answer = dict[str, Any]
Handler = Callable[[Request], Awaitable[Answer]]
