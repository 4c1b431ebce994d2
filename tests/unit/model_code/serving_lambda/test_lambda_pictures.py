"""Events about pictures: the file as the body, or in base64 within JSON; options; pictures as answers."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from function_models import JPEG, PNG, body_of, error_of, http_event

from serving_contracts import InvalidInput
from serving_lambda.function import Function, PayloadTooLarge

ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


def in_base64(body: bytes) -> str:
    return base64.b64encode(body).decode()


def found(answer: dict[str, Any]) -> tuple[int, str, float]:
    """Bytes of the file, its type with max_objects, and the threshold, as the model noted them."""
    (detected,) = answer["objects"]
    return answer["width"], detected["label"], detected["score"]


def test_a_file_as_the_body_gets_typed_json(pictures: Function) -> None:
    answer = pictures.answer(http_event(PNG, "image/png"))
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert found(json.loads(answer["body"])) == (8, "image/png 100", 0.5)


@pytest.mark.parametrize("content_type", [None, "application/octet-stream"])
def test_a_file_without_a_type_is_known_by_its_first_bytes(
    pictures: Function, content_type: str | None
) -> None:
    answer = pictures.answer(http_event(JPEG + bytes(9), content_type))
    assert found(json.loads(answer["body"])) == (13, "image/jpeg 100", 0.5)


def test_an_accepted_picture_comes_back_in_base64(pictures: Function) -> None:
    for word in (b"", b"a file"):
        answer = pictures.answer(http_event(PNG + word, "image/png", headers={"Accept": "image/jpeg"}))
        assert answer["headers"] == {"Content-Type": "image/jpeg"}
        assert body_of(answer) == b"\xff\xd8\xffdrawn" + PNG + word


def test_json_over_http_carries_the_file_and_its_options(pictures: Function) -> None:
    body = {"image": in_base64(PNG), "score_threshold": 0.25, "max_objects": 3}
    answer = pictures.answer(http_event(body))
    assert answer["headers"]["Content-Type"] == "application/json"
    assert found(json.loads(answer["body"])) == (8, "image/png 3", 0.25)


@pytest.mark.parametrize("headers", [{}, {"headers": {"Content-Type": "application/json"}}])
def test_the_labs_event_gets_the_picture_with_what_was_found(
    pictures: Function, headers: dict[str, Any]
) -> None:
    answer = pictures.answer({"body": json.dumps({"image": in_base64(PNG)}), **headers})
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    assert body_of(answer).startswith(b"\xff\xd8\xffdrawn")


def test_the_labs_event_gets_json_where_it_asks_for_it(pictures: Function) -> None:
    event = {"body": json.dumps({"image": in_base64(PNG)}), "headers": {"accept": "application/json"}}
    assert found(json.loads(pictures.answer(event)["body"])) == (8, "image/png 100", 0.5)


def test_a_direct_event_gets_the_typed_answer_itself(pictures: Function) -> None:
    answer = pictures.answer({"image": in_base64(PNG), "score_threshold": 0.75, "annotated": True})
    assert found(answer) == (8, "image/png 100", 0.75)
    assert answer["picture"] == in_base64(PNG)
    assert "picture" not in pictures.answer({"image": in_base64(PNG)})


def test_options_come_from_the_header_the_query_string_and_fields_of_which_fields_win(
    pictures: Function,
) -> None:
    header = {ATTRIBUTES: "score_threshold=0.1;max_objects=4"}
    answer = pictures.answer(http_event(PNG, "image/png", headers=header))
    assert found(json.loads(answer["body"])) == (8, "image/png 4", 0.1)
    query = {"queryStringParameters": {"score_threshold": "0.2", "annotated": "true"}}
    answer = pictures.answer(http_event(PNG, "image/png", **query))
    assert found(json.loads(answer["body"])) == (8, "image/png 100", 0.2)
    assert json.loads(answer["body"])["picture"] == in_base64(PNG)
    body = {"image": in_base64(PNG), "score_threshold": 0.3}
    answer = pictures.answer(http_event(body, headers={ATTRIBUTES: "max_objects=4"}, **query))
    assert found(json.loads(answer["body"])) == (8, "image/png 4", 0.3)


PNG_TEXT = in_base64(PNG)
BAD_JSON = [
    pytest.param({}, "image", id="no picture"),
    pytest.param({"image": None}, "image", id="null"),
    pytest.param({"image": 7}, "image", id="a number"),
    pytest.param({"image": ""}, "image", id="empty"),
    pytest.param({"image": PNG_TEXT[:-2]}, "image", id="base64 cut off"),
    pytest.param({"image": "data:image/png;base64," + PNG_TEXT}, "image", id="a data URL"),
    pytest.param({"image": "사진"}, "image", id="never base64"),
    pytest.param({"image": in_base64(b"GIF89a, which no task takes")}, "image", id="no picture of a type"),
    pytest.param({"image": PNG_TEXT, "threshold": 0.5}, "threshold", id="misspelt option"),
    pytest.param({"image": PNG_TEXT, "score_threshold": 2}, "score_threshold", id="over 1"),
    pytest.param({"image": PNG_TEXT, "score_threshold": "0.5"}, "score_threshold", id="text for a number"),
    pytest.param({"image": PNG_TEXT, "max_objects": 0}, "max_objects", id="no objects"),
    pytest.param({"image": PNG_TEXT, "annotated": "yes"}, "annotated", id="yes for true"),
]


@pytest.mark.parametrize(("event", "field"), BAD_JSON)
def test_a_bad_field_is_named_in_every_form(pictures: Function, event: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        pictures.answer(event)
    assert raised.value.field == field
    for http in (http_event(event), {"body": json.dumps(event)}):
        error = error_of(pictures.answer(http))
        assert (error["status"], error["code"], error["field"]) == (400, "InvalidInput", field)


def test_what_the_model_calls_no_picture_is_400(pictures: Function) -> None:
    error = error_of(pictures.answer(http_event(PNG + b"refuse", "image/png")))
    assert (error["status"], error["hint"]) == (400, "send one")
    with pytest.raises(InvalidInput, match="is no picture"):
        pictures.answer({"image": in_base64(PNG + b"refuse")})


def test_an_image_with_line_breaks_is_read(pictures: Function) -> None:
    image = base64.encodebytes(PNG + bytes(92)).decode()
    assert image.count("\n") > 1
    assert found(pictures.answer({"image": image}))[0] == 100


BAD_REQUESTS = [
    pytest.param(http_event(PNG, "text/csv"), 415, "UnsupportedMediaType", "Content-Type", id="csv"),
    pytest.param(http_event(PNG, "video/mp4"), 415, "UnsupportedMediaType", "Content-Type", id="video"),
    pytest.param(http_event(b"GIF89a", None), 415, "UnsupportedMediaType", "Content-Type", id="unknown"),
    pytest.param(
        http_event(PNG, "image/png", headers={"Accept": "video/mp4"}),
        406,
        "NotAcceptable",
        "Accept",
        id="no such answer",
    ),
    pytest.param(
        http_event(PNG + b"not as this", "image/png"), 406, "NotAcceptable", "Accept", id="not for this file"
    ),
    pytest.param(http_event(b"", "image/png"), 400, "EmptyBatch", None, id="empty"),
    pytest.param(http_event(content_type="image/png"), 400, "EmptyBatch", None, id="no body"),
    pytest.param(
        {**http_event("%%%", "image/png"), "isBase64Encoded": True}, 400, "InvalidInput", "body", id="base64"
    ),
    pytest.param(http_event([{"image": PNG_TEXT}] * 2), 400, "InvalidInput", "body", id="two at a time"),
    pytest.param(http_event([7]), 400, "InvalidInput", None, id="no object"),
    pytest.param(http_event("{", "application/json"), 400, "InvalidInput", None, id="no JSON"),
    pytest.param(
        http_event(PNG, "image/png", queryStringParameters={"threshold": "1"}),
        400,
        "InvalidInput",
        "CustomAttributes",
        id="misspelt in the query",
    ),
    pytest.param(
        http_event(
            PNG,
            "image/png",
            queryStringParameters={"max_objects": "1"},
            headers={ATTRIBUTES: "max_objects=2"},
        ),
        400,
        "InvalidInput",
        "CustomAttributes",
        id="twice",
    ),
    pytest.param(http_event(PNG + b"no answer", "image/png"), 500, "ModelFailed", None, id="no answer"),
    pytest.param(
        http_event(PNG + b"somewhere else", "image/png", headers={"Accept": "image/jpeg"}),
        500,
        "ModelFailed",
        None,
        id="a file elsewhere",
    ),
]


@pytest.mark.parametrize(("event", "status", "code", "field"), BAD_REQUESTS)
def test_a_broken_request_about_a_picture_is_told_what_is_wrong(
    pictures: Function, event: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    error = error_of(pictures.answer(event))
    assert (error["status"], error["code"], error.get("field")) == (status, code, field)


def test_a_model_that_raises_on_a_picture(pictures: Function) -> None:
    answer = pictures.answer(http_event(PNG + b"raise", "image/png"))
    assert error_of(answer)["status"] == 500
    assert "secret" not in answer["body"]
    with pytest.raises(RuntimeError, match="a secret of the weights"):
        pictures.answer({"image": in_base64(PNG + b"raise")})


def test_a_picture_too_large_to_send_back_is_413_with_a_way_out(pictures: Function) -> None:
    body = PNG + bytes(4_800_000)
    small = pictures.answer(http_event(body, "image/png"))
    assert small["statusCode"] == 200
    for event in (
        http_event(body, "image/png", headers={"Accept": "image/jpeg"}),
        http_event(body, "image/png", queryStringParameters={"annotated": "true"}),
        {"body": json.dumps({"image": in_base64(body)})},
    ):
        error = error_of(pictures.answer(event))
        assert (error["status"], error["code"]) == (413, "PayloadTooLarge")
        assert "smaller picture" in error["hint"]
    with pytest.raises(PayloadTooLarge, match="smaller picture"):
        pictures.answer({"image": in_base64(body), "annotated": True})


def test_no_file_is_left_behind_whatever_happened(pictures: Function, tmp_path: Path) -> None:
    for word in (b"", b"a file", b"refuse", b"raise"):
        pictures.answer(http_event(PNG + word, "image/png", headers={"Accept": "image/jpeg"}))
    paths = (tmp_path / "model/paths").read_text().splitlines()
    assert len(set(paths)) == 4
    assert all(Path(path).is_relative_to(tmp_path / "temporary") for path in paths)
    assert list((tmp_path / "temporary").iterdir()) == []
