"""The task ``segmentation``: the objects of a picture or video, each with its box and its mask."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from serving_contracts import media_types
from serving_contracts._checks import a_number, a_string, an_integer, an_object, json_type
from serving_contracts._options import parse_attributes
from serving_contracts.errors import InvalidInput
from serving_contracts.limits import (
    DEFAULT_MAX_FRAMES,
    DEFAULT_SCORE_THRESHOLD,
    EVERY_NTH_FRAME_RANGE,
    MAX_FRAMES_RANGE,
    MAX_OBJECTS_RANGE,
)
from serving_contracts.masks import Mask
from serving_contracts.task_types import MediaTask

IMAGE_TYPES: Final = (media_types.JPEG, media_types.PNG, media_types.WEBP, media_types.NPY)
VIDEO_TYPES: Final = (media_types.MP4,)
ANSWER_TYPES: Final = (media_types.JSON, media_types.JPEG, media_types.PNG, media_types.MP4)
"""JSON, or the picture or video itself with the objects drawn into it."""

_HINT: Final = "write them as score_threshold=0.5;every_nth_frame=5;max_frames=300;max_objects=100"


@dataclass(frozen=True, slots=True)
class SegmentationOptions:
    """What a caller may choose; it travels in ``CustomAttributes``.

    score_threshold: objects with a lower score are left out, 0 to 1. every_nth_frame: of a video, frames 0,
    n, 2n, … are looked at. max_frames: at most so many are; what comes after is left out and the answer says
    so (``truncated``). max_objects: the best so many of a frame.
    """

    score_threshold: float = DEFAULT_SCORE_THRESHOLD
    every_nth_frame: int = 1
    max_frames: int = DEFAULT_MAX_FRAMES
    max_objects: int = MAX_OBJECTS_RANGE[1]

    def __post_init__(self) -> None:
        threshold = a_number(self.score_threshold, field="score_threshold", low=0.0, high=1.0)
        object.__setattr__(self, "score_threshold", threshold)
        for name, (low, high) in (
            ("every_nth_frame", EVERY_NTH_FRAME_RANGE),
            ("max_frames", MAX_FRAMES_RANGE),
            ("max_objects", MAX_OBJECTS_RANGE),
        ):
            an_integer(getattr(self, name), field=name, low=low, high=high)

    def to_attributes(self) -> str:
        """The value for ``CustomAttributes``: what differs from the defaults; empty where nothing does."""
        standard = asdict(SegmentationOptions())
        return ";".join(f"{name}={value}" for name, value in asdict(self).items() if value != standard[name])


@dataclass(frozen=True, slots=True)
class SegmentedObject:
    """An object in a frame.

    label: its class. score: 0 to 1. box: xmin, ymin, xmax, ymax in pixels of the original picture, from its
    upper left corner. mask: of the size of the original picture.
    """

    label: str
    score: float
    box: tuple[float, float, float, float]
    mask: Mask

    def __post_init__(self) -> None:
        a_string(self.label, field="label")
        object.__setattr__(self, "score", a_number(self.score, field="score"))
        if not isinstance(self.box, list | tuple) or len(self.box) != 4:
            raise InvalidInput("must be [xmin, ymin, xmax, ymax]", field="box")
        box = tuple(a_number(value, field=f"box[{at}]") for at, value in enumerate(self.box))
        object.__setattr__(self, "box", box)
        if not isinstance(self.mask, Mask):
            raise InvalidInput(f"must be a Mask, not {json_type(self.mask)}", field="mask")


@dataclass(frozen=True, slots=True)
class SegmentedFrame:
    """A picture, or a frame of a video. index: 0-based in the video. time_s: seconds from its start."""

    index: int
    time_s: float
    objects: tuple[SegmentedObject, ...]

    def __post_init__(self) -> None:
        an_integer(self.index, field="index", low=0)
        object.__setattr__(self, "time_s", a_number(self.time_s, field="time_s"))
        object.__setattr__(self, "objects", tuple(self.objects))


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The answer. width, height: pixels of the original. frames: one for a picture, in order for a video.

    truncated: the video goes on after the last of ``frames``, but ``max_frames`` was reached.
    """

    media: Literal["image", "video"]
    width: int
    height: int
    frames: tuple[SegmentedFrame, ...]
    truncated: bool = False

    def __post_init__(self) -> None:
        if self.media not in ("image", "video"):
            raise InvalidInput(f"must be 'image' or 'video', not {self.media!r}", field="media")
        an_integer(self.width, field="width", low=1)
        an_integer(self.height, field="height", low=1)
        object.__setattr__(self, "frames", tuple(self.frames))
        if not isinstance(self.truncated, bool):
            raise InvalidInput(f"must be true or false, not {self.truncated!r}", field="truncated")

    @property
    def objects(self) -> tuple[SegmentedObject, ...]:
        """The objects of all frames; of a picture simply its objects."""
        return tuple(found for frame in self.frames for found in frame.objects)


def parse_options(attributes: str | None) -> SegmentationOptions:
    """Reads ``CustomAttributes``: ``name=value`` pairs between semicolons; raises InvalidInput."""
    return parse_attributes(attributes, SegmentationOptions, hint=_HINT)


def parse_answer(value: object) -> Segmentation:
    """Reads what :func:`dump_answer` writes; raises InvalidInput; later fields are ignored."""
    fields = an_object(value, what="a segmentation", hint='expected {"media": …, "frames": […], …}')
    for name in ("media", "width", "height", "frames"):
        if name not in fields:
            raise InvalidInput("is missing", field=name)
    frames = fields["frames"]
    if not isinstance(frames, list):
        raise InvalidInput(f"must be an array, not {json_type(frames)}", field="frames")
    return Segmentation(
        media=fields["media"],
        width=fields["width"],
        height=fields["height"],
        frames=tuple(_parse_frame(frame, f"frames[{at}]") for at, frame in enumerate(frames)),
        truncated=fields.get("truncated", False),
    )


def _parse_frame(value: object, place: str) -> SegmentedFrame:
    if not isinstance(value, dict) or not isinstance(value.get("objects"), list):
        raise InvalidInput("must be an object with an array `objects`", field=place)
    objects = tuple(
        _parse_object(found, f"{place}.objects[{at}]") for at, found in enumerate(value["objects"])
    )
    try:
        return SegmentedFrame(value.get("index"), value.get("time_s"), objects)  # type: ignore[arg-type]
    except InvalidInput as error:
        raise InvalidInput(error.message, field=f"{place}.{error.field}", hint=error.hint) from None


def _parse_object(value: object, place: str) -> SegmentedObject:
    if not isinstance(value, dict):
        raise InvalidInput(f"must be an object, not {json_type(value)}", field=place)
    try:
        return SegmentedObject(
            label=value.get("label"),  # type: ignore[arg-type]
            score=value.get("score"),  # type: ignore[arg-type]
            box=value.get("box"),  # type: ignore[arg-type]
            mask=Mask.parse(value.get("mask")),
        )
    except InvalidInput as error:
        raise InvalidInput(error.message, field=f"{place}.{error.field}", hint=error.hint) from None


def dump_answer(answer: Segmentation) -> dict[str, Any]:
    """The JSON object of an answer."""
    return {
        "media": answer.media,
        "width": answer.width,
        "height": answer.height,
        "truncated": answer.truncated,
        "frames": [
            {
                "index": frame.index,
                "time_s": frame.time_s,
                "objects": [
                    {
                        "label": found.label,
                        "score": found.score,
                        "box": list(found.box),
                        "mask": found.mask.to_dict(),
                    }
                    for found in frame.objects
                ],
            }
            for frame in answer.frames
        ],
    }


TASK: Final = MediaTask(
    name="segmentation",
    options_type=SegmentationOptions,
    answer_type=Segmentation,
    accepts=(*IMAGE_TYPES, *VIDEO_TYPES),
    answers=ANSWER_TYPES,
    parse_options=parse_options,
    parse_answer=parse_answer,
    dump_answer=dump_answer,
)
"""The task; see :class:`serving_contracts.task_types.MediaTask`."""
