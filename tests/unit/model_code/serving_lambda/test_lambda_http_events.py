"""HTTP events about texts: function URLs, API Gateway of both versions, the bare body of AWS's labs."""

from __future__ import annotations

import base64
import io
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from function_models import body_of, error_of, http_event, load_function, write_model

from serving_contracts.limits import LAMBDA_PAYLOAD_BYTES, MAX_TEXT_CHARACTERS
from serving_lambda.function import Function
from serving_lambda.http_events import HttpAnswer


def test_a_function_urls_event_is_answered_with_typed_json(sentiment: Function) -> None:
    answer = sentiment.answer(http_event({"text": "재미있는 영화"}))
    assert answer == {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": '{"predicted_label":"Pos","score":0.07}',
        "isBase64Encoded": False,
    }


def test_a_body_in_base64_is_unpacked_first(sentiment: Function) -> None:
    answer = sentiment.answer(http_event('{"text": "좋아요"}'.encode()))
    assert json.loads(answer["body"]) == {"predicted_label": "Pos", "score": 0.03}


def test_an_event_of_api_gateways_first_payload_version_is_answered(sentiment: Function) -> None:
    event = {
        "resource": "/sentiment",
        "path": "/sentiment",
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json; charset=utf-8", "Accept": "*/*"},
        "multiValueHeaders": {"Content-Type": ["application/json; charset=utf-8"]},
        "queryStringParameters": None,
        "requestContext": {"stage": "prod", "httpMethod": "POST"},
        "body": '{"text": "좋아요"}',
        "isBase64Encoded": False,
    }
    answer = sentiment.answer(event)
    assert (answer["statusCode"], json.loads(answer["body"])["score"]) == (200, 0.03)


@pytest.mark.parametrize("headers", [{}, {"headers": None}, {"headers": {"Accept": "application/json"}}])
def test_the_labs_event_is_a_body_alone(sentiment: Function, headers: dict[str, Any]) -> None:
    answer = sentiment.answer({"body": '{"text": ["좋아요"]}', **headers})
    assert (answer["statusCode"], json.loads(answer["body"])["score"]) == (200, 0.03)


def test_many_texts_in_json_lines_get_a_line_each_in_order(sentiment: Function) -> None:
    texts = ["가" * length for length in (9, 1, 50, 2, 99, 3)]
    lines = "\n".join(json.dumps({"text": text}, ensure_ascii=False) for text in texts)
    answer = sentiment.answer(http_event(lines, "application/jsonlines"))
    assert answer["headers"]["Content-Type"] == "application/jsonlines"
    scores = [json.loads(line)["score"] for line in answer["body"].splitlines()]
    assert scores == [0.09, 0.01, 0.5, 0.02, 0.99, 0.03]


def test_accept_chooses_the_format_of_the_answer(sentiment: Function) -> None:
    event = http_event(
        '{"text": "가"}\n{"text": "가나"}\n',
        "application/x-jsonlines",
        headers={"Accept": "application/json"},
    )
    answer = sentiment.answer(event)
    assert answer["headers"]["Content-Type"] == "application/json"
    assert [item["score"] for item in json.loads(answer["body"])] == [0.01, 0.02]


def test_an_array_in_npy_gets_a_table_in_npy(sentiment: Function) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array(["가", "가나"]))
    answer = sentiment.answer(http_event(buffer.getvalue(), "application/x-npy"))
    assert answer["isBase64Encoded"] is True
    table = np.load(io.BytesIO(body_of(answer)), allow_pickle=False)
    assert table["score"].tolist() == [0.01, 0.02]


@pytest.mark.parametrize("path", ["/", "/ping", "/prod/ping", "/prod/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_asks_whether_it_is_ready_is_told_what_serves(
    sentiment: Function, path: str, method: str
) -> None:
    answer = sentiment.answer(http_event(method=method, path=path, content_type=None))
    assert answer["statusCode"] == 200
    ready = {"ready": True, "model": "written-by-a-test", "task": "sentiment", "version": "7"}
    assert json.loads(answer["body"]) == ready


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/invocations"), ("PUT", "/"), ("DELETE", "/ping"), ("OPTIONS", "/")]
)
def test_any_other_method_is_refused(sentiment: Function, method: str, path: str) -> None:
    answer = sentiment.answer(http_event(method=method, path=path, content_type=None))
    assert (error_of(answer)["status"], error_of(answer)["code"]) == (405, "MethodNotAllowed")
    assert answer["headers"]["Allow"] == "GET, HEAD, POST"


BROKEN = [
    pytest.param(http_event('{"text": '), 400, "InvalidInput", None, id="no JSON"),
    pytest.param(http_event("좋아요".encode("euc-kr")), 400, "InvalidInput", None, id="no UTF-8"),
    pytest.param(http_event({"txt": "가"}), 400, "InvalidInput", "txt", id="misspelt"),
    pytest.param(http_event({"text": 7}), 400, "InvalidInput", "text", id="no string"),
    pytest.param(http_event({"text": " "}), 400, "InvalidInput", "text", id="blank"),
    pytest.param(http_event({"text": "refuse"}), 400, "InvalidInput", "text", id="refused by the model"),
    pytest.param(
        http_event({"text": "가" * (MAX_TEXT_CHARACTERS + 1)}), 400, "InvalidInput", "text", id="long"
    ),
    pytest.param(http_event([{"text": "가"}, {}]), 400, "InvalidInput", "[1].text", id="second of two"),
    pytest.param(http_event(), 400, "EmptyBatch", None, id="no body"),
    pytest.param(http_event(""), 400, "EmptyBatch", None, id="empty body"),
    pytest.param(http_event([]), 400, "EmptyBatch", None, id="nothing asked"),
    pytest.param({"body": {"text": "가"}}, 400, "InvalidInput", "body", id="body is an object"),
    pytest.param({"body": "\ud83d"}, 400, "InvalidInput", "body", id="half a surrogate pair"),
    pytest.param(
        {**http_event("eyJ0ZXh"), "isBase64Encoded": True}, 400, "InvalidInput", "body", id="base64 broken"
    ),
    pytest.param(
        {**http_event("한글"), "isBase64Encoded": True}, 400, "InvalidInput", "body", id="never base64"
    ),
    pytest.param(http_event("{}", "text/csv"), 415, "UnsupportedMediaType", "Content-Type", id="csv"),
    pytest.param(
        http_event("{}", "application/json; charset=euc-kr"),
        415,
        "UnsupportedMediaType",
        "Content-Type",
        id="charset",
    ),
    pytest.param(
        http_event("{}", headers={"accept": "text/html"}), 406, "NotAcceptable", "Accept", id="html"
    ),
    pytest.param({**http_event("{}"), "headers": ["a"]}, 400, "InvalidInput", "headers", id="headers"),
]


@pytest.mark.parametrize(("event", "status", "code", "field"), BROKEN)
def test_a_broken_request_is_told_what_is_wrong(
    sentiment: Function, event: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    error = error_of(sentiment.answer(event))
    assert (error["status"], error["code"], error.get("field")) == (status, code, field)


def test_a_wrong_line_is_named_by_its_number(sentiment: Function) -> None:
    lines = '{"text": "가"}\n\n{"text": 3}\n'
    error = error_of(sentiment.answer(http_event(lines, "application/jsonlines")))
    assert (error["line"], error["field"]) == (3, "text")


def test_a_model_that_raises_is_500_whose_trace_only_the_log_has(
    sentiment: Function, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "serving"):
        answer = sentiment.answer(http_event({"text": "raise"}))
    error = error_of(answer)
    assert (error["status"], error["code"]) == (500, "ModelFailed")
    assert "secret" not in answer["body"]
    assert "Traceback" not in answer["body"]
    (record,) = caplog.records
    assert record.exc_info is not None
    assert "a secret of the weights" in str(record.exc_info[1])
    assert record.__dict__["fields"]["error_id"] in error["message"]


def test_the_text_on_which_the_model_fails_is_named_among_many(sentiment: Function) -> None:
    lines = "\n".join(json.dumps({"text": text}) for text in ("good", "raise", "fine"))
    error = error_of(sentiment.answer(http_event(lines, "application/jsonlines")))
    assert (error["status"], error["line"]) == (500, 2)


def test_what_is_no_answer_of_the_task_is_the_models_failure(sentiment: Function) -> None:
    assert error_of(sentiment.answer(http_event({"text": "no answer"})))["status"] == 500


def test_an_answer_that_lambda_would_refuse_is_413_with_a_way_out(summarization: Function) -> None:
    lines = "\n".join(json.dumps({"text": "가" * 99_999}, ensure_ascii=False) for _ in range(21))
    answer = summarization.answer(http_event(lines, "application/jsonlines"))
    error = error_of(answer)
    assert (error["status"], error["code"]) == (413, "PayloadTooLarge")
    assert f"{LAMBDA_PAYLOAD_BYTES:,}" in error["message"]
    assert error["hint"] == "Send fewer items at a time."
    fewer = "\n".join(lines.splitlines()[:20])
    assert summarization.answer(http_event(fewer, "application/jsonlines"))["statusCode"] == 200


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("application/json", json.dumps({"text": '따옴표 " 와 \\ 그리고 \n'}, ensure_ascii=False).encode()),
        ("application/jsonlines", b'{"a":"\\\\"}\n' * 1000),
        ("image/jpeg", bytes(range(256)) * 7),
        ("image/jpeg", b""),
    ],
)
def test_the_size_of_an_answer_is_counted_as_lambda_does_and_never_less(
    content_type: str, body: bytes
) -> None:
    answer = HttpAnswer(200, content_type, body)
    sent = len(json.dumps(answer.to_event(), ensure_ascii=False).encode())
    assert sent <= answer.bytes_of_event() <= sent + 512


def test_base64_with_line_breaks_is_read(sentiment: Function) -> None:
    body = base64.encodebytes(json.dumps({"text": "a" * 90}).encode()).decode()
    assert body.count("\n") > 1
    answer = sentiment.answer({**http_event(body), "isBase64Encoded": True})
    assert json.loads(answer["body"])["score"] == 0.9


def test_a_script_for_sagemaker_is_no_model_of_a_function(tmp_path: Path) -> None:
    from serving.model_loader import ModelLoadError

    (tmp_path / "code").mkdir()
    (tmp_path / "code/inference.py").write_text("def model_fn(model_dir):\n    return None\n")
    with pytest.raises(ModelLoadError, match=r"code/handler\.py"):
        load_function(tmp_path)


def test_a_model_that_takes_one_item_at_a_time_gets_one_at_a_time(tmp_path: Path) -> None:
    handler = """
from serving_contracts import Sentiment
MAX_BATCH = 1
class Model:
    def predict(self, requests):
        (request,) = requests
        return [Sentiment("Pos", len(request.text) / 10)]
def load(model_dir, threads):
    return Model()
"""
    function = load_function(write_model(tmp_path, handler))
    answer = function.answer(http_event([{"text": "가"}, {"text": "나다"}]))
    assert [item["score"] for item in json.loads(answer["body"])] == [0.1, 0.2]
