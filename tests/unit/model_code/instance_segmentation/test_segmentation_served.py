"""The model as its archive has it, behind the inference server: the real network, real HTTP, no more code."""

from __future__ import annotations

import io
import json
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from PIL import Image
from segmentation_files import write_video
from serving_processes import ServerProcess

import instance_segmentation
from instance_segmentation.scenes import CLASSES, draw_scene, draw_video
from instance_segmentation.segmenter import DEMO, DEMO_PRESET, Description, build, save
from serving_contracts.segmentation import parse_answer

FOLDER = Path(instance_segmentation.__file__).parent
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


def unpack_archive(target: Path) -> Path:
    """The files that model.toml names, at their places in the archive."""
    description = tomllib.loads((FOLDER / "model.toml").read_text(encoding="utf-8"))
    for name in description["code"]["files"]:
        place = target / "code" / name.removeprefix("../")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(FOLDER / name, place)
    shutil.copyfile(FOLDER / "model.toml", target / "model.toml")
    mx.random.seed(3)
    np.random.seed(3)
    description = Description(DEMO, CLASSES, DEMO_PRESET)
    network = build(description)
    network(mx.nd.zeros((1, 3, 64, 64)))
    save(network, description, target / "weights")
    return target


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = unpack_archive(tmp_path_factory.mktemp("model"))
    code = tmp_path_factory.mktemp("code")  # what the image holds, beside which the model's own code must do
    for package in (FOLDER.parent / "serving", FOLDER.parents[1] / "contracts" / "serving_contracts"):
        shutil.copytree(package, code / package.name)
    with ServerProcess(folder, PYTHONPATH=str(code)) as running:
        yield running


def ask(server: ServerProcess, body: bytes, content_type: str, attributes: str, accept: str = "*/*") -> bytes:
    headers = {"Content-Type": content_type, "Accept": accept, ATTRIBUTES: attributes}
    status, fields, answer = server.request("POST", "/invocations", body, headers)
    assert status == 200, answer
    assert fields["content-length"] == str(len(answer))
    return answer


def png(pixels: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")  # type: ignore[arg-type]
    return buffer.getvalue()


def test_a_picture_is_answered_and_each_time_the_same(server: ServerProcess) -> None:
    body = png(draw_scene(11, 200, 300).image)
    answers = {ask(server, body, "image/png", "score_threshold=0;max_objects=5") for _ in range(3)}
    assert len(answers) == 1
    answer = parse_answer(json.loads(answers.pop()))
    assert (answer.media, answer.width, answer.height) == ("image", 300, 200)
    assert 0 < len(answer.objects) <= 5
    for found in answer.objects:
        assert found.label in CLASSES
        left, top, right, bottom = found.box
        assert 0 <= left <= right <= 300
        assert 0 <= top <= bottom <= 200
        assert (found.mask.width, found.mask.height) == (300, 200)


def test_an_annotated_picture_comes_back(server: ServerProcess) -> None:
    body = png(draw_scene(11, 200, 300).image)
    answer = ask(server, body, "image/png", "score_threshold=0;max_objects=3", "image/png")
    with Image.open(io.BytesIO(answer)) as image:
        assert image.size == (300, 200)


def test_a_video_is_answered(server: ServerProcess, tmp_path: Path) -> None:
    video = write_video(tmp_path / "video", [scene.image for scene in draw_video(5, 6, 120, 160)])
    answer = parse_answer(json.loads(ask(server, video.read_bytes(), "video/mp4", "every_nth_frame=3")))
    assert [frame.index for frame in answer.frames] == [0, 3]


def test_what_is_no_picture_is_refused_and_the_next_one_is_answered(server: ServerProcess) -> None:
    status, _, body = server.invoke(b"no picture", "image/png")
    assert (status, json.loads(body)["error"]["code"]) == (400, "InvalidInput")
    assert server.request("GET", "/ping")[0] == 200
    assert ask(server, png(np.zeros((8, 8, 3), np.uint8)), "image/png", "")
