"""The task ``detection``: the objects of a picture, each with its class, its score and its box."""

from __future__ import annotations

import base64
import binascii
from dataclasses import asdict, dataclass
from typing import Any, Final

from serving_contracts import media_types
from serving_contracts._checks import a_number, a_string, an_integer, an_object, json_type
from serving_contracts._options import parse_attributes
from serving_contracts.errors import InvalidInput
from serving_contracts.limits import DEFAULT_SCORE_THRESHOLD, MAX_OBJECTS_RANGE
from serving_contracts.task_types import MediaTask

IMAGE_TYPES: Final = (media_types.JPEG, media_types.PNG, media_types.WEBP)
ANSWER_TYPES: Final = (media_types.JSON, media_types.JPEG)
"""JSON, or the picture itself as a JPEG with the objects drawn into it."""

_HINT: Final = "write them as score_threshold=0.5;max_objects=100;annotated=true"


@dataclass(frozen=True, slots=True)
class DetectionOptions:
    """What a caller may choose; it travels in ``CustomAttributes`` or as fields of a Lambda event.

    score_threshold: objects with a lower score are left out, 0 to 1. max_objects: the best so many.
    annotated: the JSON answer carries the picture too, with the objects drawn into it.
    """

    score_threshold: float = DEFAULT_SCORE_THRESHOLD
    max_objects: int = MAX_OBJECTS_RANGE[1]
    annotated: bool = False

    def __post_init__(self) -> None:
        threshold = a_number(self.score_threshold, field="score_threshold", low=0.0, high=1.0)
        object.__setattr__(self, "score_threshold", threshold)
        low, high = MAX_OBJECTS_RANGE
        an_integer(self.max_objects, field="max_objects", low=low, high=high)
        if not isinstance(self.annotated, bool):
            raise InvalidInput(f"must be true or false, not {self.annotated!r}", field="annotated")

    def to_attributes(self) -> str:
        """The value for ``CustomAttributes``: what differs from the defaults; empty where nothing does."""
        standard = asdict(DetectionOptions())
        return ";".join(
            f"{name}={str(value).lower() if isinstance(value, bool) else value}"
            for name, value in asdict(self).items()
            if value != standard[name]
        )


@dataclass(frozen=True, slots=True)
class DetectedObject:
    """An object in a picture.

    label: its class. score: 0 to 1. box: xmin, ymin, xmax, ymax in pixels of the original picture, from its
    upper left corner.
    """

    label: str
    score: float
    box: tuple[float, float, float, float]

    def __post_init__(self) -> None:
        a_string(self.label, field="label")
        object.__setattr__(self, "score", a_number(self.score, field="score"))
        if not isinstance(self.box, list | tuple) or len(self.box) != 4:
            raise InvalidInput("must be [xmin, ymin, xmax, ymax]", field="box")
        box = tuple(a_number(value, field=f"box[{at}]") for at, value in enumerate(self.box))
        object.__setattr__(self, "box", box)


@dataclass(frozen=True, slots=True)
class Detection:
    """The answer. width, height: pixels of the original. objects: the surest first.

    picture: a JPEG with the objects drawn into it, where ``annotated`` asked for it.
    """

    width: int
    height: int
    objects: tuple[DetectedObject, ...]
    picture: bytes | None = None

    def __post_init__(self) -> None:
        an_integer(self.width, field="width", low=1)
        an_integer(self.height, field="height", low=1)
        object.__setattr__(self, "objects", tuple(self.objects))
        if self.picture is not None and not isinstance(self.picture, bytes):
            raise InvalidInput(f"must be bytes, not {type(self.picture).__name__}", field="picture")


def parse_options(attributes: str | None) -> DetectionOptions:
    """Reads ``CustomAttributes``: ``name=value`` pairs between semicolons; raises InvalidInput."""
    return parse_attributes(attributes, DetectionOptions, hint=_HINT)


def parse_answer(value: object) -> Detection:
    """Reads what :func:`dump_answer` writes; raises InvalidInput; later fields are ignored."""
    fields = an_object(value, what="a detection", hint='expected {"width": …, "height": …, "objects": […]}')
    for name in ("width", "height", "objects"):
        if name not in fields:
            raise InvalidInput("is missing", field=name)
    found = fields["objects"]
    if not isinstance(found, list):
        raise InvalidInput(f"must be an array, not {json_type(found)}", field="objects")
    return Detection(
        width=fields["width"],
        height=fields["height"],
        objects=tuple(_parse_object(item, f"objects[{at}]") for at, item in enumerate(found)),
        picture=_parse_picture(fields.get("picture")),
    )


def _parse_object(value: object, place: str) -> DetectedObject:
    if not isinstance(value, dict):
        raise InvalidInput(f"must be an object, not {json_type(value)}", field=place)
    try:
        return DetectedObject(
            label=value.get("label"),  # type: ignore[arg-type]
            score=value.get("score"),  # type: ignore[arg-type]
            box=value.get("box"),  # type: ignore[arg-type]
        )
    except InvalidInput as error:
        raise InvalidInput(error.message, field=f"{place}.{error.field}", hint=error.hint) from None


def _parse_picture(value: object) -> bytes | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInput(f"must be base64 text, not {json_type(value)}", field="picture")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("is not base64", field="picture") from None


def dump_answer(answer: Detection) -> dict[str, Any]:
    """The JSON object of an answer; the picture as base64."""
    fields: dict[str, Any] = {
        "width": answer.width,
        "height": answer.height,
        "objects": [
            {"label": found.label, "score": found.score, "box": list(found.box)} for found in answer.objects
        ],
    }
    if answer.picture is not None:
        fields["picture"] = base64.b64encode(answer.picture).decode()
    return fields


TASK: Final = MediaTask(
    name="detection",
    options_type=DetectionOptions,
    answer_type=Detection,
    accepts=IMAGE_TYPES,
    answers=ANSWER_TYPES,
    parse_options=parse_options,
    parse_answer=parse_answer,
    dump_answer=dump_answer,
)
"""The task; see :class:`serving_contracts.task_types.MediaTask`."""
