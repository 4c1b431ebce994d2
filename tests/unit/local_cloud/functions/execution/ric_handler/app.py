"""A handler as functions have it, run by AWS's own runtime interface client."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

if os.environ.get("BREAK"):
    raise ValueError("the weights are missing")


def handler(event: dict[str, Any], context: Any) -> Any:
    logging.getLogger().warning("said %s", event.get("do"))
    do = event.get("do")
    if do == "raise":
        raise KeyError("image")
    if do == "not-json":
        return {1, 2, 3}
    if do == "large":
        return "x" * 7_000_000
    if do == "exit":
        sys.exit(3)
    return {
        "event": event,
        "function": context.function_name,
        "left_ms": context.get_remaining_time_in_millis(),
        "memory": context.memory_limit_in_mb,
        "client": getattr(context.client_context, "custom", None),
    }
