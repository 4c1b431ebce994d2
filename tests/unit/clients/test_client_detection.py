"""Objects in pictures, whatever serves them: a function, a serverless endpoint or a real-time one."""

from __future__ import annotations

import io
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import function_stand_in as functions
import numpy as np
import pytest
import runtime_stand_in as stand_in
from function_stand_in import ATTRIBUTES, CAT, CUP, body_of, event_of
from jobs_stand_in import JPEG, PNG
from PIL import Image
from published_catalogs import catalog, publish
from runtime_stand_in import ENDPOINT, Call, Handler, Reply, Runtime

from serving_clients import (
    AsyncSession,
    Detection,
    EndpointClient,
    EndpointNotFound,
    InvalidRequest,
    ModelFailed,
    ServingError,
    Session,
    aconnect,
    connect,
)
from serving_contracts import ContainerError

WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 "
TOO_LARGE = 4_715_521


@pytest.fixture
def detecting(runtime: Runtime, moto_url: str) -> Iterator[Session]:
    """A session whose environment detects with a function."""
    runtime.answer = functions.works
    publish(moto_url, "local", catalog(objects=functions.function("detection", "detect-it")))
    with connect("local", endpoint_url=runtime.url, timeout=20) as session:
        yield session


@pytest.fixture
async def adetecting(runtime: Runtime, moto_url: str) -> AsyncIterator[AsyncSession]:
    runtime.answer = functions.works
    publish(moto_url, "local", catalog(objects=functions.function("detection", "detect-it")))
    async with await aconnect("local", endpoint_url=runtime.url, timeout=20) as session:
        yield session


def widths(answers: Any) -> list[int]:
    """The stand-in answers with a picture as wide as its file is long."""
    return [answer.width for answer in answers]


def test_a_picture_gets_its_objects(detecting: Session, runtime: Runtime) -> None:
    answer = detecting.detect(JPEG)
    assert answer == Detection(len(JPEG), 10, (CAT, CUP))
    assert answer.picture is None
    call = runtime.calls[0]
    assert call.path == "/2015-03-31/functions/detect-it/invocations?Qualifier=live"
    assert body_of(call) == JPEG
    assert event_of(call)["headers"] == {"content-type": "image/jpeg", "accept": "application/json"}


def test_what_is_wanted_travels_along(detecting: Session, runtime: Runtime) -> None:
    answer = detecting.detect(JPEG, score_threshold=0.7, max_objects=3, annotated=True)
    assert answer.objects == (CAT,)
    assert answer.picture == b"\xff\xd8\xffdrawn"
    sent = event_of(runtime.calls[0])["headers"][ATTRIBUTES]
    assert sent == "score_threshold=0.7;max_objects=3;annotated=true"


@pytest.mark.parametrize("pattern", ["multi_container", "serverless"])
def test_an_endpoint_gets_the_file_itself_and_the_same_options(
    runtime: Runtime, moto_url: str, pattern: str
) -> None:
    entry = functions.serverless("detection", "detect-it", 5) | {"pattern": pattern}
    publish(moto_url, "local", catalog(objects=entry))
    runtime.answer = functions.detects
    with connect("local", endpoint_url=runtime.url) as session:
        assert session.detect(PNG, max_objects=1) == Detection(len(PNG), 10, (CAT,))
    call = runtime.calls[0]
    assert (call.path, call.body) == ("/endpoints/detect-it/invocations", PNG)
    assert (call.headers["content-type"], call.headers["accept"]) == ("image/png", "application/json")
    assert call.headers[ATTRIBUTES] == "max_objects=1"


def test_a_client_of_one_endpoint_detects_too(runtime: Runtime) -> None:
    runtime.answer = functions.detects
    with EndpointClient(
        ENDPOINT, env="local", endpoint_url=runtime.url, target_container="objects"
    ) as client:
        assert client.detect(WEBP).width == len(WEBP)
    assert runtime.calls[0].container == "objects"
    assert runtime.calls[0].headers["content-type"] == "image/webp"
    assert ATTRIBUTES not in runtime.calls[0].headers


def test_every_form_of_a_picture_is_taken(detecting: Session, runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(JPEG)  # what it is its first bytes say
    with (tmp_path / "a.bin").open("rb") as file:
        pictures: list[Any] = [
            tmp_path / "a.bin",
            str(tmp_path / "a.bin"),
            JPEG,
            bytearray(JPEG),
            memoryview(JPEG),
            file,
        ]
        assert widths(detecting.detect(picture) for picture in pictures) == [len(JPEG)] * 6
    assert {event_of(call)["headers"]["content-type"] for call in runtime.calls} == {"image/jpeg"}


PIXELS = np.random.default_rng(5).integers(0, 256, (7, 9, 3), np.uint8)
SEE_THROUGH = np.dstack([PIXELS, PIXELS[:, :, 0]])
OPAQUE = np.full(PIXELS.shape[:2], 255, np.uint8)
SIXTEEN_BITS = PIXELS[:, :, 0].astype(np.uint16) * 257


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (PIXELS, PIXELS),
        (Image.fromarray(PIXELS), PIXELS),
        (PIXELS[:, :, 0], PIXELS[:, :, 0]),
        (PIXELS[:, :, :1], PIXELS[:, :, 0]),
        (SEE_THROUGH, SEE_THROUGH),
        (Image.fromarray(SEE_THROUGH), SEE_THROUGH),
        (Image.fromarray(PIXELS[:, :, 0]).convert("LA"), np.dstack([PIXELS[:, :, 0], OPAQUE])),
        (Image.fromarray(SIXTEEN_BITS), SIXTEEN_BITS),
        (Image.fromarray(PIXELS).convert("HSV"), PIXELS),
        (PIXELS[:, ::-1], PIXELS[:, ::-1]),
    ],
    ids=[
        "array",
        "Pillow",
        "grey",
        "one channel",
        "alpha in an array",
        "alpha in Pillow",
        "grey with alpha",
        "16 bits",
        "a mode that PNG has not",
        "a view",
    ],
)
def test_pixels_arrive_as_they_are(detecting: Session, runtime: Runtime, image: Any, expected: Any) -> None:
    detecting.detect(image)
    assert event_of(runtime.calls[0])["headers"]["content-type"] == "image/png"
    with Image.open(io.BytesIO(body_of(runtime.calls[0]))) as arrived:
        pixels = np.asarray(arrived)
    assert pixels.shape == expected.shape
    tolerance = 6 if getattr(image, "mode", "") == "HSV" else 0  # which loses some of the colours itself
    assert (np.abs(pixels.astype(int) - expected) <= tolerance).all()


def test_what_a_camera_noted_of_a_pillow_image_is_not_sent_with_its_pixels(
    detecting: Session, runtime: Runtime
) -> None:
    """Boxes are in the pixels that the caller holds, and overlay() draws into those."""
    exif = Image.Exif()
    exif[0x0112] = 6  # held sideways
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "JPEG", exif=exif.tobytes(), icc_profile=b"a profile")
    with Image.open(file) as image:
        detecting.detect(image)
    with Image.open(io.BytesIO(body_of(runtime.calls[0]))) as arrived:
        assert arrived.size == (9, 7)
        assert not arrived.getexif()
        assert "icc_profile" not in arrived.info


def closed_image() -> Image.Image:
    image = Image.fromarray(PIXELS)
    image.close()
    return image


def cut_image() -> Image.Image:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(file, "PNG")
    return Image.open(io.BytesIO(file.getvalue()[:2000]))


REFUSED: dict[str, tuple[Any, str]] = {
    "missing": ("missing.jpg", r"missing\.jpg cannot be read: No such file"),
    "empty": (b"", "no bytes were given"),
    "an empty file object": (io.BytesIO(), "no bytes were given"),
    "no picture": (
        b"hello",
        r"the picture is none of the types that detection takes \(image/jpeg, image/png",
    ),
    "a video": (b"\0\0\0\x20ftypisom", r"detection takes \(video/mp4\)"),
    "an array file": (b"\x93NUMPY\x01\x00", "is none of the types"),
    "an address": (
        "https://example.com/a.jpg",
        r"'https://example\.com/a\.jpg' is an address.*download it first",
    ),
    "a closed image": (closed_image(), "the Pillow image cannot be read: .*still open"),
    "half an image": (cut_image(), "the Pillow image cannot be read: "),
    "in S3": ("s3://bucket/a.jpg", r"lies in S3.*\(download it first\)"),
    "a folder": (".", r"\. is a folder \(detect_all takes one\)"),
    "text": (io.StringIO("hello"), r'open for text \(open it with mode "rb"\)'),
    "a mapping": ({"image": JPEG}, "must be a path.*, not dict"),
    "none": (None, "must be a path.*, not NoneType"),
    "a number": (5, "not int"),
    "too large": (JPEG + bytes(TOO_LARGE), r"bytes; function 'detect-it' takes 4,715,520 \(send it smaller"),
    "a large open file": (io.BytesIO(JPEG + bytes(TOO_LARGE)), "the file has more than 4,715,520 bytes"),
    "floats": (PIXELS / 255, r"must be \(height, width, 3\) of uint8, not \(7, 9, 3\) of float64"),
    "a batch": (PIXELS[None], r"not \(1, 7, 9, 3\) of uint8"),
    "no pixels": (PIXELS[:0], r"an array of \(0, 9, 3\) is no picture"),
    "every second byte": (memoryview(JPEG)[::2], "not contiguous"),
}


@pytest.mark.parametrize(("image", "text"), REFUSED.values(), ids=REFUSED)
def test_a_bad_picture_is_refused_before_anything_is_sent(
    detecting: Session, runtime: Runtime, image: Any, text: str
) -> None:
    with pytest.raises(InvalidRequest, match=text) as caught:
        detecting.detect(image)
    assert (caught.value.field, caught.value.item) == ("image", None)
    with pytest.raises(InvalidRequest) as caught:
        detecting.detect([JPEG, image])
    assert caught.value.item == 1
    assert runtime.calls == []


def test_a_closed_file_is_refused(detecting: Session) -> None:
    file = io.BytesIO(JPEG)
    file.close()
    with pytest.raises(InvalidRequest, match="the file cannot be read: I/O operation on closed file"):
        detecting.detect(file)


@pytest.mark.parametrize(
    ("field", "value"),
    [("score_threshold", 1.5), ("score_threshold", "0.5"), ("max_objects", 0), ("max_objects", 101),
     ("max_objects", True), ("annotated", "yes"), ("timeout", -1)],
)  # fmt: skip
def test_a_bad_choice_is_named(detecting: Session, runtime: Runtime, field: str, value: Any) -> None:
    for call in (detecting.detect, detecting.detect_all):
        with pytest.raises(InvalidRequest) as caught:
            call([JPEG], **{field: value})
        assert caught.value.field == field
    assert runtime.calls == []


def test_the_limit_is_that_of_what_is_asked(runtime: Runtime, moto_url: str) -> None:
    runtime.answer = functions.detects
    small = functions.serverless("detection", "small", 1)
    large = small | {"pattern": "multi_container", "endpoint_name": "large"}
    publish(moto_url, "local", catalog(small=small, large=large))
    picture = JPEG + bytes(TOO_LARGE)
    with connect("local", endpoint_url=runtime.url) as session:
        assert session.detect(picture).width == len(picture)
        with pytest.raises(InvalidRequest, match="endpoint 'small' takes 4,194,304"):
            session.detect(picture, endpoint="small")


def test_a_task_that_nothing_detects_is_refused_with_what_there_is(session: Session) -> None:
    with pytest.raises(EndpointNotFound, match="does not serve the task 'detection'"):
        session.detect(JPEG)


def test_a_function_that_refuses_a_picture_says_why(detecting: Session, runtime: Runtime) -> None:
    runtime.answer = functions.refuses(ContainerError("InvalidInput", "is damaged", field="image"))
    with pytest.raises(InvalidRequest, match="field 'image': is damaged"):
        detecting.detect(JPEG)


def test_an_answer_that_is_none_is_told(detecting: Session, runtime: Runtime) -> None:
    runtime.answer = functions.answers(200, {"objects": []})
    with pytest.raises(ModelFailed, match=r"function 'detect-it' gave no detection answer.*width"):
        detecting.detect(JPEG)


# --- Many


def pictures(count: int) -> list[bytes]:
    return [JPEG + bytes(number) for number in range(count)]


def test_a_list_gets_a_list_in_its_order(detecting: Session, runtime: Runtime) -> None:
    assert widths(detecting.detect(pictures(40))) == [len(JPEG) + number for number in range(40)]
    assert len(runtime.calls) == 40
    assert detecting.detect([]) == []
    assert widths(detecting.detect(picture for picture in pictures(2))) == [len(JPEG), len(JPEG) + 1]


def test_a_folder_is_gone_through_by_name(detecting: Session, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(("b.jpg", "a.png", "c.webp"), 1):
        (folder / name).write_bytes({"b": JPEG, "a": PNG, "c": WEBP}[name[0]] + bytes(number))
    (folder / "notes.txt").write_text("no picture")
    assert widths(detecting.detect_all(folder)) == [len(PNG) + 2, len(JPEG) + 1, len(WEBP) + 3]
    assert widths(detecting.detect_all(str(folder))) == widths(detecting.detect_all(folder))


def test_pictures_are_taken_only_a_little_ahead_of_their_answers(detecting: Session) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield JPEG

    answers = detecting.detect_all(endless())
    for _ in range(100):
        next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert taken <= 100 + 2 * 16


def test_bad_pictures_leave_their_errors_in_their_places(detecting: Session, runtime: Runtime) -> None:
    def picky(handler: Handler, call: Call) -> Reply | None:
        if len(body_of(call)) == len(JPEG) + 3:
            return functions.refuses(ContainerError("InvalidInput", "is damaged"))(handler, call)
        return functions.works(handler, call)

    runtime.answer = picky
    items = [*pictures(5), b"no picture", JPEG]
    answers = list(detecting.detect_all(items, on_error="return"))
    assert [type(answer) for answer in answers[:3]] == [Detection] * 3
    assert [getattr(answers[place], "item", None) for place in (3, 5)] == [3, 5]
    assert "is damaged" in str(answers[3])
    assert isinstance(answers[6], Detection)
    assert [type(answer) for answer in detecting.predict("detection", items, on_error="return")] == [
        type(answer) for answer in answers
    ]
    got = []
    with pytest.raises(InvalidRequest, match="line 4: is damaged"):
        for answer in detecting.detect_all(items):
            got.append(answer)
    assert len(got) == 3


def test_what_is_no_pictures_fault_is_raised_all_the_same(detecting: Session, runtime: Runtime) -> None:
    runtime.answer = stand_in.fails("ResourceNotFoundException", 404, "Function not found: x")
    with pytest.raises(EndpointNotFound):
        list(detecting.detect_all(pictures(3), on_error="return"))


def test_a_file_that_changes_while_it_waits_is_told(
    detecting: Session, runtime: Runtime, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)

    def items() -> Iterator[Any]:
        """The last picture is changed after it was checked, and before a thread is free for it."""
        yield from [JPEG] * 16
        yield tmp_path / "a.jpg"
        (tmp_path / "a.jpg").write_bytes(JPEG + b"more")
        free.set()

    def wait(handler: Handler, call: Call) -> Reply | None:
        assert free.wait(10)
        return functions.works(handler, call)

    free = threading.Event()
    runtime.answer = wait
    answers = list(detecting.detect_all(items(), on_error="return"))
    assert [type(answer) for answer in answers] == [Detection] * 16 + [InvalidRequest]
    assert "was changed while it was sent" in str(answers[16])


@pytest.mark.parametrize("images", [JPEG, 5, None, PIXELS], ids=["bytes", "number", "none", "an array"])
def test_detect_all_is_for_many(detecting: Session, images: Any) -> None:
    with pytest.raises(InvalidRequest, match="must be a folder or an iterable of pictures") as caught:
        detecting.detect_all(images)
    assert caught.value.field == "images"


# --- Awaited


async def test_pictures_are_awaited(adetecting: AsyncSession, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    assert (await adetecting.detect(JPEG, score_threshold=0.7)).objects == (CAT,)
    assert widths(await adetecting.detect([JPEG, PNG])) == [len(JPEG), len(PNG)]

    async def items() -> AsyncIterator[Any]:
        for picture in (tmp_path / "a.jpg", b"no picture", PIXELS):
            yield picture

    answers: list[Detection | ServingError] = [
        answer async for answer in adetecting.detect_all(items(), on_error="return")
    ]
    assert [type(answer) for answer in answers] == [Detection, InvalidRequest, Detection]
    assert len([answer async for answer in adetecting.detect_all(tmp_path)]) == 1
    assert len([answer async for answer in adetecting.predict("detection", [JPEG, PNG])]) == 2
    with pytest.raises(InvalidRequest, match="line 2"):
        assert [answer async for answer in adetecting.detect_all([JPEG, b"no picture"])]
    with pytest.raises(InvalidRequest):
        adetecting.detect_all(JPEG)  # type: ignore[arg-type]


def test_an_annotated_picture_can_be_written_to_a_file(detecting: Session, tmp_path: Path) -> None:
    answer = detecting.detect(JPEG, annotated=True)
    assert answer.picture is not None
    (tmp_path / "annotated.jpg").write_bytes(answer.picture)
    assert (tmp_path / "annotated.jpg").read_bytes().startswith(b"\xff\xd8\xff")
