"""List operations: filters, order and pages, the same for models, endpoint configurations and endpoints."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from local_cloud.sagemaker.errors import validation_exception

DEFAULT_PAGE: Final = 10
"""Items of a page when MaxResults is not given (SageMaker API reference, ListEndpoints)."""


def page_of(
    summaries: Iterable[Mapping[str, Any]], request: Mapping[str, Any], *, name_member: str
) -> tuple[list[dict[str, Any]], str | None]:
    """One page of ``summaries`` under the filters of a List request.

    Args:
        summaries: items with ``name_member``, ``CreationTime`` (epoch seconds) and for endpoints
            ``LastModifiedTime`` and ``EndpointStatus``.
        request: a validated List request.
        name_member: the member that names an item, such as ``EndpointName``.

    Returns:
        The items of the page and the NextToken, None after the last page.
    """
    chosen = [dict(item) for item in summaries if _wanted(item, request, name_member)]
    sort_by = request.get("SortBy", "CreationTime")
    member = {"Name": name_member, "Status": "EndpointStatus"}.get(sort_by, sort_by)
    descending = request.get("SortOrder", "Descending") == "Descending"

    def key(item: Mapping[str, Any]) -> tuple[Any, str]:
        return item[member], item[name_member]

    chosen.sort(key=key, reverse=descending)
    token = request.get("NextToken")
    if token is not None:
        last = _open_token(token, member)
        chosen = [item for item in chosen if (key(item) < last if descending else key(item) > last)]
    limit = request.get("MaxResults", DEFAULT_PAGE)
    page = chosen[:limit]
    return page, _make_token(member, key(page[-1])) if len(chosen) > limit else None


def _wanted(item: Mapping[str, Any], request: Mapping[str, Any], name_member: str) -> bool:
    contains = request.get("NameContains")
    if contains is not None and contains.lower() not in item[name_member].lower():
        return False
    status = request.get("StatusEquals")
    if status is not None and item["EndpointStatus"] != status:
        return False
    for filter_name, member, after in (
        ("CreationTimeAfter", "CreationTime", True),
        ("CreationTimeBefore", "CreationTime", False),
        ("LastModifiedTimeAfter", "LastModifiedTime", True),
        ("LastModifiedTimeBefore", "LastModifiedTime", False),
    ):
        bound = request.get(filter_name)
        if bound is not None:
            seconds = _seconds(bound)
            if not (item[member] > seconds if after else item[member] < seconds):
                return False
    return True


def _seconds(moment: float | str) -> float:
    if isinstance(moment, str):
        parsed = datetime.fromisoformat(moment)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    return moment


def _make_token(member: str, last: tuple[Any, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps([member, *last]).encode()).decode()


def _open_token(token: str, member: str) -> tuple[Any, str]:
    try:
        made_for, value, name = json.loads(base64.urlsafe_b64decode(token.encode()))
        sound = isinstance(name, str) and isinstance(value, float if made_for.endswith("Time") else str)
    except (ValueError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise validation_exception("Invalid NextToken: pass on the NextToken of the previous answer.")
    if made_for != member:
        raise validation_exception("Invalid NextToken: it belongs to a request with another SortBy.")
    return value, name
