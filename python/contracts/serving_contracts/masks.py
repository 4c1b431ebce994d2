"""Masks as COCO's run-length encoding, the compact form that pycocotools and every annotation tool read.

The pixels of a mask are read column by column (top to bottom, then left to right); their runs alternate
between background and object, beginning with background (0 where the first pixel belongs to the object). The
*compressed* text writes each run as a variable-length number of 6-bit characters, from the fourth run on as
the difference to the run two before (COCO API, ``rleToString``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Final

from serving_contracts._checks import an_integer, json_type
from serving_contracts.errors import InvalidInput

_FIRST: Final = 48  # "0": the characters are 0x30 to 0x6f
_BITS: Final = 5
_MORE: Final = 0x20
_SIGN: Final = 0x10


@dataclass(frozen=True, slots=True)
class Mask:
    """Which pixels of a picture belong to an object. height, width: pixels. counts: compressed runs."""

    height: int
    width: int
    counts: str

    def __post_init__(self) -> None:
        an_integer(self.height, field="size[0]", low=1)
        an_integer(self.width, field="size[1]", low=1)
        if not isinstance(self.counts, str):
            raise InvalidInput(f"must be a string, not {json_type(self.counts)}", field="counts")

    @classmethod
    def from_runs(cls, height: int, width: int, runs: Iterable[int]) -> Mask:
        """*runs*: lengths in pixels, background first, column by column; they add up to height × width."""
        listed = list(runs)
        if any(run < 0 for run in listed) or sum(listed) != height * width:
            raise InvalidInput(
                f"are {sum(listed)} pixels, not the {height} × {width} of the mask", field="counts"
            )
        return cls(height, width, _compress(listed))

    def runs(self) -> list[int]:
        """The lengths that :meth:`from_runs` takes; raises InvalidInput where the text is damaged."""
        runs = list(_expand(self.counts))
        if sum(runs) != self.height * self.width or any(run < 0 for run in runs):
            raise InvalidInput(f"do not describe {self.height} × {self.width} pixels", field="counts")
        return runs

    def columns(self) -> bytes:
        """A byte a pixel, 1 for the object, column by column: ``height * width`` bytes.

        With NumPy: ``np.frombuffer(mask.columns(), np.uint8).reshape(mask.width, mask.height).T``.
        """
        pieces = zip(cycle((b"\0", b"\1")), self.runs(), strict=False)
        return b"".join(value * run for value, run in pieces)

    @property
    def area(self) -> int:
        """The pixels of the object."""
        return sum(self.runs()[1::2])

    def to_dict(self) -> dict[str, object]:
        """``{"size": [height, width], "counts": "…"}``, as pycocotools takes it."""
        return {"size": [self.height, self.width], "counts": self.counts}

    @classmethod
    def parse(cls, value: object) -> Mask:
        """Reads what :meth:`to_dict` writes; raises InvalidInput naming the field."""
        if not isinstance(value, dict):
            raise InvalidInput(f"must be an object, not {json_type(value)}", field="mask")
        size = value.get("size")
        if not isinstance(size, list | tuple) or len(size) != 2:
            raise InvalidInput("must be [height, width]", field="mask.size")
        try:
            return cls(height=size[0], width=size[1], counts=value.get("counts"))  # type: ignore[arg-type]
        except InvalidInput as error:
            raise InvalidInput(error.message, field=f"mask.{error.field}", hint=error.hint) from None


def _compress(runs: list[int]) -> str:
    text = bytearray()
    for at, run in enumerate(runs):
        number = run - runs[at - 2] if at > 2 else run
        while True:
            character = number & 0x1F
            number >>= _BITS
            more = number != -1 if character & _SIGN else number != 0
            text.append((character | _MORE if more else character) + _FIRST)
            if not more:
                break
    return text.decode("ascii")


def _expand(counts: str) -> Iterator[int]:
    before: list[int] = []
    number = shift = 0
    for character in counts:
        bits = ord(character) - _FIRST
        if not 0 <= bits < 0x40:
            raise InvalidInput(f"hold {character!r}, which is no run-length code", field="counts")
        number |= (bits & 0x1F) << shift
        shift += _BITS
        if bits & _MORE:
            if shift > 60:
                raise InvalidInput("hold a number that no picture can have", field="counts")
            continue
        if bits & _SIGN:
            number -= 1 << shift
        if len(before) > 2:
            number += before[-2]
        before.append(number)
        yield number
        number = shift = 0
    if shift:
        raise InvalidInput("break off in the middle of a number", field="counts")
