"""Pages of Lambda's List operations."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from local_cloud.functions.control.errors import invalid_parameter
from serving_contracts.limits import LAMBDA_PAGE_ITEMS

_Item = TypeVar("_Item")


def page_of(
    items: Iterable[_Item], request: Mapping[str, Any], key: Callable[[_Item], str | int]
) -> tuple[list[_Item], dict[str, str]]:
    """One page in the order of ``key``, and ``{"NextMarker": …}`` or nothing after the last.

    Raises AwsError for a Marker that is not one of ours.
    """
    chosen = sorted(items, key=key)
    marker = request.get("Marker")
    if marker:
        last = _open(marker)
        chosen = [item for item in chosen if isinstance(last, type(key(item))) and key(item) > last]  # type: ignore[operator]
    size = min(request.get("MaxItems", LAMBDA_PAGE_ITEMS), LAMBDA_PAGE_ITEMS)
    page = chosen[:size]
    if len(chosen) <= size:
        return page, {}
    return page, {"NextMarker": base64.urlsafe_b64encode(json.dumps(key(page[-1])).encode()).decode()}


def _open(marker: str) -> str | int:
    try:
        last = json.loads(base64.urlsafe_b64decode(marker.encode()))
    except ValueError:
        last = None
    if not isinstance(last, (str, int)):
        raise invalid_parameter("Invalid Marker: pass on the NextMarker of the previous answer.")
    return last
