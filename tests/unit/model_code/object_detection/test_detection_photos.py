"""The shipped network on real photographs: what is plainly in them is found, where it is."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from object_detection import evaluate, handler
from object_detection.decoding import overlaps
from object_detection.handler import DetectionModel
from object_detection.photos import NAMES, photo
from serving_contracts import media_types
from serving_contracts.detection import DetectedObject, Detection, DetectionOptions
from serving_contracts.media import MediaAnswer, MediaRequest

Box = tuple[float, float, float, float]

#: (photograph, class, where it is, drawn by hand)
EVIDENT: tuple[tuple[str, str, Box], ...] = (
    ("cat", "cat", (0, 0, 451, 300)),
    ("person", "person", (0, 62, 270, 512)),
    ("cup", "cup", (172, 18, 405, 300)),
    ("motorcycle", "motorbike", (90, 70, 690, 450)),
    ("motorcycle_right", "motorbike", (50, 70, 620, 450)),
)


@pytest.fixture(scope="module")
def model(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> DetectionModel:
    folder = tmp_path_factory.mktemp("model")
    (folder / "weights").symlink_to(shipped)
    return handler.load(folder, 1)


def request(path: Path, data: bytes, accept: str, threshold: float) -> MediaRequest:
    path.write_bytes(data)
    content_type = media_types.sniff(data[:16])
    assert content_type is not None
    return MediaRequest(path, len(data), content_type, (accept,), DetectionOptions(score_threshold=threshold))


def ask(model: DetectionModel, path: Path, data: bytes, threshold: float = 0.4) -> Detection:
    (answer,) = model.predict([request(path, data, media_types.JSON, threshold)])
    assert isinstance(answer, Detection)
    return answer


def reencoded(data: bytes, kind: str, scale: float = 1) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        size = (round(image.width * scale), round(image.height * scale))
        buffer = io.BytesIO()
        image.convert("RGB").resize(size).save(buffer, kind, quality=90)
    return buffer.getvalue()


def overlap(found: DetectedObject, box: Box) -> float:
    return float(overlaps(np.array([found.box, box], np.float32))[0, 1])


@pytest.mark.timeout(900)  # of the first: it may have to make an environment, and to export
@pytest.mark.parametrize(("name", "label", "box"), EVIDENT)
def test_what_is_plainly_there_is_found_where_it_is(
    model: DetectionModel, tmp_path: Path, name: str, label: str, box: Box
) -> None:
    answer = ask(model, tmp_path / "body", photo(name))
    assert answer.objects[0].label == label
    assert overlap(answer.objects[0], box) > 0.6


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize("scale", [0.5, 2, 4])
def test_it_is_found_in_files_of_other_kinds_and_sizes_too(
    model: DetectionModel, tmp_path: Path, kind: str, scale: float
) -> None:
    original = ask(model, tmp_path / "body", photo("motorcycle")).objects[0]
    other = ask(model, tmp_path / "body", reencoded(photo("motorcycle"), kind, scale)).objects[0]
    assert other.label == original.label
    assert overlap(other, tuple(edge * scale for edge in original.box)) > 0.85  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["china", "flower", "rocket"])
def test_in_pictures_of_other_things_little_is_seen(model: DetectionModel, tmp_path: Path, name: str) -> None:
    assert ask(model, tmp_path / "body", photo(name), threshold=0.5).objects == ()


def test_the_drawn_picture_differs_where_the_object_is(model: DetectionModel, tmp_path: Path) -> None:
    (answer,) = model.predict([request(tmp_path / "body", photo("cup"), media_types.JPEG, 0.5)])
    assert isinstance(answer, MediaAnswer)
    assert isinstance(answer.body, bytes)
    (found,) = ask(model, tmp_path / "body", photo("cup"), 0.5).objects
    drawn, plain = (
        np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.int16)
        for data in (answer.body, reencoded(photo("cup"), "JPEG"))
    )
    rows, columns = np.nonzero(np.abs(drawn - plain).max(axis=2) > 60)
    left, top, right, bottom = found.box
    assert abs(columns.min() - left) < 8
    assert abs(columns.max() - right) < 8
    assert abs(rows.max() - bottom) < 8
    assert rows.min() <= top + 8


def test_every_photograph_can_be_read() -> None:
    for name in NAMES:
        with Image.open(io.BytesIO(photo(name))) as image:
            assert image.format in ("PNG", "JPEG")
            assert min(image.size) >= 300
    with pytest.raises(KeyError):
        photo("nobody")


def test_evaluation_tells_what_is_found(
    shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main(["--weights", str(shipped), "--output", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "cup  600 × 400" in printed
    assert "  cup  1" in printed  # its box begins some 130 pixels from the left
    assert {path.stem for path in tmp_path.iterdir()} == set(NAMES)


def test_evaluation_refuses_what_it_cannot_read(shipped: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds no weights that can be used"):
        evaluate.main(["--weights", str(tmp_path)])
    (tmp_path / "notes.jpg").write_text("no picture")
    with pytest.raises(SystemExit, match=r"notes: .*no image that can be read"):
        evaluate.main(["--weights", str(shipped), str(tmp_path / "notes.jpg")])
