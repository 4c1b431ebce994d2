"""Bodies in and out: which media types are spoken, and how each is read and written.

A new format is one class here and one line in ``_CODECS``.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import orjson

from serving.errors import ServingError
from serving_contracts import media_types
from serving_contracts.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Batch:
    """The requests of one body, as plain JSON-like objects that are not checked yet.

    ``single``: the body was one request, not a list of them, so the answer is one too. ``lines``: the
    1-based line of each request, where the format has lines.
    """

    requests: Sequence[Any]
    single: bool = False
    lines: Sequence[int] | None = None

    def place(self, error: ServingError, index: int) -> ServingError:
        """``error`` with the place of the request ``index``: its line, or its index in the array."""
        if self.lines is not None:
            error.line = self.lines[index]
        elif not self.single:
            error.field = f"[{index}]" if error.field is None else f"[{index}].{error.field}"
        return error


class Codec(Protocol):
    """One media type."""

    media_type: str
    streams: bool

    def decode(self, body: bytes) -> Batch:
        """Read a body; raise ServingError (InvalidInput)."""

    def encode(self, answers: Sequence[Mapping[str, Any]], *, single: bool) -> bytes:
        """Write the answers; raise ServingError (NotAcceptable) where the format cannot carry them."""


class JsonCodec:
    """``application/json``: an object is one request, an array is a list of them."""

    media_type = media_types.JSON
    streams = False

    def decode(self, body: bytes) -> Batch:
        value = _parse_json(_without_mark(body), "The body")
        if isinstance(value, list):
            return Batch(value)
        return Batch([value], single=True)

    def encode(self, answers: Sequence[Mapping[str, Any]], *, single: bool) -> bytes:
        return orjson.dumps(answers[0] if single else answers)


class JsonLinesCodec:
    """``application/jsonlines``: a request a line, an answer a line. Blank lines are passed over."""

    media_type = media_types.JSON_LINES
    streams = False

    def decode(self, body: bytes) -> Batch:
        requests, lines = [], []
        for number, line in enumerate(_without_mark(body).split(b"\n"), start=1):
            if line and not line.isspace():
                requests.append(_parse_json(line, "The line", number))
                lines.append(number)
        return Batch(requests, lines=lines)

    def encode(self, answers: Sequence[Mapping[str, Any]], *, single: bool) -> bytes:
        return b"".join([orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE) for answer in answers])


class NdjsonCodec(JsonLinesCodec):
    """``application/x-ndjson``: JSON Lines whose answers are sent as they become ready."""

    media_type = media_types.NDJSON
    streams = True


class NpyCodec:
    """``application/x-npy``: an array of texts in, a table of answers out; never pickled objects.

    In: shape ``(n,)`` of strings is n requests of one text each, ``(n, k)`` n requests of k texts. Out: a
    structured array of n rows with a column a field, for answers whose fields are numbers or strings.
    """

    media_type = media_types.NPY
    streams = False

    def decode(self, body: bytes) -> Batch:
        import numpy as np  # here, because an image that never sees npy need not have NumPy

        try:
            array = np.load(io.BytesIO(body), allow_pickle=False)
        except (ValueError, EOFError, OSError, SyntaxError) as error:
            raise ServingError(
                "InvalidInput",
                f"The body is not an array in NumPy's npy format: {error}",
                hint="Write it with numpy.save(file, array, allow_pickle=False).",
            ) from None
        if not isinstance(array, np.ndarray) or array.dtype.kind != "U" or array.ndim not in (1, 2):
            found = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else "an archive"
            raise ServingError(
                "InvalidInput",
                f"The array must hold strings, (requests,) or (requests, texts); it is {found}.",
                hint="numpy.array(['…', '…']) has such a type: <U followed by the length.",
            )
        return Batch([{"text": texts} for texts in array.tolist()])

    def encode(self, answers: Sequence[Mapping[str, Any]], *, single: bool) -> bytes:
        import numpy as np

        columns = {name: [answer[name] for answer in answers] for name in answers[0]}
        if any(not isinstance(value, str | int | float) for values in columns.values() for value in values):
            raise ServingError(
                "NotAcceptable",
                "The answers of this model hold lists or objects, which an npy array cannot carry.",
                hint=f"Accept {media_types.JSON} or {media_types.JSON_LINES}.",
            )
        arrays = {name: np.asarray(values) for name, values in columns.items()}
        table = np.zeros(len(answers), dtype=[(name, array.dtype) for name, array in arrays.items()])
        for name, array in arrays.items():
            table[name] = array
        buffer = io.BytesIO()
        np.save(buffer, table, allow_pickle=False)
        return buffer.getvalue()


_CODECS: Mapping[str, Codec] = {
    codec.media_type: codec for codec in (JsonCodec(), JsonLinesCodec(), NdjsonCodec(), NpyCodec())
}


@lru_cache(maxsize=256)
def negotiate(content_type: str | None, accept: str | None) -> tuple[Codec, Codec]:
    """The codecs of the request and of the answer; raise ServingError 415 or 406.

    A request without Content-Type is taken as JSON; an answer mirrors the request unless Accept asks
    otherwise.
    """
    known = ", ".join(_CODECS)
    try:
        essence = media_types.canonical(content_type or media_types.JSON)
    except InvalidInput as error:
        raise ServingError(
            "UnsupportedMediaType", f"{error.field} {error.message}.", field=error.field, hint=error.hint
        ) from None
    decoder = _CODECS.get(essence)
    if decoder is None:
        raise ServingError(
            "UnsupportedMediaType",
            f"The content type {content_type!r} is not supported.",
            field="Content-Type",
            hint=f"Send one of {known}.",
        )
    for wanted in media_types.preferences(accept):
        for offered in (decoder, *_CODECS.values()):
            if media_types.matches(wanted, offered.media_type):
                return decoder, offered
    raise ServingError(
        "NotAcceptable",
        f"No answer can be given as {accept!r}.",
        field="Accept",
        hint=f"Accept one of {known}, or */* for the type of the request.",
    )


def _without_mark(body: bytes) -> bytes:
    # Editors on Windows put a byte order mark first; orjson refuses it.
    return body.removeprefix(b"\xef\xbb\xbf")


def _parse_json(text: bytes, what: str, line: int | None = None) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        try:
            text.decode()
        except UnicodeDecodeError as wrong:
            raise ServingError(
                "InvalidInput",
                f"{what} is not valid UTF-8: byte 0x{text[wrong.start]:02x} at offset {wrong.start}.",
                line=line,
                hint="Encode it as UTF-8; Korean text from older tools is often EUC-KR or CP949.",
            ) from None
        raise ServingError(
            "InvalidInput",
            f"{what} is not valid JSON: {error}.",
            line=line,
            hint="In application/jsonlines every line is one whole JSON object."
            if line is not None
            else None,
        ) from None
