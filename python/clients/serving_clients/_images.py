"""What a caller hands over as a picture, checked and ready to be sent."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from serving_clients import _sources
from serving_clients._places import Place
from serving_clients._sources import File, Memory
from serving_clients.errors import InvalidRequest
from serving_contracts.tasks import DETECTION, MediaTask

if TYPE_CHECKING:
    from typing import IO, TypeAlias

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture

    Image: TypeAlias = (
        str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Picture | NDArray[np.uint8]
    )

_KINDS: Final = (str, os.PathLike, bytes, bytearray, memoryview)


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture on its way. index: its place among the caller's, from 0."""

    index: int
    source: File | Memory
    content_type: str

    def read(self) -> bytes:
        """The whole file; raises InvalidRequest where it cannot be read any more."""
        return self.source.piece(0, self.source.size)


def shot(image: object, place: Place, index: int = 0, task: MediaTask[Any, Any] = DETECTION) -> Shot:
    """*image*, checked; raises InvalidRequest that names the item. Open files are read, arrays encoded."""
    try:
        return _checked(image, place, index, task)
    except InvalidRequest as error:
        error.field, error.item = error.field or "image", index
        raise


def several(what: object) -> Iterable[object] | None:
    """The pictures of *what*, where it is an iterable of them; None for one picture."""
    if _is_pixels(what) or hasattr(what, "read"):
        return None
    return _sources.several(what)


def many(what: object) -> Iterable[object]:
    """The pictures of *what*: of a folder (sorted by name), or of an iterable. Raises InvalidRequest."""
    if _sources.is_folder(what):
        return _sources.files_in(Path(what), DETECTION)  # type: ignore[arg-type]
    found = several(what)
    if found is None:
        raise InvalidRequest(
            f"must be a folder or an iterable of pictures, not {type(what).__name__}", field="images"
        )
    return found


def _checked(image: object, place: Place, index: int, task: MediaTask[Any, Any]) -> Shot:
    if _is_pixels(image):
        from serving_clients.pictures import as_png

        source: _sources.Source = Memory(as_png(image))
    elif hasattr(image, "read"):
        source = _sources.source_of(_read(image, place))
    elif not isinstance(image, _KINDS):
        raise InvalidRequest(
            "must be a path, a picture's bytes, an open file, a Pillow image or an array, "
            f"not {type(image).__name__}"
        )
    elif _sources.is_folder(image):
        raise InvalidRequest(f"{image!s} is a folder", hint="detect_all takes one")
    else:
        source = _sources.source_of(image)
    if not isinstance(source, File | Memory):
        raise InvalidRequest(
            f"{source} lies in S3; what is answered at once is sent along", hint="download it first"
        )
    name = source if isinstance(source, File) else "the picture"
    if source.size > place.max_bytes:
        raise InvalidRequest(
            f"{name} has {source.size:,} bytes; {place.what} takes {place.max_bytes:,}",
            hint="send it smaller: as a JPEG, or with fewer pixels",
        )
    content_type = _sources.sniffed(source)
    if content_type not in task.accepts or content_type is None:
        kind = f" ({content_type})" if content_type else ""
        raise InvalidRequest(
            f"{name} is none of the types that {task.name} takes{kind}", hint=", ".join(task.accepts)
        )
    return Shot(index, source, content_type)


def _read(file: Any, place: Place) -> bytes:
    """What an open file holds from where it stands, and of one that is too large only so much as tells."""
    try:
        data = file.read(place.max_bytes + 1)
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"the file cannot be read: {error}") from error
    if isinstance(data, str):
        raise InvalidRequest("the file is open for text", hint='open it with mode "rb"')
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InvalidRequest(f"read() gave {type(data).__name__}, not bytes")
    if len(data) > place.max_bytes:
        raise InvalidRequest(
            f"the file has more than {place.max_bytes:,} bytes, which is what {place.what} takes",
            hint="send it smaller: as a JPEG, or with fewer pixels",
        )
    return bytes(data)


def _is_pixels(image: object) -> bool:
    """A Pillow image or a NumPy array, without importing either."""
    known = {("numpy", "ndarray"), ("PIL.Image", "Image")}
    return any((kind.__module__, kind.__name__) in known for kind in type(image).__mro__)
