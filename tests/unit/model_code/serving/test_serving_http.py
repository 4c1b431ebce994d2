"""What callers get from a running server: answers in every format, errors that say what was wrong."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from serving_processes import OBEDIENT, ServerProcess, write_model

JSON = "application/json"
LINES = "application/jsonlines"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    model = write_model(tmp_path_factory.mktemp("model"), OBEDIENT)
    with ServerProcess(model, SERVING_MAX_QUEUE="100", SERVING_MAX_BODY_BYTES="2000000") as running:
        yield running


def error_of(answer: tuple[int, dict[str, str], bytes]) -> dict[str, Any]:
    """The error of an answer, with its status as ``status``."""
    status, headers, body = answer
    assert headers["content-type"] == JSON
    return {"status": status, **json.loads(body)["error"]}


def test_ping_answers_200_once_the_model_is_loaded(server: ServerProcess) -> None:
    assert server.request("GET", "/ping")[0] == 200


def test_one_object_gets_one_object(server: ServerProcess) -> None:
    status, headers, body = server.invoke('{"text": "좋아요"}'.encode())
    assert (status, headers["content-type"]) == (200, JSON)
    assert json.loads(body) == {"predicted_label": "Pos", "score": 0.03}


def test_an_array_gets_an_array_in_order(server: ServerProcess) -> None:
    texts = ["a" * length for length in (70, 1, 40, 3)]
    _, _, body = server.invoke(json.dumps([{"text": text} for text in texts]).encode())
    assert [answer["score"] for answer in json.loads(body)] == [0.7, 0.01, 0.4, 0.03]


def test_an_array_of_one_gets_an_array(server: ServerProcess) -> None:
    assert isinstance(json.loads(server.invoke(b'[{"text": "a"}]')[2]), list)


@pytest.mark.parametrize(
    "content_type", [LINES, "application/jsonl", "application/x-jsonlines; charset=utf-8"]
)
def test_a_request_a_line_gets_an_answer_a_line(server: ServerProcess, content_type: str) -> None:
    status, headers, body = server.invoke(b'{"text": "a"}\r\n\r\n{"text": ["bb"]}', content_type)
    assert (status, headers["content-type"]) == (200, LINES)
    assert [json.loads(line)["score"] for line in body.splitlines()] == [0.01, 0.02]
    assert body.endswith(b"\n")


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/jsonlines", LINES),
        ("text/html, application/jsonlines;q=0.9, application/json;q=0.5", LINES),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
    ],
)
def test_accept_chooses_the_form_of_the_answer(server: ServerProcess, accept: str, content_type: str) -> None:
    status, headers, _ = server.invoke(b'{"text": "a"}', JSON, accept)
    assert (status, headers["content-type"]) == (200, content_type)


def test_a_body_without_content_type_is_taken_as_json(server: ServerProcess) -> None:
    assert server.invoke(b'{"text": "a"}', content_type=None)[0] == 200


def test_a_byte_order_mark_is_passed_over(server: ServerProcess) -> None:
    assert server.invoke(b'\xef\xbb\xbf{"text": "a"}')[0] == 200


def test_npy_goes_in_and_out(server: ServerProcess) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array(["가", "나다"]), allow_pickle=False)
    status, headers, body = server.invoke(buffer.getvalue(), "application/x-npy")
    assert (status, headers["content-type"]) == (200, "application/x-npy")
    table = np.load(io.BytesIO(body), allow_pickle=False)
    assert table["score"].tolist() == [0.01, 0.02]
    assert table["predicted_label"].tolist() == ["Pos", "Pos"]


def test_npy_with_pickled_objects_is_refused(server: ServerProcess) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    error = error_of(server.invoke(buffer.getvalue(), "application/x-npy"))
    assert (error["status"], error["code"]) == (400, "InvalidInput")


@pytest.mark.parametrize("body", [b"\x93NUMPY", b"no array", b"\x93NUMPY\x01\x00\x05\x00{'a'"])
def test_a_broken_npy_is_refused(server: ServerProcess, body: bytes) -> None:
    error = error_of(server.invoke(body, "application/x-npy"))
    assert (error["status"], error["code"]) == (400, "InvalidInput")
    assert "npy" in error["message"]


def test_an_npy_of_numbers_is_refused_and_shows_what_it_was(server: ServerProcess) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((2, 3)))
    assert (
        "float64 of shape (2, 3)"
        in error_of(server.invoke(buffer.getvalue(), "application/x-npy"))["message"]
    )


@pytest.mark.parametrize(
    ("body", "content_type", "expected", "words"),
    [
        pytest.param(
            b'{"text": "\xb0\xa1"}', JSON, {"code": "InvalidInput"}, "UTF-8: byte 0xb0", id="EUC-KR"
        ),
        pytest.param(b'{"text": ', JSON, {"code": "InvalidInput"}, "not valid JSON", id="cut off"),
        pytest.param(b'{"text": NaN}', JSON, {"code": "InvalidInput"}, "not valid JSON", id="NaN"),
        pytest.param(b"[" * 100_000, JSON, {"code": "InvalidInput"}, "not valid JSON", id="deep nesting"),
        pytest.param(b'"text"', JSON, {"code": "InvalidInput"}, "an object", id="a string"),
        pytest.param(b"{}", JSON, {"field": "text"}, "missing", id="a missing field"),
        pytest.param(b'{"text": 7}', JSON, {"field": "text"}, "string", id="a wrong type"),
        pytest.param(
            b'{"text": "a", "lang": 1}', JSON, {"field": "lang"}, "not a field", id="an unknown field"
        ),
        pytest.param(
            b'[{"text": "a"}, {"text": 7}]', JSON, {"field": "[1].text"}, "string", id="in an array"
        ),
        pytest.param(
            b'{"text": "a"}\n\n{"text": 7}', LINES, {"field": "text", "line": 3}, "string", id="line 3"
        ),
        pytest.param(b'{"text": "a"}\n{"te', LINES, {"line": 2}, "not valid JSON", id="a broken line"),
        pytest.param(
            b'{"text": "refuse"}', JSON, {"field": "text"}, "refused by the model", id="by the model"
        ),
        pytest.param(b"[]", JSON, {"code": "EmptyBatch"}, "no request", id="an empty array"),
        pytest.param(b"", JSON, {"code": "EmptyBatch"}, "empty", id="an empty body"),
        pytest.param(b"\n \n", LINES, {"code": "EmptyBatch"}, "no request", id="blank lines"),
        pytest.param(
            json.dumps({"text": "a" * 1_000_000}).encode(),
            JSON,
            {"field": "text"},
            "100,000",
            id="a long text",
        ),
    ],
)
def test_bad_input_gets_400_and_names_the_place(
    server: ServerProcess, body: bytes, content_type: str, expected: dict[str, Any], words: str
) -> None:
    error = error_of(server.invoke(body, content_type))
    assert error["status"] == 400
    assert {**error, **expected} == error
    assert words in error["message"]
    assert server.ask("the next request is answered")[0] == 200


@pytest.mark.parametrize(
    "content_type", ["application/xml", "application/x-www-form-urlencoded", "nonsense", ";"]
)
def test_an_unknown_content_type_gets_415_and_hears_what_is_known(
    server: ServerProcess, content_type: str
) -> None:
    error = error_of(server.invoke(b'{"text": "a"}', content_type))
    assert (error["status"], error["code"], error["field"]) == (415, "UnsupportedMediaType", "Content-Type")
    assert "application/jsonlines" in error["hint"]


def test_a_charset_other_than_utf_8_gets_415(server: ServerProcess) -> None:
    error = error_of(server.invoke(b'{"text": "a"}', "application/json; charset=euc-kr"))
    assert (error["status"], error["code"]) == (415, "UnsupportedMediaType")
    assert "euc-kr" in error["message"]


def test_an_answer_that_nobody_can_give_gets_406(server: ServerProcess) -> None:
    error = error_of(server.invoke(b'{"text": "a"}', JSON, "image/png"))
    assert (error["status"], error["code"], error["field"]) == (406, "NotAcceptable", "Accept")


def test_a_body_that_declares_too_much_gets_413_before_it_is_read(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 2000001\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_large_body_is_sent_whole_and_gets_413(server: ServerProcess) -> None:
    error = error_of(server.invoke(b"x" * 26_000_000))
    assert (error["status"], error["code"]) == (413, "PayloadTooLarge")
    assert "2,000,000" in error["message"]


def test_a_chunked_body_gets_413_when_it_passes_the_limit(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"186a0\r\n" + b"x" * 100_000 + b"\r\n"
        for _ in range(21):
            connection.sendall(chunk)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_more_items_than_the_queue_ever_holds_get_413(server: ServerProcess) -> None:
    error = error_of(server.invoke(b'{"text": "a"}\n' * 101, LINES))
    assert (error["status"], error["code"]) == (413, "PayloadTooLarge")
    assert "at most 100" in error["message"]


def test_a_chunked_body_is_read(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.sendall(b'9\r\n{"text": \r\n')
        connection.sendall(b'4\r\n"a"}\r\n0\r\n\r\n')
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_an_unknown_path_gets_404_and_a_wrong_method_405(server: ServerProcess) -> None:
    assert error_of(server.request("GET", "/nowhere"))["status"] == 404
    answer = server.request("GET", "/invocations")
    assert (error_of(answer)["status"], answer[1]["allow"]) == (405, "POST")


@pytest.mark.parametrize("text", ["raise", "break in prepare", "no answer"])
def test_a_handler_that_raises_gives_an_error_id_and_keeps_its_trace_in_the_log(
    server: ServerProcess, text: str
) -> None:
    status, answer = server.ask(text)
    assert (status, answer["error"]["code"]) == (500, "ModelFailed")
    assert "secret" not in json.dumps(answer)
    line = server.logged("The model failed.")
    assert line["error_id"] in answer["error"]["message"]
    assert "Traceback" in line["trace"]
    assert server.ask("the next request is answered")[0] == 200


def test_the_line_whose_item_failed_is_named(server: ServerProcess) -> None:
    error = error_of(server.invoke(b'{"text": "a"}\n\n{"text": "raise"}\n', LINES))
    assert (error["status"], error["code"], error["line"]) == (500, "ModelFailed", 3)


def test_metrics_come_as_json_and_as_prometheus_text(server: ServerProcess) -> None:
    assert server.metrics()["requests"]["answers"]["200"] > 0
    status, headers, body = server.request("GET", "/metrics", headers={"Accept": "text/plain"})
    assert status == 200
    assert headers["content-type"].startswith("text/plain")
    assert b'serving_requests_total{status="200"} ' in body
    assert b'serving_batch_items_bucket{le="+Inf"} ' in body


def test_ndjson_streams_answers_in_order_as_they_become_ready(server: ServerProcess) -> None:
    body = b'{"text": "first"}\n{"text": "wait for the gate %s"}\n' % (b"." * 60)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/jsonlines\r\n"
            b"Accept: application/x-ndjson\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        received = b""
        while b"0.05" not in received:
            received += connection.recv(65536)
        assert b"application/x-ndjson" in received
        assert b"0.7" not in received
        server.open_gate("the gate " + "." * 60)
        while not received.endswith(b"0\r\n\r\n"):
            received += connection.recv(65536)
        assert received.index(b"0.05") < received.index(b"0.78")


def test_an_error_in_mid_stream_is_the_last_line(server: ServerProcess) -> None:
    body = b'{"text": "a"}\n{"text": "wait for another gate%s"}\n{"text": "raise"}\n' % (b"." * 60)
    server.open_gate("another gate" + "." * 60)
    status, _, answer = server.invoke(body, LINES, "application/x-ndjson")
    lines = [json.loads(line) for line in answer.splitlines()]
    assert status == 200
    assert lines[-1]["error"]["code"] == "ModelFailed"
    assert lines[-1]["error"]["line"] == 3
    assert all("error" not in line for line in lines[:-1])


def test_an_error_before_the_stream_has_its_own_status(server: ServerProcess) -> None:
    status, headers, _ = server.invoke(b'{"text": "raise"}', LINES, "application/x-ndjson")
    assert (status, headers["content-type"]) == (500, JSON)
