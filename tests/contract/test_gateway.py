"""The gateway: who may call it, and what passes through it unchanged."""

from __future__ import annotations

import http.client
import json
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from cloud_under_test import Cloud, unique

REGION = {"LocationConstraint": "ap-northeast-2"}
ODD_KEY = "models/한글 a+b%20&=?#/..x/model.tar.gz"


def send(cloud: Cloud, method: str, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", cloud.info.port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "", "evil-localhost"],
)
def test_a_host_that_is_not_this_machine_is_refused(cloud: Cloud, host: str) -> None:
    status, _, body = send(cloud, "GET", "/_local/status", Host=host)
    assert status == 403
    assert b"is refused" in body


@pytest.mark.parametrize(
    "host", ["127.0.0.1:1", "localhost", "LOCALHOST:80", "bucket.localhost:4570", "[::1]:4570"]
)
def test_this_machines_names_are_answered(cloud: Cloud, host: str) -> None:
    assert send(cloud, "GET", "/_local/status", Host=host)[0] == 200


def test_a_web_page_is_refused_and_gets_no_leave_to_read(cloud: Cloud) -> None:
    status, headers, _ = send(cloud, "POST", "/endpoints/e/invocations", Origin="https://evil.example")
    assert status == 403
    assert headers["Access-Control-Allow-Origin"] is None
    assert send(cloud, "GET", "/")[1]["Access-Control-Allow-Origin"] is None


def test_the_cloud_cannot_be_stopped_without_its_header(cloud: Cloud) -> None:
    assert send(cloud, "POST", "/_local/shutdown")[0] == 403
    assert send(cloud, "GET", "/_local/status")[0] == 200


def test_an_unknown_local_route_says_what_there_is(cloud: Cloud) -> None:
    status, _, body = send(cloud, "GET", "/_local/nothing")
    assert status == 404
    assert b"GET /_local/status" in body


def test_every_answer_carries_a_request_id(cloud: Cloud) -> None:
    for service, operation in (
        ("sagemaker", "list_models"),
        ("s3", "list_buckets"),
        ("sts", "get_caller_identity"),
    ):
        answer = getattr(cloud.client(service), operation)()
        assert answer["ResponseMetadata"]["RequestId"]


def test_the_status_shows_every_process(cloud: Cloud, direct_endpoint: str) -> None:
    _, _, body = send(cloud, "GET", "/_local/status")
    state = json.loads(body)
    assert (state["pid"], state["url"]) == (cloud.info.pid, cloud.info.url)
    [endpoint] = [entry for entry in state["endpoints"] if entry["name"] == direct_endpoint]
    [variant] = endpoint["variants"]
    [instance] = variant["instances"]
    assert {container["name"] for container in instance["containers"]} == {"first", "second"}
    assert all(container["pid"] and container["status"] == "Healthy" for container in instance["containers"])


@pytest.mark.parametrize("lines", ["0", "-1", "many", "10001"])
def test_a_senseless_number_of_log_lines_is_refused(cloud: Cloud, lines: str) -> None:
    status, _, body = send(cloud, "GET", f"/_local/logs?endpoint=e&lines={lines}")
    assert status == 400
    assert b"lines" in body


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_objects_of_any_name_and_size_pass_through(cloud: Cloud, tmp_path: Path, name: str) -> None:
    s3 = cloud.client("s3", endpoint_url=f"http://{name}:{cloud.info.port}")
    bucket = unique("bucket")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=REGION)
    content = bytes(index % 253 for index in range(20_000_000))
    file = tmp_path / "archive"
    file.write_bytes(content)
    s3.upload_file(str(file), bucket, ODD_KEY)  # multipart, with checksums in trailers
    assert s3.head_object(Bucket=bucket, Key=ODD_KEY)["ContentLength"] == len(content)
    assert s3.get_object(Bucket=bucket, Key=ODD_KEY)["Body"].read() == content
    part = s3.get_object(Bucket=bucket, Key=ODD_KEY, Range="bytes=10-19")
    assert part["Body"].read() == content[10:20]
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": ODD_KEY})
    with urllib.request.urlopen(url, timeout=20) as response:
        assert len(response.read()) == len(content)
    with pytest.raises(ClientError) as absent:
        s3.head_object(Bucket=bucket, Key="absent")
    assert absent.value.response["Error"]["Code"] == "404"


def test_a_bucket_can_be_named_in_the_host(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    bucket = unique("bucket")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=REGION)
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"content")
    virtual = cloud.client(
        "s3", endpoint_url=f"http://localhost:{cloud.info.port}", s3={"addressing_style": "virtual"}
    )
    url = urlsplit(virtual.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a/b"}))
    assert url.netloc == f"{bucket}.localhost:{cloud.info.port}"
    status, _, body = send(cloud, "GET", f"{url.path}?{url.query}", Host=url.netloc)
    assert (status, body) == (200, b"content")


def test_urls_that_services_make_lead_back_to_the_gateway(cloud: Cloud) -> None:
    url = cloud.client("sqs").create_queue(QueueName=unique("queue"))["QueueUrl"]
    assert f":{cloud.info.port}/" in url
    sqs = cloud.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="안녕")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "안녕"


@pytest.mark.parametrize(
    ("service", "operation", "request_", "name"),
    [
        ("ssm", "create_ops_item", {"Title": "t", "Source": "s", "Description": "d"}, "CreateOpsItem"),
        ("iam", "generate_organizations_access_report", {"EntityPath": "o-aaaaaaaaaa/r-aaaa"}, "GenerateOrg"),
        (
            "cloudwatch",
            "put_anomaly_detector",
            {"Namespace": "n", "MetricName": "m", "Stat": "Average"},
            "PutAnomalyDetector",
        ),
        ("lambda", "list_code_signing_configs", {}, "ListCodeSigningConfigs"),
    ],
)
def test_an_action_that_no_service_offers_is_refused_at_once_and_named(
    cloud: Cloud, service: str, operation: str, request_: dict[str, Any], name: str
) -> None:
    with pytest.raises(ClientError) as refusal:
        getattr(cloud.client(service), operation)(**request_)
    error = refusal.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert error["Error"]["Code"] in ("UnknownOperationException", "InvalidAction")
    assert name in error["Error"]["Message"]


def test_moto_answers_nobody_but_the_gateway(cloud: Cloud) -> None:
    """moto listens on a port of its own; without the gateway's secret it answers nothing."""
    ports = _listening_ports(cloud.info.pid) - {cloud.info.port}
    assert ports
    for port in ports:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        assert connection.getresponse().status == 403
        connection.close()


def _listening_ports(pid: int) -> set[int]:
    links = Path(f"/proc/{pid}/fd")
    if not links.is_dir():
        pytest.skip("needs /proc to see the sockets of a process")
    inodes = {str(link.readlink()).removeprefix("socket:[").rstrip("]") for link in links.iterdir()}
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    fields = [line.split() for line in lines]
    return {int(field[1].split(":")[1], 16) for field in fields if field[3] == "0A" and field[9] in inodes}
