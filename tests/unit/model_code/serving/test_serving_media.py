"""Requests whose body is a file: how it is told what kind it is, what comes back, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from media_models import ATTRIBUTES, JPEG, MP4, PNG, MediaServer
from serving_processes import DEADLINE_S, write_model

from serving.model_loader import ModelLoadError, load_model

JSON = "application/json"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaServer]:
    with MediaServer(tmp_path_factory.mktemp("model"), SERVING_MAX_BODY_BYTES="2000000") as running:
        yield running


def test_a_file_goes_in_and_the_typed_answer_comes_out_as_json(server: MediaServer) -> None:
    status, headers, body = server.send_file(PNG + b"." * 700_000, Content_Type="image/png")
    assert (status, headers["content-type"]) == (200, JSON)
    assert headers["content-length"] == str(len(body))
    assert json.loads(body)["width"] == 700_008


@pytest.mark.parametrize(
    ("headers", "content_type"),
    [
        ({"Content_Type": "image/jpeg"}, "image/jpeg"),
        ({"Content_Type": "IMAGE/JPG"}, "image/jpeg"),
        ({"Content_Type": "application/octet-stream"}, "image/png"),
        ({}, "image/png"),
    ],
)
def test_the_handler_hears_what_kind_of_file_it_is(
    server: MediaServer, headers: dict[str, str], content_type: str
) -> None:
    assert server.send_file(PNG, **headers)[0] == 200
    assert server.noted("asked")[-1].startswith(f"['{content_type}'")


@pytest.mark.parametrize(
    ("beginning", "content_type"),
    [
        (JPEG, "image/jpeg"),
        (PNG, "image/png"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\x93NUMPY\x01\x00", "application/x-npy"),
        (MP4, "video/mp4"),
    ],
)
def test_a_file_without_a_type_is_known_by_its_first_bytes(
    server: MediaServer, beginning: bytes, content_type: str
) -> None:
    assert server.send_file(beginning)[0] == 200
    assert server.noted("asked")[-1].startswith(f"['{content_type}'")


@pytest.mark.parametrize("body", [b"GIF89a", b"\x00", b"%PDF-1.7", b"\0\0\0\x18ftypheic", b'{"text": "a"}'])
def test_a_file_that_begins_like_none_of_these_gets_415_and_hears_what_is_taken(
    server: MediaServer, body: bytes
) -> None:
    error = server.error(body)
    assert (error["status"], error["code"], error["field"]) == (415, "UnsupportedMediaType", "Content-Type")
    assert "image/jpeg, image/png, image/webp, application/x-npy, video/mp4" in error["hint"]


@pytest.mark.parametrize(
    "content_type", ["application/json", "image/gif", "nonsense", "image/png; charset=koi8-r"]
)
def test_a_content_type_that_is_not_taken_gets_415(server: MediaServer, content_type: str) -> None:
    error = server.error(PNG, Content_Type=content_type)
    assert (error["status"], error["code"]) == (415, "UnsupportedMediaType")
    assert "image/webp" in error["hint"]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("image/png", (200, "image/png")),
        ("image/*", (200, "image/jpeg")),
        ("image/gif, image/png;q=0.5", (200, "image/png")),
        ("*/*", (200, JSON)),
        ("text/html", (406, JSON)),
        ("application/json;q=0", (406, JSON)),
    ],
)
def test_accept_chooses_between_the_answer_and_a_file(
    server: MediaServer, accept: str, expected: tuple[int, str]
) -> None:
    status, headers, body = server.send_file(PNG, Accept=accept)
    assert (status, headers["content-type"]) == expected
    assert headers["content-length"] == str(len(body))


def test_the_handler_gets_every_answer_that_would_do_best_first(server: MediaServer) -> None:
    assert server.send_file(PNG, Accept="video/mp4;q=0.8, image/jpeg")[2] == b"drawn into"
    assert "('image/jpeg', 'video/mp4')" in server.noted("asked")[-1]


def test_an_answer_that_the_handler_cannot_give_for_this_file_gets_406(server: MediaServer) -> None:
    error = server.error(PNG + b"no video of this", Accept="video/mp4")
    assert (error["status"], error["code"], error["field"]) == (406, "NotAcceptable", "Accept")
    assert error["message"] == "a picture has no video"


def test_a_file_comes_back_whole_and_says_how_long_it_is(server: MediaServer) -> None:
    body = PNG + bytes(range(256)) * 6000
    status, headers, answer = server.send_file(body, Accept="video/mp4")
    assert (status, headers["content-type"], headers["content-length"]) == (200, "video/mp4", str(len(body)))
    assert answer == body


def test_options_travel_in_custom_attributes(server: MediaServer) -> None:
    assert server.request("POST", "/invocations", PNG, {ATTRIBUTES: "max_objects=7"})[0] == 200
    assert server.noted("asked")[-1].endswith("7]")


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ("max_objects=0", "max_objects"),
        ("score_threshold=much", "score_threshold"),
        ("colour=red", "CustomAttributes"),
    ],
)
def test_a_wrong_option_gets_400_and_is_named(server: MediaServer, attributes: str, field: str) -> None:
    status, _, body = server.request("POST", "/invocations", PNG, {ATTRIBUTES: attributes})
    error = json.loads(body)["error"]
    assert (status, error["code"], error["field"]) == (400, "InvalidInput", field)
    assert "score_threshold=0.5" in error["hint"]


def test_what_the_handler_refuses_gets_400_with_its_words(server: MediaServer) -> None:
    error = server.error(PNG + b"refuse")
    assert (error["status"], error["code"], error["message"]) == (400, "InvalidInput", "is no picture")
    assert error["hint"] == "send one"


@pytest.mark.parametrize("word", [b"raise", b"no answer", b"somewhere else"])
def test_a_handler_that_fails_gives_an_error_id_and_the_next_request_is_answered(
    server: MediaServer, word: bytes
) -> None:
    error = server.error(PNG + word, Accept="application/json, video/mp4")
    assert (error["status"], error["code"]) == (500, "ModelFailed")
    assert "secret" not in json.dumps(error)
    assert server.logged("The model failed.")["error_id"] in error["message"]
    assert server.send_file(PNG)[0] == 200


def test_an_answer_that_was_not_asked_for_is_the_handlers_fault(server: MediaServer) -> None:
    assert server.error(PNG + b"no answer", Accept="image/png")["code"] == "ModelFailed"


def test_an_empty_body_gets_400(server: MediaServer) -> None:
    error = server.error(b"", Content_Type="image/png")
    assert (error["status"], error["code"]) == (400, "EmptyBatch")


def test_a_file_over_the_limit_gets_413(server: MediaServer) -> None:
    error = server.error(PNG + b"." * 2_000_000)
    assert (error["status"], error["code"]) == (413, "PayloadTooLarge")
    assert "2,000,000" in error["message"]


def test_nothing_of_all_this_stays_on_disk(server: MediaServer) -> None:
    assert server.send_file(PNG, Accept="video/mp4")[0] == 200
    assert server.send_file(PNG + b"refuse")[0] == 400
    server.wait_for_metrics("requests", "in_flight", value=0)
    server.process.terminate()
    assert server.process.wait(DEADLINE_S) == 0
    assert list(server.temporary.iterdir()) == []


@pytest.mark.parametrize("most", ["0", "'two'", "True"])
def test_a_max_batch_that_is_no_number_ends_the_start_with_a_reason(tmp_path: Path, most: str) -> None:
    handler = f"""
MAX_BATCH = {most}
class Model:
    def predict(self, items):
        return items
def load(model_dir, threads):
    return Model()
"""
    with pytest.raises(ModelLoadError, match="MAX_BATCH"):
        load_model(write_model(tmp_path, handler), 1)
