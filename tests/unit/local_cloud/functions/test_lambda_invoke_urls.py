"""Function URLs: who may call, what the function gets, what the caller gets back."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from invoke_parts import ACCOUNT, REGION, Door, door, failed

from local_cloud.functions.invocation.urls.http_answer import InvalidAnswer, http_answer
from local_cloud.functions.specs import FunctionVersion, InvocationRequest, InvocationResult, Throttled
from local_cloud.sagemaker.api import ControlPlane
from serving_contracts.limits import LAMBDA_PAYLOAD_BYTES

PAGE = "https://page.example"
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIAME/20261124/ap-northeast-2/{service}/aws4_request, "
    f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
)


@pytest.fixture
async def gateway(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Door]:
    async with door(plane, tmp_path) as opened:
        yield opened


def returns(gateway: Door, value: Any) -> None:
    """The function returns ``value``, or fails as it says."""

    async def behave(_: FunctionVersion, request: InvocationRequest) -> bytes | InvocationResult:
        if isinstance(value, Exception):
            raise value
        return value if isinstance(value, InvocationResult) else json.dumps(value).encode()

    gateway.execution.behave = behave


async def event_of(gateway: Door, path: str, body: bytes = b"", method: str = "POST", **headers: str) -> Any:
    """What the function gets for a request to its URL's ``path``."""
    url = gateway.control.add_url()
    status, _, answer = await gateway.call(url.rstrip("/") + path, body, method, **headers)
    assert status == 200
    return json.loads(answer)


async def test_a_request_becomes_an_event_of_format_2(gateway: Door) -> None:
    event = await event_of(
        gateway,
        "/my/p%C3%A4th?a=1&a=2&b=%20x&c",
        b'{"n": 1}',
        Content_Type="application/json; charset=utf-8",
        User_Agent="tester",
        X_Own="Value",
        Cookie="one=1; two=2",
    )
    context = event.pop("requestContext")
    headers = event.pop("headers")
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/my/p%C3%A4th",
        "rawQueryString": "a=1&a=2&b=%20x&c",
        "cookies": ["one=1", "two=2"],
        "queryStringParameters": {"a": "1,2", "b": " x", "c": ""},
        "body": '{"n": 1}',
        "isBase64Encoded": False,
    }
    assert (
        headers.items()
        >= {
            "content-type": "application/json; charset=utf-8",
            "x-own": "Value",
            "x-forwarded-proto": "http",
            "x-forwarded-for": "127.0.0.1",
        }.items()
    )
    assert "cookie" not in headers
    assert all(name == name.lower() for name in headers)
    [request] = gateway.execution.requests
    assert context.pop("time").endswith(" +0000")
    assert isinstance(context.pop("timeEpoch"), int)
    assert context == {
        "accountId": "anonymous",
        "apiId": "abc123",
        "domainName": f"abc123.lambda-url.{REGION}.localhost",
        "domainPrefix": "abc123",
        "http": {
            "method": "POST",
            "path": "/my/p%C3%A4th",
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": "tester",
        },
        "requestId": request.request_id,
        "routeKey": "$default",
        "stage": "$default",
    }


async def test_a_request_without_anything_has_no_body_and_no_parameters(gateway: Door) -> None:
    event = await event_of(gateway, "", method="GET")
    assert event["rawPath"] == "/"
    assert event["rawQueryString"] == ""
    assert event["isBase64Encoded"] is False
    assert not {"body", "cookies", "queryStringParameters"} & set(event)


@pytest.mark.parametrize(
    ("content_type", "body", "is_text"),
    [
        ("text/plain", "안녕".encode(), True),
        ("application/json", b"{}", True),
        ("application/vnd.api+json", b"{}", True),
        ("image/svg+xml", b"<svg/>", True),
        ("image/jpeg", b"\xff\xd8\xff", False),
        ("application/octet-stream", b"text", False),
        ("application/x-www-form-urlencoded", b"a=1", False),
        ("application/json", b"\xff{", False),
    ],
)
async def test_a_body_is_text_or_base64_by_its_type(
    gateway: Door, content_type: str, body: bytes, is_text: bool
) -> None:
    event = await event_of(gateway, "/", body, Content_Type=content_type)
    assert event["isBase64Encoded"] is not is_text
    assert (event["body"].encode() if is_text else base64.b64decode(event["body"])) == body


async def test_the_host_form_reaches_the_same_function(gateway: Door) -> None:
    gateway.control.add_url()
    host = f"abc123.lambda-url.{REGION}.localhost:4570"
    status, _, body = await gateway.call("/_local/shutdown?x=1", Host=host)
    assert (status, json.loads(body)["rawPath"]) == (200, "/_local/shutdown")


async def test_a_url_that_is_not_there_is_not_found(gateway: Door) -> None:
    status, _, body = await gateway.call("/lambda-url/absent/")
    assert status == 404
    assert b"absent" in body


async def test_a_bucket_may_be_called_like_the_path_of_function_urls(gateway: Door) -> None:
    signed = SIGNED.format(service="s3")
    status, _, body = await gateway.call("/lambda-url/key", method="PUT", Authorization=signed)
    assert (status, b"function URL" in body) == (500, False)  # the S3 that is not there in this test


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer token",
        "AWS4-HMAC-SHA256 Credential=AKIAME/20261124/ap-northeast-2/lambda/aws4_request",
    ],
    ids=["unsigned", "another scheme", "no signature"],
)
async def test_a_url_with_iam_refuses_who_is_not_signed(gateway: Door, authorization: str) -> None:
    url = gateway.control.add_url(auth_type="AWS_IAM")
    status, fields, body = await gateway.call(url, Authorization=authorization)
    assert (status, json.loads(body)) == (403, {"Message": "Forbidden"})
    assert fields["x-amzn-ErrorType"] == "AccessDeniedException"
    assert gateway.execution.requests == []


async def test_a_url_with_iam_tells_the_function_who_signed(gateway: Door) -> None:
    url = gateway.control.add_url(auth_type="AWS_IAM")
    status, _, body = await gateway.call(url, Authorization=SIGNED.format(service="lambda"))
    event = json.loads(body)
    assert status == 200
    assert event["requestContext"]["accountId"] == ACCOUNT
    assert event["requestContext"]["authorizer"]["iam"]["accessKey"] == "AKIAME"
    assert "authorization" not in event["headers"]


async def test_a_url_may_be_signed_in_its_query(gateway: Door) -> None:
    url = gateway.control.add_url(auth_type="AWS_IAM")
    credential = f"AKIAME%2F20261124%2F{REGION}%2Flambda%2Faws4_request"
    query = f"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Signature={'a' * 64}"
    assert (await gateway.call(url + query, method="GET"))[0] == 200
    other = query.replace("lambda", "s3")
    assert (await gateway.call(url + other, method="GET"))[0] == 403


async def test_an_open_url_needs_a_permission_for_everyone(gateway: Door) -> None:
    url = gateway.control.add_url(public=False)
    status, _, body = await gateway.call(url)
    assert (status, json.loads(body)) == (403, {"Message": "Forbidden"})


@pytest.mark.parametrize(
    ("returned", "status", "content_type", "body"),
    [
        ("Hello", 200, "application/json", b'"Hello"'),
        ({"a": [1]}, 200, "application/json", b'{"a": [1]}'),
        (None, 200, "application/json", b"null"),
        ({"statusCode": 201, "body": "made"}, 201, "application/json", b"made"),
        ({"statusCode": "404", "body": {"a": 1}}, 404, "application/json", b'{"a": 1}'),
        (
            {
                "statusCode": 200,
                "headers": {"content-type": "image/jpeg"},
                "body": "/9j/",
                "isBase64Encoded": True,
            },
            200,
            "image/jpeg",
            b"\xff\xd8\xff",
        ),
        ({"statusCode": 204}, 204, None, b""),
    ],
)
async def test_what_a_function_returns_becomes_an_answer(
    gateway: Door, returned: Any, status: int, content_type: str | None, body: bytes
) -> None:
    returns(gateway, returned)
    found, headers, answer = await gateway.call(gateway.control.add_url())
    assert (found, answer) == (status, body)
    if content_type is not None:
        assert headers["Content-Type"] == content_type


async def test_headers_and_cookies_of_an_answer_are_sent(gateway: Door) -> None:
    returned = {
        "statusCode": 200,
        "headers": {"X-Own": "v", "X-Number": 5, "Content-Length": "999", "Connection": "close"},
        "cookies": ["a=1; Max-Age=5", "b=2"],
        "body": "x",
    }
    returns(gateway, returned)
    _, headers, _ = await gateway.call(gateway.control.add_url())
    assert (headers["X-Own"], headers["X-Number"], headers["Content-Length"]) == ("v", "5", "1")
    assert headers.getall("Set-Cookie") == ["a=1; Max-Age=5", "b=2"]  # type: ignore[attr-defined]
    assert headers["x-amzn-RequestId"] == gateway.execution.requests[0].request_id


INVALID: list[Any] = [
    {"statusCode": "many"},
    {"statusCode": 99},
    {"statusCode": 600},
    {"statusCode": True},
    {"statusCode": 200, "headers": ["a"]},
    {"statusCode": 200, "headers": {"a": {"b": 1}}},
    {"statusCode": 200, "headers": {"a\r\nb": "c"}},
    {"statusCode": 200, "headers": {"a": "b\r\nSet-Cookie: c"}},
    {"statusCode": 200, "headers": {"a": "half \ud83d"}},
    {"statusCode": 200, "cookies": ["half \ud83d"]},
    {"statusCode": 200, "cookies": "a=1"},
    {"statusCode": 200, "cookies": ["a=1\n"]},
    {"statusCode": 200, "body": "no base64!", "isBase64Encoded": True},
]


@pytest.mark.parametrize("returned", INVALID)
async def test_an_answer_that_http_has_not_is_a_bad_gateway(gateway: Door, returned: Any) -> None:
    with pytest.raises(InvalidAnswer):
        http_answer(json.dumps(returned).encode())
    returns(gateway, returned)
    status, _, body = await gateway.call(gateway.control.add_url())
    assert (status, body) == (502, b"Internal Server Error")


async def test_json_that_is_nested_too_deeply_is_a_bad_gateway(gateway: Door) -> None:
    async def behave(_: FunctionVersion, __: InvocationRequest) -> bytes:
        return b"[" * 100_000 + b"]" * 100_000

    gateway.execution.behave = behave
    status, _, body = await gateway.call(gateway.control.add_url())
    assert (status, body) == (502, b"Internal Server Error")


async def test_a_function_that_fails_is_a_bad_gateway_that_tells_nothing(gateway: Door) -> None:
    returns(gateway, failed("a secret"))
    status, headers, body = await gateway.call(gateway.control.add_url())
    assert (status, body) == (502, b"Internal Server Error")
    assert headers["x-amzn-ErrorType"] == "InternalServerErrorException"


async def test_a_throttled_url_says_so(gateway: Door) -> None:
    returns(gateway, Throttled("ReservedFunctionConcurrentInvocationLimitExceeded"))
    status, _, body = await gateway.call(gateway.control.add_url())
    assert status == 429
    assert json.loads(body)["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


@pytest.mark.parametrize(
    ("size", "content_type"),
    [(LAMBDA_PAYLOAD_BYTES + 1, "text/plain"), (5 * 1024 * 1024, "image/jpeg")],
    ids=["too large itself", "too large as base64"],
)
async def test_a_body_that_does_not_fit_an_event_is_refused(
    gateway: Door, size: int, content_type: str
) -> None:
    status, headers, _ = await gateway.call(gateway.control.add_url(), b"x" * size, Content_Type=content_type)
    assert (status, headers["x-amzn-ErrorType"]) == (413, "RequestEntityTooLargeException")
    assert gateway.execution.requests == []


# --- pages of other origins

CORS: Mapping[str, Any] = {
    "AllowOrigins": [PAGE],
    "AllowMethods": ["POST"],
    "AllowHeaders": ["X-Own"],
    "ExposeHeaders": ["X-Answer"],
    "MaxAge": 60,
}


def cors_of(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name.lower().removeprefix("access-control-"): value
        for name, value in headers.items()
        if name.lower().startswith("access-control-")
    }


@pytest.mark.parametrize("cors", [None, {**CORS, "AllowOrigins": ["https://other.example"]}])
async def test_a_page_that_the_url_does_not_allow_reaches_no_function(gateway: Door, cors: Any) -> None:
    status, headers, _ = await gateway.call(gateway.control.add_url(cors=cors), Origin=PAGE)
    assert status == 403
    assert cors_of(headers) == {}
    assert gateway.execution.requests == []


async def test_an_allowed_page_reaches_the_url_and_may_read_the_answer(gateway: Door) -> None:
    returned = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "https://its.own"}, "body": ""}
    returns(gateway, returned)
    status, headers, _ = await gateway.call(gateway.control.add_url(cors=CORS), Origin=PAGE)
    assert status == 200
    assert cors_of(headers) == {"allow-origin": PAGE, "expose-headers": "X-Answer"}


async def test_an_allowed_page_reaches_nothing_but_that_url(gateway: Door) -> None:
    gateway.control.add_url(cors=CORS)
    gateway.control.add_url("other", cors=None)
    for path in ("/_local/status", "/2015-03-31/functions/echo/invocations", "/lambda-url/other/", "/"):
        assert (await gateway.call(path, Origin=PAGE))[0] == 403
    assert (await gateway.call("/lambda-url/abc123/../../_local/shutdown", Origin=PAGE))[0] == 403
    assert gateway.execution.requests == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/lambda-url/abc123/", "/2015-03-31/functions/", "/_local/status"])
async def test_a_link_on_a_page_reaches_nothing(gateway: Door, path: str, site: str) -> None:
    """A browser sends no Origin with it."""
    gateway.control.add_url(cors={"AllowOrigins": [PAGE]})
    status, _, body = await gateway.call(path, method="GET", Sec_Fetch_Site=site, Referer=f"{PAGE}/x")
    assert (status, gateway.execution.requests, gateway.control.handled) == (403, [], [])
    assert b"does not answer web pages" in body


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "cross-site", "Referer": "http://localhost:3000/page"},
    ],
)
async def test_an_address_that_is_typed_or_linked_on_this_machine_is_answered(
    gateway: Door, headers: dict[str, str]
) -> None:
    status, _, _ = await gateway.call(gateway.control.add_url(), method="GET", **headers)
    assert status == 200


async def test_a_foreign_host_stays_refused_whatever_a_url_allows(gateway: Door) -> None:
    url = gateway.control.add_url(cors={**CORS, "AllowOrigins": ["*"]})
    assert (await gateway.call(url, Host="rebound.example", Origin=PAGE))[0] == 403
    assert gateway.execution.requests == []


async def test_a_preflight_is_answered_without_the_function(gateway: Door) -> None:
    url = gateway.control.add_url(cors=CORS, auth_type="AWS_IAM")
    status, headers, body = await gateway.call(
        url,
        method="OPTIONS",
        Origin=PAGE,
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="x-own, x-other",
        Access_Control_Request_Private_Network="true",
    )
    assert (status, body) == (200, b"")
    assert cors_of(headers) == {
        "allow-origin": PAGE,
        "allow-methods": "POST",
        "allow-headers": "x-own",
        "expose-headers": "X-Answer",
        "max-age": "60",
        "allow-private-network": "true",
    }
    assert gateway.execution.requests == []


async def test_a_preflight_for_a_method_that_is_not_allowed_names_none(gateway: Door) -> None:
    _, headers, _ = await gateway.call(
        gateway.control.add_url(cors=CORS),
        method="OPTIONS",
        Origin=PAGE,
        Access_Control_Request_Method="DELETE",
    )
    assert "allow-methods" not in cors_of(headers)


@pytest.mark.parametrize(("credentials", "allowed"), [(False, "*"), (True, PAGE)])
async def test_every_origin_is_an_asterisk_unless_credentials_are_allowed(
    gateway: Door, credentials: bool, allowed: str
) -> None:
    cors = {"AllowOrigins": ["*"], "AllowCredentials": credentials}
    _, headers, _ = await gateway.call(gateway.control.add_url(cors=cors), Origin=PAGE)
    assert headers["Access-Control-Allow-Origin"] == allowed
    assert ("Access-Control-Allow-Credentials" in headers) is credentials


async def test_pages_of_this_machine_need_no_leave(gateway: Door) -> None:
    status, headers, _ = await gateway.call(gateway.control.add_url(), Origin="http://localhost:3000")
    assert status == 200
    assert cors_of(headers) == {}
