"""List operations: filters, order and pages."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.sagemaker.errors import AwsError
from local_cloud.sagemaker.listing import page_of

ENDPOINTS = [
    {
        "EndpointName": name,
        "CreationTime": created,
        "LastModifiedTime": created + 100,
        "EndpointStatus": status,
    }
    for name, created, status in (
        ("alpha", 10.0, "InService"),
        ("beta", 30.0, "Failed"),
        ("gamma", 20.0, "InService"),
        ("Delta", 20.0, "Creating"),
    )
]


def names(**request: Any) -> list[str]:
    page, _ = page_of(ENDPOINTS, request, name_member="EndpointName")
    return [item["EndpointName"] for item in page]


def test_the_newest_comes_first_unless_asked_otherwise() -> None:
    assert names() == ["beta", "gamma", "Delta", "alpha"]
    assert names(SortOrder="Ascending") == ["alpha", "Delta", "gamma", "beta"]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"SortBy": "Name", "SortOrder": "Ascending"}, ["Delta", "alpha", "beta", "gamma"]),
        ({"SortBy": "Status", "SortOrder": "Ascending"}, ["Delta", "beta", "alpha", "gamma"]),
        ({"StatusEquals": "InService"}, ["gamma", "alpha"]),
        ({"NameContains": "ta"}, ["beta", "Delta"]),
        ({"CreationTimeAfter": 10.0}, ["beta", "gamma", "Delta"]),
        ({"CreationTimeBefore": 30.0}, ["gamma", "Delta", "alpha"]),
        ({"LastModifiedTimeAfter": 110.0, "LastModifiedTimeBefore": 130.0}, ["gamma", "Delta"]),
        ({"CreationTimeAfter": "1970-01-01T00:00:25"}, ["beta"]),
        ({"StatusEquals": "Deleting"}, []),
    ],
)
def test_filters_and_orders(request_: dict[str, Any], expected: list[str]) -> None:
    assert names(**request_) == expected


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("order", ["Ascending", "Descending"])
def test_pages_together_hold_everything_once(size: int, order: str) -> None:
    seen: list[str] = []
    request: dict[str, Any] = {"MaxResults": size, "SortOrder": order}
    for _ in range(10):
        page, token = page_of(ENDPOINTS, request, name_member="EndpointName")
        seen += [item["EndpointName"] for item in page]
        if token is None:
            break
        request["NextToken"] = token
    assert seen == names(SortOrder=order)


def test_an_item_deleted_between_pages_skips_no_other() -> None:
    page, token = page_of(ENDPOINTS, {"MaxResults": 2}, name_member="EndpointName")
    left = [item for item in ENDPOINTS if item["EndpointName"] != page[1]["EndpointName"]]
    rest, _ = page_of(left, {"MaxResults": 2, "NextToken": token}, name_member="EndpointName")
    assert [item["EndpointName"] for item in rest] == ["Delta", "alpha"]


@pytest.mark.parametrize("token", ["nonsense", "e30=", "MTI=", "WyJDcmVhdGlvblRpbWUiLCAieCIsICJuIl0="])
def test_a_token_that_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(AwsError, match="Invalid NextToken"):
        page_of(ENDPOINTS, {"NextToken": token}, name_member="EndpointName")


def test_a_token_of_another_order_is_refused() -> None:
    _, token = page_of(ENDPOINTS, {"MaxResults": 1}, name_member="EndpointName")
    with pytest.raises(AwsError, match="another SortBy"):
        page_of(ENDPOINTS, {"NextToken": token, "SortBy": "Name"}, name_member="EndpointName")
