"""Putting functions and properties of ours into moto's classes and modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def patch(owner: Any, *functions: Callable[..., Any], **named: Any) -> None:
    """Each function becomes a member of ``owner`` under its own name; everything else under the keyword's."""
    for function in functions:
        setattr(owner, function.__name__, function)
    for name, member in named.items():
        setattr(owner, name, member)
