"""Function URLs of real functions, called as curl, browsers and signing clients call them."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from lambda_under_test import FunctionCloud

PAGE = "https://page.example"


def create_url(cloud: FunctionCloud, auth_type: str, **members: Any) -> str:
    """The URL of a new function, open to all where it is not for signed requests."""
    name = cloud.create_function()
    functions = cloud.client("lambda")
    url = functions.create_function_url_config(FunctionName=name, AuthType=auth_type, **members)
    if auth_type == "NONE":
        functions.add_permission(
            FunctionName=name,
            StatementId="all",
            Action="lambda:InvokeFunctionUrl",
            Principal="*",
            FunctionUrlAuthType="NONE",
        )
    return str(url["FunctionUrl"])


def call(
    url: str, method: str = "POST", body: bytes | str = b"", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def open_url(function_cloud: FunctionCloud) -> str:
    return create_url(function_cloud, "NONE")


def test_a_request_reaches_the_function_as_an_event(function_cloud: FunctionCloud, open_url: str) -> None:
    assert open_url.startswith(f"{function_cloud.info.url}/lambda-url/")
    status, headers, body = call(open_url + "a/b?c=1", body='{"n": 1}', Content_Type="application/json")
    event = json.loads(body)
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert (event["rawPath"], event["queryStringParameters"], event["body"]) == (
        "/a/b",
        {"c": "1"},
        '{"n": 1}',
    )


def test_the_host_form_reaches_it_too(function_cloud: FunctionCloud, open_url: str) -> None:
    url_id = urlsplit(open_url).path.split("/")[2]
    host = f"{url_id}.lambda-url.ap-northeast-2.localhost:{function_cloud.info.port}"
    status, _, body = call(function_cloud.info.url + "/x", Host=host)
    assert (status, json.loads(body)["rawPath"]) == (200, "/x")


def test_an_open_url_without_a_permission_is_forbidden(function_cloud: FunctionCloud) -> None:
    name = function_cloud.create_function()
    functions = function_cloud.client("lambda")
    url = functions.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
    status, _, body = call(url)
    assert (status, json.loads(body)) == (403, {"Message": "Forbidden"})


@pytest.mark.parametrize(("service", "status"), [("lambda", 200), ("execute-api", 403)])
def test_a_url_with_iam_takes_requests_signed_for_lambda(
    function_cloud: FunctionCloud, service: str, status: int
) -> None:
    url = create_url(function_cloud, "AWS_IAM")
    assert call(url)[0] == 403
    request = AWSRequest("POST", url, data=b'{"a": 1}', headers={"Content-Type": "application/json"})
    SigV4Auth(Credentials("AKIAME", "secret"), service, "ap-northeast-2").add_auth(request)
    found, _, body = call(url, body=b'{"a": 1}', **dict(request.headers.items()))
    assert found == status
    if status == 200:
        identity = json.loads(body)["requestContext"]["authorizer"]["iam"]
        assert identity["accessKey"] == "AKIAME"


def test_only_the_pages_that_a_url_allows_may_call_it(function_cloud: FunctionCloud, open_url: str) -> None:
    assert call(open_url, Origin=PAGE)[0] == 403
    url = create_url(
        function_cloud, "NONE", Cors={"AllowOrigins": [PAGE], "AllowMethods": ["POST"], "AllowHeaders": ["*"]}
    )
    status, headers, _ = call(url, Origin=PAGE)
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, PAGE)
    status, headers, _ = call(
        url,
        "OPTIONS",
        Origin=PAGE,
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="content-type",
    )
    assert (status, headers["Access-Control-Allow-Headers"]) == (200, "content-type")
    assert call(url, Origin="https://other.example")[0] == 403
    assert call(f"{function_cloud.info.url}/_local/status", "GET", Origin=PAGE)[0] == 403
